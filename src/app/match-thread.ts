import { Worker } from "node:worker_threads";
import type { SourceRecord } from "../contract/source.ts";
import type { Generation } from "../intel/generation.ts";
import { asError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { LiveGeneration } from "./generation.ts";
import type { MatchReply, MatchRequest, MatchSetup } from "./match-wire.ts";

export type Matched = Extract<MatchReply, { kind: "matched" }>;

/** The entry as this module runs: from its source or built. */
const ENTRY = new URL(`./match-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
/** Nearly all of what matching makes dies at once. */
const YOUNG_MEGABYTES = 32;
/** A thread that dies, or cannot take a generation, gets another chance, but not at once and again. */
const RETRY_MS = 10_000;

export interface ThreadParts {
  readonly setup: MatchSetup;
  readonly live: Pick<LiveGeneration, "shared">;
  readonly log: Log;
  /** Another entry than the product's, for tests. */
  readonly entry?: URL;
}

interface Job {
  readonly job: number;
  readonly resolve: (matched: Matched) => void;
  readonly reject: (error: Error) => void;
}

/** One matching thread: it is told of every new generation, and started again when it dies. */
export class MatchThread {
  readonly #parts: ThreadParts;
  #worker: Worker | undefined;
  #ready = false;
  #told: Generation | undefined;
  /** Answers that the thread owes to what it was told. */
  #telling = 0;
  /** When it last died or refused. */
  #failedAt = Number.NEGATIVE_INFINITY;
  /** Few. Not by number in a Map: FindingCache says why. */
  #jobs: Job[] = [];
  #job = 0;
  #closed = false;

  constructor(parts: ThreadParts) {
    this.#parts = parts;
  }

  /** Jobs that it has not answered. */
  get load(): number {
    return this.#jobs.length;
  }

  /**
   * Tells of the generation in force if that is new. True when the thread judges by it: lists that changed take it a second or two to
   * read, and who said "in force" must not be made a liar meanwhile.
   */
  follow(generation: Generation): boolean {
    if (this.#closed || performance.now() - this.#failedAt < RETRY_MS) return false;
    this.#worker ??= this.#start();
    if (generation !== this.#told) {
      const shared = this.#parts.live.shared();
      if (shared === undefined) return false;
      this.#told = generation;
      this.#telling += 1;
      this.#post({ kind: "generation", ...shared });
    }
    return this.#ready && this.#telling === 0;
  }

  /** Hands records over; rejects when the thread dies over them. */
  match(source: string, records: readonly SourceRecord[], receivedAt: number): Promise<Matched> {
    const ends = new Uint32Array(records.length);
    let size = 0;
    for (const [at, { bytes }] of records.entries()) {
      size += bytes.length;
      ends[at] = size;
    }
    // A copy: the records' memory belongs to the source.
    const all = new Uint8Array(size);
    for (const [at, { bytes }] of records.entries()) all.set(bytes, at === 0 ? 0 : ends[at - 1]);
    const job = ++this.#job;
    return new Promise((resolve, reject) => {
      this.#jobs.push({ job, resolve, reject });
      this.#post({ kind: "match", job, source, receivedAt, bytes: all, ends }, [all.buffer, ends.buffer]);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(this.#parts.entry ?? ENTRY, {
      workerData: this.#parts.setup,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
    });
    worker.unref();
    worker.on("message", (reply: MatchReply) => this.#take(reply));
    worker.on("error", (thrown) => this.#died(worker, asError(thrown)));
    worker.on("exit", () => this.#died(worker, new Error("it ended")));
    return worker;
  }

  #take(reply: MatchReply): void {
    if (reply.kind === "matched") {
      const at = this.#jobs.findIndex(({ job }) => job === reply.job);
      if (at >= 0) this.#jobs.splice(at, 1)[0]?.resolve(reply);
      return;
    }
    this.#telling -= 1;
    // What it was told last decides: an earlier generation's files may have gone before they were opened.
    if (this.#telling === 0 || reply.failed === undefined) this.#ready = reply.failed === undefined;
    if (reply.failed === undefined) return;
    this.#told = undefined;
    this.#failedAt = performance.now();
    this.#parts.log.warn("a matching thread cannot take the generation; the main thread matches until it can", {
      error: new Error(reply.failed),
    });
  }

  #died(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    this.#ready = false;
    this.#told = undefined;
    this.#telling = 0;
    this.#failedAt = performance.now();
    if (!this.#closed)
      this.#parts.log.error("a matching thread died; the main thread matches until it is back", { error });
    const owed = this.#jobs;
    this.#jobs = [];
    for (const { reject } of owed) reject(error);
  }

  #post(request: MatchRequest, transfer: ArrayBuffer[] = []): void {
    this.#worker?.postMessage(request, transfer);
  }
}
