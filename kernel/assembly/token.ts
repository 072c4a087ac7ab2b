/** Tokens: runs of letters, digits, `.`, `_` and `-`, as src/intel/nominate.ts cuts and probes them. */
import { HAS_PLAIN_NUMBERS, SLOT_FLAGS, SLOT_LENGTHS, SLOT_PREFIXES4 } from "../../src/intel/gate-layout";
import { inNetworks4, parseIpv4 } from "./address";
import { isDigit } from "./bytes";
import { classesOf } from "./masks";
import { dottedName, isMark, mayBeDotted, mayBeName, plain, whole } from "./probe";

/** Longer runs are no range of addresses. */
const MAX_RANGE: usize = 40;

/**
 * A raw run of token bytes. Where it stands behind a backslash or a percent sign, its first bytes may belong to an escape
 * (`\nevil.example`, `\u003cevil.example`, `%2Fevil.example`), so it is also probed without them.
 */
export function token(slot: usize, scratch: usize, from: usize, to: usize): bool {
  if (run(slot, scratch, from, to)) return true;
  const before = load<u8>(from - 1);
  if (before === 92) {
    const c = load<u8>(from);
    if (c === 117) return from + 5 < to && run(slot, scratch, from + 5, to);
    if (!isEscape(c)) return false;
    return from + 1 < to && run(slot, scratch, from + 1, to);
  }
  return before === 37 && from + 2 < to && run(slot, scratch, from + 2, to);
}

/** The run `[start, end)`, marks at its ends trimmed. */
export function run(slot: usize, scratch: usize, start: usize, end: usize): bool {
  let from = start;
  let to = end;
  while (to > from && isMark(load<u8>(to - 1))) to--;
  while (from < to && isMark(load<u8>(from))) from++;
  if (from === to) return false;
  let dot = to - 1;
  while (dot > from && load<u8>(dot) !== 46) dot--;
  return dot === from ? plainToken(slot, from, to) : dotted(slot, scratch, from, to, from !== start || to !== end);
}

/** Some token without a dot has this length. */
export function hasLength(slot: usize, size: usize): bool {
  const length = min<usize>(size, 255);
  return ((load<u32>(slot + ((length >>> 5) << 2), SLOT_LENGTHS) >>> <u32>length) & 1) !== 0;
}

function plainToken(slot: usize, from: usize, to: usize): bool {
  if (hasLength(slot, to - from) && plain(slot, from, to)) return true;
  if ((load<u32>(slot, SLOT_FLAGS) & HAS_PLAIN_NUMBERS) === 0) return false;
  const number = paddedNumber(from, to);
  return number < to && plain(slot, number, to);
}

/** `AS0064500`, `0064500`: the same AS number as `64500`. Where its digits begin, or `to` when it is none. */
function paddedNumber(from: usize, to: usize): usize {
  const size = to - from;
  if (size < 2 || size > 15) return to;
  let at = from;
  if ((load<u8>(at) | 32) === 97 && (load<u8>(at + 1) | 32) === 115) {
    at += 2;
    if (at < to && (load<u8>(at) | 32) === 110) at++;
    if (at < to && load<u8>(at) === 45) at++;
  }
  if (at >= to || load<u8>(at) !== 48 || to - at > 10) return to;
  while (at < to && load<u8>(at) === 48) at++;
  for (let digit = at; digit < to; digit++) if (!isDigit(load<u8>(digit))) return to;
  return at;
}

/** `trimmed`: there were marks around it, so it may be a name though it looks like a number. */
export function dotted(slot: usize, scratch: usize, from: usize, to: usize, trimmed: bool): bool {
  const last = load<u8>(to - 1);
  if (!isDigit(last)) return mayBeName(slot, load<u32>(slot, SLOT_FLAGS), from, to) && dottedName(slot, from, to);
  let dash: usize = trimmed ? 1 : 0;
  for (let at = to; at > from; at--) {
    const c = load<u8>(at - 1);
    if (c === 45) dash = at - 1;
    else if (c === 95) dash = max<usize>(dash, 1);
    else if (c > 57) return mayBeName(slot, load<u32>(slot, SLOT_FLAGS), from, to) && dottedName(slot, from, to);
  }
  const address = parseIpv4(from, to);
  if (address >= 0 && inNetworks4(slot, scratch, <u32>address)) return true;
  // Without letters, hyphens and underscores it is no name, so it has no parents.
  if (dash === 0) return mayBeDotted(slot, from, to) && whole(slot, from, to);
  if (dash > 1 && to - from <= MAX_RANGE) {
    // `1.2.3.4-1.2.3.9`: both ends.
    if (run(slot, scratch, from, dash) || run(slot, scratch, dash + 1, to)) return true;
  }
  return mayBeName(slot, load<u32>(slot, SLOT_FLAGS), from, to) && dottedName(slot, from, to);
}

/** A run of digits and three dots. */
export function quad(slot: usize, scratch: usize, from: usize, to: usize): bool {
  if (load<u32>(slot, SLOT_PREFIXES4) !== 0) {
    const address = parseIpv4(from, to);
    if (address >= 0 && inNetworks4(slot, scratch, <u32>address)) return true;
  }
  return mayBeDotted(slot, from, to) && whole(slot, from, to);
}

/** The run's first byte belongs to an escape, or may. */
export function isGlued(from: usize): bool {
  const before = load<u8>(from - 1);
  if (before === 37) return true;
  return before === 92 && isEscape(load<u8>(from));
}

/** `b`, `f`, `n`, `r`, `t`, `u`. */
function isEscape(c: u32): bool {
  const letter = c - 97;
  return letter < 26 && ((0x1a2022 >>> letter) & 1) !== 0;
}

/** End of the run of token bytes that goes on at `from`. */
export function tokenEnd(from: usize, to: usize): usize {
  const limit = i8x16.splat(31);
  for (let at = from; at < to; at += 16) {
    const bytes = v128.load(at);
    const classes = classesOf(bytes);
    const others = v128.or(v128.or(bytes, i8x16.gt_s(classes, limit)), i8x16.eq(classes, i8x16.splat(0)));
    const mask = i8x16.bitmask(others);
    if (mask === 0) continue;
    const end = at + <usize>ctz<i32>(mask);
    return end < to ? end : to;
  }
  return to;
}
