import { parseIpv6 } from "./canonical-ip.ts";
import { hashText, hashWords, lanes, reduce, type Seed } from "./index/hash.ts";
import { parseIpv4 } from "./tokens.ts";

const WIDTH = 3;
/** More entries than this in all are refused. */
export const MOST_ENTRIES = 20_000_000;

/** Multi-map from hashed keys to small numbers: three words a slot, half to three quarters full. */
export class NumberedHashes {
  #table: Uint32Array = new Uint32Array(1_024 * WIDTH);
  #filled = 0;

  /** Adds the key whose hash is in `lanes`. */
  add(number: number): void {
    if ((this.#filled + 1) * WIDTH * 4 > this.#table.length * 3) this.#grow();
    this.#put(this.#table, lanes[0] as number, lanes[1] as number, number + 1);
    this.#filled++;
  }

  /** Numbers of the key whose hash is in `lanes`. */
  find(into: Set<number>): void {
    const table = this.#table;
    const slots = table.length / WIDTH;
    const high = lanes[0] as number;
    const low = lanes[1] as number;
    for (let slot = reduce(high, slots); table[slot * WIDTH + 2] !== 0; slot = slot + 1 === slots ? 0 : slot + 1) {
      if (table[slot * WIDTH] === high && table[slot * WIDTH + 1] === low)
        into.add((table[slot * WIDTH + 2] as number) - 1);
    }
  }

  #put(table: Uint32Array, high: number, low: number, number: number): void {
    const slots = table.length / WIDTH;
    let slot = reduce(high, slots);
    while (table[slot * WIDTH + 2] !== 0) slot = slot + 1 === slots ? 0 : slot + 1;
    table[slot * WIDTH] = high;
    table[slot * WIDTH + 1] = low;
    table[slot * WIDTH + 2] = number;
  }

  #grow(): void {
    const old = this.#table;
    const next = new Uint32Array(Math.ceil((old.length / WIDTH) * 1.6) * WIDTH);
    for (let at = 0; at < old.length; at += WIDTH) {
      if (old[at + 2] !== 0) this.#put(next, old[at] as number, old[at + 1] as number, old[at + 2] as number);
    }
    this.#table = next;
  }
}

const SALT_NAME = 1;
const SALT_NET = 0x100;

/** Whole values and host names by list. */
export class NameTable {
  readonly #hashes = new NumberedHashes();
  readonly #seed: Seed;

  constructor(seed: Seed) {
    this.#seed = seed;
  }

  add(name: string, list: number): void {
    hashText(this.#seed, name, SALT_NAME);
    this.#hashes.add(list);
  }

  find(name: string): ReadonlySet<number> {
    const lists = new Set<number>();
    hashText(this.#seed, name, SALT_NAME);
    this.#hashes.find(lists);
    return lists;
  }
}

/** Networks by list. */
export class NetworkTable {
  readonly #hashes = new NumberedHashes();
  readonly #seed: Seed;
  readonly #prefixes = { 4: new Set<number>(), 6: new Set<number>() };
  readonly #words = new Uint32Array(4);

  constructor(seed: Seed) {
    this.#seed = seed;
  }

  /** `network`: canonical address or `address/prefix`. */
  add(network: string, list: number): void {
    const { family, prefix } = this.#read(network);
    this.#prefixes[family].add(prefix);
    this.#hash(family, prefix);
    this.#hashes.add(list);
  }

  /** Lists with a network that holds this address or network. */
  find(network: string): ReadonlySet<number> {
    const lists = new Set<number>();
    const { family, prefix: own } = this.#read(network);
    for (const prefix of this.#prefixes[family]) {
      if (prefix > own) continue;
      this.#read(network);
      this.#hash(family, prefix);
      this.#hashes.find(lists);
    }
    return lists;
  }

  #read(network: string): { readonly family: 4 | 6; readonly prefix: number } {
    const slash = network.indexOf("/");
    const address = slash < 0 ? network : network.slice(0, slash);
    const family = address.includes(":") ? 6 : 4;
    this.#words.fill(0);
    if (family === 4) this.#words[0] = parseIpv4(address, 0, address.length);
    else
      parseIpv6(address).forEach((group, at) => {
        this.#words[at >> 1] = ((this.#words[at >> 1] as number) << 16) | group;
      });
    return { family, prefix: slash < 0 ? (family === 4 ? 32 : 128) : Number(network.slice(slash + 1)) };
  }

  #hash(family: 4 | 6, prefix: number): void {
    for (let at = 0; at < 4; at++) {
      const bits = prefix - at * 32;
      if (bits <= 0) this.#words[at] = 0;
      else if (bits < 32) this.#words[at] = (this.#words[at] as number) & (-1 << (32 - bits));
    }
    hashWords(this.#seed, this.#words, 4, SALT_NET + family * 256 + prefix);
  }
}

/** Literal parts of values by list, found by their first four characters. */
export class PartTable {
  readonly #byStart = new Map<string, (readonly [string, number])[]>();

  add(part: string, list: number): void {
    const start = part.slice(0, 4);
    const known = this.#byStart.get(start);
    if (known) known.push([part, list]);
    else this.#byStart.set(start, [[part, list]]);
  }

  find(value: string): ReadonlySet<number> {
    const lists = new Set<number>();
    if (this.#byStart.size === 0) return lists;
    for (let at = 0; at < value.length; at++) {
      for (let length = 1; length <= 4; length++) {
        const parts = this.#byStart.get(value.slice(at, at + length));
        if (parts) for (const [part, list] of parts) if (value.startsWith(part, at)) lists.add(list);
      }
    }
    return lists;
  }
}
