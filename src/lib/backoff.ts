/** Delays of a retry: exponential with full jitter. Units: milliseconds. */
export interface Backoff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/** Delay before attempt `attempt` (1 = first retry); between half of the exponential value and all of it. */
export function delayMs({ firstMs, maxMs }: Backoff, attempt: number, random: () => number = Math.random): number {
  const ceiling = Math.min(maxMs, firstMs * 2 ** Math.min(attempt - 1, 30));
  return Math.round(ceiling / 2 + (ceiling / 2) * random());
}
