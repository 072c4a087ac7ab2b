import type { Journal } from "../contract/journal.ts";
import type { Delivery } from "../contract/source.ts";
import { durably, type Surroundings } from "./durably.ts";

/** Deliveries that came to nothing wait so long for their checkpoint, which costs an fsync; after a crash they are read again. */
const LAZY_MS = 250;

export interface LazyOptions extends Surroundings {
  readonly name: string;
  readonly journal: Journal;
}

/**
 * The checkpoint of deliveries without findings, dead letters or echoes. Nothing in them has to be durable, and where one alert of a
 * hundred matches they are most of all: written one by one, the findings would wait behind their fsyncs.
 */
export class LazyCommits {
  readonly #options: LazyOptions;
  readonly #signal: AbortSignal;
  #newest: Delivery | undefined;
  #records = 0;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failed: Error | undefined;

  constructor(options: LazyOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** Takes a delivery's checkpoint, to be written soon. Throws what an earlier writing met that no retry can cure. */
  add(delivery: Delivery): void {
    if (this.#failed) throw this.#failed;
    this.#newest = delivery;
    this.#records += delivery.records.length;
    this.#timer ??= setTimeout(() => void this.flush().catch((error: Error) => (this.#failed = error)), LAZY_MS);
  }

  /** A later checkpoint is about to be written instead: gives the alerts that it stands for as well. Waits for a writing under way, which would put the older one over it. */
  async supersede(): Promise<number> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#newest = undefined;
    const records = this.#records;
    this.#records = 0;
    await this.#writing;
    if (this.#failed) throw this.#failed;
    return records;
  }

  /** Writes what waits. */
  flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const delivery = this.#newest;
    if (delivery === undefined) return this.#writing;
    const records = this.#records;
    this.#newest = undefined;
    this.#records = 0;
    this.#writing = this.#writing.then(() => this.#write(delivery, records));
    return this.#writing;
  }

  async #write({ range, checkpoint }: Delivery, records: number): Promise<void> {
    const { name, journal, events } = this.#options;
    const commit = { source: name, range, checkpoint, findings: [], deadLetters: [], confirmed: [] };
    const done = await durably(name, () => journal.commit(commit), this.#options, this.#signal);
    if (done) events.committed(name, { records, findings: 0, deadLetters: 0, fresh: done.value });
  }
}
