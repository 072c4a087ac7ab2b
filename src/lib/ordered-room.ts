/** One user of the room; places are served in the order in which they were made. */
export interface Place {
  /** Counts bytes that are held from now on. A promise: wait for it before taking more. */
  take(bytes: number): Promise<void> | undefined;
  /** So many of them are held no more. */
  give(bytes: number): void;
  /** Nothing is held any more, and nothing will be. */
  leave(): void;
}

interface Holder {
  bytes: number;
  wake: (() => void) | undefined;
}

/**
 * Bounds what several hold at once that are used up one after the other. The one whose turn it is never waits, as nobody gives
 * anything back before it is done; so at most `most`, one last piece of each, and what the first in turn needs are held.
 */
export class OrderedRoom {
  readonly #most: number;
  /** In the order of their turns. */
  readonly #holders = new Set<Holder>();
  #held = 0;
  #closed = false;

  constructor(most: number) {
    this.#most = most;
  }

  /** Bytes held by all. */
  get held(): number {
    return this.#held;
  }

  /** A place behind all there are. */
  join(): Place {
    const holder: Holder = { bytes: 0, wake: undefined };
    this.#holders.add(holder);
    return {
      take: (bytes) => {
        if (!this.#holders.has(holder)) return undefined;
        holder.bytes += bytes;
        this.#held += bytes;
        if (this.#admits(holder)) return undefined;
        return new Promise((resolve) => {
          holder.wake = resolve;
        });
      },
      give: (bytes) => this.#give(holder, bytes),
      leave: () => {
        this.#give(holder, holder.bytes);
        this.#holders.delete(holder);
        this.#wake(holder);
        this.#admit();
      },
    };
  }

  /** Nobody waits any more. */
  close(): void {
    this.#closed = true;
    this.#admit();
  }

  #give(holder: Holder, bytes: number): void {
    const given = Math.min(bytes, holder.bytes);
    holder.bytes -= given;
    this.#held -= given;
    this.#admit();
  }

  #admits(holder: Holder): boolean {
    if (this.#closed || this.#held <= this.#most) return true;
    const [first] = this.#holders;
    return first === holder;
  }

  #admit(): void {
    for (const holder of this.#holders) if (holder.wake !== undefined && this.#admits(holder)) this.#wake(holder);
  }

  #wake(holder: Holder): void {
    holder.wake?.();
    holder.wake = undefined;
  }
}
