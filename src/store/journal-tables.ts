import type { StreamName } from "../contract/journal.ts";
import type { Finding } from "../model/finding.ts";
import type { JsonValue } from "../model/json.ts";
import { corrupt, type Environment, type Key, type Table } from "./environment.ts";

/**
 * Tables of a journal's environment. Everything is kept in them and nothing beside them in memory, so that a transaction that
 * fails takes its whole effect back.
 *
 * `meta`: JSON under `format`, `["stream", name]`, `["reader", stream, name]`, `["unconfirmed", sink]`, `dead` ·
 * `raw`, `out`: entries by sequence number · `sources`: checkpoint by source · `ranges`: `[source, "n", n]` → hash and
 * `[source, "h", hash]` → n · `state`: `[stage, n]` → `[key, value]` ·
 * `unconfirmed`: `[sink, "q", n]` → number in `out` and attempts, `[sink, "i", id]` → n · `kept`: `[number in out, sink]`, entries
 * that a sink awaits to see again · `dead`: dead letters by number
 */
export interface JournalTables {
  readonly environment: Environment;
  readonly meta: Table;
  readonly streams: Readonly<Record<StreamName, Table>>;
  readonly sources: Table;
  readonly ranges: Table;
  readonly state: Table;
  readonly unconfirmed: Table;
  readonly kept: Table;
  readonly dead: Table;
}

export function openTables(environment: Environment): JournalTables {
  return {
    environment,
    meta: environment.table("meta"),
    streams: { raw: environment.table("raw"), out: environment.table("out") },
    sources: environment.table("sources"),
    ranges: environment.table("ranges"),
    state: environment.table("state"),
    unconfirmed: environment.table("unconfirmed"),
    kept: environment.table("kept"),
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
  try {
    return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")) as T;
  } catch (cause) {
    throw corrupt(tables.environment.dir, `${what} cannot be read`, cause);
  }
}

/** JSON under a key of `meta`, or undefined. */
export function getMeta<T extends object>(tables: JournalTables, key: Key): T | undefined {
  const bytes = tables.meta.get(key);
  return bytes === undefined ? undefined : decode<T>(tables, bytes, `meta ${String(key)}`);
}

export function putMeta(tables: JournalTables, key: Key, value: object): void {
  tables.meta.putSync(key, encode(value));
}

/** The first key of a table within bounds, or undefined. */
export function firstKey(table: Table, range: { start?: Key; end?: Key; reverse?: boolean } = {}): Key | undefined {
  for (const key of table.getKeys({ ...range, limit: 1 })) return key;
  return undefined;
}
