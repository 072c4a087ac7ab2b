import type { Key, Table } from "./environment.ts";
import type { Mirror } from "./mirror.ts";

interface Held {
  readonly key: Key;
  readonly value: object | undefined;
}

/**
 * Small objects that nearly every transaction reads and changes: places in streams, counts. A process that has written nothing reads
 * them from the table, as what is read beside them: another one may write, and both must be of one state.
 */
export class MetaRows implements Mirror {
  readonly #table: Table;
  readonly #decode: (bytes: Uint8Array, what: string) => object;
  #held = new Map<string, Held>();
  #changed = new Map<string, Held>();
  #unwritten = new Set<string>();
  /** This process writes, so that nobody else does. */
  #writes = false;

  constructor(table: Table, decode: (bytes: Uint8Array, what: string) => object) {
    this.#table = table;
    this.#decode = decode;
  }

  /** Not to be changed by the caller. */
  get<T extends object>(key: Key): T | undefined {
    if (!this.#writes) return this.#read(key) as T | undefined;
    const name = nameOf(key);
    let held = this.#changed.get(name) ?? this.#held.get(name);
    if (held === undefined) {
      held = { key, value: this.#read(key) };
      this.#held.set(name, held);
    }
    return held.value as T | undefined;
  }

  /** Within a transaction. The value is the table's from now on. */
  put(key: Key, value: object): void {
    this.#set(key, value);
  }

  /** Within a transaction. */
  remove(key: Key): void {
    this.#set(key, undefined);
  }

  /** Within a transaction: all keys. */
  keys(): readonly Key[] {
    this.#write();
    return [...this.#table.getKeys()];
  }

  begin(): void {
    this.#writes = true;
  }

  flush(): void {
    this.#write();
  }

  commit(): void {
    for (const [name, held] of this.#changed) this.#held.set(name, held);
    this.#changed = new Map();
  }

  forget(): void {
    this.#held = new Map();
    this.#changed = new Map();
    this.#unwritten = new Set();
  }

  #read(key: Key): object | undefined {
    const bytes = this.#table.get(key);
    return bytes === undefined ? undefined : this.#decode(bytes, `meta ${String(key)}`);
  }

  #write(): void {
    for (const name of this.#unwritten) {
      const held = this.#changed.get(name);
      if (held?.value !== undefined) this.#table.putSync(held.key, Buffer.from(JSON.stringify(held.value), "utf8"));
      else if (held !== undefined) this.#table.removeSync(held.key);
    }
    this.#unwritten = new Set();
  }

  #set(key: Key, value: object | undefined): void {
    const name = nameOf(key);
    this.#changed.set(name, { key, value });
    this.#unwritten.add(name);
  }
}

function nameOf(key: Key): string {
  return Array.isArray(key) ? key.join("\0") : String(key);
}
