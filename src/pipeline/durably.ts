import { type Backoff, delayMs } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { PipelineEvents } from "./events.ts";

/** What every loop of the pipeline needs. */
export interface Surroundings {
  readonly clock: Clock;
  readonly log: Log;
  readonly events: PipelineEvents;
}

/** Trying again cannot help: the journal is damaged, or the source breaks its contract. */
export function isFinal(error: Error): boolean {
  return error instanceof TiplineError && (error.code === "TIP_STATE_CORRUPT" || error.code === "TIP_SOURCE_FAILED");
}

const RETRY: Backoff = { firstMs: 200, maxMs: 15_000 };

/**
 * Repeats a change of the journal until it is on disk: a full disk must cost time, not findings. Undefined when `signal`
 * aborts first; then nothing was written. Throws only what trying again cannot cure.
 */
export async function durably<T>(
  who: string,
  change: () => Promise<T>,
  { clock, log, events }: Surroundings,
  signal: AbortSignal,
): Promise<{ readonly value: T } | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      return { value: await change() };
    } catch (thrown) {
      if (signal.aborted) return undefined;
      const error = asError(thrown);
      if (isFinal(error)) throw error;
      const delay = delayMs(RETRY, attempt);
      log.error("journal could not be written; trying again", { who, error, attempt, delayMs: delay });
      events.journalFailed(who, error, delay);
      await clock.sleep(delay, signal);
      if (signal.aborted) return undefined;
    }
  }
}
