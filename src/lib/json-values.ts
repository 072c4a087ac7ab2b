/** A value cut out of a text of JSON, or what could not be cut. */
export interface CutValue {
  readonly bytes: Buffer;
  /** Offset of its first byte. */
  readonly start: number;
  /** False: no whole value begins here; `bytes` is all that is left. */
  readonly whole: boolean;
}

const NEWLINE = 0x0a;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Cuts what is one value, a list of values, or several values after each other into the values, byte for byte: parsing would
 * change numbers over 2^53. Says nothing of what is inside a value. What ends in the middle of one comes last, with `whole: false`;
 * outside a list, a string that a line with the next object runs into is such an end.
 */
export function* cutValues(bytes: Buffer): Generator<CutValue> {
  let at = skipBlank(bytes, 0);
  const list = bytes[at] === OPEN_LIST;
  if (list) at = skipBlank(bytes, at + 1);
  while (at < bytes.length) {
    if (bytes[at] === COMMA || (list && bytes[at] === CLOSE_LIST)) {
      at = skipBlank(bytes, at + 1);
      continue;
    }
    const end = endOfValue(bytes, at, list);
    yield { bytes: bytes.subarray(at, end < 0 ? bytes.length : end), start: at, whole: end >= 0 };
    if (end < 0) return;
    at = skipBlank(bytes, end);
  }
}

function skipBlank(bytes: Buffer, from: number): number {
  let at = from;
  while (at < bytes.length && (bytes[at] as number) <= 0x20) at++;
  return at;
}

/** Offset after the value, -1 when the text ends within it. */
function endOfValue(bytes: Buffer, from: number, list: boolean): number {
  const first = bytes[from];
  if (first !== OPEN_OBJECT && first !== OPEN_LIST && first !== QUOTE) return endOfWord(bytes, from);
  let depth = 0;
  let inString = false;
  for (let at = from; at < bytes.length; at++) {
    const byte = bytes[at];
    if (inString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) {
        inString = false;
        if (depth === 0) return at + 1;
      } else if (byte === NEWLINE && !list && bytes[at + 1] === OPEN_OBJECT) return -1;
    } else if (byte === QUOTE) inString = true;
    else if (byte === OPEN_OBJECT || byte === OPEN_LIST) depth++;
    else if ((byte === CLOSE_OBJECT || byte === CLOSE_LIST) && --depth === 0) return at + 1;
  }
  return -1;
}

/** A number, a literal, or garbage: up to what may follow a value. Never empty. */
function endOfWord(bytes: Buffer, from: number): number {
  let at = from + 1;
  while (at < bytes.length && !endsWord(bytes[at] as number)) at++;
  return at;
}

function endsWord(byte: number): boolean {
  return byte <= 0x20 || byte === COMMA || byte === OPEN_OBJECT || byte === OPEN_LIST || byte === CLOSE_LIST;
}

/** Line ends within a value stand between its parts (a string cannot hold one): blanks mean the same. */
export function onOneLine(bytes: Buffer): Buffer {
  if (!bytes.includes(0x0a) && !bytes.includes(0x0d)) return bytes;
  return Buffer.from(bytes.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte)));
}
