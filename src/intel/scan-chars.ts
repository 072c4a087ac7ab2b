/** Character classes of free text and small readings made of them. */

/** Character classes: 1 digit, 2 hex letter, 4 other letter, 8 dot, 16 hyphen or underscore, 32 beyond ASCII. */
export const CLASS = new Uint8Array(128);
for (let c = 48; c < 58; c++) CLASS[c] = 1;
for (let c = 65; c < 91; c++) {
  CLASS[c] = c < 71 ? 2 : 4;
  CLASS[c + 32] = c < 71 ? 2 : 4;
}
CLASS[46] = 8;
CLASS[45] = 16;
CLASS[95] = 16;
const WORD_BEYOND_ASCII = /[\p{L}\p{M}\p{N}]/u;

export function classOf(text: string, at: number): number {
  const c = text.charCodeAt(at);
  if (c < 128) return CLASS[c]!;
  return WORD_BEYOND_ASCII.test(text[at]!) || (c >= 0xd800 && c < 0xe000) ? 32 : 0;
}

export function asciiEnd(text: string, from: number, to: number): number {
  for (let i = from; i < to; i++) if (text.charCodeAt(i) > 127) return i;
  return to;
}

/** End of host and port of a URL, without the marks that may follow in a sentence; bounded. */
export function authorityEnd(text: string, from: number): number {
  let end = from;
  while (end < text.length && end - from < 512 && !/[\s/?#"'<>\\`|^{},;)&]/.test(text[end]!)) end++;
  while (end > from && /[.:!*]/.test(text[end - 1]!)) end--;
  return end;
}

export function digitsFrom(text: string, at: number): string {
  let end = at;
  while (end < text.length && end - at < 6 && CLASS[text.charCodeAt(end) & 127] === 1 && text.charCodeAt(end) < 128)
    end++;
  return text.slice(at, end);
}

export function isLocalChar(c: number): boolean {
  return c === 43 || c === 37 || (c < 128 && CLASS[c]! !== 0);
}
