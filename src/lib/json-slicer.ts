import { RemoteError } from "./remote-error.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
/** Bytes of a key or of the document's start that are kept. */
const MAX_KEY = 256;

export interface SliceOptions {
  /** Keys that lead from the document's root to the list; empty when the document is the list. */
  readonly path: readonly string[];
  /** Bytes of one element. */
  readonly maxElementBytes: number;
  /** For messages: where the document comes from. */
  readonly name: string;
}

/** Whole elements that follow each other: bytes with commas between them, not parsed yet. */
export interface ElementGroup {
  /** In order; the last one is a view of the chunk they ended in, which is not copied. */
  readonly pieces: readonly Buffer[];
  readonly count: number;
}

/**
 * Yields the elements of one list of a JSON document as they arrive, each parsed by JSON.parse, without ever holding the
 * document. What is around the list is only skimmed. A document without that list, one that ends early and an element that
 * is too large or not JSON are RemoteErrors; a document that has the list but is otherwise odd is taken.
 */
export async function* sliceElements(chunks: AsyncIterable<Buffer>, options: SliceOptions): AsyncGenerator<unknown> {
  const slicer = new ListSlicer(options);
  for await (const chunk of chunks) {
    const group = slicer.feed(chunk);
    if (group !== undefined) yield* parseGroup(group, options.name);
  }
  slicer.end();
}

/** The elements of a group; `name` is for messages. */
export function parseGroup({ pieces }: ElementGroup, name: string): readonly unknown[] {
  const text = Buffer.concat(pieces).toString("utf8");
  try {
    return JSON.parse(`[${text}]`) as unknown[];
  } catch (cause) {
    const found = JSON.stringify(text.trim().slice(0, 80));
    throw new RemoteError("unexpected", `${name}: expected JSON in a list, found ${found}`, { cause });
  }
}

/** Cuts a list out of a document that comes in chunks. */
export class ListSlicer {
  readonly #path: readonly string[];
  readonly #max: number;
  readonly #name: string;
  /** Nesting of what is around the list. */
  #depth = 0;
  /** Nesting within the list; 0 between its elements. */
  #inner = 0;
  #inString = false;
  #escaped = false;
  /** Depth at which every open container is the right object (or the list itself). */
  #onPath = 0;
  #key = "";
  #keyStart = -1;
  #inList = false;
  #found = false;
  #closed = false;
  /** What came of the unfinished element in earlier chunks; one buffer that grows, as a peer may send byte by byte. */
  #carried = Buffer.alloc(0);
  #carriedBytes = 0;
  #head = Buffer.alloc(0);

  constructor({ path, maxElementBytes, name }: SliceOptions) {
    this.#path = path;
    this.#max = maxElementBytes;
    this.#name = name;
  }

  /**
   * The elements that end in this chunk, if any: a group takes a fraction of the memory of what it parses to, and one JSON.parse
   * for a hundred elements is faster than a hundred.
   */
  feed(chunk: Buffer): ElementGroup | undefined {
    if (this.#head.length < MAX_KEY)
      this.#head = Buffer.concat([this.#head, chunk.subarray(0, MAX_KEY)]).subarray(0, MAX_KEY);
    if (this.#inList) return this.#elements(chunk, 0);
    if (this.#keyStart >= 0) this.#keyStart = 0;
    for (let at = 0; at < chunk.length; at++) {
      this.#around(chunk, at);
      if (this.#inList) return this.#elements(chunk, at + 1);
    }
    if (this.#keyStart >= 0) this.#key = (this.#key + chunk.toString("latin1", this.#keyStart)).slice(0, MAX_KEY);
    return undefined;
  }

  /** The document has ended. */
  end(): void {
    if (this.#found && this.#closed) return;
    if (this.#found) throw new RemoteError("cut-short", `${this.#name}: the answer ends in the middle of a list`);
    const start = JSON.stringify(this.#head.subarray(0, 120).toString("utf8"));
    throw new RemoteError("unexpected", `${this.#name}: expected a list at "${this.#path.join(".")}", found ${start}`);
  }

  /** One byte before or after the list. */
  #around(chunk: Buffer, at: number): void {
    const byte = chunk[at] as number;
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === BACKSLASH) this.#escaped = true;
      else if (byte === QUOTE) this.#endString(chunk, at);
      return;
    }
    if (byte === QUOTE) {
      this.#inString = true;
      // Between the brackets of the path every string may be a key; the last one before a bracket is.
      if (this.#depth !== this.#onPath) return;
      this.#key = "";
      this.#keyStart = at + 1;
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) this.#open(byte);
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) {
      this.#depth--;
      if (this.#depth < this.#onPath) this.#onPath = Math.max(0, this.#depth);
    }
  }

  #endString(chunk: Buffer, at: number): void {
    this.#inString = false;
    if (this.#keyStart < 0) return;
    this.#key = (this.#key + chunk.toString("latin1", this.#keyStart, at)).slice(0, MAX_KEY);
    this.#keyStart = -1;
  }

  #open(byte: number): void {
    const depth = this.#depth++;
    if (this.#closed || depth !== this.#onPath) return;
    const wanted = depth === 0 || this.#key === this.#path[depth - 1];
    if (!wanted) return;
    if (byte === OPEN_LIST && depth === this.#path.length) {
      this.#inList = true;
      this.#found = true;
    } else if (byte === OPEN_OBJECT && depth < this.#path.length) this.#onPath = depth + 1;
  }

  /** Bytes within the list. */
  #elements(chunk: Buffer, from: number): ElementGroup | undefined {
    let start = from;
    let whole = -1;
    let count = 0;
    /** Bytes carried over to this chunk's first element. */
    let first: number | undefined;
    let closed = false;
    for (let at = this.#separator(chunk, from); at >= 0; at = this.#separator(chunk, at + 1)) {
      this.#bound(at - start);
      first ??= this.#carriedBytes;
      this.#carriedBytes = 0;
      whole = at;
      closed = chunk[at] !== COMMA;
      if (!closed || !this.#isBlank(count === 0 ? first : 0, chunk.subarray(start, at))) count++;
      start = at + 1;
      if (closed) break;
    }
    const carried = Buffer.from(this.#carried.subarray(0, first ?? 0));
    const pieces = whole < 0 ? undefined : [carried, chunk.subarray(from, whole)];
    if (closed) this.#close();
    else if (start < chunk.length) {
      this.#bound(chunk.length - start);
      this.#carry(chunk.subarray(start));
    }
    return pieces === undefined ? undefined : { pieces, count };
  }

  /**
   * Where the next comma between elements, or the list's closing bracket, is at or after `from`; -1: not in this chunk. The hot
   * loop: a small function of its own, on local variables, because V8 throws away what it optimised of a longer one.
   */
  #separator(chunk: Buffer, from: number): number {
    const length = chunk.length;
    let inner = this.#inner;
    let inString = this.#inString;
    let at = this.#escaped ? from + 1 : from;
    this.#escaped = false;
    while (at < length) {
      if (inString) {
        // Most bytes are in strings: a loop of its own, with two comparisons a byte.
        while (at < length) {
          const byte = chunk[at++] as number;
          if (byte === BACKSLASH) at++;
          else if (byte === QUOTE) {
            inString = false;
            break;
          }
        }
        continue;
      }
      const byte = chunk[at++] as number;
      if (byte > COMMA && byte < OPEN_LIST) continue;
      if (byte === QUOTE) inString = true;
      else if (byte === OPEN_OBJECT || byte === OPEN_LIST) inner++;
      else if (byte === CLOSE_OBJECT || byte === CLOSE_LIST || byte === COMMA) {
        if (inner === 0) {
          this.#inner = 0;
          this.#inString = false;
          return at - 1;
        }
        if (byte !== COMMA) inner--;
      }
    }
    // A backslash was the chunk's last byte: what it escapes is the next one's first.
    this.#escaped = inString && at > length;
    this.#inner = inner;
    this.#inString = inString;
    return -1;
  }

  /** Nothing but white space before the list's end: it is empty. */
  #isBlank(carried: number, piece: Buffer): boolean {
    return [this.#carried.subarray(0, carried), piece].every((part) => part.every((byte) => byte <= 0x20));
  }

  #carry(piece: Buffer): void {
    const needed = this.#carriedBytes + piece.length;
    if (this.#carried.length < needed) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.#carried.length * 2, 4096));
      this.#carried.copy(grown, 0, 0, this.#carriedBytes);
      this.#carried = grown;
    }
    piece.copy(this.#carried, this.#carriedBytes);
    this.#carriedBytes = needed;
  }

  #close(): void {
    this.#inList = false;
    this.#closed = true;
    this.#depth--;
    this.#onPath = Math.min(this.#onPath, Math.max(0, this.#depth));
  }

  #bound(more: number): void {
    if (this.#carriedBytes + more > this.#max)
      throw new RemoteError("too-large", `${this.#name}: one element is larger than ${this.#max} bytes`);
  }
}
