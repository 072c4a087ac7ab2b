import type { Clock } from "./clock.ts";

/**
 * Gathers what comes one by one into batches without doubles: a batch goes out `quietMs` after its first item, and holds at most
 * `most` items. When more come than that, the batch is empty: "too many to name". Ends when `items` ends; throws what it throws.
 */
export async function* gather(
  items: AsyncIterable<string>,
  clock: Clock,
  quietMs: number,
  most: number,
  signal: AbortSignal,
): AsyncGenerator<readonly string[]> {
  let waiting = new Set<string>();
  let overflowed = false;
  let over = false;
  let failure: unknown;
  let wake: () => void = () => undefined;
  const reading = (async () => {
    try {
      for await (const item of items) {
        if (waiting.size < most) waiting.add(item);
        else if (!waiting.has(item)) overflowed = true;
        wake();
      }
    } catch (thrown) {
      failure = thrown;
    }
    over = true;
    wake();
  })();
  while (!over || waiting.size > 0) {
    if (waiting.size === 0) {
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (over || waiting.size > 0) resolve();
      });
      continue;
    }
    await clock.sleep(quietMs, signal);
    const batch = overflowed ? [] : [...waiting];
    waiting = new Set();
    overflowed = false;
    yield batch;
  }
  await reading;
  if (failure !== undefined) throw failure;
}
