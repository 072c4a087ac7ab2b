import { type ResourceLimits, Worker } from "node:worker_threads";
import { asError, TiplineError } from "../lib/errors.ts";

/** To a thread, about the one scan under way; `File` says what is to be read. */
export type ScanRequest<File> =
  | { readonly kind: "open"; readonly file: File }
  | { readonly kind: "next" | "flush" | "close" };

/** From it: one for each `next`, `flush` and `close`, in their order; and warnings. */
export type ScanReply<Step> =
  /** Milliseconds from its beginning to its end, with what was waited for: the disk, and unpacking in other threads. */
  | { readonly kind: "step"; readonly step: Step; readonly tookMs: number }
  | { readonly kind: "done" | "flushed" }
  | { readonly kind: "failed"; readonly message: string };
export interface ScanWarning {
  readonly kind: "warning";
  readonly words: string;
  readonly fields: Record<string, unknown>;
}

export interface ScanThreadOptions {
  readonly limits?: ResourceLimits;
  readonly onWarning?: (warning: ScanWarning) => void;
}

/** The entry of a thread as this module runs: from its source or built. */
export function entryOf(name: string): URL {
  return new URL(`./${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
}

/**
 * A thread that scans files, one at a time. It does one step when it is asked for one and waits for the next question: who asks decides
 * how fast it goes. When it dies, it is over: what it was asked, and will be, fails with TIP_INTERNAL.
 */
export class ScanThread<File, Step> {
  readonly #worker: Worker;
  #failure: Error | undefined;
  #answers: ((reply: ScanReply<Step>) => void)[] = [];

  constructor(entry: URL, setup: object, { limits, onWarning }: ScanThreadOptions = {}) {
    this.#worker = new Worker(entry, { workerData: setup, ...(limits && { resourceLimits: limits }) });
    this.#worker.on("message", (reply: ScanReply<Step> | ScanWarning) => {
      if (reply.kind === "warning") onWarning?.(reply);
      else this.#answers.shift()?.(reply);
    });
    this.#worker.on("messageerror", (thrown) => this.#fail(thrown));
    this.#worker.on("error", (thrown) => this.#fail(thrown));
    this.#worker.on("exit", () => this.#fail(new Error("it has ended")));
  }

  /** It ended, or could not begin. */
  get failed(): boolean {
    return this.#failure !== undefined;
  }

  /** One at a time; what the file's content causes is TIP_INPUT_INVALID. */
  scan(file: File): { run(): AsyncGenerator<Step & { readonly tookMs: number }>; flush(): Promise<void> } {
    const ask = (kind: "next" | "flush" | "close") => this.#ask(kind);
    const code = () => (this.failed ? "TIP_INTERNAL" : "TIP_INPUT_INVALID");
    const begin = () => this.#post({ kind: "open", file });
    let isOpen = false;
    return {
      async *run() {
        begin();
        isOpen = true;
        try {
          for (;;) {
            const reply = await ask("next");
            if (reply.kind === "failed") throw new TiplineError(code(), reply.message);
            if (reply.kind !== "step") return;
            yield { ...reply.step, tookMs: reply.tookMs };
          }
        } finally {
          isOpen = false;
          await ask("close");
        }
      },
      async flush() {
        if (isOpen) await ask("flush");
      },
    };
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }

  #ask(kind: "next" | "flush" | "close"): Promise<ScanReply<Step>> {
    return new Promise((resolve) => {
      if (this.#failure !== undefined) return resolve({ kind: "failed", message: this.#failure.message });
      this.#answers.push(resolve);
      this.#post({ kind });
    });
  }

  #post(request: ScanRequest<File>): void {
    this.#worker.postMessage(request);
  }

  #fail(thrown: unknown): void {
    this.#failure ??= new Error(`the thread that hunts failed: ${asError(thrown).message}`);
    const { message } = this.#failure;
    for (const answer of this.#answers.splice(0)) answer({ kind: "failed", message });
  }
}
