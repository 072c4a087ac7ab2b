import type { Delivery, SourceLag } from "../../src/contract/source.ts";
import type { JsonValue } from "../../src/model/json.ts";

interface Readable {
  read(checkpoint: JsonValue | undefined, signal: AbortSignal): AsyncIterable<Delivery>;
  lag?(): SourceLag;
}

/** Reads a source in the background and keeps what it delivers, as the pipeline would: one delivery, one commit. */
export class SourceRun {
  readonly deliveries: Delivery[] = [];
  readonly source: Readable;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;
  failure: unknown;
  ended = false;

  constructor(source: Readable, checkpoint?: JsonValue) {
    this.source = source;
    this.#done = this.#run(checkpoint).catch((error: unknown) => {
      this.failure = error;
    });
  }

  get lines(): string[] {
    return this.deliveries.flatMap(({ records }) => records.map(({ bytes }) => bytes.toString()));
  }

  get rejected() {
    return this.deliveries.flatMap(({ rejected }) => rejected);
  }

  /** Checkpoint after all but the last `uncommitted` deliveries; undefined when there is none. */
  checkpoint(uncommitted = 0): JsonValue | undefined {
    const last = this.deliveries.at(-1 - uncommitted)?.checkpoint;
    return last === undefined ? undefined : (JSON.parse(JSON.stringify(last)) as JsonValue);
  }

  /** Waits until something holds; throws what was found instead after `ms`. */
  async until(what: string, holds: () => boolean, ms = 60_000): Promise<void> {
    const end = Date.now() + ms;
    while (!holds()) {
      if (this.failure !== undefined) throw this.failure;
      if (Date.now() > end) {
        const lag = JSON.stringify(this.source.lag?.() ?? {});
        throw new Error(`waited in vain for ${what}: ${this.lines.length} lines, lag ${lag}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  /** Aborts and waits for the end of the iteration. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#done;
    if (this.failure !== undefined) throw this.failure;
  }

  /** Waits for a source that ends by itself. */
  async end(): Promise<void> {
    await this.#done;
    if (this.failure !== undefined) throw this.failure;
  }

  async #run(checkpoint: JsonValue | undefined): Promise<void> {
    for await (const delivery of this.source.read(checkpoint, this.#abort.signal)) this.deliveries.push(delivery);
    this.ended = true;
  }
}
