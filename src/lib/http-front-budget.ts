interface Waiting {
  readonly bytes: number;
  settle(taken: boolean): void;
}

/** Bytes of request bodies that may be in memory at one time, over all clients; who finds none free waits in line, unread. */
export class BodyBudget {
  readonly #total: number;
  #free: number;
  readonly #line: Waiting[] = [];

  constructor(totalBytes: number) {
    this.#total = totalBytes;
    this.#free = totalBytes;
  }

  get usedBytes(): number {
    return this.#total - this.#free;
  }

  /** False when there was no room within `waitMs` or `signal` aborted. What is asked for must fit into the whole. */
  async take(bytes: number, waitMs: number, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted || bytes > this.#total) return false;
    if (this.#line.length === 0 && bytes <= this.#free) {
      this.#free -= bytes;
      return true;
    }
    return new Promise<boolean>((resolve) => {
      const settle = (taken: boolean) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", giveUp);
        const at = this.#line.indexOf(waiting);
        if (at >= 0) this.#line.splice(at, 1);
        resolve(taken);
      };
      const giveUp = () => {
        settle(false);
        this.#serve();
      };
      const waiting: Waiting = { bytes, settle };
      const timer = setTimeout(giveUp, waitMs);
      signal.addEventListener("abort", giveUp, { once: true });
      this.#line.push(waiting);
    });
  }

  give(bytes: number): void {
    this.#free += bytes;
    this.#serve();
  }

  /** In order: a large body must not wait for ever behind small ones that pass it. */
  #serve(): void {
    for (let next = this.#line[0]; next !== undefined && next.bytes <= this.#free; next = this.#line[0]) {
      this.#free -= next.bytes;
      next.settle(true);
    }
  }
}
