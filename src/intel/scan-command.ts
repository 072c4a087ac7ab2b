import { type Found, MAX_SCANNED, scanText } from "./scan.ts";

/** Base64 inside base64 …: how deep, and how many characters are decoded in all. */
const MAX_DEPTH = 3;
const MAX_DECODED = 65_536;
/** Runs shorter than this hold no URL. */
const MIN_RUN = 20;

/** PowerShell takes every beginning of -EncodedCommand, `/e` and an en dash too; `base64` covers FromBase64String and base64 -d. */
const ENCODED_OPTION =
  /(?:^|[\s"'])[-/\u2013\u2014](?:e|ec|en|enc|enco|encod|encode|encoded|encodedc[a-z]{0,6})["']?[\s:=]/i;
const BASE64_WORD = /base64/i;
const RUN = /[A-Za-z0-9+/]{20,}={0,2}/g;

/** Like scanText(), and looks into base64 as PowerShell and shells use it (UTF-16LE or UTF-8). */
export function scanCommand(text: string, found: Found, field = ""): void {
  scanLevel(text, found, field, 0, { left: MAX_DECODED });
}

function scanLevel(text: string, found: Found, field: string, depth: number, budget: { left: number }): void {
  scanText(text, found, field);
  if (depth >= MAX_DEPTH || text.length < MIN_RUN) return;
  const bounded = text.length > MAX_SCANNED ? text.slice(0, MAX_SCANNED) : text;
  if (!BASE64_WORD.test(bounded) && !ENCODED_OPTION.test(bounded)) return;
  for (const [run] of bounded.matchAll(RUN)) {
    if (budget.left <= 0) return;
    budget.left -= run.length;
    const decoded = decodeText(run);
    if (decoded !== undefined) scanLevel(decoded, found, field, depth + 1, budget);
  }
}

/** The text in base64, or undefined when the bytes are not text in UTF-16LE or UTF-8. */
export function decodeText(base64: string): string | undefined {
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length < 12) return undefined;
  let zeros = 0;
  for (let i = 1; i < bytes.length; i += 2) if (bytes[i] === 0) zeros++;
  const text = bytes.toString(zeros * 3 > bytes.length ? "utf16le" : "utf8");
  return isReadable(text) ? text : undefined;
}

function isReadable(text: string): boolean {
  let odd = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if ((c < 32 && c !== 9 && c !== 10 && c !== 13) || c === 0xfffd || c === 127) odd++;
  }
  return odd * 20 < text.length;
}
