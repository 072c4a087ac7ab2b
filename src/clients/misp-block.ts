import type { MispBlock } from "../model/finding.ts";

/** All that a `misp` object may hold: a leaf, a list of leaves, or one level of named leaves. */
export type BlockValue = string | readonly string[] | Readonly<Record<string, string>>;
export type BlockMember = keyof MispBlock;
/** A `misp` object on its way to a receiver, in the order to be written. */
export type CleanBlock = Map<BlockMember, BlockValue>;

type Names<Member extends "source" | "agent" | "context" | "match"> = Record<
  keyof NonNullable<MispBlock[Member]>,
  true
>;

/** Every member, in the order in which it is written; a new one in the model does not compile until it is named here. */
const MEMBERS = {
  event_id: true,
  category: true,
  type: true,
  value: true,
  source: {
    description: true,
    rule_id: true,
    rule_level: true,
    alert_id: true,
    location: true,
    timestamp: true,
    manager: true,
    node: true,
  } satisfies Names<"source">,
  agent: { id: true, name: true, ip: true } satisfies Names<"agent">,
  context: {
    host: true,
    user: true,
    image: true,
    parent_image: true,
    command_line: true,
    src: true,
    dst: true,
  } satisfies Names<"context">,
  event_info: true,
  event_uuid: true,
  event_date: true,
  org: true,
  threat_level: true,
  attribute_uuid: true,
  comment: true,
  tags: true,
  tlp: true,
  mitre: true,
  first_seen: true,
  last_seen: true,
  feed: true,
  link: true,
  match: { kind: true, where: true, observable: true, role: true } satisfies Names<"match">,
  score: true,
  band: true,
  reasons: true,
  warninglist: true,
  annotations: true,
  direction: true,
  outcome: true,
  cve: true,
  matches_count: true,
  others: true,
  repeat_count: true,
  entities_count: true,
  quiet: true,
  foreign: true,
  mode: true,
  generation: true,
  finding_id: true,
  truncated: true,
} as const satisfies Record<BlockMember, true | Record<string, true>>;

/** The members of the community contract: rules and dashboards in the field need each of them as a non-empty string. */
export const REQUIRED: readonly BlockMember[] = ["event_id", "category", "type", "value"];
const UNKNOWN = "unknown";

interface Slot {
  readonly name: BlockMember;
  /** The name as JSON writes it, with its colon. */
  readonly key: string;
  readonly isRequired: boolean;
  readonly inner: readonly { readonly name: string; readonly key: string }[] | undefined;
}

const keyed = (name: string) => ({ name, key: `${JSON.stringify(name)}:` });

const ORDER = (Object.entries(MEMBERS) as [BlockMember, true | Record<string, true>][]).map(
  ([name, inner]): Slot => ({
    name,
    key: keyed(name).key,
    isRequired: REQUIRED.includes(name),
    inner: inner === true ? undefined : Object.keys(inner).map(keyed),
  }),
);

/**
 * What every receiver can take: the model's members only, strings as leaves, empty ones left out, no NUL (Wazuh cuts a
 * value there) and no lone surrogate (it refuses the whole document). A required member that is missing reads `unknown`.
 */
export function cleanBlock(misp: MispBlock): CleanBlock {
  const clean: CleanBlock = new Map();
  for (const slot of ORDER) {
    const value = cleanMember(misp, slot);
    if (value !== undefined) clean.set(slot.name, value);
  }
  return clean;
}

/** Compact JSON of the object. */
export function blockJson(block: CleanBlock): string {
  const members: string[] = [];
  for (const [name, value] of block) members.push(`"${name}":${JSON.stringify(value)}`);
  return `{${members.join(",")}}`;
}

/**
 * `blockJson(cleanBlock(misp))` in one step, with `agent` for the block's own, or undefined where a leaf has more than `mostUnits`
 * UTF-16 units or begins with `[`: those need the steps between. Nearly no finding does, and at thousands a second the steps cost as
 * much as the match.
 */
export function plainJson(
  misp: MispBlock,
  mostUnits: number,
  agent: MispBlock["agent"] = misp.agent,
): string | undefined {
  let text = "";
  for (const slot of ORDER) {
    const { name, key } = slot;
    const value = name === "agent" ? agent : Object.hasOwn(misp, name) ? misp[name] : undefined;
    const json = plainMember(value, slot, mostUnits);
    if (json === undefined) return undefined;
    if (json !== "") text += `${text === "" ? "{" : ","}${key}${json}`;
  }
  return `${text}}`;
}

/** JSON of a member, empty where it is left out. */
function plainMember(value: unknown, { inner, isRequired }: Slot, mostUnits: number): string | undefined {
  if (inner !== undefined) return plainMembers(value, inner, mostUnits);
  if (Array.isArray(value)) return isRequired ? `"${UNKNOWN}"` : plainList(value, mostUnits);
  const leaf = plainLeaf(value, mostUnits);
  return leaf === "" && isRequired ? `"${UNKNOWN}"` : leaf;
}

function plainMembers(value: unknown, names: NonNullable<Slot["inner"]>, mostUnits: number): string | undefined {
  if (typeof value !== "object" || value === null) return "";
  let text = "";
  for (const { name, key } of names) {
    if (!Object.hasOwn(value, name)) continue;
    const leaf = plainLeaf((value as Record<string, unknown>)[name], mostUnits);
    if (leaf === undefined) return undefined;
    if (leaf !== "") text += `${text === "" ? "{" : ","}${key}${leaf}`;
  }
  return text === "" ? "" : `${text}}`;
}

function plainList(values: readonly unknown[], mostUnits: number): string | undefined {
  let text = "";
  for (const value of values) {
    const leaf = plainLeaf(value, mostUnits);
    if (leaf === undefined) return undefined;
    if (leaf !== "") text += `${text === "" ? "[" : ","}${leaf}`;
  }
  return text === "" ? "" : `${text}]`;
}

function plainLeaf(value: unknown, mostUnits: number): string | undefined {
  const leaf = typeof value === "string" ? value : (cleanLeaf(value) ?? "");
  if (leaf === "") return "";
  if (leaf.length > mostUnits || leaf[0] === "[") return undefined;
  // No quote, control character or lone surrogate: it is clean, and JSON as it is.
  return UNESCAPED.test(leaf) ? `"${leaf}"` : JSON.stringify(cleanLeaf(leaf));
}

/** `blockJson(cleanBlock(misp))` in one step. */
export function mispJson(misp: MispBlock): string {
  let text = "";
  for (const slot of ORDER) {
    const value = cleanMember(misp, slot);
    if (value !== undefined) text += `${text === "" ? "{" : ","}${slot.key}${valueJson(value, slot)}`;
  }
  return `${text}}`;
}

function valueJson(value: BlockValue, { inner }: Slot): string {
  if (typeof value === "string") return leafJson(value);
  let text = "";
  if (isList(value)) {
    for (const leaf of value) text += `${text === "" ? "" : ","}${leafJson(leaf)}`;
    return `[${text}]`;
  }
  for (const { name, key } of inner ?? []) {
    const leaf = value[name];
    if (leaf !== undefined) text += `${text === "" ? "" : ","}${key}${leafJson(leaf)}`;
  }
  return `{${text}}`;
}

/** Strings that JSON writes as they are. */
const UNESCAPED = /^[ !#-[\]-\ud7ff\ue000-\uffff]*$/;

function leafJson(leaf: string): string {
  return UNESCAPED.test(leaf) ? `"${leaf}"` : JSON.stringify(leaf);
}

/** The same block with every leaf passed through `change`. */
export function mapLeaves(value: BlockValue, change: (leaf: string) => string): BlockValue {
  if (typeof value === "string") return change(value);
  if (isList(value)) return value.map(change);
  return Object.fromEntries(Object.entries(value).map(([name, leaf]) => [name, change(leaf)]));
}

export function isList(value: BlockValue): value is readonly string[] {
  return Array.isArray(value);
}

function cleanMember(misp: MispBlock, { name, isRequired, inner }: Slot): BlockValue | undefined {
  const value = Object.hasOwn(misp, name) ? cleanValue(misp[name], inner) : undefined;
  if (!isRequired) return value;
  return typeof value === "string" ? value : UNKNOWN;
}

function cleanValue(value: unknown, inner: Slot["inner"]): BlockValue | undefined {
  if (inner !== undefined) return cleanMembers(value, inner);
  if (!Array.isArray(value)) return cleanLeaf(value);
  const items = value.map(cleanLeaf).filter((item) => item !== undefined);
  return items.length > 0 ? items : undefined;
}

function cleanMembers(value: unknown, names: NonNullable<Slot["inner"]>): BlockValue | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const members: Record<string, string> = {};
  let some = false;
  for (const { name } of names) {
    const leaf = Object.hasOwn(value, name) ? cleanLeaf((value as Record<string, unknown>)[name]) : undefined;
    if (leaf === undefined) continue;
    members[name] = leaf;
    some = true;
  }
  return some ? members : undefined;
}

function cleanLeaf(value: unknown): string | undefined {
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string" || value === "") return undefined;
  const whole = value.isWellFormed() ? value : value.toWellFormed();
  return whole.includes("\0") ? whole.replaceAll("\0", "\u{fffd}") : whole;
}
