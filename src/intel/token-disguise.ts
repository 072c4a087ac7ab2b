/**
 * Disguises that hide an observable from a scanner of literal tokens. Each function looks at one suspicious place of a string and
 * says whether extraction might read something else there than stands there; it must never say no wrongly. They follow the list
 * at the head of scan.ts.
 */

/** `\u002e`, `\x2e`: an escape that was escaped once more. */
export function isEscape(text: string, at: number): boolean {
  const next = text.charCodeAt(at + 1) | 32;
  if (next === 117) return hexDigits(text, at + 2, 4);
  return next === 120 && hexDigits(text, at + 2, 2);
}

function hexDigits(text: string, at: number, count: number): boolean {
  for (let i = at; i < at + count; i++) if (hexValue(text.charCodeAt(i)) < 0) return false;
  return true;
}

/** 0–15, or -1. */
export function hexValue(c: number): number {
  if (c >= 48 && c <= 57) return c - 48;
  const letter = c | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

const BLANKS = "(?: |%(?:[01][0-9a-f]|20|7f)){0,2}";
const INSIDE = String.raw`\.|dot|(?::|%3a)(?:(?:\/|%2f){2})?|\/|%2f|@|%40|at`;
/** All but the opening one may be percent-encoded: extraction undoes that and then looks for brackets once more. */
const BRACKETED = new RegExp(String.raw`[[({]${BLANKS}(?:${INSIDE})${BLANKS}(?:[\])}]|%(?:5d|29|7d))`, "iy");

/** `(3)www(4)evil(3)com(0)`: a name as Windows' DNS server writes it, with the length before each label. */
function isCountedName(text: string, at: number): boolean {
  const close = text.charCodeAt(at + 2) === 41 ? at + 2 : at + 3;
  return text.charCodeAt(at) === 40 && text.charCodeAt(close) === 41 && text.includes("(0)", close + 1);
}

/** `[.]`, `(dot)`, `{at}` … */
export function isDefanged(text: string, at: number): boolean {
  let next = text.charCodeAt(at + 1);
  if (next >= 49 && next <= 57) return isCountedName(text, at);
  if (next === 32) next = text.charCodeAt(at + 2);
  // The usual brackets cost no regex: . / : @ and the first letters of `dot` and `at`.
  if (next !== 46 && next !== 47 && next !== 58 && next !== 64 && (next | 32) !== 100 && (next | 32) !== 97) {
    if (next !== 32 && next !== 37) return false;
  }
  BRACKETED.lastIndex = at;
  return BRACKETED.test(text);
}

/** What `%XX` comes to. */
export const NOT_ENCODED = 0;
export const ENCODED_SEPARATOR = 1;
/** Part of a token, another `%`, or beyond ASCII: decoding changes tokens. */
export const ENCODED_TOKEN = 2;

export function percentAt(text: string, at: number): number {
  const high = hexValue(text.charCodeAt(at + 1));
  const low = high < 0 ? -1 : hexValue(text.charCodeAt(at + 2));
  if (low < 0) return NOT_ENCODED;
  const c = high * 16 + low;
  // A byte that begins no UTF-8 sequence becomes U+FFFD, which separates (Windows logs are full of `%%8448`).
  if (c >= 128) return c >= 0xc2 && c < 0xf5 && text.charCodeAt(at + 3) === 37 ? ENCODED_TOKEN : ENCODED_SEPARATOR;
  // The beginning of another disguise: `%`, `\`, brackets.
  if (c === 37 || c === 92 || c === 91 || c === 40 || c === 123) return ENCODED_TOKEN;
  if (c === 58) return isIp6Part(text, at) ? ENCODED_TOKEN : ENCODED_SEPARATOR;
  return isTokenChar(c) ? ENCODED_TOKEN : ENCODED_SEPARATOR;
}

/** An encoded colon between hex digits or further colons. */
function isIp6Part(text: string, at: number): boolean {
  const after = text.charCodeAt(at + 3);
  if (after === 58 || hexValue(after) >= 0) return true;
  return after === 37 && text.charCodeAt(at + 4) === 51 && (text.charCodeAt(at + 5) | 32) === 97;
}

function isTokenChar(c: number): boolean {
  const letter = c | 32;
  return (letter >= 97 && letter <= 122) || (c >= 48 && c <= 57) || c === 45 || c === 46 || c === 95;
}

/** A character beyond ASCII that is removed, read as a dot or an ASCII letter, or part of a dotted name that IDNA changes. */
export function isForeign(text: string, at: number): boolean {
  const c = text.charCodeAt(at);
  if (isMark(c)) return false;
  if (c >= 0xff00 || c === 0x3002 || (c >= 0x2024 && c <= 0x2026) || c === 0xfe52) return true;
  if (c === 0xad || (c >= 0x200b && c <= 0x200d) || c === 0x2060 || c === 0xfeff || c === 0x130 || c === 0x212a)
    return true;
  if ((c >= 0x2488 && c <= 0x249b) || c === 0x33c2 || c === 0x33d8) return true;
  return hasDotAround(text, at);
}

/** The replacement character and the no-break space separate words, whatever reads them. */
function isMark(c: number): boolean {
  return c === 0xfffd || c === 0xa0;
}

/** Longest run that is looked at, to each side; a longer one is for extraction to judge. */
const MAX_NAME = 256;

/** The run of token characters and characters beyond ASCII around a place has a dot inside. */
function hasDotAround(text: string, at: number): boolean {
  let from = at;
  let to = at + 1;
  while (from > 0 && at - from < MAX_NAME && isNameChar(text.charCodeAt(from - 1))) from--;
  while (to < text.length && to - at < MAX_NAME && isNameChar(text.charCodeAt(to))) to++;
  if (at - from === MAX_NAME || to - at === MAX_NAME) return true;
  while (to > from && text.charCodeAt(to - 1) === 46) to--;
  while (from < to && text.charCodeAt(from) === 46) from++;
  const dot = text.indexOf(".", from);
  return dot >= 0 && dot < to;
}

function isNameChar(c: number): boolean {
  return c > 127 ? !isMark(c) : isTokenChar(c);
}

const ENCODED_OPTION =
  /(?:^|[\s"'])[-/\u2013\u2014](?:e|ec|en|enc|enco|encod|encode|encoded|encodedc[a-z]{0,6})["']?[\s:=]/i;
const BASE64_RUN = /[A-Za-z0-9+/]{20}/;

/** PowerShell's `-EncodedCommand` with something that may be base64 after it. */
export function mayHoldEncodedCommand(text: string): boolean {
  return ENCODED_OPTION.test(text) && BASE64_RUN.test(text);
}

/** The word `base64` with something that may be base64. */
export function mayHoldBase64(text: string): boolean {
  return /base64/i.test(text) && BASE64_RUN.test(text);
}
