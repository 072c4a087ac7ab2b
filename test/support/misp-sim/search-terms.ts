import { MispException } from "./respond.ts";

/** A filter after MISP's reading: any of `or`, all of `and`, none of `not`. */
export interface Terms {
  readonly or: readonly string[];
  readonly and: readonly string[];
  readonly not: readonly string[];
}

/**
 * Undefined: no filter (absent, null, "", an empty list). A string is split at `||` and `&&`, both meaning OR; elements of a list
 * stay whole; a leading `!` negates; an object names OR, AND and NOT.
 */
export function terms(value: unknown): Terms | undefined {
  if (value === undefined || value === null || value === "" || value === false) return undefined;
  const found = { or: [] as string[], and: [] as string[], not: [] as string[] };
  const sort = (text: string, into: string[]) =>
    text.startsWith("!") ? found.not.push(text.slice(1)) : into.push(text);
  if (Array.isArray(value)) for (const each of value) sort(String(each), found.or);
  else if (typeof value === "object") readOperators(value as Record<string, unknown>, found, sort);
  else if (typeof value === "string") for (const part of value.split(/\|\||&&/)) sort(part.trim(), found.or);
  else sort(String(value), found.or);
  return found.or.length + found.and.length + found.not.length === 0 ? undefined : found;
}

function readOperators(
  value: Record<string, unknown>,
  found: { or: string[]; and: string[]; not: string[] },
  sort: (text: string, into: string[]) => unknown,
): void {
  let named = false;
  for (const [name, list] of Object.entries(value)) {
    const into = { OR: found.or, AND: found.and, NOT: found.not }[name];
    if (into) named = true;
    for (const each of Array.isArray(list) ? list : [list]) {
      if (into) into.push(String(each));
      else if (!named) sort(String(each), found.or);
    }
  }
}

/** A text as the collation utf8mb3_unicode_ci compares it: without case, accents and trailing blanks. */
export function fold(text: string): string {
  const lower = (isAscii(text) ? text : text.normalize("NFKD").replace(/\p{M}/gu, "")).toLowerCase();
  return lower.endsWith(" ") ? lower.replace(/ +$/, "") : lower;
}

function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 127) return false;
  return true;
}

/** Tests one folded text. `%` at either end makes the term a LIKE, in which `_` stands for any character. */
export type Matcher = (folded: string) => boolean;

export function matcher(texts: readonly string[]): Matcher {
  const exact = new Set<string>();
  const patterns: RegExp[] = [];
  for (const text of texts) {
    if (text.startsWith("%") || text.endsWith("%")) patterns.push(likePattern(text));
    else exact.add(fold(text));
  }
  return (folded) => exact.has(folded) || patterns.some((pattern) => pattern.test(folded));
}

function likePattern(text: string): RegExp {
  const source = text
    .toLowerCase()
    .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
    .replaceAll("%", ".*")
    .replaceAll("_", ".");
  return new RegExp(`^${source}$`, "s");
}

/** Whether one column fits; undefined where nothing is asked. */
export function columnTerms(value: unknown): ((text: string) => boolean) | undefined {
  const asked = terms(value);
  if (asked === undefined) return undefined;
  const wanted = [...asked.or, ...asked.and];
  const any = matcher(wanted);
  const none = matcher(asked.not);
  return (text) => (wanted.length === 0 || any(fold(text))) && !none(fold(text));
}

/** 0 or 1 as asked; undefined for what MISP ignores here: false, lists, anything else. */
export function flag(value: unknown): 0 | 1 | undefined {
  if (value === true || value === 1 || value === "1") return 1;
  return value === 0 || value === "0" ? 0 : undefined;
}

/** PHP's notion: "0" is false, "false" is true. */
export function truthy(value: unknown): boolean {
  return Array.isArray(value) ? value.length > 0 : Boolean(value) && value !== "0";
}

/** An instant in seconds: a number, `15m`, a date; what cannot be read is a second ahead. */
export function instant(value: unknown, now: number): number {
  const text = String(value).trim();
  if (/^-?\d+(?:\.\d+)?$/.test(text)) return Math.floor(Number(text));
  const delta = /^(\d{1,10})([dhms])$/i.exec(text);
  if (delta)
    return now - Number(delta[1]) * ({ d: 86_400, h: 3600, m: 60, s: 1 }[(delta[2] ?? "s").toLowerCase()] ?? 1);
  const parsed = Date.parse(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
  return Number.isNaN(parsed) ? now + 1 : Math.floor(parsed / 1000);
}

/** Inclusive bounds of one instant (from it on) or of two; undefined: nothing asked. Three are an internal error. */
export function period(value: unknown, now: number): readonly [from: number, to: number] | undefined {
  if (value === undefined || value === null || value === "" || value === false) return undefined;
  if (!Array.isArray(value)) return [instant(value, now), Number.POSITIVE_INFINITY];
  if (value.length === 0) return undefined;
  if (value.length > 2) throw new MispException(500, "An Internal Error Has Occurred.");
  const [first = 0, second = Number.POSITIVE_INFINITY] = value.map((each) => instant(each, now));
  return first <= second ? [first, second] : [second, first];
}

export interface Page {
  /** Undefined: everything. */
  readonly limit: number | undefined;
  readonly offset: number;
}

/** `limit` and `page` as PHP takes them: fractions cut the offset, text is an internal error, below 1 is page 1, no limit no page. */
export function readPage(limit: unknown, page: unknown): Page {
  const size = toNumber(limit);
  const number = toNumber(page);
  if (size === 0 || size < 0) return { limit: undefined, offset: 0 };
  return { limit: Math.floor(size), offset: Math.floor(Math.max(0, (number || 1) - 1) * size) };
}

function toNumber(value: unknown): number {
  if (value === undefined || value === null || value === "") return 0;
  const number = Number(value);
  if (Number.isNaN(number)) throw new MispException(500, "An Internal Error Has Occurred.");
  return number;
}

/** X-Result-Count of an attribute search: one more than a full page, 1 for an empty one, and what was skipped on top. */
export function resultCount(limit: unknown, returned: number, skipped: number): number {
  const size = toNumber(limit);
  if (size === 0) return returned + skipped;
  return (returned === 0 ? 1 : returned >= size ? returned + 1 : returned) + skipped;
}
