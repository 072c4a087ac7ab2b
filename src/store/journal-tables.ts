import type { StreamName } from "../contract/journal.ts";
import type { Finding } from "../model/finding.ts";
import type { JsonValue } from "../model/json.ts";
import { corrupt, type Environment, type Key, type Table } from "./environment.ts";
import { StageStates } from "./journal-state.ts";
import { MetaRows } from "./meta-rows.ts";
import { mirroring } from "./mirror.ts";
import { SourceRows } from "./source-rows.ts";
import { UnconfirmedRows } from "./unconfirmed-rows.ts";

/**
 * Tables of a journal's environment. Everything is kept in them; what is held in memory beside them (`Mirror`) is given up when a
 * transaction fails, so that its whole effect is taken back.
 *
 * `meta`: JSON under `format`, `["stream", name]`, `["reader", stream, name]`, `dead` ·
 * `raw`, `out`: entries by sequence number · `sources`: checkpoint by source · `ranges`: `[source, "n", n]` → hash ·
 * `state`: `[stage, n]` → what changed together, `[key, value]` or `[key]` ·
 * `unconfirmed`: `[sink, n]` → findings that were sent together, by their numbers in `out` · `dead`: dead letters by number
 */
export interface JournalTables {
  readonly environment: Environment;
  readonly meta: MetaRows;
  readonly streams: Readonly<Record<StreamName, Table>>;
  /** With `ranges`. */
  readonly sources: SourceRows;
  readonly states: StageStates;
  readonly unconfirmed: UnconfirmedRows;
  readonly dead: Table;
}

export function openTables(environment: Environment): JournalTables {
  const decoded = (bytes: Uint8Array, what: string) => decodeIn<object>(environment.dir, bytes, what);
  const meta = new MetaRows(environment.table("meta"), decoded);
  const unconfirmed = new UnconfirmedRows(environment.table("unconfirmed"), decoded);
  const sources = new SourceRows(environment.table("sources"), environment.table("ranges"), decoded);
  const states = new StageStates(environment.table("state"), (bytes, what) => {
    if (bytes === undefined) throw corrupt(environment.dir, `a row of the ${what} is missing`);
    return decoded(bytes, what);
  });
  return {
    environment: mirroring(environment, [meta, sources, states, unconfirmed]),
    meta,
    streams: { raw: environment.table("raw"), out: environment.table("out") },
    sources,
    states,
    unconfirmed,
    dead: environment.table("dead"),
  };
}

/** JSON of a value as it is stored. */
export function encode(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), "utf8");
}

/** A stored value, trusted for its type (Tipline wrote it) but not for being whole. */
export function decode<T extends object | JsonValue | Finding>(
  tables: JournalTables,
  bytes: Uint8Array,
  what: string,
): T {
  return decodeIn<T>(tables.environment.dir, bytes, what);
}

function decodeIn<T>(dir: string, bytes: Uint8Array, what: string): T {
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")) as T;
  } catch (cause) {
    throw corrupt(dir, `${what} cannot be read`, cause);
  }
}

/** JSON under a key of `meta`, or undefined. */
export function getMeta<T extends object>(tables: JournalTables, key: Key): T | undefined {
  return tables.meta.get<T>(key);
}

export function putMeta(tables: JournalTables, key: Key, value: object): void {
  tables.meta.put(key, value);
}

/** The first key of a table within bounds, or undefined. */
export function firstKey(table: Table, range: { start?: Key; end?: Key; reverse?: boolean } = {}): Key | undefined {
  for (const key of table.getKeys({ ...range, limit: 1 })) return key;
  return undefined;
}
