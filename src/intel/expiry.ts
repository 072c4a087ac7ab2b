import type { ExpiryRules } from "../model/expiry.ts";
import type { IndicatorReport, IndicatorType } from "../model/indicator.ts";

type Kind = Exclude<keyof ExpiryRules, "decay">;

const HASHES: ReadonlySet<IndicatorType> = new Set([
  "md5",
  "sha1",
  "sha224",
  "sha256",
  "sha384",
  "sha512",
  "imphash",
  "x509",
]);
const PLURALS: Readonly<Record<Kind, string>> = {
  ip: "addresses",
  domain: "domains",
  url: "URLs",
  hash: "hashes",
  other: "others",
};
const DAY_MS = 86_400_000;

/** Epoch milliseconds when what the report says was last true: last_seen, else the attribute's timestamp. */
export function lastTrue({ lastSeen, timestamp }: Pick<IndicatorReport, "lastSeen" | "timestamp">): number | undefined {
  const seconds = lastSeen ?? timestamp;
  return seconds === undefined ? undefined : seconds * 1000;
}

/**
 * Why a report is too old at `time` (epoch milliseconds), or undefined. What has no date never expires. Monotone: what has
 * expired stays so.
 */
export function expiredByType(
  type: IndicatorType,
  report: Pick<IndicatorReport, "lastSeen" | "timestamp">,
  rules: ExpiryRules,
  time: number,
): string | undefined {
  const kind = kindOf(type);
  return olderThan(report, rules[kind], time, `at most for ${PLURALS[kind]}`);
}

/** `last seen 412 days ago, 90 <whose>`, or undefined when the report is not older than `mostMs`. */
export function olderThan(
  report: Pick<IndicatorReport, "lastSeen" | "timestamp">,
  mostMs: number,
  time: number,
  whose: string,
): string | undefined {
  const seen = lastTrue(report);
  if (seen === undefined || time - seen <= mostMs) return undefined;
  return `last seen ${daysAgo(seen, time)}, ${span(mostMs)} ${whose}`;
}

/** `412 days ago`. */
export function daysAgo(seen: number, time: number): string {
  const days = Math.max(0, Math.floor((time - seen) / DAY_MS));
  return `${days} ${days === 1 ? "day" : "days"} ago`;
}

/** Days as a bare number, since days stand before it; below a day and a half, hours. */
function span(milliseconds: number): string {
  const days = milliseconds / DAY_MS;
  return days >= 1.5 ? String(Math.round(days)) : `${Math.round(days * 24)} hours`;
}

function kindOf(type: IndicatorType): Kind {
  if (type === "ip" || type === "domain" || type === "url") return type;
  return HASHES.has(type) ? "hash" : "other";
}
