import { type Backoff, delayMs } from "../lib/backoff.ts";
import { RemoteError } from "../lib/remote-error.ts";

/** Where a circuit is: `closed` lets everything through, `open` nothing, `half-open` one request that decides. */
export interface CircuitState {
  readonly state: "closed" | "open" | "half-open";
  /** Of the present run of failures; undefined when the last request went well. Times are epoch milliseconds. */
  readonly failingSince: number | undefined;
  readonly failures: number;
  readonly why: string | undefined;
  /** `open` only: when the peer is asked again. */
  readonly nextTryAt: number | undefined;
}

/**
 * A peer that fails again and again is left alone for a growing time, so that it can come back and nobody waits for what will
 * not come. It opens after five failures in a row to reach the peer (502 to 504 included), forty time-outs or eighty other 5xx:
 * a search that is too heavy fails with those, is asked again in ever smaller parts, and must not cut itself off on the way.
 */
export interface Circuit {
  /** Throws RemoteError `paused` while open; otherwise runs `work` (an exchange up to the headers) and counts its outcome. */
  run<T>(work: () => Promise<T>, now: () => number): Promise<T>;
  state(now: number): CircuitState;
}

export interface CircuitOptions {
  /** What the peer is called in messages. */
  readonly name: string;
  /** Sum of weights (see `weightOf`) of consecutive failures at which it opens. */
  readonly opensAt?: number;
  readonly pause?: Backoff;
}

const OPENS_AT = 20;
const PAUSE: Backoff = { firstMs: 10_000, maxMs: 300_000 };
/** No wish of a peer keeps it closed off longer. */
const MOST_WISH_MS = 900_000;

export function createCircuit({ name, opensAt = OPENS_AT, pause = PAUSE }: CircuitOptions): Circuit {
  let weight = 0;
  let failures = 0;
  let failingSince: number | undefined;
  let why = "";
  let openedTimes = 0;
  let nextTryAt: number | undefined;
  let trying = false;

  function open(now: number, wishMs: number | undefined): void {
    openedTimes++;
    nextTryAt = now + Math.max(delayMs(pause, openedTimes), Math.min(wishMs ?? 0, MOST_WISH_MS));
  }

  function failed(error: RemoteError, now: number): void {
    failures++;
    failingSince ??= now;
    why = error.message;
    weight += weightOf(error);
    if (nextTryAt !== undefined || weight >= opensAt) open(now, error.retryAfterMs);
  }

  function close(): void {
    weight = 0;
    failures = 0;
    openedTimes = 0;
    failingSince = undefined;
    nextTryAt = undefined;
  }

  function paused(at: number, now: number): RemoteError {
    const since = clockTime(failingSince ?? now);
    return new RemoteError(
      "paused",
      `${name} is not asked for now: ${failures} failures in a row since ${since}, it is tried again at ${clockTime(at)} (the last one: ${why})`,
      { retryAfterMs: Math.max(0, at - now) },
    );
  }

  return {
    async run(work, clock) {
      const halfOpen = nextTryAt !== undefined;
      if (nextTryAt !== undefined && (trying || clock() < nextTryAt)) throw paused(nextTryAt, clock());
      if (halfOpen) trying = true;
      try {
        const result = await work();
        close();
        return result;
      } catch (thrown) {
        const kind = thrown instanceof RemoteError ? thrown.kind : undefined;
        if (thrown instanceof RemoteError && weightOf(thrown) > 0) failed(thrown, clock());
        // An answer that says no is an answer; an abort tells nothing.
        else if (kind !== undefined && kind !== "aborted" && kind !== "tls") close();
        throw thrown;
      } finally {
        if (halfOpen) trying = false;
      }
    },
    state(now) {
      const open = nextTryAt !== undefined && now < nextTryAt;
      return {
        state: nextTryAt === undefined ? "closed" : open ? "open" : "half-open",
        failingSince,
        failures,
        why: failures === 0 ? undefined : why,
        nextTryAt,
      };
    },
  };
}

/** Zero: no failure of the peer. */
function weightOf({ kind, status }: RemoteError): number {
  if (kind === "unreachable") return 4;
  if (kind === "timeout") return 0.5;
  if (kind !== "server") return 0;
  return status === 502 || status === 503 || status === 504 ? 4 : 0.25;
}

/** `2026-11-20 12:00:05Z`, the way an error names a moment. */
export function clockTime(at: number): string {
  return new Date(at)
    .toISOString()
    .replace("T", " ")
    .replace(/\.\d{3}Z$/, "Z");
}

const circuits = new Map<string, Circuit>();

/** The circuit of a base URL: one for everything in the process that talks to it. */
export function circuitOf(baseUrl: string): Circuit {
  const found = circuits.get(baseUrl);
  if (found !== undefined) return found;
  const made = createCircuit({ name: baseUrl });
  circuits.set(baseUrl, made);
  return made;
}
