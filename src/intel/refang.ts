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
/** `CV`, `AS` and digit: the beginnings of CVE ids and AS numbers. */
export const LABEL = 512;

const DEFANGED = /[[({] ?(?:\.|dot|:|:\/\/|\/|@|at) ?[\])}]/gi;
const HXXP = /(?:h(?:xx|tx|xt|\*\*)p|meow)(s?)(?=:\/\/|:\\)/gi;
const FXP = /fxp(s?)(?=:\/\/)/gi;
const UNICODE_ESCAPE = /\\{1,4}u([0-9a-f]{4})/gi;
const HEX_ESCAPE = /\\{1,4}x([0-9a-f]{2})/gi;
const PLAIN_ESCAPE = /\\{1,4}([/=])/g;
const WIDE_DOT = /[\u3002\uff0e\uff61\u2024\ufe52]/g;
const AMP = /&(?:amp|#38|#x26);/gi;
const INVISIBLE = /[\u00ad\u200b-\u200d\u2060\ufeff]/g;

/** One pass over the text: the bits above. 0 for most strings, which then cost nothing more. */
export function survey(text: string): number {
  let found = 0;
  let run = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if ((c >= 97 && c <= 122) || (c >= 65 && c <= 90) || (c >= 48 && c <= 57)) {
      if (++run === 32) found |= LONG_RUN;
      if ((c | 32) === 118 && (text.charCodeAt(i - 1) | 32) === 99) found |= LABEL;
      else if (c === 83 && text.charCodeAt(i - 1) === 65) found |= LABEL;
      continue;
    }
    run = 0;
    if (c === 46) found |= DOT;
    else if (c === 58) found |= colonBits(text, i);
    else if (c === 37) found |= PERCENT;
    else if (c > 127) {
      if (isWide(c)) found |= WIDE;
    } else if (c === 91 || c === 40 || c === 123) {
      if (mayBeDefanged(text, i)) found |= BRACKET;
    } else if (c === 92) {
      if (isEscape(text.charCodeAt(i + 1))) found |= ESCAPE;
    } else if (c === 38) {
      const next = text.charCodeAt(i + 1) | 32;
      if (next === 97 || next === 35) found |= ENTITY;
    }
  }
  return found;
}

function colonBits(text: string, at: number): number {
  const next = text.charCodeAt(at + 1);
  return next === 47 || next === 92 ? COLON | SCHEME : COLON;
}

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

function isEscape(next: number): boolean {
  return next === 47 || next === 61 || (next | 32) === 117 || (next | 32) === 120;
}

/** A bracket soon followed by a dot, colon, slash, at sign or the beginning of their names. */
function mayBeDefanged(text: string, at: number): boolean {
  let next = text.charCodeAt(at + 1);
  if (next === 32) next = text.charCodeAt(at + 2);
  return next === 46 || next === 58 || next === 64 || next === 47 || (next | 32) === 100 || (next | 32) === 97;
}

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
