import { Worker } from "node:worker_threads";
import type { HuntedValue } from "../intel/sketch.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import type { Place } from "../lib/place.ts";
import type { ScanStep, ScanTarget } from "../pipeline/hunt-scan.ts";
import type { HuntScan } from "./hunt.ts";
import type { TimeWindow } from "./hunt-files.ts";

/** What a thread hunts for, and where its sketches are. */
export interface HuntSetup {
  readonly values: readonly HuntedValue[];
  readonly window: TimeWindow;
  readonly sketches: { readonly dir: string; readonly maxBytes: number; readonly version: string } | undefined;
}

/** To the thread, about the one scan under way. */
export type HuntRequestMessage =
  | { readonly kind: "open"; readonly target: ScanTarget; readonly start: Place | undefined }
  | { readonly kind: "next" | "close" }
  | { readonly kind: "flush"; readonly place: Place };

/** From it, one for each `next`, `flush` and `close`. */
export type HuntReply =
  | { readonly kind: "step"; readonly step: ScanStep }
  | { readonly kind: "done" | "flushed" }
  | { readonly kind: "failed"; readonly message: string };

const ENTRY = new URL(`./hunt-worker${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);

/**
 * Scans files in a thread of its own that the system runs after others. It does one step when it is asked for one and waits for the next
 * question: who asks decides how fast it goes.
 */
export class HuntThread {
  readonly #worker: Worker;
  #failure: Error | undefined;
  #answer: ((reply: HuntReply) => void) | undefined;

  constructor(setup: HuntSetup) {
    this.#worker = new Worker(ENTRY, { workerData: setup });
    this.#worker.on("message", (reply: HuntReply) => this.#answer?.(reply));
    this.#worker.on("error", (thrown) => this.#fail(thrown));
    this.#worker.on("exit", () => this.#fail(new Error("it has ended")));
  }

  /** One at a time. */
  scan(target: ScanTarget, start: Place | undefined): HuntScan {
    const ask = (message: HuntRequestMessage) => this.#ask(message);
    const failure = (message: string) =>
      new TiplineError(this.#failure === undefined ? "TIP_INPUT_INVALID" : "TIP_INTERNAL", message);
    this.#worker.postMessage({ kind: "open", target, start } satisfies HuntRequestMessage);
    return {
      async *run() {
        try {
          for (;;) {
            const reply = await ask({ kind: "next" });
            if (reply.kind === "failed") throw failure(reply.message);
            if (reply.kind !== "step") return;
            yield { ...reply.step, candidates: reply.step.candidates.map(ownBuffer) };
          }
        } finally {
          await ask({ kind: "close" });
        }
      },
      async flush(place) {
        await ask({ kind: "flush", place });
      },
    };
  }

  /** It ended, or could not begin. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(message: HuntRequestMessage): Promise<HuntReply> {
    return new Promise((resolve) => {
      this.#answer = (reply) => {
        this.#answer = undefined;
        resolve(reply);
      };
      if (this.#failure === undefined) this.#worker.postMessage(message);
      else this.#answer({ kind: "failed", message: this.#failure.message });
    });
  }

  #fail(thrown: unknown): void {
    this.#failure ??= new Error(`the thread that hunts failed: ${asError(thrown).message}`);
    this.#answer?.({ kind: "failed", message: this.#failure.message });
  }
}

/** Buffers arrive as plain arrays of bytes. */
function ownBuffer({ bytes, origin }: ScanStep["candidates"][number]) {
  return { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), origin };
}
