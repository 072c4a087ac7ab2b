import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Pacer } from "../lib/pacer.ts";
import { type AnalysisState, countedBetween, readAnalysisState } from "./wazuh-state.ts";

/** How often wazuh-analysisd writes its counters (`analysisd.state_interval`, 5 s unless changed). */
const LOOK_MS = 5_000;
/** A queue this full is about to drop. */
const NEARLY_FULL = 0.9;
/** Looks without a drop until the rate is raised again: one good interval after a storm proves little. */
const CALM_LOOKS = 3;
/** Below this share of the configured rate it is not slowed: somebody else is the flood then, and findings must get through. */
const LEAST_SHARE = 1 / 64;

export interface CongestionOptions {
  /** `<prefix>/var/run/wazuh-analysisd.state`. */
  readonly path: string;
  /** Findings a second when nothing is dropped. */
  readonly rate: number;
  readonly pacer: Pacer;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Slows the sender down while Wazuh drops events inside: it accepts every datagram and says nothing, so its own counter is the only
 * sign. Halved for each look at which it has dropped more or the event queue is nearly full, doubled again after some calm.
 */
export interface Congestion {
  /** Reads the counters if they may be new. A file that cannot be read changes nothing: the configured rate is kept. */
  look(): Promise<void>;
  /** Findings a second now. */
  readonly rate: number;
}

export function createCongestion({ path, rate: most, pacer, clock, log }: CongestionOptions): Congestion {
  const least = Math.max(1, Math.floor(most * LEAST_SHARE));
  let rate = most;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let last: AnalysisState | undefined;
  let calm = 0;

  function judge(state: AnalysisState): void {
    const dropped = state.values.get("events_dropped");
    if (dropped === undefined || state.writtenAt === last?.writtenAt) return;
    const first = state.kind === "interval" ? dropped : 0;
    const more = last === undefined ? first : (countedBetween(last, state, "events_dropped") ?? 0);
    last = state;
    const full = (state.values.get("event_queue_usage") ?? 0) >= NEARLY_FULL;
    calm = more > 0 || full ? 0 : calm + 1;
    if (calm === 0) change(Math.max(least, Math.floor(rate / 2)), more);
    else if (calm >= CALM_LOOKS) change(Math.min(most, rate * 2), 0);
  }

  function change(next: number, dropped: number): void {
    if (next === rate) return;
    if (next < rate)
      log.warn("Wazuh cannot keep up with its events; sending findings more slowly", { rate: next, dropped });
    else log.info("Wazuh keeps up; sending findings faster again", { rate: next });
    rate = next;
    pacer.setRate(rate);
  }

  return {
    get rate() {
      return rate;
    },
    async look() {
      const now = clock.now();
      // Also after the clock was set back.
      if (now - lookedAt < LOOK_MS && now >= lookedAt) return;
      lookedAt = now;
      const reading = await readAnalysisState(path);
      if (reading.status === "read") judge(reading.state);
    },
  };
}
