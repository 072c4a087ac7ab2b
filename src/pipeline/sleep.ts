import type { Clock } from "../lib/clock.ts";

/** Waits for `ready`, or `ms` at most, or until one of `signals` aborts, whichever is first; leaves nothing behind. */
export async function sleepUntil(
  ready: (end: AbortSignal) => Promise<void>,
  clock: Clock,
  ms: number,
  signals: readonly AbortSignal[],
): Promise<void> {
  if (signals.some(({ aborted }) => aborted)) return;
  const end = new AbortController();
  const stop = () => end.abort();
  for (const signal of signals) signal.addEventListener("abort", stop, { once: true });
  try {
    await Promise.race([ready(end.signal), clock.sleep(ms, end.signal)]);
  } finally {
    for (const signal of signals) signal.removeEventListener("abort", stop);
    end.abort();
  }
}
