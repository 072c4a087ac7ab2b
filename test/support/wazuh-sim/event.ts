import type { AgentIdentity, Fields } from "./decode.ts";

/** An event on its way through the rules. */
export interface SimEvent {
  readonly fields: Fields;
  /** The same by lower-case name: rules find a field whatever the case. */
  readonly byName: ReadonlyMap<string, string>;
  /** What the decoder took as the event's own: srcip, dstuser, program_name, hostname … */
  readonly own: ReadonlyMap<string, string>;
  readonly decoder: string | undefined;
  /** Decides which tree of rules is asked: syslog, ossec, web-log, windows … */
  readonly category: string;
  readonly queue: string;
  /** As rules see it: without `[id] `, with `(name) ip->`. */
  readonly ruleLocation: string;
  readonly location: string;
  readonly agent: AgentIdentity;
  /** As it came. */
  readonly fullLog: string;
  /** What `match` and `regex` look at: without the syslog header. */
  readonly log: string;
  /** Name of the decoder above, where a child of it took the event. */
  readonly parentDecoder?: string | undefined;
  /** File integrity events carry their parts there and not in `data`. */
  readonly syscheck?: object | undefined;
  readonly predecoder?: Readonly<Record<string, string>>;
  /** Epoch seconds. */
  readonly time: number;
  /** Level of the frequency rule that already counted this event. */
  matched: number;
  /** Logs of the events that a frequency rule counted, newest first. */
  lastLogs: string[];
}

/** A field as rules see it; undefined where the event has none of that name. */
export function fieldText(event: SimEvent, name: string): string | undefined {
  return event.byName.get(name) ?? event.byName.get(name.toLowerCase());
}
