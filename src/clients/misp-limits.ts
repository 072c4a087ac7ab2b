import { createHash } from "node:crypto";
import type { Clock } from "../lib/clock.ts";
import { RemoteError } from "../lib/remote-error.ts";
import type { Secret } from "../lib/secret.ts";
import { clockTime } from "./circuit.ts";
import { inWords } from "./http-errors.ts";

/** What MISP says about the rate limit of a key's role; undefined parts were not said. */
export interface RateLimit {
  readonly limit: number | undefined;
  readonly remaining: number | undefined;
  /** Epoch milliseconds. */
  readonly resetAt: number | undefined;
}

/** The budget of a key's user for searches; MISP counts attributes and events restSearch together, in windows of 15 minutes. */
export interface RateGate {
  /** Reads the headers of an answer. */
  note(headers: ReadonlyMap<string, string>, now: number): void;
  /** The server said 429 and when it takes requests again. */
  block(until: number): void;
  /** Waits for the next window when this one is used up; throws `rate-limited` when that is more than `maxWaitMs` away. */
  wait(spec: WaitSpec, signal: AbortSignal): Promise<void>;
  state(): RateLimit;
}

export interface WaitSpec {
  readonly name: string;
  readonly clock: Clock;
  readonly maxWaitMs: number;
  readonly onWait?: ((ms: number, why: string) => void) | undefined;
}

const LONGEST_WINDOW_S = 86_400;

export function createRateGate(): RateGate {
  let state: RateLimit = { limit: undefined, remaining: undefined, resetAt: undefined };
  return {
    note(headers, now) {
      const limit = count(headers.get("x-rate-limit-limit"));
      const remaining = count(headers.get("x-rate-limit-remaining"));
      const reset = count(headers.get("x-rate-limit-reset"));
      if (limit === undefined && remaining === undefined) return;
      const resetAt = reset === undefined ? undefined : now + Math.min(reset, LONGEST_WINDOW_S) * 1000;
      // Answers overtake each other: within a window the smaller rest is the later one.
      const sameWindow = state.resetAt !== undefined && resetAt !== undefined && resetAt <= state.resetAt + 2000;
      const rest =
        sameWindow && now < (state.resetAt ?? 0) && state.remaining !== undefined && remaining !== undefined
          ? Math.min(state.remaining, remaining)
          : remaining;
      state = { limit, remaining: rest, resetAt };
    },
    block(until) {
      state = { ...state, remaining: 0, resetAt: until };
    },
    async wait({ name, clock, maxWaitMs, onWait }, signal) {
      const { limit, remaining, resetAt } = state;
      if (remaining !== 0 || resetAt === undefined) return;
      const ms = resetAt - clock.now();
      if (ms <= 0) return;
      const why = `${name}: the rate limit of the key's role${limit === undefined ? "" : ` (${limit} searches)`} is used up until ${clockTime(resetAt)}`;
      if (ms > maxWaitMs)
        throw new RemoteError(
          "rate-limited",
          `${why}, in ${inWords(ms)}; raise it in MISP (Administration, Roles), or ask less often`,
          { retryAfterMs: ms },
        );
      onWait?.(ms, why);
      await clock.sleep(ms, signal);
    },
    state: () => state,
  };
}

function count(word: string | undefined): number | undefined {
  return word !== undefined && /^\d{1,9}$/.test(word.trim()) ? Number(word) : undefined;
}

const gates = new Map<string, RateGate>();

/** The gate of a key at a base URL: one for everything in the process that uses it. */
export function rateGateOf(baseUrl: string, key: Secret): RateGate {
  const name = createHash("sha256").update(`${baseUrl}\n${key.reveal()}`).digest("hex");
  const found = gates.get(name);
  if (found !== undefined) return found;
  const made = createRateGate();
  gates.set(name, made);
  return made;
}
