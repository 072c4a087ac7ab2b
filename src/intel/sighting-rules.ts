import type { Finding } from "../model/finding.ts";

/** An attribute that was seen. `time`: epoch seconds of the alert. */
export interface Seen {
  readonly eventUuid: string;
  readonly attributeUuid: string;
  readonly time: number;
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Outcomes under which what an indicator names was really there; denied and failed attempts are no sighting. */
const OUTCOMES: ReadonlySet<string> = new Set(["allowed", "success", "executed", "written", "deleted", "unknown"]);

/** An alert's clock may be ahead of ours; what claims to come from further ahead says nothing about when it was seen. */
const MOST_AHEAD_MS = 24 * 3_600_000;
/** Alerts from before Wazuh (epoch milliseconds) have a broken clock. */
const LEAST_TIME = Date.UTC(2004, 0);

/**
 * What a finding says was seen of one feed's attributes. Only a whole alert of a live line counts, neither explained away nor
 * denied nor failed: counts (`repeats`, `spread`) would tell the same again, retro and simulated matches tell nothing new,
 * and an alert that repeats somebody's finding (`foreign`) is no observation. Whatever is not known to count does not.
 */
export function seenIn(finding: Finding, feed: string, now: number): readonly Seen[] {
  const { kind, mode, suppressed, misp, alert, attributes } = finding;
  if (kind !== "alert" || mode !== "live" || misp.mode !== "live" || suppressed || misp.foreign !== undefined)
    return [];
  if (!OUTCOMES.has(misp.outcome ?? "unknown")) return [];
  if (!(alert.time >= LEAST_TIME && alert.time <= now + MOST_AHEAD_MS)) return [];
  const time = Math.floor(alert.time / 1000);
  const seen = new Map<string, Seen>();
  for (const { feed: from, eventUuid, attributeUuid } of attributes ?? []) {
    const attribute = attributeUuid.toLowerCase();
    const event = eventUuid.toLowerCase();
    if (from === feed && UUID.test(attribute) && UUID.test(event) && !seen.has(attribute))
      seen.set(attribute, { eventUuid: event, attributeUuid: attribute, time });
  }
  return [...seen.values()];
}
