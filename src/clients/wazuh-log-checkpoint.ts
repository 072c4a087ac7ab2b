import { TiplineError } from "../lib/errors.ts";
import { isCount, type Place, parsePlace as parsePosition } from "../lib/place.ts";
import { get, isJsonObject, type JsonValue } from "../model/json.ts";

/** How far one file was read. */
export interface LogPlace extends Place {
  readonly key: string;
  /** Tells contents of one key apart when a file was emptied, replaced or (plain logs) rotated away. */
  readonly generation: number;
  /** Plain logs: time of the last alert read, or while there is none when the file begins; epoch ms. */
  readonly time?: number;
}

/** Where a follower stands. */
export interface LogCheckpoint {
  /** Greatest key that was ever opened; later files are unread. */
  readonly frontier: string;
  /** How often a file was begun anew under a key that had been read before. */
  readonly generations: number;
  /** The files being read, oldest first; the last is the live one. */
  readonly open: readonly LogPlace[];
  /** The files read before these; watched for lines that come after all. */
  readonly passed: readonly LogPlace[];
}

const VERSION = 1;

export function formatCheckpoint({ frontier, generations, open, passed }: LogCheckpoint): JsonValue {
  return { version: VERSION, frontier, generations, open: open.map(formatPlace), passed: passed.map(formatPlace) };
}

function formatPlace({ marks, ...place }: LogPlace): JsonValue {
  return { ...place, marks: marks.map((mark) => [...mark]) };
}

export function parseCheckpoint(value: JsonValue): LogCheckpoint {
  const frontier = get(value, "frontier");
  const generations = get(value, "generations");
  const open = get(value, "open");
  const passed = get(value, "passed");
  if (
    get(value, "version") !== VERSION ||
    typeof frontier !== "string" ||
    !isCount(generations) ||
    !isList(open) ||
    !isList(passed)
  ) {
    throw unreadable(value);
  }
  return { frontier, generations, open: open.map(parsePlace), passed: passed.map(parsePlace) };
}

function parsePlace(value: JsonValue): LogPlace {
  const key = get(value, "key");
  const generation = get(value, "generation");
  const position = parsePosition(get(value, "offset"), get(value, "marks"));
  const time = get(value, "time");
  if (typeof key !== "string" || !isCount(generation) || position === undefined) throw unreadable(value);
  return {
    key,
    generation,
    ...position,
    ...(isCount(time) ? { time } : {}),
  };
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value);
}

function unreadable(value: JsonValue): TiplineError {
  const found = isJsonObject(value) ? `an object with ${Object.keys(value).slice(0, 8).join(", ")}` : typeof value;
  return new TiplineError(
    "TIP_STATE_CORRUPT",
    `expected a checkpoint of a Wazuh log (version ${VERSION}), found ${found}`,
  );
}
