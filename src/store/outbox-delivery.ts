import type { OutboxBacklog, OutboxHouse, SinkOutbox } from "../contract/outbox.ts";
import type { Clock } from "../lib/clock.ts";
import { asError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { formatCount, formatDuration } from "../lib/units.ts";
import { Wakeup } from "../lib/wakeup.ts";
import type { Finding } from "../model/finding.ts";
import type { Outbox } from "./outbox.ts";
import { summarise } from "./outbox-summary.ts";
import { type DigestSummary, type OutboxMessage, openMessages } from "./outbox-tables.ts";

/** One part of a message as it goes to the receiver; the same at every attempt. */
export interface Letter {
  /** Of this part; the same at every attempt. */
  readonly id: string;
  /** Of the message. */
  readonly message: string;
  readonly kind: OutboxMessage["kind"];
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** From 1. */
  readonly part: number;
  readonly parts: number;
  /** Ids of the findings that this part lists. */
  readonly ids: readonly string[];
  /** Findings of the whole message, and how many of them no part lists. */
  readonly count: number;
  readonly unlisted: number;
  /** Notices: their first finding. */
  readonly finding?: Finding;
  readonly summary?: DigestSummary;
}

export type PostOutcome =
  | { readonly status: "delivered" }
  /** `throttled`: the receiver wants fewer messages, whichever they are. */
  | { readonly status: "failed"; readonly cause: Error; readonly retryAfterMs?: number; readonly throttled?: boolean }
  /** The receiver wants no message ever again. */
  | { readonly status: "gone"; readonly cause: Error }
  /** Stopped by us before an answer; counts for nothing. */
  | { readonly status: "stopped" };

/** How messages of an outbox become requests. */
export interface Poster {
  /** Names the receiver without giving away its address: another name is another receiver. */
  readonly receiver: string;
  /** Where the parts of a message end, as numbers of its ids, which `letter` takes in that order. At least one part; ids beyond the last are not listed. */
  split(letter: Omit<Letter, "ids" | "part" | "parts" | "unlisted">, ids: readonly string[]): readonly number[];
  post(letter: Letter, signal: AbortSignal): Promise<PostOutcome>;
}

export interface DeliveryOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Between two requests, at least. */
  readonly spacingMs: number;
  readonly random?: () => number;
}

const MINUTE = 60_000;
const HOUR = 3_600_000;
/** Waits after the first, second … failed attempt (Standard Webhooks); after the last attempt a message is given up. */
export const RETRY_MS: readonly number[] = [
  5000,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
];
/** So many of it are added by chance, so that not all come at once. */
const JITTER = 0.1;
/** A receiver's own wish is followed up to here. */
const MOST_WAIT_MS = 7 * 24 * HOUR;
/** A receiver that wants fewer messages and does not say when. */
const THROTTLE_MS = 30_000;
const MOST_THROTTLE_MS = 30 * MINUTE;
const BURY = 200;
const DAY = 24 * HOUR;
/** For what is due when the line ends. */
const DRAIN_MS = 5000;
const TROUBLE_ATTEMPTS = 3;
const STORE_RETRY_MS = 15_000;

/** Delivers the messages of an outbox, one request at a time. */
export class OutboxDelivery implements SinkOutbox {
  readonly #outbox: Outbox;
  readonly #poster: Poster;
  readonly #options: DeliveryOptions;
  readonly #wakeup: Wakeup;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #draining = false;
  #full = false;
  #postedAt = Number.NEGATIVE_INFINITY;
  #storeError: string | undefined;
  #last: OutboxBacklog = { messages: 0, findings: 0, bytes: 0, seconds: 0, disabled: false };

  constructor(outbox: Outbox, poster: Poster, options: DeliveryOptions) {
    this.#outbox = outbox;
    this.#poster = poster;
    this.#options = options;
    this.#wakeup = new Wakeup(options.clock);
  }

  /** Something was added; `full`: not everything. */
  added(full: boolean): void {
    this.#full = full;
    this.#wakeup.wake();
  }

  async run(house: OutboxHouse, signal: AbortSignal): Promise<void> {
    const stop = () => this.#stop.abort();
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    this.#stop.signal.addEventListener("abort", () => this.#wakeup.wake(), { once: true });
    this.#running = this.#loop(house).finally(() => signal.removeEventListener("abort", stop));
    await this.#running;
  }

  async #loop(house: OutboxHouse): Promise<void> {
    const { clock, log } = this.#options;
    await this.#outbox.notAfter(clock.now() + MOST_WAIT_MS);
    const { disabled } = this.#outbox.meta;
    if (disabled !== undefined && disabled.receiver !== this.#poster.receiver) {
      log.info("the receiver's address was changed: it is enabled again");
      await this.#outbox.enable(clock.now());
    }
    while (!this.#stop.signal.aborted) {
      const at = await this.#carefulStep(house);
      const wait = at - clock.now();
      if (wait <= 0) continue;
      if (this.#draining && wait > DRAIN_MS) return;
      await this.#wakeup.wait(Math.min(wait, HOUR));
    }
  }

  async #carefulStep(house: OutboxHouse): Promise<number> {
    try {
      const at = await this.step(house, this.#stop.signal);
      this.#storeError = undefined;
      return at;
    } catch (thrown) {
      const error = asError(thrown);
      const { clock, log } = this.#options;
      if (this.#storeError !== error.message) log.error("outbox failed; trying again", { error });
      this.#storeError = error.message;
      return clock.now() + STORE_RETRY_MS;
    }
  }

  /** Does what is due, one request at most. Gives when to be called again (epoch milliseconds), if nothing is added before. */
  async step(house: OutboxHouse, signal: AbortSignal): Promise<number> {
    const { clock, spacingMs } = this.#options;
    const now = clock.now();
    await this.#outbox.turn(now);
    const { disabled, pausedUntil } = this.#outbox.meta;
    const windowEnd = this.#outbox.windowEnd() ?? Number.POSITIVE_INFINITY;
    const message = disabled === undefined ? this.#outbox.next() : undefined;
    if (message === undefined) return windowEnd;
    // A clock that was set back must not make a second last a day.
    const spaced = this.#postedAt > now ? now : this.#postedAt + spacingMs;
    const at = Math.max(message.nextAt, pausedUntil, spaced);
    if (at > now) return Math.min(at, windowEnd);
    if (message.attempts > RETRY_MS.length) {
      await this.#giveUp(message, house);
      return now;
    }
    const letter = await this.#letter(message);
    this.#postedAt = now;
    const outcome = await this.#post(letter, signal);
    await this.#settle(message, outcome, house);
    return signal.aborted ? Number.POSITIVE_INFINITY : clock.now();
  }

  async #post(letter: Letter, signal: AbortSignal): Promise<PostOutcome> {
    try {
      return await this.#poster.post(letter, signal);
    } catch (thrown) {
      return { status: "failed", cause: asError(thrown) };
    }
  }

  async #letter(message: OutboxMessage): Promise<Letter> {
    const { id, kind, createdAt, taken } = message;
    // Not before it takes no more: what came while its parts were made would be in none of them.
    const { count } = message.fixed === undefined ? ((await this.#outbox.fix(id)) ?? message) : message;
    const finding = kind === "notice" ? this.#outbox.findings(id, 0, 1)[0] : undefined;
    const base = { id, message: id, kind, createdAt, count, ...(finding === undefined ? {} : { finding }) };
    const { ends = [count], summary } = message.ends === undefined ? await this.#freeze(message, base) : message;
    const ids = this.#outbox.entries(id, ends[taken - 1] ?? 0, ends[taken]).map((entry) => entry.id);
    return {
      ...base,
      id: ends.length === 1 ? id : `${id}_${taken + 1}`,
      part: taken + 1,
      parts: ends.length,
      ids,
      unlisted: count - (ends.at(-1) ?? 0),
      ...(summary === undefined ? {} : { summary }),
    };
  }

  async #freeze(
    message: OutboxMessage,
    base: Omit<Letter, "ids" | "part" | "parts" | "unlisted">,
  ): Promise<OutboxMessage> {
    const entries = this.#outbox.entries(message.id);
    const summary = message.kind === "digest" ? await summarise(entries) : undefined;
    const extra = summary === undefined ? {} : { summary };
    const ends = this.#poster.split(
      { ...base, ...extra },
      entries.map(({ id }) => id),
    );
    return (await this.#outbox.freeze(message.id, { ends, ...extra })) ?? message;
  }

  async #settle(message: OutboxMessage, outcome: PostOutcome, house: OutboxHouse): Promise<void> {
    const { clock, log, name } = this.#options;
    const now = clock.now();
    if (outcome.status === "stopped") return;
    if (outcome.status === "delivered") {
      await this.#outbox.delivered(message.id, now);
      return house.attempted("delivered");
    }
    const error = outcome.cause.message.slice(0, 500);
    if (outcome.status === "gone") {
      await this.#outbox.disable(error, this.#poster.receiver, now);
      log.error("the receiver is gone for good (410): nothing is sent to it until it is enabled", {
        error: outcome.cause,
        enable: `tipline notices enable ${name}`,
      });
      return house.attempted("disabled");
    }
    // Zero after the last one: what is left of it is given up in the next step, also after a restart.
    const wait = RETRY_MS[message.attempts] ?? 0;
    const { random = Math.random } = this.#options;
    const wish = Math.min(outcome.retryAfterMs ?? 0, MOST_WAIT_MS);
    const nextAt = now + (wait === 0 ? 0 : Math.max(wait * (1 + JITTER * random()), wish));
    const { throttles } = this.#outbox.meta;
    const pause = wish > 0 ? wish : Math.min(THROTTLE_MS * 2 ** throttles, MOST_THROTTLE_MS);
    const pausing = outcome.throttled || wish > 0;
    await this.#outbox.failed(message.id, { nextAt, error, ...(pausing ? { pauseUntil: now + pause } : {}) });
    log.warn("a message was not taken; it is tried again", {
      message: message.id,
      attempt: message.attempts + 1,
      delayMs: Math.round(nextAt - now),
      error: outcome.cause,
    });
    house.attempted(pausing ? "throttled" : "failed");
  }

  async #giveUp(message: OutboxMessage, house: OutboxHouse): Promise<void> {
    const { clock, log } = this.#options;
    const { ends = [], lastError: error = "" } = message;
    // What no part lists goes with the first one, which counts it.
    const from = message.taken === 0 ? 0 : (ends[message.taken - 1] ?? 0);
    const end = message.taken === 0 ? message.count : (ends.at(-1) ?? message.count);
    const reason = `given up after ${message.attempts} attempts: ${error}`;
    for (let at = from; at < end; at += BURY)
      await house.bury(`${message.id}:${at}`, this.#outbox.findings(message.id, at, Math.min(at + BURY, end)), reason);
    await this.#outbox.givenUp(message.id, { from, end }, clock.now());
    log.error("a message was given up; its findings are in the dead letter", {
      message: message.id,
      findings: end - from,
      error,
    });
    house.attempted("given_up");
  }

  backlog(): OutboxBacklog {
    // Whoever asks while the line ends gets what was known last.
    if (!this.#outbox.closed) this.#last = this.#backlog();
    return this.#last;
  }

  #backlog(): OutboxBacklog {
    const { clock } = this.#options;
    const { findings, bytes, disabled } = this.#outbox.meta;
    const waiting = openMessages(this.#outbox.tables).filter(({ state }) => state === "waits");
    const now = clock.now();
    const oldest = Math.min(now, ...waiting.map(({ createdAt }) => createdAt));
    const trouble = this.#trouble(waiting, findings);
    return {
      messages: waiting.length,
      findings,
      bytes,
      seconds: (now - oldest) / 1000,
      disabled: disabled !== undefined,
      ...(trouble === undefined ? {} : { trouble }),
    };
  }

  #trouble(waiting: readonly OutboxMessage[], findings: number): string | undefined {
    const { clock, name } = this.#options;
    const { disabled, givenUp } = this.#outbox.meta;
    const troubles: string[] = [];
    const left = `${formatCount(findings)} findings wait`;
    if (disabled !== undefined)
      troubles.push(
        `disabled since ${new Date(disabled.since).toISOString()}, because it answered 410 Gone; ${left}. Give another url, or: tipline notices enable ${name}`,
      );
    const failing = waiting.filter(({ attempts }) => attempts >= TROUBLE_ATTEMPTS);
    const next = Math.min(...failing.map(({ nextAt }) => nextAt));
    if (disabled === undefined && failing.length > 0)
      troubles.push(
        `${failing.length} messages were not taken in ${TROUBLE_ATTEMPTS} attempts or more, the next in ${formatDuration(Math.max(0, next - clock.now()))}; ${left}: ${failing[0]?.lastError ?? ""}`,
      );
    if (this.#full) troubles.push(`its outbox is full: new findings stay in the journal (${left})`);
    if (this.#storeError !== undefined) troubles.push(this.#storeError);
    if (givenUp !== undefined && clock.now() - givenUp.at < DAY)
      troubles.push(
        `${formatCount(givenUp.findings)} findings were given up and are in the dead letter: tipline dead-letter replay --component ${name}`,
      );
    return troubles.length === 0 ? undefined : troubles.join("; ");
  }

  async enable(): Promise<boolean> {
    const { clock, log } = this.#options;
    const done = await this.#outbox.enable(clock.now());
    if (done) log.info("the receiver is enabled again");
    this.#wakeup.wake();
    return done;
  }

  /** Lets what is due go out, for a few seconds; the rest goes out after the next start. */
  async close(): Promise<void> {
    if (this.#running !== undefined) {
      this.#draining = true;
      this.#wakeup.wake();
      const patience = new AbortController();
      await Promise.race([this.#running, this.#options.clock.sleep(DRAIN_MS, patience.signal)]);
      patience.abort();
      this.#stop.abort();
      await this.#running;
    }
    await this.#outbox.close();
  }
}
