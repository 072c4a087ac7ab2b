import { toUSVString } from "node:util";
import type { JsonValue } from "../model/json.ts";
import type { FieldType } from "./gelf-fields.ts";
import { cutBytes } from "./misp-trim.ts";

/** An index refuses the whole message when a keyword is longer than 32,766 bytes; Graylog's template sets no limit of its own. */
export const MAX_KEYWORD_BYTES = 32_000;

/** A value on its way into a field; `undefined`: there is nothing to send. `omitted` says why a value that is there cannot be sent. */
export type FieldValue =
  | { readonly value: string | number | undefined; readonly shortened: boolean }
  | { readonly omitted: string };

const NOTHING: FieldValue = { value: undefined, shortened: false };

/** What Graylog and the index behind it take for a field of this type, whatever the value is. */
export function fieldValue(type: FieldType, value: JsonValue | undefined): FieldValue {
  if (value === undefined || value === null) return NOTHING;
  if (type === "number") return wholeNumber(value);
  if (type === "date") return date(value);
  return Array.isArray(value) ? list(value) : text(plain(value));
}

/** A string of at most `maxBytes` bytes that no index takes for a date. */
export function text(given: string, maxBytes = MAX_KEYWORD_BYTES): FieldValue {
  const clean = cleanText(given);
  if (clean === "") return NOTHING;
  if (looksLikeDate(clean)) return { value: `"${clean}"`, shortened: false };
  if (clean.length * 3 <= maxBytes || Buffer.byteLength(clean) <= maxBytes) return { value: clean, shortened: false };
  return { value: cleanText(cutBytes(clean, maxBytes)), shortened: true };
}

/** No NUL, which ends a frame for careless readers, no lone surrogate, and trimmed as Graylog does it (Java's `trim`). */
function cleanText(given: string): string {
  const whole = toUSVString(given).replaceAll("\0", "\u{fffd}");
  let start = 0;
  let end = whole.length;
  while (start < end && whole.charCodeAt(start) <= 32) start += 1;
  while (end > start && whole.charCodeAt(end - 1) <= 32) end -= 1;
  return whole.slice(start, end);
}

/** Strings alone are joined; what holds anything else is its JSON. */
function list(items: readonly JsonValue[]): FieldValue {
  if (items.some((item) => typeof item === "object")) return text(json(items));
  let bytes = 0;
  const kept: string[] = [];
  for (const item of items) {
    const one = cleanText(plain(item));
    if (one === "") continue;
    bytes += Buffer.byteLength(one) + 2;
    // An item is whole or not there, but a first one that is too long alone is cut.
    if (bytes > MAX_KEYWORD_BYTES && kept.length > 0) return { ...text(kept.join(", ")), shortened: true };
    kept.push(one);
  }
  return text(kept.join(", "));
}

function plain(value: JsonValue): string {
  return typeof value === "object" ? json(value) : String(value);
}

/** JSON text; nesting so deep that it cannot be written is said so. */
export function json(value: JsonValue): string {
  try {
    return JSON.stringify(value);
  } catch {
    return "(nested too deep)";
  }
}

function wholeNumber(value: JsonValue): FieldValue {
  const number = typeof value === "string" && /^-?\d{1,16}$/.test(value.trim()) ? Number(value) : value;
  if (typeof number === "number" && Number.isSafeInteger(number)) return { value: number, shortened: false };
  return isEmpty(value) ? NOTHING : { omitted: "not a whole number" };
}

function date(value: JsonValue): FieldValue {
  if (isEmpty(value)) return NOTHING;
  const found = typeof value === "string" ? isoDate(value.trim()) : undefined;
  return found === undefined ? { omitted: "not a date" } : { value: found, shortened: false };
}

const isEmpty = (value: JsonValue): boolean => typeof value === "string" && value.trim() === "";

/** A day stays a day; an instant comes out in UTC with milliseconds. */
function isoDate(value: string): string | undefined {
  const day = /^\d{4}-\d\d-\d\d/.exec(value)?.[0];
  if (day === undefined || value.length > 40) return undefined;
  const time = Date.parse(value.replace(/([+-]\d\d)(\d\d)$/, "$1:$2"));
  const whole = Number.isNaN(time) ? undefined : isoInstant(time);
  if (day !== value || whole === undefined) return whole;
  // Date.parse takes 30 February for a day in March.
  return whole.startsWith(day) ? day : undefined;
}

/** `2026-11-21T21:45:50.015Z` of epoch milliseconds within the years 1971 to 9999, else undefined. */
export function isoInstant(time: number): string | undefined {
  return time >= 31_536_000_000 && time < 253_402_300_800_000 ? new Date(time).toISOString() : undefined;
}

/**
 * What dynamic mapping makes a date field of when it is the first value of its field: then every later text in it makes the index
 * refuse the message. `yyyy-MM[-dd][T…]` and `yyyy/MM/dd[ …]`; pure numbers are not taken for dates.
 */
export function looksLikeDate(value: string): boolean {
  if (value.length > 64 || /^\d+$/.test(value)) return false;
  return (
    /^(?:\d{4}|[+-]\d{4,10})(?:-\d\d?(?:-\d\d?)?)?(?:T[\d:.,+Z-]*)?$/.test(value) ||
    /^\d{4}\/\d\d?\/\d\d?(?: [\d:+Z -]*)?$/.test(value)
  );
}
