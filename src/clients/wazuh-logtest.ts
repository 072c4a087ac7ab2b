import { get, type JsonObject, text } from "../model/json.ts";
import { askDaemon, type DaemonAnswer, numberOf, textsOf } from "./wazuh-local-socket.ts";

/** One event for wazuh-logtest. */
export interface LogtestEvent {
  /** The log line; an object is given as JSON. */
  readonly event: string | JsonObject;
  /** As it would stand in the alert: `misp`, `[001] (web-01) 10.0.0.5->misp`; escaping is logtest's. */
  readonly location: string;
  /** `json`, `syslog` …; analysis does not look at it. */
  readonly logFormat: string;
}

/** The rule that fired, level 0 ones included. */
export interface FiredRule {
  readonly id: string;
  readonly level: number;
  readonly description: string;
  readonly groups: readonly string[];
}

export type LogtestResult =
  | {
      readonly status: "evaluated";
      /** Undefined: no rule takes the event. */
      readonly rule: FiredRule | undefined;
      /** It would be written to alerts.json: the level reaches log_alert_level. */
      readonly alert: boolean;
      /** Name of the decoder; empty when none took it. */
      readonly decoder: string;
      /** The alert as it would be written. */
      readonly output: JsonObject;
      /** `WARNING: (7612): …`: what was found wrong with the ruleset when the session read it. */
      readonly messages: readonly string[];
    }
  /** The ruleset on disk cannot be loaded, or the question is not taken. */
  | { readonly status: "refused"; readonly messages: readonly string[] }
  | { readonly status: "unreachable"; readonly code: string; readonly cause: Error };

/** A session reads the whole ruleset from disk before its first event. */
const TIMEOUT_MS = 30_000;
const ORIGIN = { name: "tipline", module: "doctor" };

/**
 * What wazuh-analysisd would make of an event, by the ruleset that is on disk now (not the one it runs with). Opens a session and
 * removes it. Never throws.
 */
export async function logtest(socketPath: string, event: LogtestEvent, signal: AbortSignal): Promise<LogtestResult> {
  const [result] = await logtestAll(socketPath, [event], signal);
  return result as LogtestResult;
}

/** `logtest` for several events in one session, so that the ruleset is read once. Ends at the first that is not evaluated. */
export async function logtestAll(
  socketPath: string,
  events: readonly LogtestEvent[],
  signal: AbortSignal,
): Promise<readonly LogtestResult[]> {
  const results: LogtestResult[] = [];
  let token: string | undefined;
  try {
    for (const event of events) {
      const answer = await process(socketPath, event, token, signal);
      if (answer.status === "answered") token ??= text(answer.body, "data", "token");
      const result = readResult(answer);
      results.push(result);
      if (result.status !== "evaluated") break;
    }
  } finally {
    // Sessions are few (64) and hold a whole ruleset each; the daemon itself forgets one only after 15 minutes.
    if (token !== undefined) await removeSession(socketPath, token);
  }
  return results;
}

function process(
  path: string,
  { event, location, logFormat }: LogtestEvent,
  token: string | undefined,
  signal: AbortSignal,
): Promise<DaemonAnswer> {
  const line = typeof event === "string" ? event : JSON.stringify(event);
  const parameters = { location, log_format: logFormat, event: line, ...(token === undefined ? {} : { token }) };
  return askDaemon(
    path,
    { version: 1, origin: ORIGIN, command: "log_processing", parameters },
    { timeoutMs: TIMEOUT_MS, signal },
  );
}

async function removeSession(path: string, token: string): Promise<void> {
  const question = { version: 1, origin: ORIGIN, command: "remove_session", parameters: { token } };
  await askDaemon(path, question, { timeoutMs: 5000, signal: new AbortController().signal });
}

function readResult(answer: DaemonAnswer): LogtestResult {
  if (answer.status === "unreachable") return answer;
  const { body } = answer;
  const messages = textsOf(get(body, "data", "messages"));
  const error = numberOf(body, "error") ?? 0;
  const output = get(body, "data", "output");
  if (error !== 0 || output === undefined || typeof output !== "object" || output === null || Array.isArray(output)) {
    const said = textsOf(get(body, "message"));
    const all = [...said, ...messages];
    return { status: "refused", messages: all.length > 0 ? all : [`error ${error} without a reason`] };
  }
  return {
    status: "evaluated",
    rule: firedRule(output as JsonObject),
    alert: get(body, "data", "alert") === true,
    decoder: text(output, "decoder", "name") ?? "",
    output: output as JsonObject,
    messages,
  };
}

function firedRule(output: JsonObject): FiredRule | undefined {
  const id = text(output, "rule", "id");
  if (id === undefined) return undefined;
  return {
    id,
    level: numberOf(output, "rule", "level") ?? 0,
    description: text(output, "rule", "description") ?? "",
    groups: textsOf(get(output, "rule", "groups")),
  };
}
