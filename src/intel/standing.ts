import type { Indicator, IndicatorReport } from "../model/indicator.ts";

/** Which reports still count, and which their own readers called false. Pure lookups; times are epoch milliseconds. */
export interface Standing {
  /** Why the report counts no more at `time` (too old for its type, decayed), or undefined. */
  expired(indicator: Pick<Indicator, "type" | "pattern">, report: IndicatorReport, time: number): string | undefined;
  /** When our own organisation last sighted the attribute as a false positive; undefined when it never did. */
  falsePositive(report: IndicatorReport): number | undefined;
}

/** Nothing ever expires, nothing was called false. */
export const ALWAYS_STANDING: Standing = { expired: () => undefined, falsePositive: () => undefined };
