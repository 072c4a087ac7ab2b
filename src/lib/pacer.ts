import type { Clock } from "./clock.ts";

/** A token bucket: at most `rate` takings a second on average, in bursts of at most a twentieth of that (50 ms worth). */
export interface Pacer {
  /** Another rate from now on; what was saved up above its burst is forfeited. */
  setRate(rate: number): void;
  /** Takes one token, waiting for it if need be. False when the signal aborted first: then nothing was taken. */
  take(signal: AbortSignal): Promise<boolean>;
  /** Takes one token if there is one now. */
  tryTake(): boolean;
}

export function createPacer(most: number, clock: Clock): Pacer {
  let rate = most;
  let burst = burstOf(rate);
  let tokens = burst;
  let filledAt = clock.now();

  function fill(): void {
    const now = clock.now();
    // A wall clock that was set back must not stop the flow.
    tokens = Math.min(burst, tokens + (Math.max(0, now - filledAt) * rate) / 1000);
    filledAt = now;
  }

  function tryTake(): boolean {
    fill();
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  }

  return {
    setRate(next) {
      fill();
      rate = next;
      burst = burstOf(rate);
      tokens = Math.min(tokens, burst);
    },
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

const burstOf = (rate: number): number => Math.max(1, rate / 20);
