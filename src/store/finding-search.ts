import type { DeadLetter } from "../contract/journal.ts";
import type { Finding } from "../model/finding.ts";
import { openEnvironment } from "./environment.ts";
import { jsonIn } from "./journal-streams.ts";
import { decode, type JournalTables, openTables } from "./journal-tables.ts";

/**
 * Looks for a finding by its id in all that a journal holds: what waits for sinks or to be seen again, and dead letters.
 * What every sink has taken is not there any more. Reads beside a running Tipline.
 */
export async function searchFinding(dir: string, id: string): Promise<Finding | undefined> {
  const environment = openEnvironment(dir, { readOnly: true });
  try {
    const tables = openTables(environment);
    return inDeadLetters(tables, id) ?? inStreams(tables, id);
  } finally {
    await environment.close();
  }
}

function inDeadLetters(tables: JournalTables, id: string): Finding | undefined {
  for (const { key, value } of tables.dead.getRange({ reverse: true })) {
    if (!value.includes(id)) continue;
    const { finding } = decode<DeadLetter>(tables, value, `dead letter ${String(key)}`);
    if (finding?.id === id) return finding;
  }
  return undefined;
}

function inStreams(tables: JournalTables, id: string): Finding | undefined {
  for (const [stream, table] of Object.entries(tables.streams)) {
    for (const { key, value } of table.getRange({ reverse: true })) {
      if (!value.includes(id)) continue;
      const finding = decode<Finding>(tables, jsonIn(value), `entry ${String(key)} of ${stream}`);
      if (finding.id === id) return finding;
    }
  }
  return undefined;
}
