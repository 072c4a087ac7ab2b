/** Lets callers sleep until something changed, without missing a change that happened since they looked. */
export class Waiters {
  #version = 0;
  #waiting = new Set<() => void>();

  /** Take it before looking, hand it to `changed()` after. */
  get version(): number {
    return this.#version;
  }

  wake(): void {
    this.#version += 1;
    const waiting = this.#waiting;
    this.#waiting = new Set();
    for (const resolve of waiting) resolve();
  }

  /** Resolves when something changed since `version`, or `signal` aborts. */
  changed(version: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted || version !== this.#version) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        signal?.removeEventListener("abort", done);
        this.#waiting.delete(done);
        resolve();
      };
      this.#waiting.add(done);
      signal?.addEventListener("abort", done, { once: true });
    });
  }
}
