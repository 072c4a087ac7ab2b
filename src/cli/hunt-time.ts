import { TiplineError } from "../lib/errors.ts";
import { parseDuration } from "../lib/units.ts";
import { safe } from "./output.ts";

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const DAY_MS = 86_400_000;

/**
 * A point in time as a person writes it: `30d` (so long ago), `2026-11-21` (UTC; with `end` its end), `2026-11-21T14:00` (UTC),
 * `2026-11-21T14:00:00+02:00`. Epoch milliseconds; a usage error when it is none of these.
 */
export function parseTime(flag: string, text: string, now: number, end = false): number {
  const ago = parseDuration(text);
  // Nothing was written before 1970, and far before it there are no dates.
  if (ago !== undefined) return Math.max(0, now - ago);
  const zoned = DAY.test(text) || /(?:z|[+-]\d{2}:?\d{2})$/i.test(text) ? text : `${text}Z`;
  const time = /^\d{4}-\d{2}-\d{2}(?:$|[T ])/.test(text)
    ? Date.parse(zoned.replace(/([+-]\d{2})(\d{2})$/, "$1:$2"))
    : Number.NaN;
  const valid = Number.isFinite(time) && isCalendarDay(text.slice(0, 10));
  if (valid) return end && DAY.test(text) ? time + DAY_MS : time;
  throw new TiplineError(
    "TIP_USAGE_INVALID",
    `${flag}: expected a duration (30d) or a time in UTC (2026-11-21, 2026-11-21T14:00), got "${safe(text, 40)}"`,
  );
}

/** `Date.parse` takes the 31st of February for the 3rd of March. */
function isCalendarDay(day: string): boolean {
  const time = Date.parse(`${day}T00:00:00Z`);
  return Number.isFinite(time) && new Date(time).toISOString().startsWith(day);
}

/** `2026-11-21T14:00:00Z`. */
export function utc(time: number): string {
  return Number.isFinite(time) && Math.abs(time) <= 8.64e15 ? `${new Date(time).toISOString().slice(0, 19)}Z` : "";
}
