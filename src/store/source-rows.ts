import { hash } from "node:crypto";
import { TiplineError } from "../lib/errors.ts";
import type { JsonValue } from "../model/json.ts";
import type { Table } from "./environment.ts";
import type { Mirror } from "./mirror.ts";

/** A row of the table `sources`. */
interface Stored {
  readonly checkpoint: JsonValue;
  /** Number of the range to come. */
  readonly next: number;
}

interface SourceRow {
  next: number;
  /** Hashes of the ranges that are remembered, oldest first; the newest has the number before `next`. */
  ranges: string[];
  /** So many at the front of `ranges` are forgotten: to take each out would move all others. */
  forgotten: number;
  readonly known: Set<string>;
}

/** Checkpoints are small by contract; this is the limit that is enforced. */
const MOST_CHECKPOINT_BYTES = 64 * 1024;

/**
 * The tables `sources` (checkpoint by source) and `ranges` (`[source, "n", n]` → hash of what was committed n-th). Which hash has which
 * number is known in memory only: by hash, each commit would change two more pages somewhere.
 */
export class SourceRows implements Mirror {
  readonly #sources: Table;
  readonly #ranges: Table;
  readonly #decode: (bytes: Uint8Array, what: string) => object;
  #held = new Map<string, SourceRow>();

  constructor(sources: Table, ranges: Table, decode: (bytes: Uint8Array, what: string) => object) {
    this.#sources = sources;
    this.#ranges = ranges;
    this.#decode = decode;
  }

  checkpoint(source: string): JsonValue | undefined {
    return this.#stored(source)?.checkpoint;
  }

  isCommitted(source: string, range: string): boolean {
    return this.#of(source).known.has(hashOf(range));
  }

  /** Within a transaction: remembers the range and the checkpoint, and forgets ranges beyond the last `keep`. */
  put(source: string, range: string, checkpoint: JsonValue, keep: number): void {
    const row = this.#of(source);
    const { next, ranges } = row;
    const digest = hashOf(range);
    this.#sources.putSync(source, encoded({ checkpoint, next: next + 1 }));
    this.#ranges.putSync([source, "n", next], Buffer.from(digest, "latin1"));
    ranges.push(digest);
    row.known.add(digest);
    row.next = next + 1;
    for (; ranges.length - row.forgotten > keep; row.forgotten++) {
      this.#ranges.removeSync([source, "n", row.next - ranges.length + row.forgotten]);
      row.known.delete(ranges[row.forgotten] as string);
    }
    if (row.forgotten > keep) {
      row.ranges = ranges.slice(row.forgotten);
      row.forgotten = 0;
    }
  }

  begin(): void {
    // Read when it is wanted.
  }

  flush(): void {
    // Written as it is put.
  }

  commit(): void {
    // What is held is so already.
  }

  forget(): void {
    this.#held = new Map();
  }

  #of(source: string): SourceRow {
    let row = this.#held.get(source);
    if (row === undefined) {
      const ranges = this.#rangesOf(source);
      row = { next: this.#stored(source)?.next ?? 1, ranges, forgotten: 0, known: new Set(ranges) };
      this.#held.set(source, row);
    }
    return row;
  }

  #stored(source: string): Stored | undefined {
    const bytes = this.#sources.get(source);
    return bytes === undefined ? undefined : (this.#decode(bytes, `checkpoint of ${source}`) as Stored);
  }

  #rangesOf(source: string): string[] {
    const bounds = { start: [source, "n", 0], end: [source, "n", Number.MAX_SAFE_INTEGER] };
    return Array.from(this.#ranges.getRange(bounds), ({ value }) => value.toString("latin1"));
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

function encoded(row: Stored): Buffer {
  return Buffer.from(JSON.stringify(row), "utf8");
}

function hashOf(range: string): string {
  return hash("sha256", range, "hex").slice(0, 40);
}
