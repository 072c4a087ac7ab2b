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

/** A field whose value no replay can repeat; its presence is still compared. */
export interface Volatile {
  readonly field: RegExp;
  readonly reason: string;
}

/** Fields by path (`Attribute[3].uuid`). */
export const VOLATILE: readonly Volatile[] = [
  { field: /(^|\.)User\.(last_api_access|date_modified|last_login|current_login)$/, reason: "wall clock of the recorded session" },
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
  if (found.length >= MAX_DIFFERENCES || VOLATILE.some(({ field }) => field.test(path))) return;
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

/** Of a body kept only at its ends: the same first and last characters. */
function compareEnds(expected: RecordedResponse, body: string, found: string[]): void {
  const head = body.slice(0, expected.head.length);
  const tail = expected.tail === "" ? "" : body.slice(-expected.tail.length);
  const at = firstDifference(expected.head, head);
  if (at !== -1) {
    found.push(`body at ${at}: recorded ${show(expected.head.slice(at - 30, at + 60))}, simulator ${show(head.slice(at - 30, at + 60))}`);
  }
  const back = lastDifference(expected.tail, tail);
  if (back !== -1) {
    found.push(`body ${back} from its end: recorded ${show(expected.tail.slice(-back - 1).slice(0, 80))}, simulator ${show(tail.slice(-back - 1).slice(0, 80))}`);
  }
}

function firstDifference(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) if (a[i] !== b[i]) return i;
  return -1;
}

function lastDifference(a: string, b: string): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) if (a.at(-1 - i) !== b.at(-1 - i)) return i;
  return -1;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function show(value: unknown): string {
  const text = value === undefined ? "nothing" : (JSON.stringify(value) ?? "nothing");
  return text.length > 160 ? `${text.slice(0, 160)}…` : text;
}
