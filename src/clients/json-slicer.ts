import { RemoteError } from "../lib/remote-error.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
/** Bytes of a key or of the document's start that are kept. */
const MAX_KEY = 256;

/** Bytes that matter outside strings: quotes, brackets and commas. */
const STRUCTURAL = new Uint8Array(256);
for (const byte of [QUOTE, COMMA, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT]) STRUCTURAL[byte] = 1;

export interface SliceOptions {
  /** Keys that lead from the document's root to the list; empty when the document is the list. */
  readonly path: readonly string[];
  /** Bytes of one element. */
  readonly maxElementBytes: number;
  /** For messages: where the document comes from. */
  readonly name: string;
}

/**
 * Yields the elements of one list of a JSON document as they arrive, each parsed by JSON.parse, without ever holding the
 * document. What is around the list is only skimmed. A document without that list, one that ends early and an element that
 * is too large or not JSON are RemoteErrors; a document that has the list but is otherwise odd is taken.
 */
export async function* sliceElements(chunks: AsyncIterable<Buffer>, options: SliceOptions): AsyncGenerator<unknown> {
  const slicer = new Slicer(options);
  for await (const chunk of chunks) {
    slicer.feed(chunk);
    yield* slicer.taken();
  }
  slicer.end();
}

class Slicer {
  readonly #path: readonly string[];
  readonly #max: number;
  readonly #name: string;
  #ready: unknown[] = [];
  /** Nesting of the whole document; the list's elements live at `#path.length + 1`. */
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Depth at which every open container is the right object (or the list itself). */
  #onPath = 0;
  #key = "";
  #keyStart = -1;
  #inList = false;
  #found = false;
  #closed = false;
  /** Parts of the present element from earlier chunks, and where it starts in this one. */
  #carried: Buffer[] = [];
  #carriedBytes = 0;
  #start = -1;
  #head = Buffer.alloc(0);

  constructor({ path, maxElementBytes, name }: SliceOptions) {
    this.#path = path;
    this.#max = maxElementBytes;
    this.#name = name;
  }

  feed(chunk: Buffer): void {
    if (this.#head.length < MAX_KEY)
      this.#head = Buffer.concat([this.#head, chunk.subarray(0, MAX_KEY)]).subarray(0, MAX_KEY);
    const length = chunk.length;
    if (this.#inList) this.#start = 0;
    if (this.#keyStart >= 0) this.#keyStart = 0;
    for (let at = 0; at < length; at++) {
      const byte = chunk[at] as number;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#endString(chunk, at);
      } else if (STRUCTURAL[byte] === 1) this.#structural(byte, chunk, at);
    }
    if (this.#inList && this.#start >= 0) this.#carry(chunk.subarray(this.#start));
    if (this.#keyStart >= 0) this.#key = (this.#key + chunk.toString("latin1", this.#keyStart)).slice(0, MAX_KEY);
  }

  *taken(): Generator<unknown> {
    const ready = this.#ready;
    this.#ready = [];
    yield* ready;
  }

  end(): void {
    if (this.#found && this.#closed) return;
    if (this.#found) throw new RemoteError("cut-short", `${this.#name}: the answer ends in the middle of a list`);
    const start = JSON.stringify(this.#head.subarray(0, 120).toString("utf8"));
    throw new RemoteError("unexpected", `${this.#name}: expected a list at "${this.#path.join(".")}", found ${start}`);
  }

  #endString(chunk: Buffer, at: number): void {
    this.#inString = false;
    if (this.#keyStart < 0) return;
    this.#key = (this.#key + chunk.toString("latin1", this.#keyStart, at)).slice(0, MAX_KEY);
    this.#keyStart = -1;
  }

  #structural(byte: number, chunk: Buffer, at: number): void {
    if (byte === QUOTE) {
      this.#inString = true;
      // Between the brackets of the path every string may be a key; the last one before a bracket is.
      if (!this.#inList && this.#depth === this.#onPath) {
        this.#key = "";
        this.#keyStart = at + 1;
      }
    } else if (byte === COMMA) {
      if (this.#inList && this.#depth === this.#path.length + 1) this.#endElement(chunk, at);
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) this.#open(byte);
    else this.#close(chunk, at);
    if (this.#inList && this.#start < 0) this.#start = at + 1;
  }

  #open(byte: number): void {
    const depth = this.#depth++;
    if (this.#inList || this.#closed || depth !== this.#onPath) return;
    const wanted = depth === 0 || this.#key === this.#path[depth - 1];
    if (!wanted) return;
    if (byte === OPEN_LIST && depth === this.#path.length) {
      this.#inList = true;
      this.#found = true;
    } else if (byte === OPEN_OBJECT && depth < this.#path.length) this.#onPath = depth + 1;
  }

  #close(chunk: Buffer, at: number): void {
    this.#depth--;
    if (this.#inList && this.#depth === this.#path.length) {
      this.#endElement(chunk, at);
      this.#inList = false;
      this.#closed = true;
      this.#start = -1;
    } else if (!this.#inList && this.#depth < this.#onPath) this.#onPath = Math.max(0, this.#depth);
  }

  #endElement(chunk: Buffer, at: number): void {
    this.#carry(chunk.subarray(Math.max(0, this.#start), at));
    const bytes = this.#carried.length === 1 ? (this.#carried[0] as Buffer) : Buffer.concat(this.#carried);
    this.#carried = [];
    this.#carriedBytes = 0;
    this.#start = at + 1;
    const element = bytes.toString("utf8").trim();
    if (element === "") return;
    try {
      this.#ready.push(JSON.parse(element));
    } catch {
      throw new RemoteError(
        "unexpected",
        `${this.#name}: expected JSON in a list, found ${JSON.stringify(element.slice(0, 80))}`,
      );
    }
  }

  #carry(piece: Buffer): void {
    this.#carriedBytes += piece.length;
    if (this.#carriedBytes > this.#max)
      throw new RemoteError("too-large", `${this.#name}: one element is larger than ${this.#max} bytes`);
    if (piece.length > 0) this.#carried.push(piece);
  }
}
