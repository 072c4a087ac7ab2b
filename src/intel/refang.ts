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
/** There may be a CVE id or an AS number; like LONG_RUN only looked for when nothing else was seen. */
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

const DISGUISED_SCHEME = /(?:h(?:xx|tx|xt|\*\*)p|meow|fxp)s?:\/\//i;
const ENTITY_AHEAD = /&(?:amp|#38|#x26);/i;
const BEYOND_ASCII = /[^\x00-\x7f]/;
const WIDE_OR_INVISIBLE = /[\u00ad\u2024\u200b-\u200d\u2060\u3002\ufe52\ufeff-\uffff]/;
/** `\u` with four hex digits, `\x` with two, `\/`, `\=`; `\Users` is none. */
const ESCAPED = /\\(?:[/=]|u[0-9a-f]{4}|x[0-9a-f]{2})/i;
const BRACKETED = /[[({] ?(?:\.|dot|:|:\/\/|\/|@|at) ?[\])}]/i;
const HEX_RUN = /[0-9a-f]{32}/i;
const LABELS = /ve-|AS\d|VE-/;

/**
 * The bits above: 0 for most strings, which then cost nothing more. Made of searches that the engine runs natively, which is
 * several times faster than a loop over the characters.
 */
export function survey(text: string): number {
  let found = 0;
  if (text.includes(".")) found |= DOT;
  if (text.includes(":")) found |= text.includes("://") && DISGUISED_SCHEME.test(text) ? COLON | SCHEME : COLON;
  if (text.includes("%")) found |= PERCENT;
  if (text.includes("\\") && ESCAPED.test(text)) found |= ESCAPE;
  if (text.includes("&") && ENTITY_AHEAD.test(text)) found |= ENTITY;
  if ((text.includes("[") || text.includes("(") || text.includes("{")) && BRACKETED.test(text)) found |= BRACKET;
  if (BEYOND_ASCII.test(text) && WIDE_OR_INVISIBLE.test(text)) found |= WIDE;
  if (found !== 0) return found;
  if (text.length >= 32 && HEX_RUN.test(text)) found |= LONG_RUN;
  return LABELS.test(text) ? found | LABEL : found;
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
