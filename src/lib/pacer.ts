import type { Clock } from "./clock.ts";

/** A token bucket: at most `rate` takings a second on average, in bursts of at most a twentieth of that (50 ms worth). */
export interface Pacer {
  /** Takes one token, waiting for it if need be. False when the signal aborted first: then nothing was taken. */
  take(signal: AbortSignal): Promise<boolean>;
  /** Takes one token if there is one now. */
  tryTake(): boolean;
}

export function createPacer(rate: number, clock: Clock): Pacer {
  const burst = Math.max(1, rate / 20);
  let tokens = burst;
  let filledAt = clock.now();

  function tryTake(): boolean {
    const now = clock.now();
    // A wall clock that was set back must not stop the flow.
    tokens = Math.min(burst, tokens + (Math.max(0, now - filledAt) * rate) / 1000);
    filledAt = now;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  }

  return {
    tryTake,
    async take(signal) {
      while (!signal.aborted) {
        if (tryTake()) return true;
        await clock.sleep(Math.max(1, Math.ceil(((1 - tokens) * 1000) / rate)), signal);
      }
      return false;
    },
  };
}
