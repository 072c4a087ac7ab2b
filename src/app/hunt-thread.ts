import type { HuntedValue } from "../intel/sketch.ts";
import type { Place } from "../lib/place.ts";
import type { ScanStep, ScanTarget } from "../pipeline/hunt-step.ts";
import type { SketchesPlace } from "../store/sketch.ts";
import type { TimeWindow } from "./hunt-files.ts";
import { entryOf, ScanThread, type ScanWarning } from "./hunt-scan-thread.ts";

/** Lines of a step beside live work: a few milliseconds. */
export const STEP_LINES = 64;

/** What the line's own thread hunts for, and where its sketches are. */
export interface HuntSetup {
  readonly values: readonly HuntedValue[];
  readonly window: TimeWindow;
  readonly sketches: SketchesPlace | undefined;
}

export interface FileToScan {
  readonly target: ScanTarget;
  readonly start: Place | undefined;
}

/** Scans files for a running line, in a thread of its own that the system runs after others. */
export class HuntThread {
  readonly #thread: ScanThread<FileToScan, ScanStep>;

  constructor(setup: HuntSetup, onWarning: (warning: ScanWarning) => void) {
    this.#thread = new ScanThread(entryOf("hunt-worker"), setup, { onWarning });
  }

  /** One at a time. */
  scan(target: ScanTarget, start: Place | undefined) {
    const scan = this.#thread.scan({ target, start });
    return {
      async *run() {
        for await (const step of scan.run()) yield { ...step, candidates: step.candidates.map(ownBuffer) };
      },
      flush: () => scan.flush(),
    };
  }

  /** It ended, or could not begin. */
  get failed(): boolean {
    return this.#thread.failed;
  }

  async close(): Promise<void> {
    await this.#thread.close();
  }
}

/** Buffers arrive as plain arrays of bytes. */
function ownBuffer({ bytes, origin }: ScanStep["candidates"][number]) {
  return { bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), origin };
}
