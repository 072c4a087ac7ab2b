import { type Clock, systemClock } from "../../src/lib/clock.ts";

/** A clock on which time passes `factor` times as fast: a sleep of `ms` takes `ms / factor`. */
export function fastClock(factor: number): Clock {
  const start = Date.now();
  return {
    now: () => start + (Date.now() - start) * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
  };
}
