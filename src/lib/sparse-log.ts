import type { Clock } from "./clock.ts";
import type { Log, LogFields } from "./log.ts";

const EVERY_MS = 60_000;
const MOST_KEYS = 200;

/** Warnings that a peer can provoke at will: one a minute for each key, which says how many there were. */
export class SparseLog {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #seen = new Map<string, { at: number; unsaid: number }>();

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  warn(key: string, message: string, fields: LogFields = {}): void {
    const now = this.#clock.now();
    const seen = this.#seen.get(key);
    if (seen !== undefined && Math.abs(now - seen.at) < EVERY_MS) {
      seen.unsaid += 1;
      return;
    }
    const more = seen === undefined || seen.unsaid === 0 ? {} : { moreSinceLast: seen.unsaid };
    this.#seen.delete(key);
    this.#seen.set(key, { at: now, unsaid: 0 });
    const [oldest] = this.#seen.keys();
    if (this.#seen.size > MOST_KEYS && oldest !== undefined) this.#seen.delete(oldest);
    this.#log.warn(message, { ...fields, ...more });
  }
}
