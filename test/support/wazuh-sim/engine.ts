import { type AlertStamp, alertJson } from "./alert-json.ts";
import { decodeJson, type Frame, parseFrame, parseLocation, STATIC_FIELDS, textOf } from "./decode.ts";
import type { DecoderTree } from "./decoder-tree.ts";
import type { SimEvent } from "./event.ts";
import { type DecodedLog, decodeEventChannel, decodeLine } from "./log-decoders.ts";
import { type DaemonUser, type LoadedRules, loadRules } from "./rule-loader.ts";
import { RuleMatcher, type Verdict } from "./rule-match.ts";
import { decodeSyscheck } from "./syscheck.ts";

export interface EngineSettings {
  readonly prefix: string;
  readonly user: DaemonUser;
  readonly manager: string;
  readonly node?: { readonly cluster: string; readonly node: string } | undefined;
}

export interface Judged {
  readonly event: SimEvent;
  readonly verdict: Verdict | undefined;
}

/** Analysis without sockets and files: a datagram in, a verdict out. */
export class Engine {
  readonly settings: EngineSettings;
  #matcher: RuleMatcher;

  constructor(settings: EngineSettings) {
    this.settings = settings;
    this.#matcher = new RuleMatcher(loadRules(settings.prefix, settings.user));
  }

  get rules(): LoadedRules {
    return this.#matcher.rules;
  }

  /** Reads the ruleset again; the old one stays when the new one is refused. */
  reload(): LoadedRules {
    const loaded = loadRules(this.settings.prefix, this.settings.user);
    if (loaded.ok) this.#matcher = new RuleMatcher(loaded);
    return loaded;
  }

  /** Undefined: no event at all (a datagram without frame). `time`: epoch milliseconds. */
  judge(datagram: Buffer, time: number): Judged | undefined {
    const frame = parseFrame(datagram);
    if (frame === undefined) return undefined;
    const event = decodeEvent(frame, this.settings.manager, time, this.rules.decoders);
    return { event, verdict: this.#matcher.evaluate(event) };
  }

  /** The document that is written for a judged event. */
  document({ event, verdict }: Judged, time: number, offset: number): Record<string, unknown> {
    const stamp: AlertStamp = { manager: this.settings.manager, node: this.settings.node, time, offset };
    return alertJson(event, verdict, stamp);
  }
}

/** Frame, agent and decoder of one event. */
export function decodeEvent(frame: Frame, manager: string, time: number, decoders?: DecoderTree): SimEvent {
  const { agent, location } = parseLocation(frame.location, manager);
  const decoded = decodeLog(frame, decoders);
  const byName = new Map<string, string>();
  for (const [name, field] of decoded.fields) byName.set(name.toLowerCase(), textOf(field) ?? "");
  return {
    fullLog: frame.log,
    log: frame.log,
    ...decoded,
    byName,
    queue: frame.queue,
    ruleLocation: frame.location.replace(/^\[[^\]]*\] /, ""),
    location,
    agent,
    time: Math.floor(time / 1000),
    matched: 0,
    lastLogs: [],
  };
}

function decodeLog(frame: Frame, decoders: DecoderTree | undefined): DecodedLog {
  if (frame.queue === "f") {
    const channel = decodeEventChannel(frame.log);
    if (channel !== undefined) return channel;
  }
  if (frame.queue === "8") {
    const file = decodeSyscheck(frame.log);
    if (file !== undefined) return { ...file, log: file.fullLog };
  }
  const fields = decodeJson(frame.log);
  if (fields === undefined) return decodeLine(frame.log, decoders);
  const own = new Map<string, string>();
  for (const [name, field] of fields) {
    if (!STATIC_FIELDS.has(name)) continue;
    own.set(name === "user" ? "dstuser" : name, textOf(field) ?? "");
    fields.delete(name);
  }
  return { decoder: "json", category: "syslog", own, fields };
}
