import { fingerprint, reduce } from "./hash.ts";

/** Slots per entry of both tables: three quarters full, so that a miss looks at eight slots of one or two cache lines. */
const SPARE = 4 / 3;
/** Bits of bloom filter per key; four of them set: about 1 miss in 100 goes on to the set. */
const BLOOM_BITS = 12;
const BLOCK_WORDS = 4;
/** So that hash * blocks stays below 2^53 and needs no splitting. */
const MAX_BLOCKS = 2 ** 20;
const UNIT = 2 ** -32;

const slotsFor = (entries: number): number => Math.max(4, Math.ceil(entries * SPARE));

/** Table of exact values: two words a slot, fingerprint and reference; equal keys may stand several times. */
export function buildExact(
  entries: number,
  each: (put: (h1: number, h2: number, ref: number) => void) => void,
): Uint32Array {
  const slots = slotsFor(entries);
  const table = new Uint32Array(slots * 2);
  each((h1, h2, ref) => {
    let slot = reduce(h1, slots);
    while (table[slot * 2] !== 0) slot = slot + 1 === slots ? 0 : slot + 1;
    table[slot * 2] = fingerprint(h2);
    table[slot * 2 + 1] = ref;
  });
  return table;
}

/** References of all entries with the key's fingerprint: candidates, to be checked by their canonical value. */
export function findExact(table: Uint32Array, h1: number, h2: number): readonly number[] {
  const slots = table.length / 2;
  const wanted = fingerprint(h2);
  let found: number[] | undefined;
  let slot = reduce(h1, slots);
  for (let at = table[slot * 2]; at !== 0; at = table[slot * 2]) {
    if (at === wanted) {
      found ??= [];
      found.push(table[slot * 2 + 1] as number);
    }
    slot = slot + 1 === slots ? 0 : slot + 1;
  }
  return found ?? NONE;
}
const NONE: readonly number[] = [];

/**
 * Set of gate keys (one word a slot, the fingerprint from the second lane) with a split-block bloom filter before it that needs
 * the first lane only: most tokens are not in the index and cost half a hash.
 */
export interface GateTable {
  readonly bloom: Uint32Array;
  readonly set: Uint32Array;
}

/** Twenty bits of a first lane that say which bit of each of a block's four words is meant. */
export function bloomBits(h1: number): number {
  return Math.imul(h1, 0x2545f491) >>> 12;
}

/** From the hashes of distinct keys. */
export function buildGate(h1: Uint32Array, h2: Uint32Array): GateTable {
  const slots = slotsFor(h1.length);
  const blocks = Math.min(MAX_BLOCKS, Math.max(1, Math.ceil((h1.length * BLOOM_BITS) / (BLOCK_WORDS * 32))));
  const bloom = new Uint32Array(blocks * BLOCK_WORDS);
  const set = new Uint32Array(slots);
  for (let i = 0; i < h1.length; i++) {
    const high = h1[i] as number;
    const block = ((high * blocks * UNIT) >>> 0) * BLOCK_WORDS;
    const bits = bloomBits(high);
    for (let word = 0; word < BLOCK_WORDS; word++) bloom[block + word]! |= 1 << (bits >>> (word * 5));
    const wanted = fingerprint(h2[i] as number);
    let slot = reduce(high, slots);
    while (set[slot] !== 0 && set[slot] !== wanted) slot = slot + 1 === slots ? 0 : slot + 1;
    set[slot] = wanted;
  }
  return { bloom, set };
}

/** May a key with this first lane be in the set? Wrong about once in a hundred misses. */
export function inBloom(bloom: Uint32Array, h1: number): boolean {
  const block = ((h1 * (bloom.length >>> 2) * UNIT) >>> 0) * BLOCK_WORDS;
  const bits = bloomBits(h1);
  return (
    ((bloom[block] as number) & (1 << bits)) !== 0 &&
    ((bloom[block + 1] as number) & (1 << (bits >>> 5))) !== 0 &&
    ((bloom[block + 2] as number) & (1 << (bits >>> 10))) !== 0 &&
    ((bloom[block + 3] as number) & (1 << (bits >>> 15))) !== 0
  );
}

/** Is the key in the set? Wrong about once in 10^9 misses. */
export function inSet(set: Uint32Array, h1: number, h2: number): boolean {
  const wanted = fingerprint(h2);
  let slot = reduce(h1, set.length);
  for (let at = set[slot]; at !== 0; at = set[slot]) {
    if (at === wanted) return true;
    slot = slot + 1 === set.length ? 0 : slot + 1;
  }
  return false;
}
