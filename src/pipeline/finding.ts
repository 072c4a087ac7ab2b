import { tlpOf } from "../intel/misp-tags.ts";
import type { Alert } from "../model/alert.ts";
import type { ConvictingAttribute, Finding, FindingAlert, Mode, Verdict } from "../model/finding.ts";

import { mispBlock, tagsOf } from "./finding-block.ts";

const MOST_ATTRIBUTES = 20;

/** Names a finding: same alert, mode and (retro) indicator give the same id. */
export type NameFinding = (parts: {
  readonly node: string;
  readonly rawHash: string;
  readonly mode: Mode;
  readonly indicator?: string;
}) => string;

/**
 * Builds what sinks get from a verdict. `raw` is the alert's line as read. It is the last member of the last member, so that the JSON of
 * the rest is in one piece.
 */
export function toFinding(alert: Alert, raw: string, verdict: Verdict, mode: Mode, name: NameFinding): Finding {
  const [best] = verdict.matches;
  if (best === undefined) throw new Error("a verdict always has a match");
  const indicator = `${best.match.indicator.type}:${best.match.indicator.value}`;
  const id = name({
    node: alert.node,
    rawHash: alert.rawHash,
    mode,
    ...(mode === "retro" ? { indicator } : {}),
  });
  // Nobody saw these: they are no sightings.
  const attributes = mode === "canary" || mode === "simulated" ? [] : convictingAttributes(verdict);
  const tlp = tlpOf(verdict.matches.flatMap(({ match }) => match.reports.flatMap((report) => tagsOf(report))));
  // Members are set by name rather than spread: V8 keeps what is spread together as a dictionary, which is slow to write.
  const finding: Writable<Omit<Finding, "alert">> & { alert?: FindingAlert } = {
    id,
    kind: "alert",
    mode,
    misp: mispBlock(alert, verdict, best, { id, mode, tlp }),
    key: { indicator, entity: verdict.entity.key },
    suppressed: verdict.suppressed,
    score: verdict.score,
  };
  if (tlp !== undefined) finding.tlp = tlp;
  if (attributes.length > 0) finding.attributes = attributes;
  finding.alert = findingAlert(alert, raw);
  return finding as Finding;
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

function findingAlert({ id, node, rawHash, time, source, agent, location, rule }: Alert, raw: string): FindingAlert {
  const alert: Writable<Omit<FindingAlert, "raw">> & { raw?: string } = { id, node, rawHash, time, source };
  if (agent !== undefined) alert.agent = agent;
  if (location !== undefined) alert.location = location;
  if (rule !== undefined) alert.rule = { id: rule.id, level: rule.level, description: rule.description };
  alert.raw = raw;
  return alert as FindingAlert;
}

/** What is too weak to convict alone is left out, unless the other half of its attribute was seen as well. */
function convictingAttributes({ matches }: Verdict): readonly ConvictingAttribute[] {
  const found = new Map<string, ConvictingAttribute>();
  for (const { match, suppressions } of matches) {
    if (suppressions.length > 0) continue;
    for (const { feed, event, attributeUuid, weak } of match.reports) {
      const key = JSON.stringify([feed, event.uuid, attributeUuid]);
      if ((weak && !match.companionSeen) || found.has(key)) continue;
      found.set(key, { feed, eventUuid: event.uuid, attributeUuid });
      if (found.size === MOST_ATTRIBUTES) return [...found.values()];
    }
  }
  return [...found.values()];
}
