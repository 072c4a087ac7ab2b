import type { DeadLetter } from "../contract/journal.ts";
import { TiplineError } from "../lib/errors.ts";
import { addDeadLetters, type DeadLetterBounds } from "./dead-letter.ts";
import { corrupt } from "./environment.ts";
import type { JournalReader, Spill } from "./journal-room.ts";
import { advance, cursorOf, readAfter, setCursor, streamMeta, trim } from "./journal-streams.ts";
import { firstKey, getMeta, type JournalTables, putMeta } from "./journal-tables.ts";
import { overflow } from "./journal-unconfirmed.ts";

/** What of format 3 is written otherwise now is read as well. */
const FORMAT = 4;
const READ = new Set([3, FORMAT]);
const CHUNK = 256;

/**
 * Within a transaction: makes the tables fit the configuration. A new stage starts at the oldest entry, a new sink with what
 * comes from now on. What a sink that is gone had not received becomes dead letters under its name, since nobody would
 * ever read it; the counts are returned.
 */
export function registerReaders(
  tables: JournalTables,
  readers: readonly JournalReader[],
  bounds: DeadLetterBounds,
  time: number,
): { readonly retired: readonly Spill[]; readonly dropped: number } {
  checkFormat(tables);
  checkNames(readers);
  const known = new Set(readers.map(({ stream, name }) => `${stream} ${name}`));
  const retired: Spill[] = [];
  let dropped = 0;
  for (const { stream, name } of registered(tables)) {
    if (known.has(`${stream} ${name}`)) continue;
    if (stream === "out") {
      const outcome = retire(tables, name, bounds, time);
      dropped += outcome.dropped;
      if (outcome.count > 0) retired.push({ sink: name, count: outcome.count });
    }
    tables.meta.remove(["reader", stream, name]);
  }
  for (const { stream, name } of readers) {
    if (tables.meta.get(["reader", stream, name]) !== undefined) continue;
    const oldest = firstKey(tables.streams[stream]);
    const end = streamMeta(tables, stream).next - 1;
    setCursor(tables, stream, name, stream === "raw" && typeof oldest === "number" ? oldest - 1 : end);
  }
  for (const stream of ["raw", "out"] as const) {
    const names = readers.filter((reader) => reader.stream === stream).map(({ name }) => name);
    // A stream that nobody reads (no stage yet) keeps what it has.
    if (names.length > 0) trim(tables, stream, names);
  }
  return { retired, dropped };
}

function retire(tables: JournalTables, sink: string, bounds: DeadLetterBounds, time: number) {
  const reason = "the sink is no longer configured";
  let count = 0;
  let dropped = 0;
  for (;;) {
    const entries = readAfter(tables, "out", sink, cursorOf(tables, "out", sink), { limit: CHUNK });
    const last = entries.at(-1);
    if (last === undefined) break;
    const letters = entries.map(
      ({ finding }): DeadLetter => ({ kind: "finding", component: sink, time, reason, finding }),
    );
    dropped += addDeadLetters(tables, letters, bounds);
    advance(tables, "out", sink, last.seq);
    count += entries.length;
  }
  const awaited = overflow(tables, sink, 0, time);
  dropped += addDeadLetters(tables, awaited, bounds);
  return { count: count + awaited.length, dropped };
}

function registered(tables: JournalTables): { stream: "raw" | "out"; name: string }[] {
  return tables.meta
    .keys()
    .flatMap((key) =>
      Array.isArray(key) && key[0] === "reader" && (key[1] === "raw" || key[1] === "out")
        ? [{ stream: key[1], name: String(key[2]) }]
        : [],
    );
}

function checkFormat(tables: JournalTables): void {
  const format = getMeta<{ version: number }>(tables, "format");
  if (format !== undefined && !READ.has(format.version))
    throw corrupt(tables.environment.dir, `journal format ${format.version}; this Tipline writes format ${FORMAT}`);
  if (format?.version !== FORMAT) putMeta(tables, "format", { version: FORMAT });
}

/** Names are part of keys (LMDB's limit is 1,978 bytes) and of entry headers (255 bytes). */
function checkNames(readers: readonly JournalReader[]): void {
  const seen = new Set<string>();
  for (const { name } of readers) {
    if (name === "" || Buffer.byteLength(name) > 200 || name.includes("\0"))
      throw new TiplineError(
        "TIP_CONFIG_INVALID",
        `expected a reader name of 1 to 200 bytes, got "${name.slice(0, 40)}"`,
      );
    if (seen.has(name)) throw new TiplineError("TIP_CONFIG_INVALID", `two readers of the journal are named "${name}"`);
    seen.add(name);
  }
}
