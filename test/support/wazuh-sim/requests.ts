import { randomBytes } from "node:crypto";
import { alertJson } from "./alert-json.ts";
import { decodeEvent, type Engine } from "./engine.ts";
import type { LoadMessage } from "./rule.ts";
import { type LoadedRules, loadRules } from "./rule-loader.ts";
import { RuleMatcher } from "./rule-match.ts";

interface Question {
  readonly command?: unknown;
  readonly parameters?: { readonly [name: string]: unknown };
}

const asQuestion = (given: unknown): Question | undefined =>
  typeof given === "object" && given !== null ? (given as Question) : undefined;

/** `queue/sockets/analysis`. Hot reload exists from 4.13; on error the old ruleset stays. */
export function answerAnalysis(
  given: unknown,
  engine: Engine,
  hotReload: boolean,
  onReload: (loaded: LoadedRules) => void,
  stats: () => object,
) {
  const question = asQuestion(given);
  if (question === undefined) return { error: 1, message: "Invalid JSON input", data: {} };
  if (question.command === "getstats") return { error: 0, message: "ok", data: stats() };
  if (question.command !== "reload-ruleset" || !hotReload)
    return { error: 3, message: "Unrecognized command", data: {} };
  const loaded = engine.reload();
  onReload(loaded);
  const data = loaded.messages.filter(({ level }) => level !== "CRITICAL").map(({ text }) => text);
  return loaded.ok ? { error: 0, message: "ok", data } : { error: 7, message: "Error", data };
}

const MAX_SESSIONS = 64;

/** `queue/sockets/logtest`. A session reads the rules from disk when it is opened, whatever analysisd runs with. */
export class Logtest {
  readonly #engine: Engine;
  readonly #sessions = new Map<string, RuleMatcher>();
  constructor(engine: Engine) {
    this.#engine = engine;
  }

  answer(given: unknown): object {
    const question = asQuestion(given);
    if (question === undefined) return refused(["ERROR: (7306): Unable to process command"], 1);
    const { command, parameters = {} } = question;
    if (command === "remove_session") {
      const token = String(parameters["token"]);
      return this.#sessions.delete(token)
        ? { error: 0, data: { messages: [`INFO: (7206): The session '${token}' was closed successfully`], codemsg: 0 } }
        : refused([`WARNING: (7004): No session found for token '${token}'`], 0, 1);
    }
    if (command !== "log_processing") return refused(["ERROR: (7306): Unable to process command"], 1);
    const { event, location, log_format: format } = parameters;
    for (const [name, value] of Object.entries({ event, location, log_format: format }))
      if (value === undefined)
        return refused([`ERROR: (7308): '${name}' JSON field is required and must be a string`], 0);
    return this.#process(String(event), String(location), parameters["token"]);
  }

  #process(event: string, location: string, given: unknown): object {
    const messages: string[] = [];
    let token = typeof given === "string" ? given : undefined;
    let session = token === undefined ? undefined : this.#sessions.get(token);
    if (session === undefined) {
      if (token !== undefined) messages.push(`WARNING: (7003): '${token}' token expires`);
      const loaded = loadRules(this.#engine.settings.prefix, this.#engine.settings.user);
      messages.push(...shown(loaded.messages));
      if (!loaded.ok) return refused([...messages, "ERROR: (7311): Failure to initializing session"], 0);
      token = randomBytes(4).toString("hex");
      session = new RuleMatcher(loaded);
      if (this.#sessions.size >= MAX_SESSIONS) this.#sessions.delete(this.#sessions.keys().next().value!);
      this.#sessions.set(token, session);
      messages.push(`INFO: (7202): Session initialized with token '${token}'`);
    }
    const time = Date.now();
    // Escaping is logtest's own: the location is taken as it stands.
    const frame = { queue: "1", location, log: event };
    const decoded = decodeEvent(frame, this.#engine.settings.manager, time, session.rules.decoders);
    const verdict = session.evaluate(decoded);
    const output = alertJson(decoded, verdict, { manager: this.#engine.settings.manager, time, offset: 0 });
    const alert = verdict?.written ?? false;
    return {
      error: 0,
      data: {
        messages,
        token,
        output: { ...output, full_log: event },
        alert,
        codemsg: messages.some((m) => m.startsWith("WARNING")) ? 1 : 0,
      },
    };
  }
}

function refused(messages: readonly string[], error: number, codemsg = -1): object {
  return { error, data: { messages, codemsg } };
}

function shown(messages: readonly LoadMessage[]): string[] {
  return messages.map(({ level, text }) => `${level}: ${text}`);
}
