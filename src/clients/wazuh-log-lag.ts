import type { Clock } from "../lib/clock.ts";
import { alertTime } from "./wazuh-log-head.ts";

/** How far behind a follower is; undefined members are unknown. */
export interface LogLag {
  readonly bytes?: number;
  readonly seconds?: number;
  readonly trouble?: string;
}

/** How long a gap that could not be closed goes on being said. */
const GAP_SHOWN_MS = 3_600_000;
/** Keeps what `lag()` answers, so that the answer costs nothing. */
export class LagMeter {
  readonly #clock: Clock;
  #bytes: number | undefined;
  #isCaughtUp = false;
  #caughtUpAt: number | undefined;
  #lastAlertAt: number | undefined;
  readonly #waiting = new Map<string, string>();
  #gap: { readonly text: string; readonly until: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Bytes on disk that were not delivered yet, and how many of them are lines without an end, which nobody can read. */
  measured(bytes: number, unfinished = 0): void {
    this.#bytes = bytes;
    this.#isCaughtUp = bytes === unfinished;
    if (this.#isCaughtUp) this.#caughtUpAt = this.#clock.now();
  }

  /** The last record of a delivery: its time says how old the next unread line is. */
  delivered(record: Buffer | undefined): void {
    this.#lastAlertAt = record === undefined ? undefined : alertTime(record);
  }

  /** What keeps the follower from finding or reading files now; undefined: nothing does. True when it is news. */
  waiting(what: "find" | "read", text: string | undefined): boolean {
    const news = text !== undefined && text !== this.#waiting.get(what);
    if (text === undefined) this.#waiting.delete(what);
    else this.#waiting.set(what, text);
    return news;
  }

  /** Lines that are or may be lost. */
  gap(text: string): void {
    this.#gap = { text, until: this.#clock.now() + GAP_SHOWN_MS };
  }

  read(): LogLag {
    const now = this.#clock.now();
    const gap = this.#gap !== undefined && this.#gap.until > now ? this.#gap.text : undefined;
    const trouble = this.#waiting.get("find") ?? this.#waiting.get("read") ?? gap;
    const since = this.#isCaughtUp ? now : (this.#lastAlertAt ?? this.#caughtUpAt);
    return {
      ...(this.#bytes === undefined ? {} : { bytes: this.#bytes }),
      ...(since === undefined ? {} : { seconds: Math.max(0, now - since) / 1000 }),
      ...(trouble === undefined ? {} : { trouble }),
    };
  }
}
