import type { JsonValue } from "../model/json.ts";
import { decode, encode, type JournalTables } from "./journal-tables.ts";

/** Where a key's row is. `gone`: it was removed, which is not yet known to be on disk. */
interface Place {
  readonly row: number;
  gone: boolean;
}

/**
 * The state of one stage: `[stage, n]` → `[key, value]`. Rows are numbered in the order in which their keys came, so that those of one
 * transaction lie side by side: by key or hash, each would change a page of its own. Which key has which row is known in memory
 * only; a number that a failed transaction leaves unused does no harm.
 */
export class StageState {
  readonly #tables: JournalTables;
  readonly #stage: string;
  readonly #places = new Map<string, Place>();
  #next = 0;

  constructor(tables: JournalTables, stage: string) {
    this.#tables = tables;
    this.#stage = stage;
    for (const [row, [key]] of this.#rows()) {
      this.#places.set(key, { row, gone: false });
      this.#next = row + 1;
    }
  }

  /** Within a transaction: puts values, and removes those that are undefined. Call what it gives once the transaction is on disk. */
  put(changed: ReadonlyMap<string, JsonValue | undefined>): () => void {
    const removed: string[] = [];
    for (const [key, value] of changed) {
      if (value !== undefined) this.#tables.state.putSync([this.#stage, this.#placeOf(key).row], encode([key, value]));
      else if (this.#remove(key)) removed.push(key);
    }
    return () => {
      // Unless it was put again in the meantime.
      for (const key of removed) if (this.#places.get(key)?.gone) this.#places.delete(key);
    };
  }

  *entries(): Generator<readonly [string, JsonValue]> {
    for (const [, entry] of this.#rows()) yield entry;
  }

  #placeOf(key: string): Place {
    let place = this.#places.get(key);
    if (place === undefined) {
      place = { row: this.#next++, gone: false };
      this.#places.set(key, place);
    }
    place.gone = false;
    return place;
  }

  #remove(key: string): boolean {
    const place = this.#places.get(key);
    if (place === undefined) return false;
    place.gone = true;
    this.#tables.state.removeSync([this.#stage, place.row]);
    return true;
  }

  *#rows(): Generator<readonly [number, readonly [string, JsonValue]]> {
    const range = { start: [this.#stage, 0], end: [this.#stage, Number.MAX_SAFE_INTEGER] };
    for (const { key, value } of this.#tables.state.getRange(range))
      yield [(key as [string, number])[1], decode(this.#tables, value, `state of ${this.#stage}`)];
  }
}
