import { type Seed, spread } from "./hash.ts";
import { type Column, words } from "./numbers.ts";

/**
 * Bitmap of how keys end: one look at the last eight characters of a token tells for most that hashing them, and all their parent
 * domains, would be in vain. Eight to sixteen of its bits for each key would be ideal; four to eight are what it may cost.
 */
const BITS_PER_KEY = 8;
const LEAST_BITS = 2 ** 14;
const MOST_BITS = 2 ** 26;
/** Characters that are looked at. */
export const TAIL = 8;
/** A name shorter than {@link TAIL} that stands at the end of a longer token shows in its last characters only. */
export const SHORT_TAIL = 4;
/** Stands for the length in hashes of short tails. */
export const SHORT_SALT = 0x1000;

/** Characters from `from` on as the kernel reads them: in the order of memory, letters folded (`_` becomes 0x7f). */
function wordAt(text: string, from: number): number {
  let word = 0;
  for (let i = 0; i < 4; i++) {
    const c = from + i < 0 ? 0 : text.charCodeAt(from + i);
    word |= (c | ((c & 0x40) >> 1)) << (i * 8);
  }
  return word;
}

/** Hash of a token's last {@link TAIL} characters; `plainLength` is 0 for tokens with a dot, else the length, at most 255. */
export function tailHash(seed: Seed, token: string, plainLength: number): number {
  return mixed(seed, wordAt(token, token.length - 8), wordAt(token, token.length - 4), plainLength);
}

/** Hash of the last {@link SHORT_TAIL} characters. */
export function shortTailHash(seed: Seed, token: string): number {
  return mixed(seed, 0, wordAt(token, token.length - 4), SHORT_SALT);
}

function mixed(seed: Seed, low: number, high: number, salt: number): number {
  const a = Math.imul(low ^ seed.a, 0x9e3779b1);
  const b = Math.imul((high ^ seed.b) + salt, 0x85ebca77);
  return spread(a ^ ((b << 15) | (b >>> 17)));
}

/** Words: tokens without a dot that are shorter. They have a bitmap of their own, so small that it stays near the processor. */
export const LONGEST_WORD = 31;

/** Collects the tails of keys. */
export class Tails {
  readonly #seed: Seed;
  readonly #hashes: Column<Uint32Array> = words();
  readonly #words: Column<Uint32Array> = words();
  #short = false;
  #tiny = false;

  constructor(seed: Seed) {
    this.#seed = seed;
  }

  /** A token as the gate hashes it: lower case, no marks at its ends. */
  add(token: string): void {
    const dotted = token.includes(".");
    const hashes = dotted || token.length > LONGEST_WORD ? this.#hashes : this.#words;
    hashes.push(tailHash(this.#seed, token, dotted ? 0 : Math.min(token.length, 255)));
    if (!dotted || token.length >= TAIL) return;
    this.#short = true;
    this.#tiny ||= token.length < SHORT_TAIL;
    this.#hashes.push(shortTailHash(this.#seed, token));
  }

  /** Some name is shorter than {@link TAIL}. */
  get short(): boolean {
    return this.#short;
  }

  build(): { readonly tails: Uint32Array; readonly words: Uint32Array } {
    const tails = bitmapOf(this.#hashes.view());
    return { tails: this.#tiny ? tails.fill(0xffffffff) : tails, words: bitmapOf(this.#words.view()) };
  }
}

function bitmapOf(hashes: Uint32Array): Uint32Array {
  const wanted = Math.max(LEAST_BITS, Math.min(MOST_BITS, hashes.length * BITS_PER_KEY));
  const log = Math.floor(Math.log2(wanted));
  const bits = new Uint32Array(2 ** (log - 5));
  for (const hash of hashes) {
    const bit = hash >>> (32 - log);
    bits[bit >>> 5]! |= 1 << bit;
  }
  return bits;
}

/** Enters a bitmap into one at least as large: each of its bits stands for several there. */
export function enterTails(into: Uint32Array, tails: Uint32Array): void {
  const times = into.length / tails.length;
  for (let bit = 0; bit < tails.length * 32; bit++) {
    if ((((tails[bit >>> 5] as number) >>> bit) & 1) === 0) continue;
    for (let at = bit * times; at < (bit + 1) * times; at++) into[at >>> 5]! |= 1 << at;
  }
}
