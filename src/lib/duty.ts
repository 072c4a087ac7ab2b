/** Work in one go that counts at most, in ms: behind it stands a machine that slept, or a disk that did not answer. */
const MOST_COUNTED_MS = 10_000;
/** Timers know whole milliseconds; what is left is slept with the next one. */
const LEAST_SLEEP_MS = 1;

/**
 * Keeps work that is done in steps to a share of one processor. Law: after any number of steps, none of them over ten seconds, what was
 * worked is at most the share of what was worked and slept, but for a millisecond of sleep that is still owed.
 */
export class Duty {
  readonly #sleepOverWork: number;
  readonly #sleep: (ms: number) => Promise<void>;
  #owed = 0;

  /** `share`: over 0, at most 1. */
  constructor(share: number, sleep: (ms: number) => Promise<void>) {
    this.#sleepOverWork = (1 - share) / share;
    this.#sleep = sleep;
  }

  /** After a step that took `ms`: sleeps as long as it must. */
  async worked(ms: number): Promise<void> {
    this.#owed += Math.min(Math.max(ms, 0), MOST_COUNTED_MS) * this.#sleepOverWork;
    const whole = Math.floor(this.#owed);
    if (whole < LEAST_SLEEP_MS) return;
    this.#owed -= whole;
    await this.#sleep(whole);
  }
}
