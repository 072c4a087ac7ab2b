/**
 * The gate: which lines of NDJSON may hold an indicator? One pass over the raw bytes, 64 at a time, finds tokens and suspicious
 * places as bit masks; only those that matter are looked at byte by byte. No heap, no statics: all state is in arguments, in the
 * area of the calling thread and in the slot, which it only reads.
 */
import {
  AREA_FOUND,
  AREA_LINES,
  AREA_RESULTS,
  AREA_SCRATCH,
  HAS_ODD_NUMBERS,
  HAS_PLAIN_NUMBERS,
  HAS_PRINTS,
  HAS_SHORT_PLAIN,
  LAYOUT_VERSION,
  MAX_FOUND,
  SLOT_FLAGS,
  SLOT_LENGTHS,
} from "../../src/intel/gate-layout";
import { ip6, ip6RunEnd } from "./address";
import {
  isBase64Word,
  isBracketDisguise,
  isCount,
  isCountEnd,
  isEncodedOption,
  isEscapeDisguise,
  isForeignName,
  isLongDash,
  isPercentDisguise,
  isReadOtherwise,
  markBytes,
  nameEnd,
  saysBase64,
} from "./disguise";
import { fingerprint, isSplitPrint, printEnd } from "./fingerprint";
import { any, bits, classesOf, digitsOf, escapeLetter, isPrint, optionOr64, systemNumber, unicodeOrHex } from "./masks";
import { mayNumberDiffer } from "./number";
import { skipManager } from "./prefix";
import { dottedName, isMark, mayBeName, mayBePlain, plain } from "./probe";
import { dotted, isGlued, quad, token, tokenEnd } from "./token";

/** Set in what {@link scanLine} returns when the line may match; the rest is the address of the line's end. */
const MAY_MATCH: u64 = 0x100000000;

/** The last of 64 bytes. */
const LAST: u64 = (<u64>1) << 63;

export function version(): i32 {
  return LAYOUT_VERSION;
}

/**
 * Scans the lines in `[from, to)`, all of it in one area's text. Leaves the number of lines and of flagged ones, and where these
 * are, in the area. Returns how far it came: `to`, or the beginning of a line when there was no room for more results.
 */
export function scan(slot: usize, area: usize, from: usize, to: usize): usize {
  let lines: u32 = 0;
  let found: u32 = 0;
  let line = from;
  let result = area + AREA_RESULTS;
  while (line < to && found < <u32>MAX_FOUND) {
    const state = scanLine(slot, area + AREA_SCRATCH, line, to);
    const end = <usize>state;
    lines++;
    if ((state & MAY_MATCH) !== 0 || isOdd(line, end)) {
      store<u32>(result, <u32>(line - from));
      store<u32>(result, <u32>(end - from), 4);
      result += 8;
      found++;
    }
    line = end + 1;
  }
  store<u32>(area, lines, AREA_LINES);
  store<u32>(area, found, AREA_FOUND);
  return line < to ? line : to;
}

/** Neither empty nor an object in braces: whoever parses it has something to say. */
function isOdd(line: usize, end: usize): bool {
  let to = end;
  while (to > line && load<u8>(to - 1) <= 32) to--;
  if (to === line) return false;
  return load<u8>(line) !== 123 || load<u8>(to - 1) !== 125;
}

function flagged(at: usize, to: usize): u64 {
  return <u64>lineEnd(at, to) | MAY_MATCH;
}

function lineEnd(from: usize, to: usize): usize {
  const newline = i8x16.splat(10);
  let at = from;
  for (; at < to; at += 16) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(at), newline));
    if (mask !== 0) {
      const end = at + ctz<i32>(mask);
      return end < to ? end : to;
    }
  }
  return to;
}

/** A run with dots inside and no marks at its ends; `letters` is 0 for one of digits and dots only. */
function dottedToken(slot: usize, scratch: usize, flags: u32, from: usize, to: usize, dots: u64, letters: u64): bool {
  if (letters === 0) {
    if (popcnt<u64>(dots) === 3 && to - from < 16) return quad(slot, scratch, from, to);
    return (flags & HAS_ODD_NUMBERS) !== 0 && dotted(slot, scratch, from, to, false);
  }
  if (load<u8>(to - 1) < 58) return dotted(slot, scratch, from, to, false);
  return mayBeName(slot, flags, from, to) && dottedName(slot, from, to);
}

function scanLine(slot: usize, scratch: usize, line: usize, to: usize): u64 {
  const flags = load<u32>(slot, SLOT_FLAGS);
  const lengths = load<u64>(slot, SLOT_LENGTHS);
  let p = skipManager(line, to);
  // Of the byte before `p`: a backslash, a colon, a percent sign or bracket (as bit 0).
  let slashBefore: u64 = 0;
  let colonBefore: u64 = 0;
  let specialBefore: u64 = 0;
  let counted = false;
  // Colons between tokens in the block before.
  let joinsBefore: u64 = 0;
  // Runs that were looked at as a whole end here.
  let addressDone: usize = 0;
  let groupsDone: usize = 0;
  let nameDone: usize = 0;
  let printDone: usize = 0;
  while (true) {
    const a = v128.load(p);
    const b = v128.load(p, 16);
    const c = v128.load(p, 32);
    const d = v128.load(p, 48);
    let size: u64 = 64;
    const newline = i8x16.splat(10);
    const na = i8x16.eq(a, newline);
    const nb = i8x16.eq(b, newline);
    const nc = i8x16.eq(c, newline);
    const nd = i8x16.eq(d, newline);
    if (any(na, nb, nc, nd)) size = ctz<u64>(bits(na, nb, nc, nd));
    if (<u64>(to - p) < size) size = <u64>(to - p);
    let valid: u64 = size === 64 ? u64.MAX_VALUE : ((<u64>1) << size) - 1;

    const ca = classesOf(a);
    const cb = classesOf(b);
    const cc = classesOf(c);
    const cd = classesOf(d);
    const zero = i8x16.splat(0);
    const limit = i8x16.splat(31);
    // A byte beyond ASCII has its highest bit set, as the answer of a comparison has.
    const special = bits(
      v128.or(a, i8x16.gt_s(ca, limit)),
      v128.or(b, i8x16.gt_s(cb, limit)),
      v128.or(c, i8x16.gt_s(cc, limit)),
      v128.or(d, i8x16.gt_s(cd, limit)),
    );
    const nothing = bits(i8x16.eq(ca, zero), i8x16.eq(cb, zero), i8x16.eq(cc, zero), i8x16.eq(cd, zero));
    let tokens = ~(nothing | special) & valid;

    // A token at the block's end begins the next block, so that none is ever cut.
    let advance: u64 = 64;
    if (tokens >>> 63 !== 0) {
      advance = 64 - clz<u64>(~tokens);
      if (advance === 0) {
        const end = tokenEnd(p + 64, to);
        const base64 = saysBase64(p, end);
        const first = load<u8>(p) | 32;
        const escaped = slashBefore !== 0 && (first === 117 || first === 120) && isEscapeDisguise(line, p);
        if (base64 || escaped || token(slot, scratch, p, end)) return flagged(end, to);
        p = end;
        slashBefore = 0;
        colonBefore = 0;
        specialBefore = 0;
        continue;
      }
      valid = ((<u64>1) << advance) - 1;
    }

    const dot = i8x16.splat(46);
    const dots = bits(i8x16.eq(a, dot), i8x16.eq(b, dot), i8x16.eq(c, dot), i8x16.eq(d, dot));
    let inner = dots & (tokens << 1) & (tokens >>> 1) & valid;
    const colon = i8x16.splat(58);
    const colonMask = bits(i8x16.eq(a, colon), i8x16.eq(b, colon), i8x16.eq(c, colon), i8x16.eq(d, colon));
    const slash = i8x16.splat(92);
    const slashes = bits(i8x16.eq(a, slash), i8x16.eq(b, slash), i8x16.eq(c, slash), i8x16.eq(d, slash));

    let doubled = colonMask & ((colonMask << 1) | colonBefore) & valid;
    let joined = colonMask & (tokens << 1) & ((tokens >>> 1) | LAST) & valid;
    tokens &= valid;

    if ((flags & HAS_SHORT_PLAIN) !== 0) {
      const marks = i8x16.splat(24);
      const marked = ~bits(
        i8x16.eq(v128.and(ca, marks), zero),
        i8x16.eq(v128.and(cb, marks), zero),
        i8x16.eq(v128.and(cc, marks), zero),
        i8x16.eq(v128.and(cd, marks), zero),
      );
      const quote = i8x16.splat(34);
      const quotes = bits(i8x16.eq(a, quote), i8x16.eq(b, quote), i8x16.eq(c, quote), i8x16.eq(d, quote));
      // Names of members are never looked at, so neither is what ends before `":`.
      const names = quotes & (colonMask >>> 1);
      // Behind a percent sign or bracket, or the letter of an escape.
      let odd = marked | (special << 1) | specialBefore;
      const escaped = (slashes << 1) | slashBefore;
      if (escaped !== 0) {
        odd |= escaped & bits(escapeLetter(a), escapeLetter(b), escapeLetter(c), escapeLetter(d));
      }
      const starts = tokens & ~(tokens << 1);
      // All runs as words, with a single branch that is hardly ever taken: what else they are is seen to apart.
      for (let left = starts; left !== 0; left &= left - 1) {
        const s = ctz<u64>(left);
        const e = s + ctz<u64>(~(tokens >>> s));
        const known = (lengths >>> (e - s)) & (~names >>> e);
        if (mayBePlain(slot, <u32>known, p + <usize>s, p + <usize>e) && plain(slot, p + <usize>s, p + <usize>e)) {
          return flagged(p + <usize>e, to);
        }
      }
      const last = (marked << 1) & ~tokens & (tokens << 1);
      for (let left = (starts & odd) | last; left !== 0; left &= left - 1) {
        const at = ctz<u64>(left);
        // A place behind a run stands for the run before it.
        const s = ((tokens >>> at) & 1) !== 0 ? at : 64 - clz<u64>(~tokens & (((<u64>1) << (at - 1)) - 1));
        const end = p + <usize>(s + ctz<u64>(~(tokens >>> s)));
        if (token(slot, scratch, p + <usize>s, end)) return flagged(end, to);
      }
      if ((flags & HAS_PLAIN_NUMBERS) !== 0) {
        // Numbers by themselves, `0064500`, `AS0064500`; the quoted ones are as they stand.
        const zero0 = i8x16.splat(48);
        const padded = bits(i8x16.eq(a, zero0), i8x16.eq(b, zero0), i8x16.eq(c, zero0), i8x16.eq(d, zero0));
        const system = bits(
          systemNumber(a, p),
          systemNumber(b, p + 16),
          systemNumber(c, p + 32),
          systemNumber(d, p + 48),
        );
        const bare = digitsOf(ca, cb, cc, cd) & ~((quotes << 1) | (slashes << 1));
        for (let left = starts & (bare | padded | system); left !== 0; left &= left - 1) {
          const s = ctz<u64>(left);
          const from = p + <usize>s;
          const end = from + <usize>ctz<u64>(~(tokens >>> s));
          if (((bare >>> s) & 1) !== 0 && mayNumberDiffer(line, from, end)) return flagged(end, to);
          if ((((padded | system) >>> s) & 1) !== 0 && token(slot, scratch, from, end)) return flagged(end, to);
        }
      }
    } else {
      let long = tokens & (tokens >>> 1);
      long &= long >>> 2;
      long &= long >>> 4;
      long &= long >>> 8;
      long &= long >>> 16;
      while (long !== 0) {
        const s = ctz<u64>(long);
        const e = s + ctz<u64>(~(tokens >>> s));
        long &= u64.MAX_VALUE << e;
        if (token(slot, scratch, p + <usize>s, p + <usize>e)) return flagged(p + <usize>e, to);
      }
    }

    const numbers = inner === 0 ? 0 : digitsOf(ca, cb, cc, cd) | dots;
    while (inner !== 0) {
      const at = ctz<u64>(inner);
      const below = ~tokens & (((<u64>1) << at) - 1);
      const s = 64 - clz<u64>(below);
      const e = at + ctz<u64>(~(tokens >>> at));
      inner &= u64.MAX_VALUE << e;
      const from = p + <usize>s;
      const end = p + <usize>e;
      const mask = ((<u64>1) << e) - ((<u64>1) << s);
      if (isGlued(from) || isMark(load<u8>(from)) || isMark(load<u8>(end - 1))) {
        if (token(slot, scratch, from, end)) return flagged(end, to);
      } else if (dottedToken(slot, scratch, flags, from, end, dots & mask, mask & ~numbers)) return flagged(end, to);
    }

    const xa = optionOr64(a, p);
    const xb = optionOr64(b, p + 16);
    const xc = optionOr64(c, p + 32);
    const xd = optionOr64(d, p + 48);
    if (any(xa, xb, xc, xd)) {
      for (let options = bits(xa, xb, xc, xd) & valid; options !== 0; options &= options - 1) {
        const at = p + <usize>ctz<u64>(options);
        if (load<u8>(at + 1) === 54) {
          if (isBase64Word(line, at)) return flagged(at, to);
        }
        const dash = load<u8>(at - 1);
        if ((dash === 45 || dash === 47) && isEncodedOption(line, at, at - 1)) return flagged(at, to);
      }
    }

    if ((slashes | slashBefore) !== 0) {
      let escapes =
        ((slashes << 1) | slashBefore) &
        bits(unicodeOrHex(a), unicodeOrHex(b), unicodeOrHex(c), unicodeOrHex(d)) &
        valid;
      for (; escapes !== 0; escapes &= escapes - 1) {
        const at = p + <usize>ctz<u64>(escapes);
        if (isEscapeDisguise(line, at)) return flagged(at, to);
      }
    }

    let specials = special & valid;
    for (; specials !== 0; specials &= specials - 1) {
      const at = p + <usize>ctz<u64>(specials);
      const found = <u32>load<u8>(at);
      if (found === 37) {
        if (isPercentDisguise(at)) return flagged(at, to);
      } else if (found < 128) {
        if (isBracketDisguise(at)) return flagged(at, to);
        if (found === 40) {
          if (isCount(at)) counted = true;
          else if (counted && isCountEnd(at)) return flagged(at, to);
        }
      } else {
        if (isReadOtherwise(at)) return flagged(at, to);
        const mark = markBytes(at);
        if (mark > 0) nameDone = at + mark;
        else if (at >= nameDone) {
          nameDone = nameEnd(at, to);
          if (isForeignName(line, at, nameDone)) return flagged(at, to);
        }
        if (isLongDash(at) && (load<u8>(at, 3) | 32) === 101 && isEncodedOption(line, at + 3, at))
          return flagged(at, to);
      }
    }

    for (; doubled !== 0; doubled &= doubled - 1) {
      const at = p + <usize>ctz<u64>(doubled);
      if (at < addressDone) continue;
      addressDone = ip6RunEnd(at, to);
      if (ip6(slot, scratch, line, at, to)) return flagged(at, to);
    }
    // Eight groups without `::` have six colons at least, in one block or in two.
    const joins = popcnt<u64>(joined);
    if (joins + joinsBefore >= 6) {
      for (; joined !== 0; joined &= joined - 1) {
        const at = p + <usize>ctz<u64>(joined);
        if (at < groupsDone) continue;
        groupsDone = ip6RunEnd(at, to);
        if (ip6(slot, scratch, line, at, to)) return flagged(at, to);
      }
    }
    joinsBefore = joins;

    if ((flags & HAS_PRINTS) !== 0) {
      for (let part: usize = 0; part < <usize>size; part += 16) {
        const at = p + part;
        const bytes = v128.load(at);
        if (at + 8 >= printDone && isPrint(bytes, classesOf(bytes))) {
          printDone = printEnd(at + 8, to);
          if (fingerprint(slot, line, printDone)) return flagged(at, to);
        }
      }
      for (let escapes = ((slashes << 1) | slashBefore) & tokens; escapes !== 0; escapes &= escapes - 1) {
        const at = p + <usize>ctz<u64>(escapes);
        if (at < printDone || !isSplitPrint(at)) continue;
        printDone = printEnd(at + 1, to);
        if (fingerprint(slot, line, printDone)) return flagged(at, to);
      }
    }

    if (size < 64) return <u64>(p + <usize>size);
    slashBefore = (slashes >>> (advance - 1)) & 1;
    colonBefore = (colonMask >>> (advance - 1)) & 1;
    specialBefore = (special >>> (advance - 1)) & 1;
    p += <usize>advance;
  }
}
