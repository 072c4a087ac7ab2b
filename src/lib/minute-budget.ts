import type { Clock } from "./clock.ts";

const MINUTE_MS = 60_000;

/** At most so many a minute, in bursts of at most half of that. Starts empty, so that a restart within a minute makes no more. */
export interface MinuteBudget {
  /** How many may be taken now. */
  available(): number;
  /** Takes `count`, which must be available. */
  take(count: number): void;
  /** Milliseconds until `count` (at most a burst) will be available. */
  waitMs(count: number): number;
}

/**
 * A bucket of `burst` that fills with `perMinute - burst + 1` a minute: a minute in which it is emptied at its start holds
 * the burst and what comes in before its end, which is `perMinute`.
 */
export function createMinuteBudget(perMinute: number, clock: Clock): MinuteBudget {
  const burst = Math.max(1, Math.floor(perMinute / 2));
  const perMs = (perMinute - burst + 1) / MINUTE_MS;
  let level = 0;
  let filledAt = clock.now();

  function fill(): void {
    const now = clock.now();
    // A wall clock that was set back must not stop the flow, nor one that was set forward open it.
    level = Math.min(burst, level + Math.max(0, now - filledAt) * perMs);
    filledAt = now;
  }

  return {
    available() {
      fill();
      // Rounding errors of the sum must not hold a token back that is due.
      return Math.floor(level + 1e-9);
    },
    take(count) {
      level = Math.max(0, level - count);
    },
    waitMs(count) {
      fill();
      return Math.max(0, Math.ceil((Math.min(burst, count) - level) / perMs));
    },
  };
}
