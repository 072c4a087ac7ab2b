import { TiplineError } from "../lib/errors.ts";
import type { JsonValue } from "../model/json.ts";
import type { Table } from "./environment.ts";
import type { Mirror } from "./mirror.ts";

/** A key with its value from now on; without a value it is removed. */
type Entry = readonly [key: string, value?: JsonValue];

interface Row {
  readonly number: number;
  readonly entries: number;
  /** How many of them are what their keys have now. */
  live: number;
}

type Decode = (bytes: Uint8Array | undefined, what: string) => object;

const MOST_IN_ROW = 64;
/** So many entries that no longer count are kept, or as many as do count: taking them out writes others anew. */
const MOST_STALE = 1024;
/** What is cleared away in one transaction, at most: rows, and bytes of rows of which some is put again. */
const MOST_ROWS_CLEARED = 256;
const MOST_BYTES_CLEARED = 128 * 1024;

/** The table `state`: `[stage, n]` → what changed together, `[key, value]` or `[key]`. */
export class StageStates implements Mirror {
  readonly #table: Table;
  readonly #decode: Decode;
  readonly #states = new Map<string, StageState>();

  /** `decode` throws for a row that is not there. */
  constructor(table: Table, decode: Decode) {
    this.#table = table;
    this.#decode = decode;
  }

  of(stage: string): StageState {
    let state = this.#states.get(stage);
    if (state === undefined) {
      state = new StageState(this.#table, this.#decode, stage);
      this.#states.set(stage, state);
    }
    return state;
  }

  begin(): void {
    // What holds is what is on disk.
  }

  flush(): void {
    // Written as it is put.
  }

  commit(): void {
    for (const state of this.#states.values()) state.settle(true);
  }

  forget(): void {
    for (const state of this.#states.values()) state.settle(false);
  }
}

/**
 * The state of one stage, as a log of entries of which the last for a key counts. A row for each key would be most of what a transaction
 * looks for and touches. Rows are taken away from the oldest on only, what still counts in them being put again: so an entry that removes
 * a key is there for as long as one that has it.
 */
export class StageState {
  readonly #table: Table;
  readonly #decode: Decode;
  readonly #stage: string;
  /** Oldest first. */
  readonly #rows: Row[] = [];
  /** Where a key's value is. */
  readonly #places = new Map<string, Row>();
  #next = 0;
  /** Of all rows. */
  #entries = 0;
  /** What the transaction under way makes of this. */
  #pending: { readonly gone: number; readonly added: readonly (readonly Entry[])[] } | undefined;

  constructor(table: Table, decode: Decode, stage: string) {
    this.#table = table;
    this.#decode = decode;
    this.#stage = stage;
    for (const [number, entries] of this.#stored()) this.#take(number, entries);
  }

  /** Within a transaction, once in each: puts values, and removes those that are undefined. */
  put(changed: ReadonlyMap<string, JsonValue | undefined>): void {
    if (this.#pending !== undefined)
      throw new TiplineError("TIP_INTERNAL", `the state of ${this.#stage} is put twice in one transaction`);
    const entries: Entry[] = [];
    for (const [key, value] of changed) {
      if (value !== undefined) entries.push([key, value]);
      else if (this.#places.has(key)) entries.push([key]);
    }
    const gone = this.#clear(changed, entries);
    const added: Entry[][] = [];
    for (let first = 0; first < entries.length; first += MOST_IN_ROW) {
      const row = entries.slice(first, first + MOST_IN_ROW);
      const json = Buffer.from(JSON.stringify(row), "utf8");
      this.#table.putSync([this.#stage, this.#next + added.length], json);
      added.push(row);
    }
    this.#pending = { gone, added };
  }

  /** The transaction is over; `durable` false: nothing of it is on disk. */
  settle(durable: boolean): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined || !durable) return;
    for (const { entries } of this.#rows.splice(0, pending.gone)) this.#entries -= entries;
    for (const row of pending.added) this.#take(this.#next, row);
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
    let bytes = 0;
    let gone = 0;
    for (const row of this.#rows) {
      const isDue = row.live === 0 || left > 2 * this.#places.size + MOST_STALE;
      const isMuch = entries.length > most || bytes > MOST_BYTES_CLEARED || gone >= MOST_ROWS_CLEARED;
      if (!isDue || isMuch) break;
      if (row.live > 0) {
        const stored = this.#table.get([this.#stage, row.number]);
        bytes += stored?.length ?? 0;
        for (const [key, value] of this.#decoded(stored))
          if (value !== undefined && this.#places.get(key) === row && !changed.has(key)) entries.push([key, value]);
      }
      this.#table.removeSync([this.#stage, row.number]);
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

  *#stored(): Generator<readonly [number, readonly Entry[]]> {
    const range = { start: [this.#stage, 0], end: [this.#stage, Number.MAX_SAFE_INTEGER] };
    for (const { key, value } of this.#table.getRange(range))
      yield [(key as [string, number])[1], this.#decoded(value)];
  }

  #decoded(bytes: Uint8Array | undefined): readonly Entry[] {
    const stored = this.#decode(bytes, `state of ${this.#stage}`) as readonly JsonValue[];
    // Format 3 had a row for each key.
    return (typeof stored[0] === "string" ? [stored] : stored) as unknown as readonly Entry[];
  }
}
