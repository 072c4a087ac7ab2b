const WRITTEN =
  /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:[T ]{1,2}(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,9})?)?)?\s?(Z|UTC|GMT|[+-]\d{2}:?\d{2})?$/i;
const RFC_1123 = /^(?:[a-z]{3}, )?\d{1,2} [a-z]{3} \d{4} \d{2}:\d{2}:\d{2} (?:GMT|UTC|[+-]\d{4})$/i;
const EPOCH = /^\d{9,10}(?:\d{3})?$/;

/** Nothing on the web was seen before it. */
const EARLIEST = Date.UTC(1990, 0, 1) / 1000;
/** A year past 2100 is a number, not a date. */
const LATEST = Date.UTC(2100, 0, 1) / 1000;

/**
 * Epoch seconds out of a cell: `2026-11-20 07:44:46` (lists mean UTC when they name no zone), ISO 8601, the date of a web server,
 * epoch seconds or milliseconds. Undefined for anything else.
 */
export function listDate(cell: string): number | undefined {
  const text = cell.trim();
  if (text.length < 8 || text.length > 40) return undefined;
  const seconds = secondsOf(text);
  return seconds !== undefined && seconds >= EARLIEST && seconds < LATEST ? seconds : undefined;
}

function secondsOf(text: string): number | undefined {
  if (EPOCH.test(text)) return text.length > 10 ? Math.floor(Number(text) / 1000) : Number(text);
  const match = WRITTEN.exec(text);
  if (match === null) return RFC_1123.test(text) ? finite(Date.parse(text)) : undefined;
  const [, year, month, day, hour = "0", minute = "0", second = "0", zone = "Z"] = match;
  const numbers = [month, day, hour, minute, second].map(Number) as [number, number, number, number, number];
  if (numbers[0] < 1 || numbers[0] > 12 || numbers[1] < 1 || numbers[1] > 31) return undefined;
  if (numbers[2] > 24 || numbers[3] > 59 || numbers[4] > 60) return undefined;
  const at = Date.UTC(Number(year), numbers[0] - 1, numbers[1], numbers[2], numbers[3], numbers[4]);
  return finite(at - offsetMs(zone));
}

function offsetMs(zone: string): number {
  const match = /^([+-])(\d{2}):?(\d{2})$/.exec(zone);
  if (match === null) return 0;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  return (match[1] === "-" ? -minutes : minutes) * 60_000;
}

function finite(milliseconds: number): number | undefined {
  return Number.isFinite(milliseconds) ? Math.floor(milliseconds / 1000) : undefined;
}
