import type { DeadLetter, JournalEntry, Unconfirmed } from "../contract/journal.ts";
import { jsonOf } from "./finding-cache.ts";
import { findingAt, isThere, letGo } from "./journal-streams.ts";
import type { JournalTables } from "./journal-tables.ts";
import type { Sent } from "./unconfirmed-rows.ts";

/** Counted for each finding beside its entry's bytes. */
const OVERHEAD = 128;

/** Oldest sending first. */
export function unconfirmedRows(tables: JournalTables, sink: string, limit: number): Unconfirmed[] {
  const found: Unconfirmed[] = [];
  if (limit <= 0) return found;
  for (const { seq, attempts, sentAt } of tables.unconfirmed.list(sink)) {
    found.push({ finding: findingAt(tables, seq), attempts, sentAt });
    if (found.length >= limit) break;
  }
  return found;
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
  const sent = new Map<string, Sent>();
  for (const { seq, finding } of entries) {
    if (!isThere(tables, seq)) continue;
    const before = sent.get(finding.id);
    sent.set(finding.id, { id: finding.id, seq, bytes: jsonOf(finding).length + OVERHEAD });
    remove(tables, sink, finding.id);
    if (before !== undefined) letGo(tables, before.seq);
  }
  tables.unconfirmed.add(sink, [...sent.values()], { attempts: 1, sentAt });
}

/** Within a transaction: forgets findings; gives the ids that were awaited. */
export function removeUnconfirmed(tables: JournalTables, sink: string, ids: readonly string[]): string[] {
  return ids.filter((id) => remove(tables, sink, id));
}

/** Within a transaction: counts another sending of each id that is still awaited. */
export function resent(tables: JournalTables, sink: string, ids: readonly string[], at: number): void {
  const byAttempts = new Map<number, Sent[]>();
  for (const id of ids) {
    const taken = tables.unconfirmed.take(sink, id);
    if (taken === undefined) continue;
    const { attempts, seq, bytes } = taken;
    const sent = byAttempts.get(attempts + 1) ?? [];
    byAttempts.set(attempts + 1, sent);
    sent.push({ id, seq, bytes });
  }
  for (const [attempts, sent] of byAttempts) tables.unconfirmed.add(sink, sent, { attempts, sentAt: at });
}

/** Within a transaction: takes the oldest out until at most `maxBytes` are left, as dead letters. */
export function overflow(tables: JournalTables, sink: string, maxBytes: number, time: number): DeadLetter[] {
  const reason = "sent, but not seen again; too many findings wait to be seen again";
  const letters: DeadLetter[] = [];
  while (tables.unconfirmed.counts(sink).bytes > maxBytes) {
    const rows = unconfirmedRows(tables, sink, 100);
    if (rows.length === 0) break;
    for (const { finding } of rows) {
      if (tables.unconfirmed.counts(sink).bytes <= maxBytes) break;
      remove(tables, sink, finding.id);
      letters.push({ kind: "finding", component: sink, time, reason, finding });
    }
  }
  return letters;
}

/** False when the id is not awaited. */
function remove(tables: JournalTables, sink: string, id: string): boolean {
  const taken = tables.unconfirmed.take(sink, id);
  if (taken !== undefined) letGo(tables, taken.seq);
  return taken !== undefined;
}
