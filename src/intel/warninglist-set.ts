import { randomBytes } from "node:crypto";
import type { ObservableType } from "../model/observable.ts";
import { canonicalCidr, canonicalize } from "./canonical.ts";
import { hostOfUrl } from "./tokens.ts";
import { actionOf } from "./warninglist-actions.ts";
import { compileListRegex } from "./warninglist-regex.ts";
import { NameTable, NetworkTable, PartTable } from "./warninglist-tables.ts";
import type { Warninglist, WarninglistHit, WarninglistSet } from "./warninglists.ts";

/** Entries or lists that could not be used. */
export interface SkippedEntries {
  readonly list: string;
  readonly reason: string;
  readonly count: number;
}

const LONGEST_ENTRY = 8_192;
const LONGEST_TESTED = 512;
/** Entries between two pauses. */
const SLICE = 1_000;
/** Shorter literal parts are in everything. */
const SHORTEST_PART = 4;

/** Attribute types that an observable of the type usually comes from. */
const USUAL_ATTRIBUTES: Readonly<Partial<Record<ObservableType, readonly string[]>>> = {
  ip: ["ip-src", "ip-dst"],
  domain: ["domain", "hostname"],
  url: ["url", "uri"],
  email: ["email", "email-src", "email-dst"],
  x509: ["x509-fingerprint-sha1", "x509-fingerprint-md5", "x509-fingerprint-sha256"],
  ja3: ["ja3-fingerprint-md5"],
  asn: ["AS"],
  path: ["filename"],
};

interface ListInfo extends WarninglistHit {
  readonly attributes: ReadonlySet<string>;
  readonly hostname: boolean;
}

/** Builds the lookup tables. Entries that are not what their list's type says are skipped and told. */
export function createWarninglists(
  lists: Iterable<Warninglist>,
  skipped: (entries: SkippedEntries) => void = () => undefined,
): WarninglistSet {
  const set = newTables();
  const building = build(set, lists, skipped);
  while (building.next().done !== true);
  return set;
}

/** The same in slices of a few milliseconds; between them it waits for `pause`, so that other work goes on. */
export async function createWarninglistsGently(
  lists: Iterable<Warninglist>,
  skipped: (entries: SkippedEntries) => void,
  pause: () => Promise<void>,
): Promise<WarninglistSet> {
  const set = newTables();
  const building = build(set, lists, skipped);
  while (building.next().done !== true) await pause();
  return set;
}

function* build(
  set: Tables,
  lists: Iterable<Warninglist>,
  skipped: (entries: SkippedEntries) => void,
): Generator<undefined> {
  for (const list of lists) for (const entries of yield* set.add(list)) skipped(entries);
}

function newTables(): Tables {
  const bytes = randomBytes(8);
  // Seeded, so that nobody can make up a value that hides behind a listed one.
  const seed = { a: bytes.readUInt32LE(0), b: bytes.readUInt32LE(4) };
  return new Tables(new NameTable(seed), new NetworkTable(seed));
}

class Tables implements WarninglistSet {
  readonly #lists: ListInfo[] = [];
  readonly #names: NameTable;
  readonly #networks: NetworkTable;
  readonly #parts = new PartTable();
  readonly #regexes: (readonly [RegExp, number])[] = [];
  entries = 0;

  constructor(names: NameTable, networks: NetworkTable) {
    this.#names = names;
    this.#networks = networks;
  }

  get count(): number {
    return this.#lists.length;
  }

  /** Yields after every slice. */
  *add(list: Warninglist): Generator<undefined, readonly SkippedEntries[]> {
    const number = this.#lists.length;
    this.#lists.push({
      name: list.name,
      action: actionOf(list.slug, list.name),
      attributes: new Set(list.matchingAttributes),
      hostname: list.type === "hostname",
    });
    const refusals = new Map<string, number>();
    for (const [at, entry] of list.entries.entries()) {
      if (at % SLICE === 0) yield;
      const reason = entry.length > LONGEST_ENTRY ? "entry too long" : this.#entry(list, entry.trim(), number);
      if (reason === undefined) this.entries++;
      else refusals.set(reason, (refusals.get(reason) ?? 0) + 1);
    }
    return [...refusals].map(([reason, count]) => ({ list: list.name, reason, count }));
  }

  /** Takes an entry in, or says why not. */
  #entry({ type }: Warninglist, entry: string, number: number): string | undefined {
    if (entry === "") return "empty entry";
    if (type === "regex") {
      const regex = compileListRegex(entry);
      if (typeof regex === "string") return regex;
      this.#regexes.push([regex, number]);
    } else if (type === "cidr") {
      const network = canonicalCidr(entry);
      if (network === undefined) return "neither address nor network";
      this.#networks.add(network, number);
    } else if (type === "substring") {
      if (entry.length < SHORTEST_PART) return `part of fewer than ${SHORTEST_PART} characters`;
      this.#parts.add(entry.toLowerCase(), number);
    } else {
      // MISP compares the names of `string` lists literally; a leading dot there means the name itself.
      this.#names.add(plainName(entry), number);
    }
    return undefined;
  }

  check(type: ObservableType, value: string, attributeTypes: readonly string[]): readonly WarninglistHit[] {
    const found = this.#found(type, value);
    if (found.size === 0) return [];
    const attributes = attributesOf(type, attributeTypes);
    return [...found]
      .sort((a, b) => a - b)
      .map((number) => this.#lists[number] as ListInfo)
      .filter((list) => list.attributes.size === 0 || attributes.some((attribute) => list.attributes.has(attribute)))
      .map(({ name, action }) => ({ name, action }));
  }

  #found(type: ObservableType, value: string): ReadonlySet<number> {
    const found = new Set<number>();
    const tested = value.slice(0, LONGEST_TESTED).toLowerCase();
    const host = hostOf(type, value);
    this.#take(found, this.#names.find(plainName(value)), () => true);
    if (host !== undefined) this.#host(found, host);
    if (host !== undefined || type === "email") this.#take(found, this.#parts.find(tested), () => true);
    for (const [regex, number] of this.#regexes) if (regex.test(tested)) found.add(number);
    return found;
  }

  #host(found: Set<number>, host: string): void {
    const address = canonicalCidr(host);
    if (address !== undefined) {
      this.#take(found, this.#networks.find(address), () => true);
      return;
    }
    this.#take(found, this.#names.find(host), () => true);
    for (let dot = host.indexOf("."); dot >= 0; dot = host.indexOf(".", dot + 1)) {
      this.#take(found, this.#names.find(host.slice(dot + 1)), ({ hostname }) => hostname);
    }
  }

  #take(into: Set<number>, lists: ReadonlySet<number>, wanted: (list: ListInfo) => boolean): void {
    for (const number of lists) if (wanted(this.#lists[number] as ListInfo)) into.add(number);
  }
}

/** Lower case, without `*.`, leading dots and trailing dots; URLs in canonical spelling. */
function plainName(entry: string): string {
  if (entry.includes("://")) return (canonicalize("url", entry) ?? entry).toLowerCase();
  let text = entry.toLowerCase();
  if (text.startsWith("*.")) text = text.slice(2);
  if (text.startsWith(".")) text = text.slice(1);
  while (text.endsWith(".")) text = text.slice(0, -1);
  return text;
}

/** The host that lists about hosts and addresses may speak of; a URL with a path is more than its host. */
function hostOf(type: ObservableType, value: string): string | undefined {
  if (type === "ip" || type === "domain") return value;
  if (type === "email") return value.slice(value.lastIndexOf("@") + 1);
  if (type !== "url") return undefined;
  const path = value.indexOf("/", value.indexOf("://") + 3);
  return path === value.length - 1 || path < 0 ? hostOfUrl(value) : undefined;
}

/** The attribute types, and the halves of composite ones. */
function attributesOf(type: ObservableType, attributeTypes: readonly string[]): readonly string[] {
  if (attributeTypes.length === 0) return USUAL_ATTRIBUTES[type] ?? [type];
  return attributeTypes.flatMap((attribute) =>
    attribute.includes("|") ? [attribute, ...attribute.split("|")] : [attribute],
  );
}
