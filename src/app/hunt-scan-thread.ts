import { type ResourceLimits, Worker } from "node:worker_threads";
import { asError, TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";

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

/** Gives what threads warn of to a log, the same words once. */
export function warningsTo(log: Pick<Log, "warn">): (warning: ScanWarning) => void {
  const said = new Set<string>();
  return ({ words, fields }) => {
    if (said.has(words)) return;
    said.add(words);
    log.warn(words, fields);
  };
}

/** The entry of a thread as this module runs: from its source or built. */
export function entryOf(name: string): URL {
  return new URL(`./${name}${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`, import.meta.url);
}

/** How often is looked whether a thread answers, and how many looks in a row may find that it has not. */
const LOOK_MS = 60_000;
/**
 * A step takes milliseconds, but the first one of a packed file that is gone on with comes after all that was read before: minutes for
 * 100 GB. Looks are counted, not time, so that a process that was stopped for an hour has missed one.
 */
const MOST_SILENT = 20;

/**
 * A thread that scans files, one at a time. It does one step when it is asked for one and waits for the next question: who asks decides
 * how fast it goes. When it dies, or owes an answer for {@link MOST_SILENT} minutes, it is over: what it was asked, and will be, fails
 * with TIP_INTERNAL.
 */
export class ScanThread<File, Step> {
  readonly #worker: Worker;
  #failure: Error | undefined;
  #answers: ((reply: ScanReply<Step>) => void)[] = [];
  readonly #looking: NodeJS.Timeout;
  /** Looks since it last gave something, or owed nothing. */
  #silent = 0;
  #isStuck = false;

  constructor(entry: URL, setup: object, { limits, onWarning }: ScanThreadOptions = {}) {
    this.#worker = new Worker(entry, { workerData: setup, ...(limits && { resourceLimits: limits }) });
    this.#looking = setInterval(() => this.#look(), LOOK_MS).unref();
    this.#worker.on("message", (reply: ScanReply<Step> | ScanWarning) => {
      this.#silent = 0;
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
    clearInterval(this.#looking);
    const ended = this.#worker.terminate();
    // It may wait for a disk that never answers: that cannot be ended.
    if (!this.#isStuck) await ended;
  }

  #look(): void {
    if (this.#answers.length === 0) this.#silent = 0;
    else if (++this.#silent > MOST_SILENT) {
      this.#isStuck = true;
      this.#fail(new Error(`it has not answered for ${MOST_SILENT} minutes`));
      void this.#worker.terminate();
    }
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
    clearInterval(this.#looking);
    this.#failure ??= new Error(`the thread that hunts failed: ${asError(thrown).message}`);
    const { message } = this.#failure;
    for (const answer of this.#answers.splice(0)) answer({ kind: "failed", message });
  }
}
