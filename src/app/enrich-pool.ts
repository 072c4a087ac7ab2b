import { openGate, placeGate, referenceGate } from "../intel/gate.ts";
import { GateMemory } from "../intel/gate-memory.ts";
import { asError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { HandleContext } from "../pipeline/handle.ts";
import { EnrichScan } from "./enrich-scan.ts";
import { EnrichThread } from "./enrich-thread.ts";
import type { EnrichJob, EnrichResult, EnrichSetup, Wanted } from "./enrich-wire.ts";
import type { LiveGeneration } from "./generation.ts";
import type { Judging } from "./judging.ts";

export interface PoolParts {
  readonly live: LiveGeneration;
  readonly key: Buffer;
  /** How threads come to the same judgement; without it there are none. */
  readonly judging: Judging | undefined;
  readonly wanted: Wanted;
  readonly context: Omit<HandleContext, "receivedAt">;
  readonly log: Log;
  /** Another entry than the product's, for tests. */
  readonly entry?: URL;
}

const NOTHING: EnrichResult = {
  alerts: 0,
  bytes: 0,
  findings: 0,
  benign: 0,
  letters: [],
  ndjson: new Uint8Array(),
};

/** Matches jobs in threads, and in this one where there are none. */
export class EnrichPool {
  readonly #parts: PoolParts;
  /** In this thread. */
  readonly here: EnrichScan;
  readonly #tables: EnrichSetup["tables"];
  #threads: readonly EnrichThread[] = [];
  #closed = false;

  constructor(parts: PoolParts) {
    const { live, context, wanted, log } = parts;
    const { index } = live.current();
    const placed = placeGate(index, new GateMemory());
    this.#parts = parts;
    if ("refused" in placed) {
      log.warn("the fast gate cannot run here: every alert is parsed", { reason: placed.refused });
      this.here = new EnrichScan(context, referenceGate(index), wanted);
    } else {
      this.#tables = placed;
      this.here = new EnrichScan(context, openGate(placed, index, log), wanted);
    }
  }

  /** Starts threads, unless they cannot have what this one judges by. */
  begin(threads: number): void {
    const { live, key, judging, wanted, entry } = this.#parts;
    const shared = live.shared();
    if (shared === undefined || judging === undefined || this.#threads.length > 0) return;
    const setup: EnrichSetup = { key, generation: shared.generation, judging, tables: this.#tables, wanted };
    this.#threads = Array.from(
      { length: threads },
      () => new EnrichThread(setup, (error) => this.#parts.log.warn("a matching thread died", { error }), entry),
    );
  }

  /** Resolves when every thread has begun to match. */
  async ready(): Promise<void> {
    await Promise.all(this.#threads.map(({ started }) => started));
  }

  /** Threads that match. */
  get threads(): number {
    return this.#threads.filter(({ ready }) => ready).length;
  }

  /** A thread has nothing to do, or all is done here. */
  get idle(): boolean {
    const able = this.#threads.filter(({ ready }) => ready);
    return able.length === 0 || able.some(({ load }) => load === 0);
  }

  /** Never rejects for the job's sake: what a thread dies over is done here. */
  async run(job: EnrichJob): Promise<EnrichResult> {
    // What little this thread would do meanwhile does not pay for compiling all that it takes here as well.
    const starting = this.#threads.filter(({ ready, over }) => !ready && !over);
    if (starting.length > 0 && this.threads === 0) await Promise.race(starting.map(({ started }) => started));
    const [thread] = this.#threads.filter(({ ready }) => ready).sort((a, b) => a.load - b.load);
    if (this.#closed) return NOTHING;
    if (thread === undefined) {
      // Replies and signals come in between.
      await new Promise((resolve) => setImmediate(resolve));
      return this.here.run(job);
    }
    try {
      return await thread.run(job);
    } catch (thrown) {
      if (this.#closed) return NOTHING;
      this.#parts.log.warn("alerts that a matching thread died over are matched in the main one", {
        path: job.path,
        error: asError(thrown),
      });
      return this.here.run(job);
    }
  }

  /** What is under way comes to nothing. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}
