import type { Clock } from "../lib/clock.ts";

/** How a source stands to what is written. */
export type Standing = "abreast" | "catching-up" | "stays-behind";

export interface CatchingUpOptions {
  readonly clock: Clock;
  /** Less than this is not behind. */
  readonly behindMs: number;
  /** How long to look before it is said that the lag does not shrink. */
  readonly windowMs: number;
}

/**
 * Tells a source that catches up after a downtime from one that hangs or is too slow for what is written: it catches up as long as its
 * lag is less at the end of each window than at its beginning. To be looked at more often than a window is long.
 */
export class CatchingUp {
  readonly #options: CatchingUpOptions;
  #window: { readonly since: number; readonly lagMs: number } | undefined;
  #stays = false;

  constructor(options: CatchingUpOptions) {
    this.#options = options;
  }

  /** One look at the lag; Infinity: it is not known, and that is as bad as any. */
  look(lagMs: number): Standing {
    const { clock, behindMs, windowMs } = this.#options;
    const now = clock.now();
    if (lagMs < behindMs) {
      this.#window = undefined;
      this.#stays = false;
      return "abreast";
    }
    if (this.#window === undefined || now < this.#window.since) this.#window = { since: now, lagMs };
    else if (now - this.#window.since >= windowMs) {
      this.#stays = lagMs >= this.#window.lagMs;
      this.#window = { since: now, lagMs };
    }
    return this.#stays ? "stays-behind" : "catching-up";
  }
}
