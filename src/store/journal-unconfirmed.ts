import type { DeadLetter, Unconfirmed } from "../contract/journal.ts";
import type { Finding } from "../model/finding.ts";
import { jsonOf } from "./finding-cache.ts";
import { decode, encode, getMeta, type JournalTables, putMeta } from "./journal-tables.ts";

/** `next`: number of the row to come. Rows are in the order of their last sending. */
interface UnconfirmedMeta {
  next: number;
  count: number;
  bytes: number;
}

const rowsOf = (sink: string) => ({ start: [sink, "q", 0], end: [sink, "q", Number.MAX_SAFE_INTEGER] });

export function unconfirmedMeta(tables: JournalTables, sink: string): Readonly<UnconfirmedMeta> {
  return getMeta<UnconfirmedMeta>(tables, ["unconfirmed", sink]) ?? { next: 1, count: 0, bytes: 0 };
}

/** Oldest sending first. */
export function unconfirmedRows(tables: JournalTables, sink: string, limit: number): Unconfirmed[] {
  if (limit <= 0) return [];
  return [...tables.unconfirmed.getRange({ ...rowsOf(sink), limit })].map(({ key, value }) =>
    decode<Unconfirmed>(tables, value, `unconfirmed ${String(key)}`),
  );
}

/** Within a transaction: findings were sent at `sentAt` for the first time. */
export function addUnconfirmed(
  tables: JournalTables,
  sink: string,
  findings: readonly Finding[],
  sentAt: number,
): void {
  change(tables, sink, (meta) => {
    for (const finding of findings) put(tables, sink, meta, finding, 1, sentAt);
  });
}

/** Within a transaction: forgets findings; gives the ids that were awaited. */
export function removeUnconfirmed(tables: JournalTables, sink: string, ids: readonly string[]): string[] {
  return change(tables, sink, (meta) => ids.filter((id) => remove(tables, sink, meta, id) !== undefined));
}

/** Within a transaction: counts another sending of each id that is still awaited. */
export function resent(tables: JournalTables, sink: string, ids: readonly string[], at: number): void {
  change(tables, sink, (meta) => {
    for (const id of ids) {
      const value = remove(tables, sink, meta, id);
      if (value === undefined) continue;
      const { finding, attempts } = decode<Unconfirmed>(tables, value, `unconfirmed ${id}`);
      put(tables, sink, meta, finding, attempts + 1, at);
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

function put(
  tables: JournalTables,
  sink: string,
  meta: UnconfirmedMeta,
  finding: Finding,
  attempts: number,
  sentAt: number,
): void {
  remove(tables, sink, meta, finding.id);
  // The same as encode({ attempts, sentAt, finding }), without making the finding's JSON anew.
  const head = Buffer.from(`{"attempts":${attempts},"sentAt":${JSON.stringify(sentAt)},"finding":`, "latin1");
  const value = Buffer.concat([head, jsonOf(finding), Buffer.from("}", "latin1")]);
  tables.unconfirmed.putSync([sink, "q", meta.next], value);
  tables.unconfirmed.putSync([sink, "i", finding.id], encode(meta.next));
  meta.next += 1;
  meta.count += 1;
  meta.bytes += value.length;
}

function remove(tables: JournalTables, sink: string, meta: UnconfirmedMeta, id: string): Buffer | undefined {
  const index = tables.unconfirmed.get([sink, "i", id]);
  if (index === undefined) return undefined;
  const row = decode<number>(tables, index, `unconfirmed ${id}`);
  const value = tables.unconfirmed.get([sink, "q", row]);
  tables.unconfirmed.removeSync([sink, "q", row]);
  tables.unconfirmed.removeSync([sink, "i", id]);
  meta.count -= 1;
  meta.bytes -= value?.length ?? 0;
  return value;
}
