import type { Clock } from "../lib/clock.ts";
import { asError } from "../lib/errors.ts";
import { Wakeup } from "../lib/wakeup.ts";
import type { IntakePart } from "./http-intake-parts.ts";

/** What is handed to the pipeline: a part of what one request brought. */
export interface IntakeDelivery extends IntakePart {
  readonly checkpoint: { readonly version: 1 };
}

/** What a request brought. The same `id` is the same content; its parts, too, are the same every time. */
export interface Offer {
  readonly id: string;
  readonly bytes: number;
  parts(): Iterable<IntakePart>;
}

/** `durable`: all of it is in the journal · `later`: not (all of it); it must be offered again, whole. */
export type Taken = "durable" | "later";

interface Job {
  readonly offer: Offer;
  readonly since: number;
  readonly done: Promise<Taken>;
  settle(taken: Taken): void;
  fail(error: Error): void;
  /** Requests that wait for it; without any, what is not handed over yet is not. */
  waiting: number;
  begun: boolean;
  /** Parts handed over and not durable yet. */
  open: number;
  /** The last part was handed over. */
  whole: boolean;
}

const CHECKPOINT = { version: 1 } as const;
const POLL_MS = 60_000;

/**
 * Between requests and the pipeline. A request waits until all it brought is durable, or until its time is over: then it was not
 * taken, whatever became of its first parts, because they are recognised when they come again. Two requests with the same content
 * wait for the same thing.
 */
export class HttpIntake {
  readonly #clock: Clock;
  readonly #wakeup: Wakeup;
  readonly #jobs = new Map<string, Job>();
  readonly #jobOf = new WeakMap<object, Job>();
  #reading = false;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#wakeup = new Wakeup(clock);
  }

  /** False where offers come to nothing now: no generation yet, or the line is stopping. */
  get open(): boolean {
    return this.#reading;
  }

  /** Rejects when the offer's parts cannot be made. */
  async offer(offer: Offer, withinMs: number, signal: AbortSignal): Promise<Taken> {
    if (!this.#reading || signal.aborted) return "later";
    const job = this.#jobs.get(offer.id) ?? this.#add(offer);
    job.waiting += 1;
    const stop = new AbortController();
    const end = () => stop.abort();
    signal.addEventListener("abort", end, { once: true });
    const late = this.#clock.sleep(withinMs, stop.signal).then(() => "later" as const);
    try {
      return await Promise.race([job.done, late]);
    } finally {
      signal.removeEventListener("abort", end);
      stop.abort();
      job.waiting -= 1;
      // One that is being handed over leaves by itself, and may be waited for again before that.
      if (job.waiting === 0 && !job.begun) this.#end(job, "later");
    }
  }

  async *read(signal: AbortSignal): AsyncGenerator<IntakeDelivery, void, undefined> {
    const wake = () => this.#wakeup.wake();
    signal.addEventListener("abort", wake, { once: true });
    this.#reading = !signal.aborted;
    try {
      while (!signal.aborted) {
        const [job] = this.#jobs.values();
        if (job === undefined) await this.#wakeup.wait(POLL_MS);
        else yield* this.#handOver(job, signal);
      }
    } finally {
      this.#reading = false;
      signal.removeEventListener("abort", wake);
      for (const job of this.#jobs.values()) this.#end(job, "later");
    }
  }

  committed(delivery: object): void {
    const job = this.#jobOf.get(delivery);
    if (job === undefined) return;
    job.open -= 1;
    if (job.whole && job.open === 0) this.#end(job, "durable");
  }

  /** What waits: its bytes, and the age of the oldest. */
  lag(): { readonly bytes: number; readonly seconds: number } {
    const jobs = [...this.#jobs.values()];
    const since = jobs.length === 0 ? undefined : Math.min(...jobs.map((job) => job.since));
    return {
      bytes: jobs.reduce((sum, { offer }) => sum + offer.bytes, 0),
      seconds: since === undefined ? 0 : Math.max(0, this.#clock.now() - since) / 1000,
    };
  }

  #add(offer: Offer): Job {
    let settle: (taken: Taken) => void = () => undefined;
    let fail: (error: Error) => void = () => undefined;
    const done = new Promise<Taken>((resolve, reject) => {
      settle = resolve;
      fail = reject;
    });
    const job: Job = {
      offer,
      since: this.#clock.now(),
      done,
      settle,
      fail,
      waiting: 0,
      begun: false,
      open: 0,
      whole: false,
    };
    this.#jobs.set(offer.id, job);
    this.#wakeup.wake();
    return job;
  }

  *#handOver(job: Job, signal: AbortSignal): Generator<IntakeDelivery, void, undefined> {
    job.begun = true;
    const parts = job.offer.parts()[Symbol.iterator]();
    // What one body does to the code that cuts it must not end the requests of others: its own fails.
    const cut = (): IteratorResult<IntakePart, unknown> | undefined => {
      try {
        return parts.next();
      } catch (thrown) {
        job.fail(asError(thrown));
        return undefined;
      }
    };
    // One ahead: only then is the last one known for what it is before it is durable.
    let next = cut();
    while (next !== undefined && !next.done && job.waiting > 0 && !signal.aborted) {
      const delivery: IntakeDelivery = { ...next.value, checkpoint: CHECKPOINT };
      next = cut();
      job.whole = next?.done === true;
      job.open += 1;
      this.#jobOf.set(delivery, job);
      yield delivery;
    }
    if (!next?.done) this.#end(job, "later");
    else if (job.open === 0) this.#end(job, "durable");
    else this.#jobs.delete(job.offer.id);
  }

  #end(job: Job, taken: Taken): void {
    if (this.#jobs.get(job.offer.id) === job) this.#jobs.delete(job.offer.id);
    job.settle(taken);
  }
}
