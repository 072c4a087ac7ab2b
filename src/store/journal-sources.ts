import { hash } from "node:crypto";
import { TiplineError } from "../lib/errors.ts";
import type { JsonValue } from "../model/json.ts";
import { decode, encode, type JournalTables } from "./journal-tables.ts";

interface SourceRow {
  readonly checkpoint: JsonValue;
  /** Number of the range to come. */
  readonly next: number;
}

/** Checkpoints are small by contract; this is the limit that is enforced. */
const MOST_CHECKPOINT_BYTES = 64 * 1024;

export function checkpointOf(tables: JournalTables, source: string): JsonValue | undefined {
  return row(tables, source)?.checkpoint;
}

export function isCommitted(tables: JournalTables, source: string, range: string): boolean {
  return tables.ranges.get([source, "h", hashOf(range)]) !== undefined;
}

/** Within a transaction: remembers the range and the checkpoint, and forgets ranges beyond the last `keep`. */
export function putCheckpoint(
  tables: JournalTables,
  source: string,
  range: string,
  checkpoint: JsonValue,
  keep: number,
): void {
  const next = row(tables, source)?.next ?? 1;
  tables.sources.putSync(source, encode({ checkpoint, next: next + 1 } satisfies SourceRow));
  const digest = hashOf(range);
  tables.ranges.putSync([source, "n", next], Buffer.from(digest, "latin1"));
  tables.ranges.putSync([source, "h", digest], encode(next));
  const old = [...tables.ranges.getRange({ start: [source, "n", 0], end: [source, "n", next + 1 - keep] })];
  for (const { key, value } of old) {
    tables.ranges.removeSync(key);
    tables.ranges.removeSync([source, "h", value.toString("latin1")]);
  }
}

export function checkCheckpoint(source: string, checkpoint: JsonValue): void {
  const size = Buffer.byteLength(JSON.stringify(checkpoint) ?? "");
  if (size > MOST_CHECKPOINT_BYTES)
    throw new TiplineError(
      "TIP_SOURCE_FAILED",
      `expected a checkpoint of at most ${MOST_CHECKPOINT_BYTES} bytes from source ${source}, got ${size}`,
    );
}

function row(tables: JournalTables, source: string): SourceRow | undefined {
  const bytes = tables.sources.get(source);
  return bytes === undefined ? undefined : decode<SourceRow>(tables, bytes, `checkpoint of ${source}`);
}

function hashOf(range: string): string {
  return hash("sha256", range, "hex").slice(0, 40);
}
