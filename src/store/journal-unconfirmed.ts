import type { DeadLetter, JournalEntry, Unconfirmed } from "../contract/journal.ts";
import { jsonOf } from "./finding-cache.ts";
import { findingAt, isThere, keep, letGo } from "./journal-streams.ts";
import { decode, encode, getMeta, type JournalTables, putMeta } from "./journal-tables.ts";

/** `next`: number of the row to come. Rows are in the order of their last sending. */
interface UnconfirmedMeta {
  next: number;
  count: number;
  bytes: number;
}

/** The finding itself stays in `out`: written twice, it would be most of what a journal writes. */
interface Row {
  readonly id: string;
  /** Of the entry in `out`, and what it counts for. */
  readonly seq: number;
  readonly bytes: number;
  readonly attempts: number;
  readonly sentAt: number;
}

/** Counted for each row beside its entry's bytes. */
const ROW_BYTES = 128;

const rowsOf = (sink: string) => ({ start: [sink, "q", 0], end: [sink, "q", Number.MAX_SAFE_INTEGER] });

export function unconfirmedMeta(tables: JournalTables, sink: string): Readonly<UnconfirmedMeta> {
  return getMeta<UnconfirmedMeta>(tables, ["unconfirmed", sink]) ?? { next: 1, count: 0, bytes: 0 };
}

/** Oldest sending first. */
export function unconfirmedRows(tables: JournalTables, sink: string, limit: number): Unconfirmed[] {
  if (limit <= 0) return [];
  return [...tables.unconfirmed.getRange({ ...rowsOf(sink), limit })].map(({ key, value }) => {
    const { seq, attempts, sentAt } = decode<Row>(tables, value, `unconfirmed ${String(key)}`);
    return { finding: findingAt(tables, seq), attempts, sentAt };
  });
}

/**
 * Within a transaction: entries of `out` were sent at `sentAt` for the first time. One that went to the dead letter meanwhile, to make
 * room, is not awaited.
 */
export function addUnconfirmed(
  tables: JournalTables,
  sink: string,
  entries: readonly JournalEntry[],
  sentAt: number,
): void {
  change(tables, sink, (meta) => {
    for (const { seq, finding } of entries) {
      if (!isThere(tables, seq)) continue;
      remove(tables, sink, meta, finding.id);
      const bytes = jsonOf(finding).length + ROW_BYTES;
      put(tables, sink, meta, { id: finding.id, seq, bytes, attempts: 1, sentAt });
    }
  });
}

/** Within a transaction: forgets findings; gives the ids that were awaited. */
export function removeUnconfirmed(tables: JournalTables, sink: string, ids: readonly string[]): string[] {
  return change(tables, sink, (meta) => ids.filter((id) => remove(tables, sink, meta, id)));
}

/** Within a transaction: counts another sending of each id that is still awaited. */
export function resent(tables: JournalTables, sink: string, ids: readonly string[], at: number): void {
  change(tables, sink, (meta) => {
    for (const id of ids) {
      const row = take(tables, sink, meta, id);
      if (row !== undefined) put(tables, sink, meta, { ...row, attempts: row.attempts + 1, sentAt: at });
    }
  });
}

/** Within a transaction: takes the oldest rows out until at most `maxBytes` are left, as dead letters. */
export function overflow(tables: JournalTables, sink: string, maxBytes: number, time: number): DeadLetter[] {
  const reason = "sent, but not seen again; too many findings wait to be seen again";
  return change(tables, sink, (meta) => {
    const letters: DeadLetter[] = [];
    while (meta.bytes > maxBytes) {
      const rows = unconfirmedRows(tables, sink, 100);
      if (rows.length === 0) break;
      for (const { finding } of rows) {
        if (meta.bytes <= maxBytes) break;
        remove(tables, sink, meta, finding.id);
        letters.push({ kind: "finding", component: sink, time, reason, finding });
      }
    }
    return letters;
  });
}

/** Reads the counts once and writes them once, whatever `act` does to the rows. */
function change<T>(tables: JournalTables, sink: string, act: (meta: UnconfirmedMeta) => T): T {
  const before = unconfirmedMeta(tables, sink);
  const meta = { ...before };
  const result = act(meta);
  if (meta.next !== before.next || meta.count !== before.count) putMeta(tables, ["unconfirmed", sink], meta);
  return result;
}

function put(tables: JournalTables, sink: string, meta: UnconfirmedMeta, row: Row): void {
  tables.unconfirmed.putSync([sink, "q", meta.next], encode(row));
  tables.unconfirmed.putSync([sink, "i", row.id], encode(meta.next));
  keep(tables, row.seq, sink);
  meta.next += 1;
  meta.count += 1;
  meta.bytes += row.bytes;
}

/** False when the id is not awaited. */
function remove(tables: JournalTables, sink: string, meta: UnconfirmedMeta, id: string): boolean {
  const row = take(tables, sink, meta, id);
  if (row !== undefined) letGo(tables, row.seq, sink);
  return row !== undefined;
}

/** Takes a row out and leaves its entry kept. */
function take(tables: JournalTables, sink: string, meta: UnconfirmedMeta, id: string): Row | undefined {
  const index = tables.unconfirmed.get([sink, "i", id]);
  if (index === undefined) return undefined;
  const at = decode<number>(tables, index, `unconfirmed ${id}`);
  const value = tables.unconfirmed.get([sink, "q", at]);
  tables.unconfirmed.removeSync([sink, "q", at]);
  tables.unconfirmed.removeSync([sink, "i", id]);
  meta.count -= 1;
  if (value === undefined) return undefined;
  const row = decode<Row>(tables, value, `unconfirmed ${id}`);
  meta.bytes -= row.bytes;
  return row;
}
