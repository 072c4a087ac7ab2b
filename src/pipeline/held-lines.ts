/** Lines that are held together, and their bytes. A line that is longer than the room comes alone. */
const MOST_LINES = 64;
const ROOM_BYTES = 256 * 1024;

/**
 * Holds flagged lines until there are many, and hands them over in their order. One line in a hundred handled at once finds nothing of
 * the parser and the extraction left in the processor's caches; a few dozen one after the other cost half as much each.
 */
export class HeldLines<T> {
  readonly #handle: (line: Buffer, mark: T) => void;
  readonly #room = Buffer.allocUnsafeSlow(ROOM_BYTES);
  readonly #ends: number[] = [];
  readonly #marks: T[] = [];

  /** `handle`: the line's bytes are valid only until it returns; `mark` is what {@link add} was given. */
  constructor(handle: (line: Buffer, mark: T) => void) {
    this.#handle = handle;
  }

  /** `bytes[from, to)` is a line; it is copied. */
  add(bytes: Uint8Array, from: number, to: number, mark: T): void {
    const size = to - from;
    if (this.#filled + size > ROOM_BYTES || this.#ends.length === MOST_LINES) this.flush();
    if (size > ROOM_BYTES) {
      this.#handle(Buffer.from(bytes.subarray(from, to)), mark);
      return;
    }
    this.#room.set(bytes.subarray(from, to), this.#filled);
    this.#ends.push(this.#filled + size);
    this.#marks.push(mark);
  }

  /** Handles what is held. If it throws, the rest is dropped. */
  flush(): void {
    const ends = this.#ends.splice(0);
    const marks = this.#marks.splice(0);
    let from = 0;
    ends.forEach((to, at) => {
      this.#handle(this.#room.subarray(from, to), marks[at] as T);
      from = to;
    });
  }

  get #filled(): number {
    return this.#ends.at(-1) ?? 0;
  }
}
