/** A line longer than this many bytes is not kept. */
export const LINE_LIMIT = 1024 * 1024;
/** How much of a line over the limit is kept. */
export const HEAD_LIMIT = 64 * 1024;

const LF = 10;
const CR = 13;

/** One line of a byte stream. Offsets are bytes from the start of the stream. */
export interface Line {
  /** The line without its line end; of a line over the limit only its head. */
  readonly bytes: Buffer;
  readonly start: number;
  /** Offset after the line end: where the next line starts. */
  readonly end: number;
  /** Full length in bytes without the line end; greater than `bytes.length` when the line was over the limit. */
  readonly length: number;
}

/**
 * Cuts a byte stream into lines, whatever pieces it comes in: `feed()` a chunk, then `next()` until it gives undefined.
 * A line ends with LF; one CR before it is dropped. Lines are views of the chunk where possible, so a chunk must not be
 * reused. Memory: one chunk and one line of at most `limit` bytes.
 */
export class LineSplitter {
  readonly #limit: number;
  readonly #headLimit: number;
  #chunk: Buffer = Buffer.alloc(0);
  #at = 0;
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Bytes of the line seen before the present chunk, kept or not. */
  #seen = 0;
  #lastByte = -1;
  #lineStart: number;

  constructor(offset = 0, limit: number = LINE_LIMIT, headLimit: number = Math.min(HEAD_LIMIT, limit)) {
    this.#limit = limit;
    this.#headLimit = headLimit;
    this.#lineStart = offset;
  }

  /** Offset of the first byte that is not part of a line given by `next()`. */
  get offset(): number {
    return this.#lineStart;
  }

  /** Offset after the last byte fed. */
  get fed(): number {
    return this.#lineStart + this.#seen + this.#chunk.length - this.#at;
  }

  /** Only when `next()` gave undefined: the chunk before must be used up. */
  feed(chunk: Buffer): void {
    if (this.#at < this.#chunk.length) throw new RangeError("feed() called before next() gave undefined");
    this.#chunk = chunk;
    this.#at = 0;
  }

  next(): Line | undefined {
    const chunk = this.#chunk;
    const lineEnd = this.#at < chunk.length ? chunk.indexOf(LF, this.#at) : -1;
    if (lineEnd < 0) {
      this.#hold(chunk.subarray(this.#at));
      this.#at = chunk.length;
      return undefined;
    }
    const piece = chunk.subarray(this.#at, lineEnd);
    this.#at = lineEnd + 1;
    return this.#finish(piece, 1);
  }

  /** The bytes after the last line end, as a line; undefined when there are none. For streams that have ended. */
  rest(): Line | undefined {
    return this.#seen === 0 ? undefined : this.#finish(Buffer.alloc(0), 0);
  }

  #hold(piece: Buffer): void {
    if (piece.length === 0) return;
    this.#seen += piece.length;
    this.#lastByte = piece[piece.length - 1] ?? -1;
    // One byte more than the limit, because a CR at the end does not count.
    const room = this.#limit + 1 - this.#heldBytes;
    if (room <= 0) return;
    const kept = piece.subarray(0, room);
    this.#held.push(kept);
    this.#heldBytes += kept.length;
  }

  #finish(piece: Buffer, lineEndBytes: number): Line {
    const raw = this.#seen + piece.length;
    const last = piece.length > 0 ? piece[piece.length - 1] : this.#lastByte;
    const length = lineEndBytes === 1 && last === CR ? raw - 1 : raw;
    const kept = length > this.#limit ? this.#headLimit : length;
    const bytes = this.#held.length === 0 ? piece.subarray(0, kept) : this.#join(piece, kept);
    const start = this.#lineStart;
    const end = start + raw + lineEndBytes;
    this.#lineStart = end;
    this.#held = [];
    this.#heldBytes = 0;
    this.#seen = 0;
    this.#lastByte = -1;
    return { bytes, start, end, length };
  }

  #join(piece: Buffer, length: number): Buffer {
    return Buffer.concat([...this.#held, piece], length);
  }
}
