/** Bytes of text that are decoded at a time; a line is never cut. */
const WINDOW = 1024 * 1024;
const NEWLINE = 0x0a;

/** One line, without blanks at its ends. */
export interface TextLine {
  readonly text: string;
  /** From 1. */
  readonly number: number;
  /** Bytes of the source that were read before it; for progress, so to a window. */
  readonly bytes: number;
}

/** Why the bytes are no list at all (a web page, binary data), or undefined. */
export function notAList(bytes: Buffer): string | undefined {
  const head = decoderOf(bytes)(bytes.subarray(0, 4096)).replace(/^\uFEFF/, "");
  if (/^\s{0,200}<(?:!doctype|html|head|body|title|meta|script|link|\?xml|!--)/i.test(head)) return "a web page";
  return head.includes("\u0000") ? "binary data" : undefined;
}

/** How the text begins, for messages. */
export function beginning(bytes: Buffer): string {
  const head = decoderOf(bytes)(bytes.subarray(0, 240))
    .replace(/^\uFEFF/, "")
    .trim();
  return JSON.stringify(head.slice(0, 60));
}

/** The lines that are not blank, in order; UTF-8, or UTF-16 by its byte order mark. Linear, and only one window is text at a time. */
export function* linesOf(bytes: Buffer): Generator<TextLine> {
  const source = isUtf16(bytes) ? Buffer.from(bytes.toString("utf16le"), "utf8") : bytes;
  let number = 0;
  for (let from = 0; from < source.length; ) {
    const to = endOfWindow(source, from);
    const text = source.toString("utf8", from, to);
    let at = from === 0 && text.charCodeAt(0) === 0xfeff ? 1 : 0;
    while (at < text.length) {
      const end = text.indexOf("\n", at);
      const line = text.slice(at, end < 0 ? undefined : end).trim();
      at = end < 0 ? text.length : end + 1;
      number++;
      if (line !== "") yield { text: line, number, bytes: from };
    }
    from = to;
  }
}

/** Behind the last line end of the window, or behind the next one when the window has none. */
function endOfWindow(source: Buffer, from: number): number {
  if (source.length - from <= WINDOW) return source.length;
  const last = source.subarray(from, from + WINDOW).lastIndexOf(NEWLINE);
  const end = last >= 0 ? from + last : source.indexOf(NEWLINE, from + WINDOW);
  return end < 0 ? source.length : end + 1;
}

function isUtf16(bytes: Buffer): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xfe;
}

function decoderOf(bytes: Buffer): (piece: Buffer) => string {
  return isUtf16(bytes) ? (piece) => piece.toString("utf16le") : (piece) => piece.toString("utf8");
}
