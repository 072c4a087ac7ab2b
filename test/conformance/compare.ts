import type { RecordedResponse } from "./recordings.ts";

/** What the simulator answered. */
export interface Answer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

/** Headers a client of MISP may act on; compared for presence and value. */
export const HEADERS_THAT_MATTER: readonly string[] = [
  "content-type",
  "x-result-count",
  "x-skipped-elements-count",
  "x-response-format",
  "x-export-module-used",
  "x-rate-limit-limit",
  "x-rate-limit-remaining",
  "x-rate-limit-reset",
  "x-auth-key-expiration",
  "etag",
  "location",
];

/** A field whose presence is compared and whose value is not. */
export interface Loose {
  /** Matches the field's path (`Attribute[3].uuid`). */
  readonly path: RegExp;
  /** Finds it in a body of which only the ends are known, without blanks between tokens. */
  readonly text?: RegExp;
  readonly reason: string;
}

export const LOOSE: readonly Loose[] = [
  {
    path: /(^|\.)Warninglist(Entry|Type)\[\d+\]\.id$/,
    text: /(?<=\{"id":)"\d+"(?=,"(?:value|type)":"[^"]*","warninglist_id")/g,
    reason: "numbers of rows that nothing refers to and no other answer shows",
  },
  { path: /(^|\.)RelatedEvent$/, reason: "correlations between events are not simulated" },
  {
    path: /^User\.(last_api_access|date_modified|date_created|last_pw_change|nids_sid)$/,
    reason: "wall clock and chance of the recorded session",
  },
  {
    path: /^User\.(invited_by|gpgkey|termsaccepted|change_pw|external_auth_key)$/,
    reason: "of a user the simulator holds the name, the organisation and the role",
  },
  {
    path: /(^|\.)(Role\.(created|modified)|Organisation\.(date_created|date_modified|description|type|nationality|sector|created_by|created_by_email|restricted_to_domain))$/,
    reason: "of an organisation the simulator holds its names and whether it is local",
  },
];

const MAX_DIFFERENCES = 12;

/** The differences between a recorded answer and the simulator's; empty when they agree. */
export function differences(expected: RecordedResponse, actual: Answer): string[] {
  const found: string[] = [];
  if (expected.status !== actual.status) found.push(`status: recorded ${expected.status}, simulator ${actual.status}`);
  compareHeaders(expected.headers, actual.headers, found);
  if (expected.body === undefined) compareEnds(expected, actual.body, found);
  else compareBodies(expected, actual.body, found);
  return found.slice(0, MAX_DIFFERENCES);
}

function compareHeaders(
  expected: ReadonlyMap<string, string>,
  actual: ReadonlyMap<string, string>,
  found: string[],
): void {
  for (const name of HEADERS_THAT_MATTER) {
    const recorded = headerValue(name, expected.get(name));
    const given = headerValue(name, actual.get(name));
    if (recorded !== given) found.push(`header ${name}: recorded ${show(recorded)}, simulator ${show(given)}`);
  }
}

/** A Location differs in its host and port by nature; its path is what a client follows. */
function headerValue(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  return name === "location" ? value.replace(/^https?:\/\/[^/]+/, "") : value;
}

function compareBodies(expected: RecordedResponse, body: string, found: string[]): void {
  const recorded = parsed(expected.body ?? "");
  if (recorded === undefined) {
    if ((expected.headers.get("content-type") ?? "").startsWith("text/html")) return;
    if (expected.body !== body) found.push(`body: recorded ${show(expected.body)}, simulator ${show(body)}`);
    return;
  }
  const given = parsed(body);
  if (given === undefined) found.push(`body: recorded JSON, simulator ${show(body)}`);
  else compareValues("", recorded.value, given.value, found);
}

function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function compareValues(path: string, recorded: unknown, given: unknown, found: string[]): void {
  if (found.length >= MAX_DIFFERENCES || LOOSE.some((loose) => loose.path.test(path))) return;
  if (Array.isArray(recorded) && Array.isArray(given)) compareLists(path, recorded, given, found);
  else if (isRecord(recorded) && isRecord(given)) compareRecords(path, recorded, given, found);
  else if (!Object.is(recorded, given)) {
    found.push(`${path || "body"}: recorded ${show(recorded)}, simulator ${show(given)}`);
  }
}

function compareLists(path: string, recorded: readonly unknown[], given: readonly unknown[], found: string[]): void {
  if (recorded.length !== given.length) {
    found.push(`${path || "body"}: recorded ${recorded.length} elements, simulator ${given.length}`);
  }
  const ids = [recorded.map(identity), given.map(identity)] as const;
  const at = ids[0].findIndex((id, index) => id !== undefined && id !== ids[1][index]);
  if (at !== -1) {
    found.push(`${path}[${at}]: recorded row ${show(ids[0][at])}, simulator ${show(ids[1][at])}`);
    return;
  }
  for (let i = 0; i < Math.min(recorded.length, given.length); i++) {
    compareValues(`${path}[${i}]`, recorded[i], given[i], found);
  }
}

/** What names a row: its uuid, at once or inside its single wrapper (`{Event:{…}}`). */
function identity(value: unknown): string | undefined {
  if (!isRecord(value)) return undefined;
  if (typeof value["uuid"] === "string") return value["uuid"];
  for (const inner of Object.values(value)) {
    if (isRecord(inner) && typeof inner["uuid"] === "string") return inner["uuid"];
  }
  return undefined;
}

function compareRecords(
  path: string,
  recorded: Readonly<Record<string, unknown>>,
  given: Readonly<Record<string, unknown>>,
  found: string[],
): void {
  const dot = path === "" ? "" : `${path}.`;
  for (const key of Object.keys(recorded)) {
    if (Object.hasOwn(given, key)) compareValues(dot + key, recorded[key], given[key], found);
    else found.push(`${dot}${key}: recorded ${show(recorded[key])}, absent in the simulator`);
  }
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(recorded, key)) found.push(`${dot}${key}: not recorded, simulator ${show(given[key])}`);
  }
}

/**
 * Of a body kept only at its ends: the same first and last characters, blanks between tokens and escapes of slashes aside. The
 * tail counts from its first whole element on: the rest of the one before has nothing to be compared with.
 */
function compareEnds(expected: RecordedResponse, body: string, found: string[]): void {
  const spare = 4 * (expected.head.length + expected.tail.length);
  const recorded = { head: plain(expected.head), tail: plain(fromWholeElement(expected.tail)) };
  const head = plain(body.slice(0, spare)).slice(0, recorded.head.length);
  const tail = recorded.tail === "" ? "" : plain(fromWholeElement(body.slice(-spare))).slice(-recorded.tail.length);
  const at = firstDifference(recorded.head, head);
  if (at !== -1)
    found.push(`body near its start: recorded ${around(recorded.head, at)}, simulator ${around(head, at)}`);
  const end = firstDifference(recorded.tail, tail);
  if (end !== -1)
    found.push(`body near its end: recorded ${around(recorded.tail, end)}, simulator ${around(tail, end)}`);
}

/** The end of a JSON text from where a new object of a list begins. */
export function fromWholeElement(tail: string): string {
  const at = tail.search(/\}\s*,\s*\{\s*"/);
  return at === -1 ? tail : tail.slice(at);
}

/** JSON text, maybe cut, in one form: no blanks outside strings, slashes bare, loose values blanked. */
function plain(text: string): string {
  let joined = text
    .replace(/("(?:[^"\\]|\\.)*(?:"|$))|\s+/g, (_, quoted: string | undefined) => quoted ?? "")
    .replaceAll("\\/", "/");
  for (const loose of LOOSE) if (loose.text) joined = joined.replace(loose.text, '"?"');
  return joined;
}

function around(text: string, at: number): string {
  return show(text.slice(Math.max(0, at - 30), at + 60));
}

function firstDifference(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) if (a[i] !== b[i]) return i;
  return -1;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  const text = value === undefined ? "nothing" : (JSON.stringify(value) ?? "nothing");
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}
