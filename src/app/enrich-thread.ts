import { Worker } from "node:worker_threads";
import { asError } from "../lib/errors.ts";
import type { EnrichJob, EnrichReply, EnrichRequestMessage, EnrichResult, EnrichSetup } from "./enrich-wire.ts";

/** The entry as this module runs: from its source or built. */
export const ENTRY = new URL(`./enrich-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
/** Nearly all of what matching makes dies at once. */
const YOUNG_MEGABYTES = 32;

/** One thread that matches. When it dies, it is over. */
export class EnrichThread {
  readonly #worker: Worker;
  readonly #jobs = new Map<
    number,
    { readonly resolve: (result: EnrichResult) => void; readonly reject: (error: Error) => void }
  >();
  readonly #onEnd: (error: Error) => void;
  #ids = 0;
  #state: "starting" | "ready" | "over" = "starting";
  /** Resolves when it matches, or never will. */
  readonly started: Promise<void>;
  #start: () => void = () => undefined;

  /** `onEnd` is told once why it died; not when it was closed. */
  constructor(setup: EnrichSetup, onEnd: (error: Error) => void, entry = ENTRY) {
    this.#onEnd = onEnd;
    this.started = new Promise((resolve) => {
      this.#start = resolve;
    });
    this.#worker = new Worker(entry, {
      workerData: setup,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES },
    });
    this.#worker.unref();
    this.#worker.on("message", (reply: EnrichReply) => this.#answer(reply));
    this.#worker.on("messageerror", (thrown) => this.#end(asError(thrown)));
    this.#worker.on("error", (thrown) => this.#end(asError(thrown)));
    this.#worker.on("exit", () => this.#end(new Error("it ended")));
  }

  get ready(): boolean {
    return this.#state === "ready";
  }

  /** It died. */
  get over(): boolean {
    return this.#state === "over";
  }

  /** Jobs that it has not answered. */
  get load(): number {
    return this.#jobs.size;
  }

  /** Rejects when the thread dies over it. */
  run(job: EnrichJob): Promise<EnrichResult> {
    const id = ++this.#ids;
    return new Promise((resolve, reject) => {
      if (this.over) return reject(new Error("it has ended"));
      this.#jobs.set(id, { resolve, reject });
      // Without work it must not keep the process alive.
      this.#worker.ref();
      this.#worker.postMessage({ id, job } satisfies EnrichRequestMessage);
    });
  }

  async close(): Promise<void> {
    this.#state = "over";
    await this.#worker.terminate();
  }

  #answer(reply: EnrichReply): void {
    if (reply.kind === "ready") {
      if (this.#state === "starting") this.#state = "ready";
      this.#start();
      return;
    }
    this.#jobs.get(reply.id)?.resolve(reply.result);
    this.#jobs.delete(reply.id);
    if (this.#jobs.size === 0) this.#worker.unref();
  }

  #end(error: Error): void {
    const died = this.#state !== "over";
    this.#state = "over";
    if (died) this.#onEnd(error);
    this.#start();
    for (const { reject } of this.#jobs.values()) reject(error);
    this.#jobs.clear();
  }
}
