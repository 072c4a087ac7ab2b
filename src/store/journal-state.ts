import type { JsonValue } from "../model/json.ts";
import { decode, encode, type JournalTables } from "./journal-tables.ts";

/** A key with its value from now on; without a value it is removed. */
type Entry = readonly [key: string, value?: JsonValue];

interface Row {
  readonly number: number;
  readonly entries: number;
  /** How many of them are what their keys have now. */
  live: number;
}

const MOST_IN_ROW = 64;
/** So many entries that no longer count are kept, or as many as do count: taking them out writes others anew. */
const MOST_STALE = 1024;

/**
 * The state of one stage, as a log: `[stage, n]` → entries that were put together, of which the last for a key counts. A row for each key
 * would be most of what a transaction looks for and touches. Rows are taken away from the oldest on only, what still counts in them being
 * put again: so an entry that removes a key is there for as long as one that has it.
 */
export class StageState {
  readonly #tables: JournalTables;
  readonly #stage: string;
  /** Oldest first. */
  readonly #rows: Row[] = [];
  /** Where a key's value is. */
  readonly #places = new Map<string, Row>();
  #next = 0;
  /** Of all rows. */
  #entries = 0;

  constructor(tables: JournalTables, stage: string) {
    this.#tables = tables;
    this.#stage = stage;
    for (const [number, entries] of this.#stored()) this.#take(number, entries);
  }

  /**
   * Within a transaction: puts values, and removes those that are undefined. Nothing of it holds before what it gives was called, once
   * the transaction is on disk; until then it is not to be called again.
   */
  put(changed: ReadonlyMap<string, JsonValue | undefined>): () => void {
    const entries: Entry[] = [];
    for (const [key, value] of changed) {
      if (value !== undefined) entries.push([key, value]);
      else if (this.#places.has(key)) entries.push([key]);
    }
    const gone = this.#clear(changed, entries);
    const added: Entry[][] = [];
    for (let first = 0; first < entries.length; first += MOST_IN_ROW) {
      const row = entries.slice(first, first + MOST_IN_ROW);
      this.#tables.state.putSync([this.#stage, this.#next + added.length], encode(row));
      added.push(row);
    }
    return () => {
      for (const { entries } of this.#rows.splice(0, gone)) this.#entries -= entries;
      for (const row of added) this.#take(this.#next, row);
    };
  }

  *entries(): Generator<readonly [string, JsonValue]> {
    for (const [number, entries] of this.#stored())
      for (const [key, value] of entries)
        if (value !== undefined && this.#places.get(key)?.number === number) yield [key, value];
  }

  /** Removes oldest rows and adds to `entries` what counts in them, but little at once. Gives how many rows. */
  #clear(changed: ReadonlyMap<string, JsonValue | undefined>, entries: Entry[]): number {
    const most = 2 * entries.length + MOST_IN_ROW;
    let left = this.#entries;
    let gone = 0;
    for (const row of this.#rows) {
      const isDue = row.live === 0 || left > 2 * this.#places.size + MOST_STALE;
      if (!isDue || entries.length > most) break;
      if (row.live > 0)
        for (const [key, value] of this.#read(row.number))
          if (value !== undefined && this.#places.get(key) === row && !changed.has(key)) entries.push([key, value]);
      this.#tables.state.removeSync([this.#stage, row.number]);
      left -= row.entries;
      gone += 1;
    }
    return gone;
  }

  #take(number: number, entries: readonly Entry[]): void {
    const row: Row = { number, entries: entries.length, live: 0 };
    for (const [key, value] of entries) {
      const before = this.#places.get(key);
      if (before !== undefined) before.live -= 1;
      if (value === undefined) this.#places.delete(key);
      else {
        this.#places.set(key, row);
        row.live += 1;
      }
    }
    this.#rows.push(row);
    this.#entries += row.entries;
    this.#next = number + 1;
  }

  #read(number: number): readonly Entry[] {
    const bytes = this.#tables.state.get([this.#stage, number]);
    return bytes === undefined ? [] : this.#decoded(bytes);
  }

  *#stored(): Generator<readonly [number, readonly Entry[]]> {
    const range = { start: [this.#stage, 0], end: [this.#stage, Number.MAX_SAFE_INTEGER] };
    for (const { key, value } of this.#tables.state.getRange(range))
      yield [(key as [string, number])[1], this.#decoded(value)];
  }

  #decoded(bytes: Uint8Array): readonly Entry[] {
    const stored = decode<readonly JsonValue[]>(this.#tables, bytes, `state of ${this.#stage}`);
    // Format 3 had a row for each key.
    return (typeof stored[0] === "string" ? [stored] : stored) as unknown as readonly Entry[];
  }
}
