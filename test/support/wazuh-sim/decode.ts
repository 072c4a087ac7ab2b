import { type Node, type Pairs, readDocument } from "../json-pairs.ts";

/** What analysis makes of a datagram before any rule is asked: frame, agent, JSON decoder, flattening. */

export const MAX_DATAGRAM = 65_535;
/** `analysisd.decoder_order_size`. */
export const MAX_FIELDS = 256;

export interface Frame {
  /** First character: `1` log lines, `f` Windows event channel, `8` file integrity … */
  readonly queue: string;
  readonly location: string;
  readonly log: string;
}

export interface AgentIdentity {
  readonly id: string;
  readonly name: string;
  readonly ip?: string;
}

/** A field's text; of an array, its JSON. */
export type Field = string | { readonly array: string };
/** Dotted name to value, in the order of the event. */
export type Fields = Map<string, Field>;

/** `<queue>:<location>:<log>`; the location ends at the first `:` that no `|` escapes; more than 65,535 bytes are cut. */
export function parseFrame(datagram: Buffer): Frame | undefined {
  const cut = datagram.subarray(0, MAX_DATAGRAM);
  const nul = cut.indexOf(0);
  const text = (nul < 0 ? cut : cut.subarray(0, nul)).toString("utf8");
  if (text[1] !== ":") return undefined;
  let location = "";
  for (let at = 2; at < text.length; at += 1) {
    const char = text[at];
    if (char === ":") return { queue: text[0]!, location, log: text.slice(at + 1) };
    if (char === "|" && (text[at + 1] === "|" || text[at + 1] === ":")) at += 1;
    location += text[at];
  }
  return undefined;
}

/** `[id] (name) ip->place`, or a place on the manager itself. */
export function parseLocation(full: string, manager: string): { agent: AgentIdentity; location: string } {
  const found = /^\[([^\]]*)\] \(([^)]*)\) (.*?)->(.*)$/su.exec(full);
  if (found === null) return { agent: { id: "000", name: manager }, location: full };
  const [, id = "", name = "", ip = "", location = ""] = found;
  return { agent: { id, name, ...(ip !== "any" && { ip }) }, location };
}

/** The JSON decoder: `{`, spaces only, `"`; one document; what follows is not looked at. Undefined: not decoded as JSON. */
export function decodeJson(log: string): Fields | undefined {
  if (!/^\{ *"/.test(log)) return undefined;
  const pairs = quickPairs(log) ?? slowPairs(log);
  if (pairs === undefined) return undefined;
  const fields: Fields = new Map();
  flatten(pairs, "", fields, new Map());
  return fields;
}

function slowPairs(log: string): Pairs | undefined {
  const document = readDocument(log);
  return document?.node.kind === "object" ? document.node.pairs : undefined;
}

/**
 * The same by JSON.parse where that sees the same: nothing after the document, no escape beyond the simple ones, no key twice
 * (as many keys as `":` in the text) and none that JavaScript reorders. Large floods of findings are read this way.
 */
function quickPairs(log: string): Pairs | undefined {
  if (!log.endsWith("}") || /\\[u\\]|[\x00-\x1f]/.test(log)) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(log);
  } catch {
    return undefined;
  }
  const count = { keys: 0, plain: true };
  const pairs = nodePairs(parsed as object, count);
  return count.plain && count.keys === log.split('":').length - 1 ? pairs : undefined;
}

function nodePairs(parsed: object, count: { keys: number; plain: boolean }): Pairs {
  const pairs: [string, Node][] = [];
  for (const [key, value] of Object.entries(parsed)) {
    count.keys += 1;
    if (/^[0-9_]/.test(key)) count.plain = false;
    pairs.push([key, nodeOf(value, count)]);
  }
  return pairs;
}

function nodeOf(value: unknown, count: { keys: number; plain: boolean }): Node {
  if (typeof value === "string") return { kind: "string", value };
  if (typeof value === "number") return { kind: "number", value };
  if (Array.isArray(value)) {
    if (value.some((item) => typeof item === "object")) count.plain = false;
    return { kind: "array", json: JSON.stringify(value) };
  }
  if (typeof value === "object" && value !== null) return { kind: "object", pairs: nodePairs(value, count) };
  return { kind: "word", value: String(value) as "true" };
}

type Taken = Map<string, "leaf" | "object">;

/** `taken`: lower-case names to what they are; the first of a clash wins, scalar against object as well. */
function flatten(pairs: Pairs, prefix: string, fields: Fields, taken: Taken): void {
  for (const [key, node] of pairs) {
    const path = prefix + key;
    if (node.kind === "object") flatten(node.pairs, `${path}.`, fields, taken);
    else addField(path, leafOf(node, path), fields, taken);
  }
}

function addField(path: string, field: Field, fields: Fields, taken: Taken): void {
  if (field === "" || fields.size >= MAX_FIELDS) return;
  const name = path.toLowerCase();
  if (taken.has(name)) return;
  const above: string[] = [];
  for (let dot = name.indexOf("."); dot >= 0; dot = name.indexOf(".", dot + 1)) above.push(name.slice(0, dot));
  if (above.some((parent) => taken.get(parent) === "leaf")) return;
  for (const parent of above) taken.set(parent, "object");
  taken.set(name, "leaf");
  fields.set(path, field);
}

/** Top-level names that become the event's own fields: an array there becomes its text, and no rule's `field` may name one. */
export const STATIC_FIELDS: ReadonlySet<string> = new Set(
  "srcip dstip srcport dstport protocol action srcuser dstuser id status url data extra_data systemname user".split(
    " ",
  ),
);

function leafOf(node: Exclude<Node, { kind: "object" }>, path: string): Field {
  if (node.kind === "number") return printNumber(node.value);
  if (node.kind === "word") return node.value;
  const text = node.kind === "array" ? node.json : node.value;
  if (STATIC_FIELDS.has(path)) return text;
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

/** A field as rules and descriptions see it. */
export function textOf(field: Field | undefined): string | undefined {
  return typeof field === "object" ? field.array : field;
}

/** The tree again, as it is written under `data`: objects whose names differ by case are one. `user` is written as `dstuser`. */
export function unflatten(fields: Fields): Record<string, unknown> {
  const root: Record<string, unknown> = Object.create(null);
  const objects = new Map<string, Record<string, unknown>>();
  for (const [path, field] of fields) {
    const parts = (path === "user" ? "dstuser" : path).split(".");
    const last = parts.pop() ?? "";
    let at = root;
    let name = "";
    for (const part of parts) {
      name += `${part.toLowerCase()}.`;
      let next = objects.get(name);
      if (next === undefined) {
        next = Object.create(null) as Record<string, unknown>;
        objects.set(name, next);
        at[part] = next;
      }
      at = next;
    }
    at[last] ??= typeof field === "string" ? field : JSON.parse(field.array);
  }
  return root;
}
