import type { Clock } from "./clock.ts";

/** The end of a wait. */
export interface TimeLimit {
  /** Resolves when the time is up, or when it is cancelled. */
  readonly up: Promise<"late">;
  /** Lets go of the timer. */
  cancel(): void;
}

/** Up after `ms`, or `hurryMs` after `stop` aborts if that is earlier. */
export function timeLimit(clock: Clock, ms: number, stop?: AbortSignal, hurryMs = 0): TimeLimit {
  const cancelled = new AbortController();
  const interrupted = new AbortController();
  const interrupt = () => interrupted.abort();
  const wait = async (): Promise<"late"> => {
    const since = clock.now();
    await clock.sleep(ms, interrupted.signal);
    const left = Math.min(hurryMs, ms - (clock.now() - since));
    if (stop?.aborted && left > 0) await clock.sleep(left, cancelled.signal);
    return "late";
  };
  if (stop?.aborted) interrupt();
  stop?.addEventListener("abort", interrupt, { once: true });
  const up = wait().finally(() => stop?.removeEventListener("abort", interrupt));
  return {
    up,
    cancel() {
      cancelled.abort();
      interrupt();
    },
  };
}
