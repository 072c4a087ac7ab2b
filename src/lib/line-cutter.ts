import { HEAD_LIMIT, LINE_LIMIT } from "./lines.ts";

const LF = 10;
const CR = 13;

/** The longest line with its end; one byte more could be the beginning of a longer one. */
export const LEAST_BUFFER = LINE_LIMIT + 2;

/** Whole lines as they stood, or what is left of a line that is too long to be held. */
export type Cut =
  | { readonly kind: "lines"; readonly at: number; readonly bytes: Buffer }
  | {
      readonly kind: "long";
      readonly at: number;
      readonly head: Buffer;
      /** Without its end. */
      readonly length: number;
    };

/**
 * Cuts bytes at line ends without cutting them into lines: fill `room()`, tell how much with `filled()`, then `next()` until it gives
 * undefined, and when there is no more, `rest()`. It holds nothing but `buffer`, of at least LEAST_BUFFER bytes.
 */
export class LineCutter {
  readonly #buffer: Buffer;
  readonly #limit: number;
  /** What is held: `[#from, #to)`, and up to where there is no line end. */
  #from = 0;
  #to = 0;
  #searched = 0;
  /** Where `#from` stands in the input. */
  #at: number;
  /** A line that could not be held, of which the beginning was passed over. */
  #long: { readonly at: number; readonly head: Buffer; seen: number; last: number } | undefined;

  /** `at`: offset of the first byte in the input. A `buffer` for another limit has two bytes more than that, or any more. */
  constructor(at: number, buffer: Buffer, limit = LINE_LIMIT) {
    this.#at = at;
    this.#buffer = buffer;
    this.#limit = limit;
  }

  /** Offset of the first byte that was not given. */
  get offset(): number {
    return this.#long?.at ?? this.#at;
  }

  /** Offset after the last byte filled in. */
  get filledTo(): number {
    return this.#at + this.#to - this.#from;
  }

  /** Bytes held. */
  get held(): number {
    return this.#to - this.#from;
  }

  /** The last byte filled in ends a line, or there was none. */
  get atLineStart(): boolean {
    return this.#long === undefined && this.#from === this.#to;
  }

  /** Room for what comes next, never empty. Views given before are void then. */
  room(): Buffer {
    if (this.#from > 0) {
      this.#buffer.copyWithin(0, this.#from, this.#to);
      this.#searched -= this.#from;
      this.#to -= this.#from;
      this.#from = 0;
    }
    return this.#buffer.subarray(this.#to);
  }

  filled(bytes: number): void {
    this.#to += bytes;
  }

  /** The whole lines there are now. */
  next(): Cut | undefined {
    if (this.#long !== undefined) return this.#passLong();
    const last = this.#buffer.subarray(this.#searched, this.#to).lastIndexOf(LF);
    if (last >= 0) return this.#give(this.#searched + last + 1);
    this.#searched = this.#to;
    if (this.#to - this.#from < this.#limit + 2) return undefined;
    const head = Buffer.from(this.#buffer.subarray(this.#from, this.#from + Math.min(HEAD_LIMIT, this.#limit)));
    this.#long = { at: this.#at, head, seen: 0, last: 0 };
    return this.#passLong();
  }

  /** What comes after the last line end. */
  rest(): Cut | undefined {
    const long = this.#long;
    if (long !== undefined) {
      this.#long = undefined;
      return { kind: "long", at: long.at, head: long.head, length: long.seen };
    }
    return this.#from === this.#to ? undefined : this.#give(this.#to);
  }

  #give(end: number): Cut {
    const bytes = this.#buffer.subarray(this.#from, end);
    const at = this.#at;
    this.#at += bytes.length;
    this.#from = end;
    this.#searched = end;
    return { kind: "lines", at, bytes };
  }

  #passLong(): Cut | undefined {
    const long = this.#long;
    if (long === undefined || this.#from === this.#to) return undefined;
    const bytes = this.#buffer.subarray(this.#from, this.#to);
    const end = bytes.indexOf(LF);
    const passed = end < 0 ? bytes.length : end + 1;
    this.#from += passed;
    this.#at += passed;
    this.#searched = this.#from;
    if (end < 0) {
      long.seen += passed;
      long.last = bytes[passed - 1] as number;
      return undefined;
    }
    this.#long = undefined;
    const last = end > 0 ? bytes[end - 1] : long.last;
    return { kind: "long", at: long.at, head: long.head, length: long.seen + end - (last === CR ? 1 : 0) };
  }
}
