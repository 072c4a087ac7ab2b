import type { Direction, EventFacts, Outcome } from "../model/alert.ts";
import type { JsonObject } from "../model/json.ts";
import type { ObservableType, Role } from "../model/observable.ts";

/**
 * How the string in a known field is read.
 * `value`: the whole string is one value of one of `types` (first that canonicalises wins), else it is scanned as text ·
 * `list`: several values, separated by comma, semicolon, blank or `|` · `text`: scanned as free text ·
 * `command`: scanned as a command line (base64 undone) · `hashes`: `SHA1=…,MD5=…` · `skip`: never an observable.
 */
export type Reading = "value" | "list" | "text" | "command" | "hashes" | "skip";

export interface FieldRule {
  readonly reading: Reading;
  readonly types: readonly ObservableType[];
  readonly role: Role;
}

/** Emits one observable by hand: `value` is canonicalised by the caller; an unusable value is dropped. */
export type Emit = (type: ObservableType, value: string, role: Role, where: string, port?: number) => void;

/** What an extractor may say about the event as a whole. The first extractor that knows a member wins. */
export interface EventView {
  readonly direction?: Direction;
  readonly outcome?: Outcome;
  readonly facts?: EventFacts;
  /** Entity other than the agent, when the agent merely relays the log: an internal address, host or user. */
  readonly entity?: { readonly kind: "host" | "ip" | "user"; readonly name: string };
}

/**
 * Knowledge about one family of alerts (Sysmon, Suricata …). Pure, synchronous, total: it never throws and never looks at
 * rule groups. `fields` maps field names to rules: lower case, segments joined by `_`, without `data_` in front; the longest
 * matching tail of the path wins (`eventdata_queryname` covers `data.win.eventdata.queryName`, `data.eventdata.QueryName`
 * and `data_win_eventdata_queryName` alike). Two extractors must not claim the same name with different rules.
 */
export interface Extractor {
  readonly name: string;
  readonly fields: Readonly<Record<string, FieldRule>>;
  /** True when the alert looks like this family; guards `derive` and `view` only. Cheap: a few property reads. */
  applies?(event: JsonObject): boolean;
  /** Observables that no single field holds (host + path of a URL, answers in a text …). */
  derive?(event: JsonObject, emit: Emit): void;
  view?(event: JsonObject): EventView;
}
