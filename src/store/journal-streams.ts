import type { JournalEntry, StreamName } from "../contract/journal.ts";
import type { Finding } from "../model/finding.ts";
import { corrupt } from "./environment.ts";
import { type FindingCache, jsonOf } from "./finding-cache.ts";
import { decode, getMeta, type JournalTables, putMeta } from "./journal-tables.ts";

/**
 * `next`: sequence number of the entry to come; `end`: bytes of all entries ever appended; `trimmed`: every reader has passed the
 * entries up to this one, of which only those are left that a sink awaits to see again.
 */
interface StreamMeta {
  readonly next: number;
  readonly end: number;
  readonly trimmed: number;
}

/** An entry before it has a number. `to`: only this sink reads it. */
export interface NewEntry {
  readonly json: Buffer;
  readonly to?: string;
}

/** Counted for each entry beside its bytes: header and LMDB's own. */
const ENTRY_OVERHEAD = 64;

// An entry is a header and the finding's JSON. The header: float64 bytes of the stream before this entry, uint8 length of the
// name of the only reader (0 = all), that name. The running count makes "how many bytes from here on" two reads.
const HEADER = 9;

export function newEntry(finding: Finding, to?: string): NewEntry {
  const json = jsonOf(finding);
  return to === undefined ? { json } : { json, to };
}

export function sizeOf(entries: readonly NewEntry[]): number {
  return entries.reduce((sum, { json }) => sum + json.length + ENTRY_OVERHEAD, 0);
}

export function streamMeta(tables: JournalTables, stream: StreamName): StreamMeta {
  return getMeta<StreamMeta>(tables, ["stream", stream]) ?? { next: 1, end: 0, trimmed: 0 };
}

/** Within a transaction: appends entries and moves readers that stand at the end over those that are not for them. Gives the first number. */
export function append(
  tables: JournalTables,
  stream: StreamName,
  entries: readonly NewEntry[],
  readers: readonly string[],
): number {
  const { trimmed, ...meta } = streamMeta(tables, stream);
  let { next, end } = meta;
  const first = next;
  if (entries.length === 0) return first;
  const cursors = new Map(readers.map((reader) => [reader, cursorOf(tables, stream, reader)]));
  for (const { json, to } of entries) {
    const name = Buffer.from(to ?? "", "utf8");
    const header = Buffer.alloc(HEADER);
    header.writeDoubleBE(end, 0);
    header.writeUInt8(name.length, 8);
    tables.streams[stream].putSync(next, Buffer.concat([header, name, json]));
    if (to !== undefined)
      for (const [reader, cursor] of cursors) if (reader !== to && cursor === next - 1) cursors.set(reader, next);
    end += json.length + ENTRY_OVERHEAD;
    next += 1;
  }
  for (const [reader, cursor] of cursors)
    if (cursor !== cursorOf(tables, stream, reader)) setCursor(tables, stream, reader, cursor);
  putMeta(tables, ["stream", stream], { next, end, trimmed });
  return first;
}

/** Sequence number of the last entry that the reader is done with; 0 when it has read nothing. */
export function cursorOf(tables: JournalTables, stream: StreamName, reader: string): number {
  return getMeta<{ cursor: number }>(tables, ["reader", stream, reader])?.cursor ?? 0;
}

export function setCursor(tables: JournalTables, stream: StreamName, reader: string, cursor: number): void {
  putMeta(tables, ["reader", stream, reader], { cursor });
}

/** Within a transaction: moves a cursor forward, never back, and over entries for other readers. */
export function advance(tables: JournalTables, stream: StreamName, reader: string, upTo: number): void {
  const { next } = streamMeta(tables, stream);
  let cursor = Math.max(cursorOf(tables, stream, reader), Math.min(upTo, next - 1));
  while (cursor + 1 < next) {
    const bytes = tables.streams[stream].get(cursor + 1);
    if (bytes === undefined) throw corrupt(tables.environment.dir, `entry ${cursor + 1} of ${stream} is missing`);
    if (isFor(bytes, reader)) break;
    cursor += 1;
  }
  setCursor(tables, stream, reader, cursor);
}

/** Bounds of one reading: entries, and bytes of them (at least one entry is read). */
export interface ReadLimits {
  readonly limit: number;
  readonly maxBytes?: number;
}

/** The reader's entries after `after`, in order: from `cache` as long as it has them, then from the table. */
export function readAfter(
  tables: JournalTables,
  stream: StreamName,
  reader: string,
  after: number,
  { limit, maxBytes = Number.POSITIVE_INFINITY }: ReadLimits,
  cache?: FindingCache,
): JournalEntry[] {
  const entries: JournalEntry[] = [];
  let seq = after + 1;
  let size = 0;
  const take = (finding: Finding, bytes: number): boolean => {
    size += bytes;
    if (entries.length >= limit || (entries.length > 0 && size > maxBytes)) return false;
    entries.push({ seq, finding });
    return true;
  };
  for (let cached = cache?.get(stream, seq); cached !== undefined; cached = cache?.get(stream, ++seq))
    if (!take(cached, jsonOf(cached).length)) return entries;
  if (entries.length >= limit || seq >= streamMeta(tables, stream).next) return entries;
  for (const { key, value } of tables.streams[stream].getRange({ start: seq })) {
    if (key !== seq) throw corrupt(tables.environment.dir, `entry ${seq} of ${stream} is missing`);
    if (isFor(value, reader)) {
      if (!take(decode<Finding>(tables, jsonIn(value), `entry ${seq} of ${stream}`), value.length)) break;
    }
    seq += 1;
    if (entries.length >= limit) break;
  }
  return entries;
}

/** Live bytes from the entry after `after` to the end. */
export function bytesAfter(tables: JournalTables, stream: StreamName, after: number): number {
  const { next, end } = streamMeta(tables, stream);
  if (after + 1 >= next) return 0;
  const bytes = tables.streams[stream].get(after + 1);
  return bytes === undefined ? 0 : end - bytes.readDoubleBE(0);
}

/** Live bytes of a stream: what its slowest reader still has to read. */
export function liveBytes(tables: JournalTables, stream: StreamName): number {
  return bytesAfter(tables, stream, streamMeta(tables, stream).trimmed);
}

/** Within a transaction: deletes what every one of `readers` has passed and nobody keeps. */
export function trim(tables: JournalTables, stream: StreamName, readers: readonly string[]): void {
  const meta = streamMeta(tables, stream);
  const passed = readers.reduce((least, reader) => Math.min(least, cursorOf(tables, stream, reader)), meta.next - 1);
  if (passed <= meta.trimmed) return;
  for (let seq = meta.trimmed + 1; seq <= passed; seq++)
    if (stream === "raw" || !tables.unconfirmed.keeps(seq)) tables.streams[stream].removeSync(seq);
  putMeta(tables, ["stream", stream], { ...meta, trimmed: passed });
}

/** Within a transaction: deletes an entry of `out` that a sink awaits no more, when nobody else needs it. */
export function letGo(tables: JournalTables, seq: number): void {
  if (seq <= streamMeta(tables, "out").trimmed && !tables.unconfirmed.keeps(seq)) tables.streams.out.removeSync(seq);
}

/** Whether `out` has the entry. */
export function isThere(tables: JournalTables, seq: number): boolean {
  return seq > streamMeta(tables, "out").trimmed || tables.unconfirmed.keeps(seq);
}

/** The finding of an entry of `out` that is read or kept. */
export function findingAt(tables: JournalTables, seq: number): Finding {
  const value = tables.streams.out.get(seq);
  if (value === undefined) throw corrupt(tables.environment.dir, `entry ${seq} of out is missing`);
  return decode<Finding>(tables, jsonIn(value), `entry ${seq} of out`);
}

/** The finding's JSON in an entry. */
export function jsonIn(entry: Uint8Array): Uint8Array {
  return entry.subarray(HEADER + (entry[8] ?? 0));
}

function isFor(entry: Uint8Array, reader: string): boolean {
  const length = entry[8] ?? 0;
  if (length === 0) return true;
  return Buffer.from(entry.buffer, entry.byteOffset + HEADER, length).toString("utf8") === reader;
}
