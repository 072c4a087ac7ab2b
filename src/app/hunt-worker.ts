import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { HuntedKeys } from "../intel/sketch.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import { silentLog } from "../lib/log.ts";
import { createExtraction } from "../pipeline/extract.ts";
import { lookFor } from "../pipeline/hunt-look.ts";
import { FileScan, type ScanStep } from "../pipeline/hunt-scan.ts";
import { EXTRACTORS } from "../registry.gen.ts";
import { Sketches } from "../store/sketch.ts";
import type { HuntReply, HuntRequestMessage, HuntSetup } from "./hunt-thread.ts";

/** Entry of the thread that hunts; see `HuntThread`. */
const port = parentPort;
if (port === null) throw new TiplineError("TIP_INTERNAL", "this module is the entry of a thread");

const NICE = 10;
try {
  // On Linux this is the calling thread alone.
  if (process.platform === "linux") setPriority(0, NICE);
} catch {
  // Then it is only slower to give way.
}

const { values, window, sketches: place } = workerData as HuntSetup;
const sketches = place && Sketches.open({ ...place, log: silentLog });
const options = {
  look: lookFor(values, { extract: createExtraction(EXTRACTORS) }),
  wanted: { ...window, ...(sketches && { keys: new HuntedKeys(sketches.seed, values) }) },
  sketches,
};

interface Open {
  readonly scan: FileScan;
  readonly steps: AsyncGenerator<ScanStep>;
  readonly stop: AbortController;
}
let open: Open | undefined;
/** Requests are answered one after the other. */
let last: Promise<void> = Promise.resolve();

port.on("message", (request: HuntRequestMessage) => {
  last = last.then(async () => {
    if (request.kind === "open") {
      const stop = new AbortController();
      const scan = new FileScan(request.target, {
        ...options,
        signal: stop.signal,
        ...(request.start && { start: request.start }),
      });
      open = { scan, steps: scan.run(), stop };
      return;
    }
    port.postMessage(await answer(request).catch((thrown) => ({ kind: "failed", message: asError(thrown).message })));
  });
});

async function answer(request: Exclude<HuntRequestMessage, { kind: "open" }>): Promise<HuntReply> {
  if (request.kind === "flush") {
    open?.scan.flush(request.place);
    return { kind: "flushed" };
  }
  if (request.kind === "close") {
    await open?.steps.return(undefined);
    sketches?.prune();
    return { kind: "done" };
  }
  const { value, done } = (await open?.steps.next()) ?? { done: true, value: undefined };
  if (done || value === undefined) return { kind: "done" };
  // Lines are views of large chunks, of which copies would be sent.
  const candidates = value.candidates.map(({ bytes, origin }) => ({ bytes: Buffer.from(bytes), origin }));
  return { kind: "step", step: { ...value, candidates } };
}
