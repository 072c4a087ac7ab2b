import type { Clock } from "../../src/lib/clock.ts";

/** A clock that only the test moves; `sleep` really waits a moment, whatever it was asked for, so that loops go on. */
export class ManualClock implements Clock {
  #now: number;
  constructor(now = Date.parse("2026-11-20T12:00:00Z")) {
    this.#now = now;
  }
  now(): number {
    return this.#now;
  }
  advance(ms: number): void {
    this.#now += ms;
  }
  sleep(_ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, 2);
      signal?.addEventListener("abort", done);
    });
  }
}
