/**
 * Disguises: places where extraction may read something else than the bytes that stand there. Each function answers "look closer"
 * or "nothing here"; they must never say the latter wrongly. They follow src/intel/token-disguise.ts, over raw JSON bytes.
 */
import { hex4, hexValue, isDigit, isLetter, isTokenByte } from "./bytes";

/** What a character is that stands escaped or encoded: of no account for tokens, or a reason to look closer. */
function isPlainSeparator(c: u32): bool {
  if (c > 127 || isTokenByte(c)) return false;
  // White space is part of disguises; so are the marks of defanging, of escapes and of URLs.
  if (c === 32 || (c > 8 && c < 14)) return false;
  return (
    c !== 37 &&
    c !== 40 &&
    c !== 41 &&
    c !== 47 &&
    c !== 58 &&
    c !== 64 &&
    c !== 91 &&
    c !== 92 &&
    c !== 93 &&
    c !== 123 &&
    c !== 125
  );
}

/**
 * `at`: a `u` or `x` behind a backslash. `\u003c` is JSON's own and separates; a letter, a dot or anything beyond ASCII written
 * so, and whatever is escaped twice (`\\u002e`, `\\x2e`), is a disguise.
 */
export function isEscapeDisguise(line: usize, at: usize): bool {
  if ((load<u8>(at) | 32) === 120) return (hexValue(load<u8>(at, 1)) | hexValue(load<u8>(at, 2))) >= 0;
  const code = hex4(at + 1);
  if (code < 0) return false;
  let slash = at - 1;
  while (slash > line && load<u8>(slash - 1) === 92) slash--;
  return ((at - slash) & 1) === 0 || !isPlainSeparator(code);
}

/** `at`: a percent sign. */
export function isPercentDisguise(at: usize): bool {
  const high = hexValue(load<u8>(at, 1));
  const low = hexValue(load<u8>(at, 2));
  if ((high | low) < 0) return false;
  const c = <u32>(high * 16 + low);
  // A byte that begins no UTF-8 sequence becomes a replacement character, which separates.
  if (c >= 128) return c >= 0xc2 && c < 0xf5 && load<u8>(at, 3) === 37;
  if (c === 37 || c === 92 || c === 91 || c === 40 || c === 123) return true;
  if (c === 58) {
    const after = load<u8>(at, 3);
    if (after === 58 || hexValue(after) >= 0) return true;
    return after === 37 && load<u8>(at, 4) === 51 && (load<u8>(at, 5) | 32) === 97;
  }
  return isTokenByte(c);
}

/** The character at a place inside brackets, percent-encoding undone, which makes a blank of a control character. */
function insideAt(at: usize): u32 {
  const c = <u32>load<u8>(at);
  if (c !== 37) return c;
  const code = (hexValue(load<u8>(at, 1)) << 4) | hexValue(load<u8>(at, 2));
  if (code < 0) return c;
  return code < 32 || code === 127 ? 32 : <u32>code;
}

/** Behind that character. */
function pastInside(at: usize): usize {
  return at + (load<u8>(at) === 37 ? 3 : 1);
}

/**
 * `at`: one of `[`, `(`, `{`. True for `[.]`, `(dot)`, `{at}`, `[://]` …, with up to two blanks on each side inside; all but the opening
 * bracket may be percent-encoded (`[%20.%5d`), since extraction undoes that and then looks for brackets once more.
 */
export function isBracketDisguise(at: usize): bool {
  let next = at + 1;
  for (let blanks = 0; blanks < 2 && insideAt(next) === 32; blanks++) next = pastInside(next);
  const c = insideAt(next);
  const letter = c | 32;
  if (c === 46 || c === 64) next = pastInside(next);
  else if (letter === 100) {
    if ((load<u8>(next, 1) | 32) !== 111 || (load<u8>(next, 2) | 32) !== 116) return false;
    next += 3;
  } else if (letter === 97) {
    if ((load<u8>(next, 1) | 32) !== 116) return false;
    next += 2;
  } else {
    // `:`, `/`, `://`, where JSON may write `\/`.
    const from = next;
    if (c === 58) next = pastInside(next);
    for (let slashes = 0; slashes < 2; slashes++) {
      if (load<u8>(next) === 92) next++;
      if (insideAt(next) !== 47) break;
      next = pastInside(next);
    }
    if (next === from) return false;
  }
  for (let blanks = 0; blanks < 2 && insideAt(next) === 32; blanks++) next = pastInside(next);
  const close = insideAt(next);
  return close === 41 || close === 93 || close === 125;
}

/** `at`: `(`. `(3)` of `(3)www(4)evil(3)com(0)`, a name as Windows' DNS server writes it. */
export function isCount(at: usize): bool {
  const first = load<u8>(at, 1) - 49;
  if (first > 8) return false;
  return load<u8>(at, 2) === 41 || load<u8>(at, 3) === 41;
}

/** `(0)`: such a name's end. */
export function isCountEnd(at: usize): bool {
  return load<u8>(at, 1) === 48 && load<u8>(at, 2) === 41;
}

/** `at`: a byte beyond ASCII. Characters that are removed, or read as a dot, a letter or more than one. */
export function isReadOtherwise(at: usize): bool {
  const c = load<u8>(at);
  const second = load<u8>(at, 1);
  const third = load<u8>(at, 2);
  switch (c) {
    case 0xc2:
      return second === 0xad;
    case 0xc4:
      return second === 0xb0;
    case 0xe2:
      if (second === 0x80) return (third >= 0xa4 && third <= 0xa6) || (third >= 0x8b && third <= 0x8d);
      if (second === 0x81) return third === 0xa0;
      if (second === 0x84) return third === 0xaa;
      return second === 0x92 && third >= 0x88 && third <= 0x9b;
    case 0xe3:
      return (second === 0x80 && third === 0x82) || (second === 0x8f && (third === 0x82 || third === 0x98));
    case 0xef:
      if (second === 0xbc || second === 0xbd || second === 0xbe) return true;
      if (second === 0xbf) return third !== 0xbd;
      if (second === 0xbb) return third === 0xbf;
      return second === 0xb9 && third === 0x92;
    default:
      return false;
  }
}

/** `at`: a byte beyond ASCII. En dash or em dash: PowerShell takes them for a hyphen. */
export function isLongDash(at: usize): bool {
  const third = load<u8>(at, 2);
  return load<u8>(at) === 0xe2 && load<u8>(at, 1) === 0x80 && (third === 0x93 || third === 0x94);
}

/** Longest run that is looked at, to each side; a longer one is for extraction to judge. */
const MAX_NAME: usize = 256;

/** Bytes of a no-break space or replacement character, which separate words, whatever reads them; of anything else 0. */
export function markBytes(at: usize): usize {
  const c = load<u8>(at);
  if (c === 0xc2) return load<u8>(at, 1) === 0xa0 ? 2 : 0;
  return c === 0xef && load<u8>(at, 1) === 0xbf && load<u8>(at, 2) === 0xbd ? 3 : 0;
}

function endsMark(to: usize): bool {
  const c = load<u8>(to - 1);
  if (c === 0xa0) return load<u8>(to - 2) === 0xc2;
  return c === 0xbd && load<u8>(to - 2) === 0xbf && load<u8>(to - 3) === 0xef;
}

/** End of the run of token bytes and bytes beyond ASCII that goes on at `at`. */
export function nameEnd(at: usize, lineEnd: usize): usize {
  let to = at;
  while (to < lineEnd && to - at < MAX_NAME) {
    const c = load<u8>(to);
    if (!isTokenByte(c) && (c < 128 || markBytes(to) > 0)) break;
    to++;
  }
  return to;
}

/** The run around a byte beyond ASCII has a dot inside: part of a dotted name that IDNA changes. */
export function isForeignName(line: usize, at: usize, end: usize): bool {
  let from = at;
  while (from > line && at - from < MAX_NAME) {
    const c = load<u8>(from - 1);
    if (!isTokenByte(c) && (c < 128 || endsMark(from))) break;
    from--;
  }
  if (at - from === MAX_NAME || end - at === MAX_NAME) return true;
  let to = end;
  while (to > from && load<u8>(to - 1) === 46) to--;
  while (from < to && load<u8>(from) === 46) from++;
  for (; from < to; from++) if (load<u8>(from) === 46) return true;
  return false;
}

/** `at`: an `e` behind `-`, `/` or a long dash. PowerShell's `-EncodedCommand`, however short, with an argument. */
export function isEncodedOption(line: usize, at: usize, dash: usize): bool {
  if (dash > line && isLetter(load<u8>(dash - 1)) && !isEscapeLetter(dash - 1)) return false;
  if (dash > line && isDigit(load<u8>(dash - 1)) && !isEscapeDigit(dash - 1)) return false;
  let to = at;
  while (to - at < 15 && isLetter(load<u8>(to))) to++;
  if (!isBeginning(at, to)) return false;
  const next = load<u8>(to);
  if (next === 39 || next === 92) return true;
  return next === 32 || next === 58 || next === 61 || next > 127;
}

/** `\t`, `\n` …: white space. */
function isEscapeLetter(at: usize): bool {
  const c = load<u8>(at);
  return load<u8>(at - 1) === 92 || isEscapeDigit(at) || c > 127;
}

/** The last of `\u0027`. */
function isEscapeDigit(at: usize): bool {
  return hexValue(load<u8>(at)) >= 0 && load<u8>(at - 4) === 117 && load<u8>(at - 5) === 92;
}

/** `[at, to)` is a beginning of `encoded`, or `encodedc` and at most six letters more, or `ec`. */
function isBeginning(at: usize, to: usize): bool {
  const size = to - at;
  if (size > 14) return false;
  if (size === 2 && (load<u8>(at, 1) | 32) === 99) return true;
  // "encodedc", the first letter in the lowest byte.
  const wanted: u64 = ((<u64>0x63646564) << 32) | 0x6f636e65;
  const compared = min<usize>(size, 8);
  for (let i: usize = 0; i < compared; i++) {
    if (<u64>(load<u8>(at + i) | 32) !== ((wanted >>> (i << 3)) & 0xff)) return false;
  }
  return true;
}

/** `at`: the `e` of `e6`. The word `base64`. */
export function isBase64Word(line: usize, at: usize): bool {
  return (
    at >= line + 3 &&
    load<u8>(at, 2) === 52 &&
    (load<u8>(at - 1) | 32) === 115 &&
    (load<u8>(at - 2) | 32) === 97 &&
    (load<u8>(at - 3) | 32) === 98
  );
}

/** The word `base64` stands in the run. */
export function saysBase64(from: usize, to: usize): bool {
  const four = i8x16.splat(52);
  const six = i8x16.splat(54);
  for (let at = from + 5; at < to; at += 16) {
    let left = i8x16.bitmask(v128.and(i8x16.eq(v128.load(at), four), i8x16.eq(v128.load(at - 1), six)));
    for (; left !== 0; left &= left - 1) {
      const place = at + <usize>ctz<i32>(left);
      if (place < to && isBase64End(from, place)) return true;
    }
  }
  return false;
}

/** `at`: the `4` of the word `base64`, which begins no earlier than `from`. */
function isBase64End(from: usize, at: usize): bool {
  return (load<u8>(at - 2) | 32) === 101 && load<u8>(at - 1) === 54 && isBase64Word(from, at - 2);
}
