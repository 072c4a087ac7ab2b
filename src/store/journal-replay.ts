import type { DeadLetter } from "../contract/journal.ts";
import type { Finding } from "../model/finding.ts";
import { addDeadLetters, type DeadLetterBounds, getDeadLetter, removeDeadLetter } from "./dead-letter.ts";
import { append, newEntry } from "./journal-streams.ts";
import type { JournalTables } from "./journal-tables.ts";

/** What came of handing a dead record to the pipeline again. */
export interface ReplayedRecord {
  readonly findings: readonly Finding[];
  readonly deadLetters: readonly DeadLetter[];
}

/** Within a transaction: puts dead findings back for one of `sinks` only (`sink`, or the one they were of). Gives the ids put back. */
export function replayFindings(
  tables: JournalTables,
  ids: readonly string[],
  sinks: readonly string[],
  sink: string | undefined,
): readonly string[] {
  return ids.filter((id) => {
    const letter = getDeadLetter(tables, id);
    const to = sink ?? letter?.component;
    if (letter?.finding === undefined || to === undefined || !sinks.includes(to)) return false;
    removeDeadLetter(tables, id);
    append(tables, "out", [newEntry(letter.finding, to)], sinks);
    return true;
  });
}

/** Within a transaction: replaces a dead record by what it comes to now; false when it is gone. `stages`: readers of `raw`. */
export function replayRecord(
  tables: JournalTables,
  id: string,
  { findings, deadLetters }: ReplayedRecord,
  stages: readonly string[],
  bounds: DeadLetterBounds,
): boolean {
  if (!removeDeadLetter(tables, id)) return false;
  append(
    tables,
    "raw",
    findings.map((finding) => newEntry(finding)),
    stages,
  );
  addDeadLetters(tables, deadLetters, bounds);
  return true;
}
