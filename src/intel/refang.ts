/**
 * Undoing of disguises that people and products put around indicators: defanging (`hxxp`, `[.]`, `(dot)` …), JSON and CEF
 * escapes that survived a second encoding (`\u0026`, `\/`, `\=`), `&amp;`, full-width and ideographic dots. Linear.
 */

/** What {@link survey} saw: reasons to look closer. The low bits say that refang() has work. */
export const BRACKET = 1;
export const ESCAPE = 2;
export const WIDE = 4;
export const ENTITY = 8;
export const SCHEME = 16;
export const DISGUISED = BRACKET | ESCAPE | WIDE | ENTITY | SCHEME;
export const DOT = 32;
export const COLON = 64;
export const PERCENT = 128;
export const LONG_RUN = 256;
/** `VE-` or `AS`: there may be a CVE id or an AS number. */
export const LABEL = 512;

const DEFANGED = /[[({] ?(?:\.|dot|:|:\/\/|\/|@|at) ?[\])}]/gi;
const HXXP = /(?:h(?:xx|tx|xt|\*\*)p|meow)(s?)(?=:\/\/)/gi;
const FXP = /fxp(s?)(?=:\/\/)/gi;
const UNICODE_ESCAPE = /\\{1,4}u([0-9a-f]{4})/gi;
const HEX_ESCAPE = /\\{1,4}x([0-9a-f]{2})/gi;
const PLAIN_ESCAPE = /\\{1,4}([/=])/g;
const WIDE_DOT = /[\u3002\uff0e\uff61\u2024\ufe52]/g;
const AMP = /&(?:amp|#38|#x26);/gi;
const INVISIBLE = /[\u00ad\u200b-\u200d\u2060\ufeff]/g;

/** 0: letters and digits; 1: other characters without meaning here; the rest is looked at by {@link bitsAt}. */
const KIND = new Uint8Array(128).fill(1);
for (let c = 48; c < 123; c++) if (c < 58 || c > 96 || (c > 64 && c < 91)) KIND[c] = 0;
for (const c of "S-.:%[({\\&") KIND[c.charCodeAt(0)] = 2;

/** One pass over the text: the bits above. 0 for most strings, which then cost nothing more. */
export function survey(text: string): number {
  let found = 0;
  let runStart = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    const kind = c < 128 ? KIND[c]! : 3;
    if (kind === 0) continue;
    if (c === 83) {
      if (text.charCodeAt(i - 1) === 65) found |= LABEL;
      continue;
    }
    if (i - runStart >= 32) found |= LONG_RUN;
    runStart = i + 1;
    if (kind === 2) found |= bitsAt(text, i, c);
    else if (kind === 3 && isWide(c)) found |= WIDE;
  }
  return text.length - runStart >= 32 ? found | LONG_RUN : found;
}

function bitsAt(text: string, at: number, c: number): number {
  switch (c) {
    case 46:
      return DOT;
    case 58:
      return text.charCodeAt(at + 1) === 47 && DISGUISED_SCHEME.test(text.slice(Math.max(0, at - 6), at))
        ? COLON | SCHEME
        : COLON;
    case 37:
      return PERCENT;
    case 45:
      return (text.charCodeAt(at - 1) | 32) === 101 && (text.charCodeAt(at - 2) | 32) === 118 ? LABEL : 0;
    case 92:
      return isEscape(text, at) ? ESCAPE : 0;
    case 38:
      return ENTITY_AHEAD.test(text.slice(at, at + 6)) ? ENTITY : 0;
    default:
      return isDefanged(text, at) ? BRACKET : 0;
  }
}

const DISGUISED_SCHEME = /(?:h(?:xx|tx|xt|\*\*)p|meow|fxp)s?$/i;
const ENTITY_AHEAD = /^&(?:amp|#38|#x26);/i;

function isWide(c: number): boolean {
  return (
    c >= 0xff00 ||
    c === 0x3002 ||
    c === 0x2024 ||
    c === 0xad ||
    (c >= 0x200b && c <= 0x200d) ||
    c === 0x2060 ||
    c === 0xfe52
  );
}

/** `\u` with four hex digits, `\x` with two, `\/`, `\=`; `\Users` is none. */
function isEscape(text: string, at: number): boolean {
  const next = text.charCodeAt(at + 1);
  if (next === 47 || next === 61) return true;
  if ((next | 32) === 117)
    return isHexDigit(text, at + 2) && isHexDigit(text, at + 3) && isHexDigit(text, at + 4) && isHexDigit(text, at + 5);
  return (next | 32) === 120 && isHexDigit(text, at + 2) && isHexDigit(text, at + 3);
}

function isHexDigit(text: string, at: number): boolean {
  const c = text.charCodeAt(at);
  return (c >= 48 && c <= 57) || ((c | 32) >= 97 && (c | 32) <= 102);
}

/** A bracket soon closed around a dot, colon, slash, at sign or one of their names. */
function isDefanged(text: string, at: number): boolean {
  let next = text.charCodeAt(at + 1);
  if (next === 32) next = text.charCodeAt(at + 2);
  const may = next === 46 || next === 58 || next === 64 || next === 47 || (next | 32) === 100 || (next | 32) === 97;
  return may && BRACKETED.test(text.slice(at, at + 7));
}

const BRACKETED = /^[[({] ?(?:\.|dot|:|:\/\/|\/|@|at) ?[\])}]/i;

function plain(bracketed: string): string {
  const inner = bracketed.slice(1, -1).trim().toLowerCase();
  if (inner === "dot") return ".";
  return inner === "at" ? "@" : inner;
}

function unescapeUnit(_whole: string, hex: string): string {
  const code = Number.parseInt(hex, 16);
  return code < 32 ? " " : String.fromCharCode(code);
}

/** The text with every disguise undone; the text itself when it carries none. `found`: what survey() said, if asked before. */
export function refang(text: string, found = survey(text)): string {
  if ((found & DISGUISED) === 0) return text;
  let out = text;
  const escaped = (found & ESCAPE) !== 0;
  if (escaped) {
    out = out.replace(UNICODE_ESCAPE, unescapeUnit).replace(HEX_ESCAPE, unescapeUnit).replace(PLAIN_ESCAPE, "$1");
  }
  if (escaped || (found & ENTITY) !== 0) out = out.replace(AMP, "&");
  if (escaped || (found & WIDE) !== 0) out = out.replace(WIDE_DOT, ".").replace(INVISIBLE, "");
  if (escaped || (found & BRACKET) !== 0) out = out.replace(DEFANGED, plain);
  if ((found & (SCHEME | BRACKET | ESCAPE)) !== 0) out = out.replace(HXXP, "http$1").replace(FXP, "ftp$1");
  return out;
}

const PERCENT_RUN = /(?:%[0-9a-f]{2})+/gi;

/** Percent-encoding undone up to twice (`%2565` → `%65` → `e`); invalid UTF-8 becomes U+FFFD, control characters blanks. */
export function percentDecode(text: string): string {
  let out = text;
  for (let i = 0; i < 2 && out.includes("%"); i++) {
    const decoded = out.replace(PERCENT_RUN, decodeRun);
    if (decoded === out) break;
    out = decoded;
  }
  return out;
}

function decodeRun(run: string): string {
  const text = Buffer.from(run.replaceAll("%", ""), "hex").toString("utf8");
  return text.replace(/[\u0000-\u001f\u007f]/g, " ");
}
