/** Lines that are handled together at most, and their bytes. A longer line comes alone. */
export const HELD_LINES = 64;
export const HELD_BYTES = 256 * 1024;

export interface HeldLine<T> {
  /** Valid only until whoever it was handed to returns. */
  readonly line: Buffer;
  readonly mark: T;
}

/**
 * Holds flagged lines until there are many, and hands them over in their order. One line in a hundred handled at once finds nothing of
 * the parser and the extraction left in the processor's caches; a few dozen one after the other cost half as much each.
 */
export class HeldLines<T> {
  readonly #handle: (lines: readonly HeldLine<T>[]) => void;
  readonly #room = Buffer.allocUnsafeSlow(HELD_BYTES);
  #held: HeldLine<T>[] = [];
  #filled = 0;

  constructor(handle: (lines: readonly HeldLine<T>[]) => void) {
    this.#handle = handle;
  }

  /** `bytes[from, to)` is a line; it is copied. */
  add(bytes: Uint8Array, from: number, to: number, mark: T): void {
    const size = to - from;
    if (this.#filled + size > HELD_BYTES || this.#held.length === HELD_LINES) this.flush();
    if (size > HELD_BYTES) {
      this.#handle([{ line: Buffer.from(bytes.subarray(from, to)), mark }]);
      return;
    }
    this.#room.set(bytes.subarray(from, to), this.#filled);
    this.#held.push({ line: this.#room.subarray(this.#filled, this.#filled + size), mark });
    this.#filled += size;
  }

  /** Hands over what is held. If that throws, it is dropped. */
  flush(): void {
    if (this.#held.length === 0) return;
    const held = this.#held;
    this.#held = [];
    this.#filled = 0;
    this.#handle(held);
  }
}
