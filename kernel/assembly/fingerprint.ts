/** Fingerprints of certificates: a string that holds nothing but hex digits and colons or blanks between them. */

import { SLOT_SEED_A, SLOT_SEED_B } from "../../src/intel/gate-layout";
import { hexValue } from "./bytes";
import { inBloom, inSets, lower, MULTIPLY_A, MULTIPLY_B, spread } from "./probe";

/** Longest such string, escapes of its blanks included. */
const MAX_PRINT: usize = 256;
/** Hex digits that are hashed, from the end. */
const HASHED = 24;

/** Bytes of the separator that ends before `at`, or 0. */
function separatorBefore(at: usize): usize {
  const c = load<u8>(at - 1);
  if (c === 58 || c === 32 || c === 9) return 1;
  return isBlankEscape(c) && load<u8>(at - 2) === 92 ? 2 : 0;
}

/** `f`, `n`, `r`, `t`. */
function isBlankEscape(c: u32): bool {
  return c === 102 || c === 110 || c === 114 || c === 116;
}

/** Hex digit, colon, blank or a backslash: what may stand beside a separator. */
function isPrintByte(c: u32): bool {
  return hexValue(c) >= 0 || c === 58 || c === 32 || c === 9 || c === 92;
}

/** `at`: a letter behind a backslash. The `t` of `\t` inside a fingerprint, further separators beside it or not. */
export function isSplitPrint(at: usize): bool {
  if (!isBlankEscape(load<u8>(at)) || !isPrintByte(load<u8>(at, 1))) return false;
  return isPrintByte(load<u8>(at - 2)) || separatorBefore(at - 1) === 2;
}

/** End of the run of hex digits and separators that goes on at `at`; of a longer one than any fingerprint, a part. */
export function printEnd(at: usize, lineEnd: usize): usize {
  let to = at;
  const last = at + MAX_PRINT < lineEnd ? at + MAX_PRINT : lineEnd;
  while (to < last) {
    const c = load<u8>(to);
    if (hexValue(c) >= 0 || c === 58 || c === 32 || c === 9) to++;
    else if (c === 92 && to + 1 < last && separatorBefore(to + 2) === 2) to += 2;
    else break;
  }
  return to;
}

/** The run of hex digits and separators that ends at `to` is a listed fingerprint. */
export function fingerprint(slot: usize, line: usize, to: usize): bool {
  let from = to;
  let digits = 0;
  let a = load<u32>(slot, SLOT_SEED_A);
  let b = load<u32>(slot, SLOT_SEED_B);
  while (from > line && to - from < MAX_PRINT * 2) {
    const gap = separatorBefore(from);
    if (gap > 0) {
      from -= gap;
      continue;
    }
    const c = lower(load<u8>(from - 1));
    if (hexValue(c) < 0) break;
    if (digits < HASHED) {
      a = (rotl<u32>(a, 5) ^ c) * MULTIPLY_A;
      b = (rotl<u32>(b, 13) ^ c) * MULTIPLY_B;
    }
    digits++;
    from--;
  }
  if (digits !== 32 && digits !== 40 && digits !== 64) return false;
  a = spread(a);
  return inBloom(slot, a) && inSets(slot, a, spread(b));
}
