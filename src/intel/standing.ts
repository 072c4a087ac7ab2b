import type { ExpiryRules } from "../model/expiry.ts";
import type { Indicator, IndicatorReport } from "../model/indicator.ts";
import type { Knowledge, SightingTimes } from "../model/knowledge.ts";
import { createDecay, type Decay, type DecayScore } from "./decay.ts";
import { daysAgo, expiredByType, olderThan } from "./expiry.ts";
import { epochSeconds } from "./misp-attribute.ts";

/** Which reports still count, and which their own readers called false. Pure lookups; times are epoch milliseconds. */
export interface Standing {
  /** Why the report counts no more at `time` (too old for its type, decayed), or undefined. */
  expired(indicator: Pick<Indicator, "type" | "pattern">, report: IndicatorReport, time: number): string | undefined;
  /** When our own organisation last sighted the attribute as a false positive; undefined when it never did. */
  falsePositive(report: IndicatorReport): number | undefined;
}

/** Nothing ever expires, nothing was called false. */
export const ALWAYS_STANDING: Standing = { expired: () => undefined, falsePositive: () => undefined };

/** What a feed's configuration says about age. Feeds without rules never expire. */
export interface AgeRules {
  readonly expiry: ExpiryRules;
  /** The feed's filter by age in milliseconds: it holds between pulls as well, when time passes. */
  readonly maxAge?: number;
}

/**
 * Standing by the rules and the knowledge of each feed, by its name. Monotone: a report that has expired stays so as time
 * passes, until it is edited, seen or sighted again.
 */
export function createStanding(
  rulesByFeed: ReadonlyMap<string, AgeRules>,
  knowledgeByFeed: ReadonlyMap<string, Knowledge>,
): Standing {
  const decays = new Map<string, Decay>();
  for (const [feed, { expiry }] of rulesByFeed) {
    const knowledge = knowledgeByFeed.get(feed);
    if (expiry.decay && knowledge !== undefined) decays.set(feed, createDecay(knowledge));
  }
  return {
    expired({ type }, report, time) {
      const rules = rulesByFeed.get(report.feed);
      if (rules === undefined) return undefined;
      const { expiry, maxAge = Number.POSITIVE_INFINITY } = rules;
      const filtered = olderThan(report, maxAge, time, "at most by the feed's max_age");
      if (filtered !== undefined) return filtered;
      const sighted = secondsOf(knowledgeByFeed.get(report.feed)?.sightings, report);
      const scores = decays.get(report.feed)?.scores(report, sighted, time) ?? [];
      return scores.length > 0 ? decayedIn(scores, time) : expiredByType(type, report, expiry, time);
    },
    falsePositive(report) {
      const seconds = secondsOf(knowledgeByFeed.get(report.feed)?.falsePositives, report);
      // Whoever edits the attribute afterwards has an answer to the sighting.
      return seconds === undefined || (report.timestamp ?? 0) > seconds ? undefined : seconds * 1000;
    },
  };
}

/** An attribute has decayed when every model that covers its type says so, as `excludeDecayed` has it. */
function decayedIn(scores: readonly DecayScore[], time: number): string | undefined {
  const [best] = [...scores].sort((a, b) => b.score - a.score);
  if (best === undefined || !scores.every(({ decayed }) => decayed)) return undefined;
  const points = `${rounded(best.score)} of ${rounded(best.baseScore)} points left, ${rounded(best.threshold)} needed`;
  return `last seen ${daysAgo(best.since, time)}, decayed: ${points} (${best.model})`;
}

function rounded(points: number): string {
  return String(Math.round(points * 10) / 10);
}

/** MISP keeps the times of sightings as they were sent, some of them in milliseconds. */
function secondsOf(times: SightingTimes | undefined, { attributeUuid }: IndicatorReport): number | undefined {
  return times !== undefined && Object.hasOwn(times, attributeUuid) ? epochSeconds(times[attributeUuid]) : undefined;
}
