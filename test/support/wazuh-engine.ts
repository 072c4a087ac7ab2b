import { type Node, type Pairs, readDocument } from "./json-pairs.ts";

/**
 * A model of what Wazuh 4.14's analysis makes of one datagram on its queue socket: framing, the JSON decoder, flattening and
 * the three community rules. Each branch stands for a behaviour that was seen on the real engine.
 */
export interface EngineOptions {
  /** Epoch milliseconds of the alert; default 0. */
  readonly time?: number;
  /** Offset part of the alert's id; default 0. */
  readonly offset?: number;
  /** Name of the manager; default `wazuh`. */
  readonly manager?: string;
  /** Write `full_log` too, as rules without `no_full_log` do. */
  readonly fullLog?: boolean;
  /** The rules look at the location, so that a log file's line cannot pose as ours; default true. */
  readonly guarded?: boolean;
}

export interface EngineAlert {
  readonly timestamp: string;
  readonly rule: {
    readonly level: number;
    readonly description: string;
    readonly id: string;
    readonly firedtimes: number;
    readonly mail: boolean;
    readonly groups: readonly string[];
  };
  readonly agent: { readonly id: string; readonly name: string; readonly ip?: string };
  readonly manager: { readonly name: string };
  readonly id: string;
  readonly full_log?: string;
  readonly decoder: { readonly name: "json" };
  // biome-ignore lint/suspicious/noExplicitAny: tests read deep into it
  readonly data: any;
  readonly location: string;
}

const MAX_DATAGRAM = 65_535;
const MAX_FIELDS = 256;

/** The alert that the datagram raises, or undefined when Wazuh stays silent. */
export function engineAlert(datagram: Buffer, options: EngineOptions = {}): EngineAlert | undefined {
  const framed = parseFrame(datagram);
  if (framed === undefined) return undefined;
  const fields = decodeJson(framed.log);
  if (fields === undefined) return undefined;
  const { agent, location } = parseLocation(framed.location, options.manager ?? "wazuh");
  if ((options.guarded ?? true) && !/(?:^|->)misp$/.test(framed.location)) return undefined;
  const rule = matchRule(fields);
  if (rule === undefined) return undefined;
  const time = options.time ?? 0;
  return {
    timestamp: new Date(time).toISOString().replace("Z", "+0000"),
    rule: { ...rule, firedtimes: 1, mail: rule.level >= 12 },
    agent,
    manager: { name: options.manager ?? "wazuh" },
    id: `${Math.floor(time / 1000)}.${options.offset ?? 0}`,
    ...(options.fullLog && { full_log: framed.log }),
    decoder: { name: "json" },
    data: unflatten(fields),
    location,
  };
}

/** `<queue>:<location>:<log>`; the location ends at the first `:` that no `|` escapes. */
function parseFrame(datagram: Buffer): { location: string; log: string } | undefined {
  const cut = datagram.subarray(0, MAX_DATAGRAM);
  const nul = cut.indexOf(0);
  const text = (nul < 0 ? cut : cut.subarray(0, nul)).toString("utf8");
  if (text[1] !== ":") return undefined;
  let location = "";
  for (let at = 2; at < text.length; at += 1) {
    const char = text[at];
    if (char === ":") return { location, log: text.slice(at + 1) };
    if (char === "|" && (text[at + 1] === "|" || text[at + 1] === ":")) at += 1;
    location += text[at];
  }
  return undefined;
}

/** `[id] (name) ip->place`, or a place on the manager itself. */
function parseLocation(full: string, manager: string): { agent: EngineAlert["agent"]; location: string } {
  const found = /^\[([^\]]*)\] \(([^)]*)\) (.*?)->(.*)$/su.exec(full);
  if (found === null) return { agent: { id: "000", name: manager }, location: full };
  const [, id = "", name = "", ip = "", location = ""] = found;
  return { agent: { id, name, ...(ip !== "any" && { ip }) }, location };
}

type Field = string | { readonly array: string };
type Fields = Map<string, Field>;

/** The JSON decoder: `{`, spaces only, `"`; one document; what follows is not looked at. */
function decodeJson(log: string): Fields | undefined {
  if (!/^\{ *"/.test(log)) return undefined;
  const document = readDocument(log);
  if (document?.node.kind !== "object") return undefined;
  const fields: Fields = new Map();
  flatten(document.node.pairs, "", fields, new Map());
  return fields;
}

/** `taken`: lower-case names to what they are; the first of a clash wins, scalar against object as well. */
function flatten(pairs: Pairs, prefix: string, fields: Fields, taken: Map<string, "leaf" | "object">): void {
  for (const [key, node] of pairs) {
    const path = prefix + key;
    if (node.kind === "object") flatten(node.pairs, `${path}.`, fields, taken);
    else addField(path, leafOf(node, path), fields, taken);
  }
}

function addField(path: string, field: Field, fields: Fields, taken: Map<string, "leaf" | "object">): void {
  if (field === "" || fields.size >= MAX_FIELDS) return;
  const parts = path.toLowerCase().split(".");
  const above = parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("."));
  if (taken.has(parts.join(".")) || above.some((name) => taken.get(name) === "leaf")) return;
  for (const name of above) taken.set(name, "object");
  taken.set(parts.join("."), "leaf");
  fields.set(path, field);
}

/** Names that become the event's own fields: an array there becomes its text. */
const STATIC = new Set(
  "srcip dstip srcport dstport protocol action srcuser dstuser id status url data extra_data systemname user".split(
    " ",
  ),
);

function leafOf(node: Exclude<Node, { kind: "object" }>, path: string): Field {
  if (node.kind === "number") return printNumber(node.value);
  if (node.kind === "word") return node.value;
  const text = node.kind === "array" ? node.json : node.value;
  if (STATIC.has(path)) return text;
  if (node.kind === "array") return { array: text };
  return readsAsArray(text) ? { array: text } : text;
}

function readsAsArray(text: string): boolean {
  if (!text.startsWith("[")) return false;
  const found = readDocument(text);
  return found?.node.kind === "array" && found.end === text.length;
}

function printNumber(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? String(value) : value.toFixed(6);
}

/** 100622 for a match, 100621 for an error; the parent 100620 is level 0 and alerts nothing. */
function matchRule(fields: Fields): Pick<EngineAlert["rule"], "id" | "level" | "description" | "groups"> | undefined {
  if (fields.get("integration") !== "misp") return undefined;
  if (hasText(fields, "misp.error")) {
    return { id: "100621", level: 5, description: "MISP: error connecting to API", groups: ["misp", "misp_error"] };
  }
  if (!hasText(fields, "misp.category")) return undefined;
  const category = String(fields.get("misp.category"));
  const value = String(fields.get("misp.value"));
  const shown = value.length > 900 ? "$(misp.value)" : value;
  return {
    id: "100622",
    level: 12,
    description: `MISP: IoC found in threat intel: Category: ${category}, Attribute: ${shown}`,
    groups: ["misp", "misp_alert"],
  };
}

const hasText = (fields: Fields, name: string): boolean => typeof fields.get(name) === "string";

/** The tree again, as it is written under `data`. `user` is written as `dstuser`. */
function unflatten(fields: Fields): object {
  const root: Record<string, unknown> = Object.create(null);
  for (const [path, field] of fields) {
    const parts = (path === "user" ? "dstuser" : path).split(".");
    const last = parts.pop() ?? "";
    let at = root;
    for (const part of parts) {
      at[part] ??= Object.create(null);
      at = at[part] as Record<string, unknown>;
    }
    at[last] ??= typeof field === "string" ? field : JSON.parse(field.array);
  }
  return root;
}
