import type { Generation } from "../intel/generation.ts";
import type { Finding, Verdict } from "../model/finding.ts";
import type { Indicator } from "../model/indicator.ts";
import { type HandleContext, handleRecord } from "./handle.ts";
import { writtenTime } from "./parse-alert.ts";

/** A line that was found to match. */
export interface HuntFinding {
  readonly finding: Finding;
  readonly verdict: Verdict;
}

export interface JudgeOptions extends Pick<HandleContext, "extract" | "nameFinding" | "isOurs" | "seals"> {
  /** Of which the index decides; see {@link restricted}. */
  readonly generation: Generation;
  /** Alerts of this time count, `from` included, `to` not; epoch milliseconds. What does not say its time counts. */
  readonly from?: number;
  readonly to?: number;
  /** Alerts from this time on were matched against the indicator when they came; default: none were. */
  readonly until?: ((indicator: Indicator) => number) | undefined;
}

/** Name of a hunt as the source of its findings. */
export const HUNT_SOURCE = "hunt";

/**
 * Judges lines as `run` and `enrich` do, with mode `retro`. `readAt` (epoch ms) is the time of an alert that has none. Undefined: nothing
 * matched, or the line is our own finding come back, a test of ours, or of another time. A string: why it is no alert.
 */
export function createHuntJudge({ from, to, until, ...context }: JudgeOptions) {
  return (bytes: Buffer, origin: string, readAt: number): HuntFinding | string | undefined => {
    let judged: Verdict | undefined;
    let timed = false;
    const { findings, deadLetters } = handleRecord(
      { bytes, origin },
      {
        ...context,
        source: HUNT_SOURCE,
        mode: "retro",
        receivedAt: readAt,
        onVerdict({ event }, verdict) {
          judged = verdict;
          timed = writtenTime(event) !== undefined;
        },
      },
    );
    if (deadLetters[0] !== undefined) return deadLetters[0].reason;
    const [finding] = findings;
    if (finding === undefined || judged === undefined || finding.mode !== "retro") return undefined;
    const { time } = finding.alert;
    if (timed && !within(time, from, to)) return undefined;
    if (timed && until !== undefined && judged.matches.every(({ match }) => time >= until(match.indicator)))
      return undefined;
    return { finding, verdict: judged };
  };
}

function within(time: number, from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY): boolean {
  return time >= from && time < to;
}

/** The generation with only those indicators that are wanted: a finding then names what it was hunted for. */
export function restricted(generation: Generation, wanted: (indicator: Indicator) => boolean): Generation {
  const { index } = generation;
  return {
    ...generation,
    index: {
      get stats() {
        return index.stats;
      },
      lookup: (type, value) => index.lookup(type, value).filter(wanted),
      nominates: (event) => index.nominates(event),
      *all() {
        for (const indicator of index.all()) if (wanted(indicator)) yield indicator;
      },
      close: () => undefined,
    },
  };
}
