import { type Clock, systemClock } from "../../src/lib/clock.ts";

const TICK_MS = 5;
/** More of the real time than this between two looks is not counted. */
const MOST_STEP_MS = 25;

/**
 * A clock that runs `factor` times as fast as the real one: long time-outs end soon, without being mocked away. It stands while this
 * process does not get to run, else a busy machine would make hours of a moment's pause.
 */
export function fastClock(factor: number): Clock {
  let time = Date.now();
  let seen = performance.now();
  const now = () => {
    const real = performance.now();
    time += Math.min(real - seen, MOST_STEP_MS) * factor;
    seen = real;
    return time;
  };
  setInterval(now, TICK_MS).unref();
  return {
    now,
    async sleep(ms, signal) {
      for (const end = now() + ms; now() < end && signal?.aborted !== true; )
        await systemClock.sleep((end - now()) / factor, signal);
    },
  };
}

/** A clock that moves only when somebody sleeps, by exactly that, or when `advance` is called. */
export function sleepClock(start = 0): Clock & { advance(ms: number): void } {
  let time = start;
  return {
    now: () => time,
    async sleep(ms) {
      time += ms;
    },
    advance(ms) {
      time += ms;
    },
  };
}

/** The real clock, which the test sets forward: whoever sleeps past the new time wakes up. */
export class JumpClock implements Clock {
  #ahead = 0;
  readonly #sleepers = new Map<() => void, number>();

  now(): number {
    return Date.now() + this.#ahead;
  }

  jump(ms: number): void {
    this.#ahead += ms;
    for (const [wake, at] of [...this.#sleepers]) if (at <= this.now()) wake();
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const end = new AbortController();
    const wake = () => end.abort();
    signal?.addEventListener("abort", wake, { once: true });
    if (signal?.aborted) wake();
    this.#sleepers.set(wake, this.now() + ms);
    await systemClock.sleep(ms, end.signal);
    this.#sleepers.delete(wake);
    signal?.removeEventListener("abort", wake);
  }
}
