import { type Clock, systemClock } from "../../src/lib/clock.ts";

/** A clock that runs `factor` times as fast as the real one: long time-outs end soon, without being mocked away. */
export function fastClock(factor: number): Clock {
  const start = Date.now();
  return {
    now: () => start + (Date.now() - start) * factor,
    sleep: (ms, signal) => systemClock.sleep(ms / factor, signal),
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
