import type { Clock } from "../lib/clock.ts";

/** Ids one hinted pull looks at; beyond that the whole feed is due. */
const MOST_WAITING = 1000;
/**
 * A pull that hints led to for nothing is followed by a pause, doubled each time: a flood of false hints costs MISP little. Short
 * enough that a true one among them is live within seconds: edits of unpublished events are many, and hint at nothing.
 */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 2000;
/** Between pulls of everything that hints led to. */
const PAUSE_OF_ALL_MS = 30_000;

/** What to pull: the events hinted at, or everything. */
export type Hinted = { readonly only: readonly string[] } | "all";

/** Hints that wait to be followed, by feed. Bounded and paced; they are untrusted. */
export class Hints {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<string> | "all">();
  readonly #pauses = new Map<string, { readonly ms: number; readonly until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** No ids: something changed, nobody knows what. */
  add(feed: string, ids: readonly string[]): void {
    const waiting = this.#waiting.get(feed) ?? new Set<string>();
    if (waiting === "all") return;
    for (const id of ids) waiting.add(id);
    this.#waiting.set(feed, ids.length === 0 || waiting.size > MOST_WAITING ? "all" : waiting);
  }

  /** Epoch ms when the feed's hints may be followed; infinity when there are none. */
  dueAt(feed: string): number {
    if (!this.#waiting.has(feed)) return Number.POSITIVE_INFINITY;
    return this.#pauses.get(feed)?.until ?? Number.NEGATIVE_INFINITY;
  }

  /** What waits, and forgets it. */
  take(feed: string): Hinted | undefined {
    const waiting = this.#waiting.get(feed);
    this.#waiting.delete(feed);
    return waiting === undefined || waiting === "all" ? waiting : { only: [...waiting] };
  }

  /** What following them came to; `all`: everything was pulled. */
  followed(feed: string, changed: boolean, all = false): void {
    if (changed && !all) {
      this.#pauses.set(feed, { ms: FIRST_PAUSE_MS, until: this.#clock.now() + FIRST_PAUSE_MS });
      return;
    }
    const doubled = Math.min(LONGEST_PAUSE_MS, (this.#pauses.get(feed)?.ms ?? FIRST_PAUSE_MS / 2) * 2);
    const ms = all ? PAUSE_OF_ALL_MS : doubled;
    this.#pauses.set(feed, { ms: doubled, until: this.#clock.now() + ms });
  }
}
