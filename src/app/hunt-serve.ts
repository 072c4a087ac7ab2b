import { parentPort } from "node:worker_threads";
import { asError, TiplineError } from "../lib/errors.ts";
import { type Log, silentLog } from "../lib/log.ts";
import type { ScanReply, ScanRequest, ScanWarning } from "./hunt-scan-thread.ts";

interface Scanning<Step> {
  run(): AsyncGenerator<Step>;
  flush(): void | Promise<void>;
}

interface Open<Step> {
  readonly scan: Scanning<Step>;
  readonly steps: AsyncGenerator<Step>;
  readonly stop: AbortController;
}

/** In a thread: answers a `ScanThread`, one request after the other. `open` begins to read a file, until `signal` aborts. */
export function serveScans<File, Step>(open: (file: File, signal: AbortSignal) => Scanning<Step>): void {
  const port = entryPort();
  let current: Open<Step> | undefined;
  let last: Promise<void> = Promise.resolve();

  const answer = async (kind: "next" | "flush" | "close"): Promise<ScanReply<Step>> => {
    if (kind === "flush") {
      await current?.scan.flush();
      return { kind: "flushed" };
    }
    if (kind === "close") {
      await current?.steps.return(undefined);
      current = undefined;
      return { kind: "done" };
    }
    const began = performance.now();
    const { value, done } = (await current?.steps.next()) ?? { done: true, value: undefined };
    return done || value === undefined
      ? { kind: "done" }
      : { kind: "step", step: value, tookMs: performance.now() - began };
  };

  port.on("message", (request: ScanRequest<File>) => {
    // A long look at what is known of a file need not come to its end.
    if (request.kind === "close") current?.stop.abort();
    last = last.then(async () => {
      if (request.kind === "open") {
        const stop = new AbortController();
        const scan = open(request.file, stop.signal);
        current = { scan, steps: scan.run(), stop };
        return;
      }
      const failed = (thrown: unknown): ScanReply<Step> => ({ kind: "failed", message: asError(thrown).message });
      port.postMessage(await answer(request.kind).catch(failed));
    });
  });
}

/** Of a thread: warnings go to the main one. */
export function warningLog(): Log {
  const port = entryPort();
  return {
    ...silentLog,
    warn: (words, fields = {}) => port.postMessage({ kind: "warning", words, fields } satisfies ScanWarning),
  };
}

function entryPort() {
  if (parentPort === null) throw new TiplineError("TIP_INTERNAL", "this module is of the entry of a thread");
  return parentPort;
}
