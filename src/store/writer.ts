import type { Environment } from "./environment.ts";
import { storeError } from "./environment.ts";

interface Pending {
  readonly run: () => () => void;
  readonly fail: (error: Error) => void;
  readonly bytes: number;
}

/**
 * Gathers the changes asked for in one turn of the event loop into one transaction, so that they share an fsync. Each of them
 * is whole or not at all; when one throws, the others are written without it.
 */
export class Writer {
  readonly #environment: Environment;
  readonly #onWritten: () => void;
  #queue: Pending[] = [];
  #scheduled = false;
  #lazy: NodeJS.Timeout | undefined;

  /** `onWritten` is called after each transaction, before the promises of its changes resolve. */
  constructor(environment: Environment, onWritten: () => void) {
    this.#environment = environment;
    this.#onWritten = onWritten;
  }

  /**
   * Resolves with what `change` returns once it is on disk. `change` must do nothing but read and write tables. `lazyMs`: so long it
   * may wait for another change to be written with. `bytes`: about how many of the file it takes, if they may be many.
   */
  write<T>(change: () => T, { lazyMs = 0, bytes = 0 } = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#queue.push({
        run: () => {
          const result = change();
          return () => resolve(result);
        },
        fail: reject,
        bytes,
      });
      if (this.#scheduled) return;
      if (lazyMs > 0) {
        this.#lazy ??= setTimeout(() => this.flush(), lazyMs);
        return;
      }
      this.#scheduled = true;
      setImmediate(() => this.flush());
    });
  }

  /** Writes what is queued now. */
  flush(): void {
    this.#scheduled = false;
    clearTimeout(this.#lazy);
    this.#lazy = undefined;
    const batch = this.#queue;
    this.#queue = [];
    if (batch.length === 0) return;
    if (!this.#attempt(batch) && batch.length > 1) for (const pending of batch) this.#attempt([pending], true);
  }

  #attempt(batch: readonly Pending[], last = batch.length === 1): boolean {
    let settle: (() => void)[];
    try {
      const bytes = batch.reduce((sum, pending) => sum + pending.bytes, 0);
      settle = this.#environment.transact(() => batch.map(({ run }) => run()), bytes);
    } catch (thrown) {
      const error = storeError(this.#environment.dir, thrown);
      if (last) for (const { fail } of batch) fail(error);
      return false;
    }
    this.#onWritten();
    for (const resolve of settle) resolve();
    return true;
  }
}
