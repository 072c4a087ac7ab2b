/** Asks the tables of all layers of a slot. The hashes are those of src/intel/index/hash.ts. */
import {
  HAS_SHORT_NAMES,
  MAX_PROBES,
  SLOT_ENDS,
  SLOT_LAYER_LIST,
  SLOT_LAYERS,
  SLOT_SEED_A,
  SLOT_SEED_B,
  SLOT_TAILS,
  SLOT_WORDS,
} from "../../src/intel/gate-layout";

export const MULTIPLY_A: u32 = 0x9e3779b1;
export const MULTIPLY_B: u32 = 0x85ebca77;
/** Of a token without a dot only so many characters, from its end, are hashed. */
const PLAIN_HASHED: usize = 24;
/** Longer tokens without a dot are in the same bitmap as those with one. */
const LONGEST_WORD: usize = 31;
/** The bit that letters and `_` have, in each of eight bytes. */
const LETTERS: u64 = ((<u64>0x40404040) << 32) | 0x40404040;
/** Longer names are rare. */
const LONG_NAME: usize = 256;

/** Lower case of a character of a token. */
export function lower(c: u32): u32 {
  const folded = c | ((c & 0x40) >> 1);
  return folded === 127 ? 95 : folded;
}

/** `-`, `.` and `_`. */
export function isMark(c: u32): bool {
  return c === 45 || c === 46 || c === 95;
}

export function spread(lane: u32): u32 {
  let h = lane ^ (lane >>> 16);
  h = h * 0x7feb352d;
  return h ^ (h >>> 15);
}

function stepA(a: u32, c: u32): u32 {
  return (rotl<u32>(a, 5) ^ c) * MULTIPLY_A;
}

function stepB(b: u32, c: u32): u32 {
  return (rotl<u32>(b, 13) ^ c) * MULTIPLY_B;
}

/** `hash * size / 2^32`. */
function reduce(hash: u32, size: u32): u32 {
  return <u32>((<u64>hash * <u64>size) >>> 32);
}

/** Passes the bloom filter of some layer. */
export function inBloom(slot: usize, h1: u32): bool {
  const bits = (h1 * 0x2545f491) >>> 12;
  let layer = slot + SLOT_LAYER_LIST;
  const end = layer + ((<usize>load<u32>(slot, SLOT_LAYERS)) << 4);
  for (; layer < end; layer += 16) {
    const block = <usize>load<u32>(layer) + ((<usize>reduce(h1, load<u32>(layer, 4))) << 4);
    if (
      ((load<u32>(block) >>> bits) &
        (load<u32>(block, 4) >>> (bits >>> 5)) &
        (load<u32>(block, 8) >>> (bits >>> 10)) &
        (load<u32>(block, 12) >>> (bits >>> 15)) &
        1) !==
      0
    )
      return true;
  }
  return false;
}

/** The whole hash is in the set of some layer. */
export function inSets(slot: usize, h1: u32, h2: u32): bool {
  const wanted: u32 = h2 === 0 ? 1 : h2;
  let layer = slot + SLOT_LAYER_LIST;
  const end = layer + ((<usize>load<u32>(slot, SLOT_LAYERS)) << 4);
  for (; layer < end; layer += 16) {
    const set = <usize>load<u32>(layer, 8);
    const size = load<u32>(layer, 12);
    let at = reduce(h1, size);
    for (let probes = 0; ; probes++) {
      const found = load<u32>(set + ((<usize>at) << 2));
      if (found === wanted || probes === MAX_PROBES) return true;
      if (found === 0) break;
      at = at + 1 === size ? 0 : at + 1;
    }
  }
  return false;
}

/** Some key ends like the token `[from, to)`; `plainLength` 0 for one with a dot, else its length (at most 255). */
function mayEnd(slot: usize, from: usize, to: usize, plainLength: u32): bool {
  return endBit(slot, <u32>(tailOf(from, to) >>> 40), plainLength) !== 0;
}

/** `last`: three characters, folded, the very last one highest. */
function endBit(slot: usize, last: u32, plainLength: u32): u32 {
  // The bitmap is by the last character lowest, and knows `_` as itself.
  const turned = unfolded(last >>> 16) | (unfolded((last >>> 8) & 255) << 8) | (unfolded(last & 255) << 16);
  const bit = (turned * 0x9e3779b1 + plainLength * 0x5bd1e995) >>> 16;
  return (load<u32>(slot + ((<usize>(bit >>> 5)) << 2), SLOT_ENDS) >>> bit) & 1;
}

function unfolded(c: u32): u32 {
  return c === 127 ? 95 : c;
}

/**
 * A token without a dot and shorter than 64 characters may be a key, if the lowest bit of `known` says so. Without branches: words are too many and too various for the
 * processor to guess at each step.
 */
export function mayBePlain(slot: usize, known: u32, from: usize, to: usize): bool {
  const size = to - from;
  const tail = tailOf(from, to);
  const bitmap = slot + (size > LONGEST_WORD ? SLOT_TAILS : SLOT_WORDS);
  const word = tailBit(slot, bitmap, <u32>tail, <u32>(tail >>> 32), <u32>size);
  return (known & 1 & endBit(slot, <u32>(tail >>> 40), <u32>size) & word) !== 0;
}

/** Stands for the length in hashes of short tails. */
const SHORT_SALT: u32 = 0x1000;

/** `bitmap`: SLOT_WORDS or SLOT_TAILS of the slot. */
function tailBit(slot: usize, bitmap: usize, low: u32, high: u32, salt: u32): u32 {
  const a = (low ^ load<u32>(slot, SLOT_SEED_A)) * MULTIPLY_A;
  const b = ((high ^ load<u32>(slot, SLOT_SEED_B)) + salt) * MULTIPLY_B;
  const bit = spread(a ^ rotl<u32>(b, 15)) >>> load<u32>(bitmap, 4);
  return (load<u32>(<usize>load<u32>(bitmap) + ((<usize>(bit >>> 5)) << 2)) >>> bit) & 1;
}

function inTails(slot: usize, low: u32, high: u32, salt: u32): bool {
  return tailBit(slot, slot + SLOT_TAILS, low, high, salt) !== 0;
}

/** The last eight bytes of `[from, to)`, letters folded, zeros where it is shorter. */
function tailOf(from: usize, to: usize): u64 {
  const size = to - from;
  let tail = load<u64>(to - 8);
  tail &= u64.MAX_VALUE << (<u64>(64 - (min<usize>(size, 8) << 3)));
  return tail | ((tail & LETTERS) >>> 1);
}

/** Some key ends with the same eight characters (a shorter one is the same). */
function mayTail(slot: usize, from: usize, to: usize, plainLength: u32): bool {
  const tail = tailOf(from, to);
  const isWord = plainLength > 0 && plainLength <= <u32>LONGEST_WORD;
  return tailBit(slot, slot + (isWord ? SLOT_WORDS : SLOT_TAILS), <u32>tail, <u32>(tail >>> 32), plainLength) !== 0;
}

/** A token with a dot may be a key. */
export function mayBeDotted(slot: usize, from: usize, to: usize): bool {
  return mayEnd(slot, from, to, 0) && mayTail(slot, from, to, 0);
}

/** A token with a dot or one of its parent domains may be a key. */
export function mayBeName(slot: usize, flags: u32, from: usize, to: usize): bool {
  if (!mayEnd(slot, from, to, 0)) return false;
  const tail = tailOf(from, to);
  const high = <u32>(tail >>> 32);
  return inTails(slot, <u32>tail, high, 0) || ((flags & HAS_SHORT_NAMES) !== 0 && inTails(slot, 0, high, SHORT_SALT));
}

/** The second lane decides. */
function holds(slot: usize, h1: u32, from: usize, to: usize): bool {
  let b = load<u32>(slot, SLOT_SEED_B);
  for (let at = to; at > from; at--) b = stepB(b, lower(load<u8>(at - 1)));
  return inSets(slot, h1, spread(b));
}

/** A token as a whole. */
export function whole(slot: usize, from: usize, to: usize): bool {
  let a = load<u32>(slot, SLOT_SEED_A);
  for (let at = to; at > from; at--) a = stepA(a, lower(load<u8>(at - 1)));
  a = spread(a);
  return inBloom(slot, a) && holds(slot, a, from, to);
}

/** A token without a dot. */
export function plain(slot: usize, from: usize, to: usize): bool {
  const size = to - from;
  const length = <u32>min<usize>(size, 255);
  if (!mayEnd(slot, from, to, length) || !mayTail(slot, from, to, length)) return false;
  return whole(slot, size > PLAIN_HASHED ? to - PLAIN_HASHED : from, to);
}

/** A token with a dot, and every parent domain of two labels or more: hashed from right to left in one pass. */
export function dottedName(slot: usize, from: usize, to: usize): bool {
  if (to - from > LONG_NAME) return longName(slot, from, to);
  let a = load<u32>(slot, SLOT_SEED_A);
  let dotted = false;
  for (let at = to - 1; at >= from; at--) {
    const c = lower(load<u8>(at));
    if (c < 48) {
      // A dot, or a hyphen before a mark (`x.-evil.example`): keys have no marks at their ends.
      if (dotted && (c === 46 || isMark(load<u8>(at - 1)))) {
        const h = spread(a);
        if (inBloom(slot, h) && holds(slot, h, at + 1, to)) return true;
      }
      if (c === 46) dotted = true;
    } else if (c === 95 && dotted && isMark(load<u8>(at - 1))) {
      const h = spread(a);
      if (inBloom(slot, h) && holds(slot, h, at + 1, to)) return true;
    }
    a = stepA(a, c);
  }
  const h = spread(a);
  return inBloom(slot, h) && holds(slot, h, from, to);
}

/** The same with both lanes at once: hashing again for each false pass of the filter would cost the square of the length. */
function longName(slot: usize, from: usize, to: usize): bool {
  let a = load<u32>(slot, SLOT_SEED_A);
  let b = load<u32>(slot, SLOT_SEED_B);
  let dotted = false;
  for (let at = to - 1; at >= from; at--) {
    const c = lower(load<u8>(at));
    if (dotted && (c === 46 || (isMark(c) && isMark(load<u8>(at - 1))))) {
      const h = spread(a);
      if (inBloom(slot, h) && inSets(slot, h, spread(b))) return true;
    }
    dotted = dotted || c === 46;
    a = stepA(a, c);
    b = stepB(b, c);
  }
  const h = spread(a);
  return inBloom(slot, h) && inSets(slot, h, spread(b));
}

/** One address or network: `count` words from `words`, `salt` tells kind and prefix length. */
export function network(slot: usize, words: usize, count: usize, salt: u32): bool {
  let a = load<u32>(slot, SLOT_SEED_A) ^ (salt * MULTIPLY_B);
  let b = load<u32>(slot, SLOT_SEED_B) ^ (salt * MULTIPLY_A);
  for (let at = words + (count << 2); at > words; at -= 4) {
    const c = load<u32>(at - 4);
    a = stepA(a, c);
    b = stepB(b, c);
  }
  a = spread(a);
  return inBloom(slot, a) && inSets(slot, a, spread(b));
}
