import { type FSWatcher, watch } from "node:fs";
import type { Clock } from "./clock.ts";

/** A reason of its own: without one each abort makes an exception with its stack. */
const WOKEN = "woken";

/** Lets a loop sleep until something happened or a time has passed. */
export class Wakeup {
  readonly #clock: Clock;
  #sleeping: AbortController | undefined;
  #pending = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ends the present `wait()`, or the next one if nobody waits. */
  wake(): void {
    this.#pending = true;
    this.#sleeping?.abort(WOKEN);
  }

  /** False when the time passed without a `wake()`. */
  async wait(ms: number): Promise<boolean> {
    if (!this.#pending) {
      this.#sleeping = new AbortController();
      await this.#clock.sleep(ms, this.#sleeping.signal);
      this.#sleeping = undefined;
    }
    const woken = this.#pending;
    this.#pending = false;
    return woken;
  }
}

/**
 * Calls `onChange` when something in one of a few folders changes: `rename` when a name came or went, `change` when a
 * file was written. A convenience, not a guarantee: where watching fails
 * (too many watches, a network file system, the folder not there yet) the caller's own polling has to do.
 */
export class FolderWatch {
  readonly #onChange: (event: "rename" | "change") => void;
  readonly #watchers = new Map<string, FSWatcher>();

  constructor(onChange: (event: "rename" | "change") => void) {
    this.#onChange = onChange;
  }

  /** From now on exactly these folders. True when one of them is new: what happened in it just before was not seen. */
  set(folders: readonly string[]): boolean {
    for (const [folder, watcher] of this.#watchers) {
      if (!folders.includes(folder)) this.#drop(folder, watcher);
    }
    const before = this.#watchers.size;
    for (const folder of folders) if (!this.#watchers.has(folder)) this.#add(folder);
    return this.#watchers.size > before;
  }

  close(): void {
    this.set([]);
  }

  #add(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, this.#onChange);
      this.#watchers.set(folder, watcher);
      watcher.on("error", () => this.#drop(folder, watcher));
    } catch {
      // Not watchable now; the next `set()` tries again.
    }
  }

  #drop(folder: string, watcher: FSWatcher): void {
    this.#watchers.delete(folder);
    watcher.close();
  }
}
