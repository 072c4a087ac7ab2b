import type { DeadLetter } from "../contract/journal.ts";
import { TiplineError } from "../lib/errors.ts";
import { openEnvironment } from "./environment.ts";
import { roomFor } from "./file-room.ts";
import { jsonOf } from "./finding-cache.ts";
import { decode, encode, getMeta, type JournalTables, openTables, putMeta } from "./journal-tables.ts";

/** A dead letter with the id that commands know it by. */
export interface StoredDeadLetter extends DeadLetter {
  readonly id: string;
}

export interface DeadLetterFilter {
  readonly component?: string;
  readonly kind?: DeadLetter["kind"];
  /** At most this many, newest first; default 100. */
  readonly limit?: number;
}

export interface DeadLetterCounts {
  readonly count: number;
  readonly bytes: number;
  /** Oldest ones that had to make room, ever. */
  readonly dropped: number;
}

/** When either is exceeded, the oldest are dropped and counted. */
export interface DeadLetterBounds {
  readonly maxCount: number;
  readonly maxBytes: number;
}

export const DEFAULT_DEAD_LETTER_BOUNDS: DeadLetterBounds = { maxCount: 100_000, maxBytes: 256 * 2 ** 20 };

interface DeadMeta extends DeadLetterCounts {
  readonly next: number;
}

/** Dead letters as they are on disk; reading needs no transaction of ours and works beside a running writer. */
export interface DeadLetterReader {
  list(filter?: DeadLetterFilter): readonly StoredDeadLetter[];
  get(id: string): StoredDeadLetter | undefined;
  counts(): DeadLetterCounts;
}

export function deadLetterReader(tables: JournalTables): DeadLetterReader {
  return {
    list: ({ component, kind, limit = 100 } = {}) => {
      const found: StoredDeadLetter[] = [];
      if (limit <= 0) return found;
      for (const { key, value } of tables.dead.getRange({ reverse: true })) {
        const letter = decode<DeadLetter>(tables, value, `dead letter ${String(key)}`);
        if ((component !== undefined && letter.component !== component) || (kind !== undefined && letter.kind !== kind))
          continue;
        found.push({ id: String(key), ...letter });
        if (found.length >= limit) break;
      }
      return found;
    },
    get: (id) => getDeadLetter(tables, id),
    counts: () => {
      const { count, bytes, dropped } = deadMeta(tables);
      return { count, bytes, dropped };
    },
  };
}

/** For commands that only read, beside a running Tipline or without one. */
export function openDeadLetters(dir: string): DeadLetterReader & { close(): Promise<void> } {
  const environment = openEnvironment(dir, { readOnly: true });
  return { ...deadLetterReader(openTables(environment)), close: () => environment.close() };
}

/** About how many bytes of the file they take. */
export function roomForLetters(letters: readonly DeadLetter[]): number {
  return letters.reduce(
    (sum, { finding, text, base64 }) =>
      sum + roomFor((finding === undefined ? 0 : jsonOf(finding).length) + 2 * (text ?? base64 ?? "").length),
    0,
  );
}

/** Within a transaction: adds dead letters, then drops the oldest beyond the bounds. Gives how many were dropped. */
export function addDeadLetters(
  tables: JournalTables,
  letters: readonly DeadLetter[],
  bounds: DeadLetterBounds,
): number {
  if (letters.length === 0) return 0;
  let { next, count, bytes, dropped } = deadMeta(tables);
  for (const letter of letters) {
    const value = encode(letter);
    tables.dead.putSync(next, value);
    next += 1;
    count += 1;
    bytes += value.length;
  }
  const droppedBefore = dropped;
  if (count > bounds.maxCount || bytes > bounds.maxBytes) {
    const gone: number[] = [];
    for (const { key, value } of tables.dead.getRange()) {
      if (count <= bounds.maxCount && bytes <= bounds.maxBytes) break;
      gone.push(key as number);
      count -= 1;
      bytes -= value.length;
      dropped += 1;
    }
    for (const key of gone) tables.dead.removeSync(key);
  }
  putMeta(tables, "dead", { next, count, bytes, dropped });
  return dropped - droppedBefore;
}

/** Within a transaction: removes a dead letter; false when it is not there (any more). */
export function removeDeadLetter(tables: JournalTables, id: string): boolean {
  const key = keyOf(id);
  const value = tables.dead.get(key);
  if (value === undefined) return false;
  tables.dead.removeSync(key);
  const { next, count, bytes, dropped } = deadMeta(tables);
  putMeta(tables, "dead", { next, count: count - 1, bytes: bytes - value.length, dropped });
  return true;
}

export function getDeadLetter(tables: JournalTables, id: string): StoredDeadLetter | undefined {
  const value = tables.dead.get(keyOf(id));
  return value === undefined ? undefined : { id, ...decode<DeadLetter>(tables, value, `dead letter ${id}`) };
}

/** The exact bytes of a dead record, or undefined when only its head was kept (then it cannot be replayed). */
export function recordBytes(letter: DeadLetter): Buffer | undefined {
  const bytes =
    letter.base64 !== undefined
      ? Buffer.from(letter.base64, "base64")
      : letter.text !== undefined
        ? Buffer.from(letter.text, "utf8")
        : undefined;
  return bytes === undefined || (letter.length !== undefined && letter.length !== bytes.length) ? undefined : bytes;
}

function keyOf(id: string): number {
  if (!/^[0-9]{1,15}$/.test(id))
    throw new TiplineError(
      "TIP_USAGE_INVALID",
      `expected the id of a dead letter (a number), got "${id.slice(0, 40)}"`,
    );
  return Number(id);
}

function deadMeta(tables: JournalTables): DeadMeta {
  return getMeta<DeadMeta>(tables, "dead") ?? { next: 1, count: 0, bytes: 0, dropped: 0 };
}
