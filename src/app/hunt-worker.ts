import { setPriority } from "node:os";
import { workerData } from "node:worker_threads";
import { HuntedKeys } from "../intel/sketch.ts";
import { createExtraction } from "../pipeline/extract.ts";
import { lookFor } from "../pipeline/hunt-look.ts";
import { FileScan } from "../pipeline/hunt-scan.ts";
import type { ScanStep } from "../pipeline/hunt-step.ts";
import { EXTRACTORS } from "../registry.gen.ts";
import { Sketches } from "../store/sketch.ts";
import { serveScans, warningLog } from "./hunt-serve.ts";
import { type FileToScan, type HuntSetup, STEP_LINES } from "./hunt-thread.ts";

/** Entry of the thread that hunts beside a running line; see `HuntThread`. */
const NICE = 10;
try {
  // On Linux this is the calling thread alone.
  if (process.platform === "linux") setPriority(0, NICE);
} catch {
  // Then it is only slower to give way.
}

const { values, window, sketches: place } = workerData as HuntSetup;
const log = warningLog();
const sketches = place && Sketches.open({ ...place, log });
const options = {
  look: lookFor(values, { extract: createExtraction(EXTRACTORS), log }),
  wanted: { ...window, ...(sketches && { keys: HuntedKeys.of(sketches.seed, values) }) },
  sketches,
  stepLines: STEP_LINES,
};

serveScans<FileToScan, ScanStep>(({ target, start }, signal) => {
  const scan = new FileScan(target, { ...options, signal, ...(start && { start }) });
  return {
    async *run() {
      try {
        // Lines are views of large chunks, of which copies would be sent.
        for await (const step of scan.run())
          yield {
            ...step,
            candidates: step.candidates.map(({ bytes, origin }) => ({ bytes: Buffer.from(bytes), origin })),
          };
      } finally {
        sketches?.prune();
      }
    },
    flush: () => scan.flush(),
  };
});
