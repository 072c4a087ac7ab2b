/** Results of `work` over `items` in order, at most `limit` of them under way. When the caller stops, no new ones start. */
export async function* mapConcurrent<A, B>(
  items: Iterable<A>,
  limit: number,
  work: (item: A) => Promise<B>,
): AsyncGenerator<B> {
  const running: Promise<B>[] = [];
  const start = (item: A) => {
    const promise = work(item);
    // A later one may fail while an earlier one is awaited: it is thrown when its turn comes, not as unhandled.
    promise.catch(() => undefined);
    running.push(promise);
  };
  for (const item of items) {
    start(item);
    if (running.length >= limit) yield await (running.shift() as Promise<B>);
  }
  while (running.length > 0) yield await (running.shift() as Promise<B>);
}

/** Slices of at most `size` items. */
export function* chunksOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
