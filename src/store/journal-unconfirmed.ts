import type { DeadLetter, Unconfirmed } from "../contract/journal.ts";
import type { Finding } from "../model/finding.ts";
import { decode, encode, getMeta, type JournalTables, putMeta } from "./journal-tables.ts";

/** `next`: number of the row to come. Rows are in the order of their last sending. */
interface UnconfirmedMeta {
  readonly next: number;
  readonly count: number;
  readonly bytes: number;
}

/** A sink name cannot be larger than any row number, so these bounds hold one sink's rows. */
const rowsOf = (sink: string) => ({ start: [sink, "q", 0], end: [sink, "q", Number.MAX_SAFE_INTEGER] });

export function unconfirmedMeta(tables: JournalTables, sink: string): UnconfirmedMeta {
  return getMeta<UnconfirmedMeta>(tables, ["unconfirmed", sink]) ?? { next: 1, count: 0, bytes: 0 };
}

/** Oldest sending first. */
export function unconfirmedRows(tables: JournalTables, sink: string, limit: number): Unconfirmed[] {
  if (limit <= 0) return [];
  return [...tables.unconfirmed.getRange({ ...rowsOf(sink), limit })].map(({ key, value }) =>
    decode<Unconfirmed>(tables, value, `unconfirmed ${String(key)}`),
  );
}

/** Within a transaction: findings were sent at `sentAt` for the `attempts`-th time. */
export function addUnconfirmed(
  tables: JournalTables,
  sink: string,
  findings: readonly Finding[],
  sentAt: number,
  attempts = 1,
): void {
  for (const finding of findings) {
    removeUnconfirmed(tables, sink, finding.id);
    const { next, count, bytes } = unconfirmedMeta(tables, sink);
    const value = encode({ finding, attempts, sentAt } satisfies Unconfirmed);
    tables.unconfirmed.putSync([sink, "q", next], value);
    tables.unconfirmed.putSync([sink, "i", finding.id], encode(next));
    putMeta(tables, ["unconfirmed", sink], { next: next + 1, count: count + 1, bytes: bytes + value.length });
  }
}

/** Within a transaction: forgets a finding; false when it was not awaited. */
export function removeUnconfirmed(tables: JournalTables, sink: string, id: string): boolean {
  const row = rowOf(tables, sink, id);
  if (row === undefined) return false;
  const value = tables.unconfirmed.get([sink, "q", row]);
  tables.unconfirmed.removeSync([sink, "q", row]);
  tables.unconfirmed.removeSync([sink, "i", id]);
  const { next, count, bytes } = unconfirmedMeta(tables, sink);
  putMeta(tables, ["unconfirmed", sink], { next, count: count - 1, bytes: bytes - (value?.length ?? 0) });
  return true;
}

/** Within a transaction: counts another sending of each id that is still awaited. */
export function resent(tables: JournalTables, sink: string, ids: readonly string[], at: number): void {
  for (const id of ids) {
    const row = rowOf(tables, sink, id);
    const value = row === undefined ? undefined : tables.unconfirmed.get([sink, "q", row]);
    if (value === undefined) continue;
    const { finding, attempts } = decode<Unconfirmed>(tables, value, `unconfirmed ${id}`);
    addUnconfirmed(tables, sink, [finding], at, attempts + 1);
  }
}

/** Within a transaction: takes the oldest rows out until at most `maxBytes` are left, as dead letters. */
export function overflow(tables: JournalTables, sink: string, maxBytes: number, time: number): DeadLetter[] {
  const letters: DeadLetter[] = [];
  while (unconfirmedMeta(tables, sink).bytes > maxBytes) {
    const rows = unconfirmedRows(tables, sink, 100);
    if (rows.length === 0) break;
    for (const { finding } of rows) {
      if (unconfirmedMeta(tables, sink).bytes <= maxBytes) break;
      removeUnconfirmed(tables, sink, finding.id);
      const reason = "sent, but not seen again; too many findings wait to be seen again";
      letters.push({ kind: "finding", component: sink, time, reason, finding });
    }
  }
  return letters;
}

function rowOf(tables: JournalTables, sink: string, id: string): number | undefined {
  const value = tables.unconfirmed.get([sink, "i", id]);
  return value === undefined ? undefined : decode<number>(tables, value, `unconfirmed ${id}`);
}
