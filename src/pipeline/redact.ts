import { type Finding, REDACTED } from "../model/finding.ts";
import type { Tlp } from "../model/indicator.ts";

const ORDER: readonly Tlp[] = ["clear", "green", "amber", "amber+strict", "red"];

/** True when a finding of this TLP (undefined = untagged, counts as amber) may go out whole under the ceiling. */
export function withinTlp(tlp: Tlp | undefined, ceiling: Tlp): boolean {
  return ORDER.indexOf(tlp ?? "amber") <= ORDER.indexOf(ceiling);
}

/**
 * Above the ceiling only the finding's id and link go out: no value, no context, not the alert itself. `seal` names indicator and
 * entity so that only we can tell what is meant; without it all redacted findings look alike.
 */
export function redact(finding: Finding, ceiling: Tlp, seal?: (text: string) => string): Finding {
  if (withinTlp(finding.tlp, ceiling)) return finding;
  const hidden = `redacted: TLP above ${ceiling}`;
  const { link, score, band, mode, generation, finding_id } = finding.misp;
  const { attributes: _, ...rest } = finding;
  return {
    ...rest,
    alert: {
      id: finding.alert.id,
      node: finding.alert.node,
      rawHash: finding.alert.rawHash,
      time: finding.alert.time,
      source: finding.alert.source,
      raw: "{}",
    },
    misp: {
      event_id: hidden,
      category: hidden,
      type: hidden,
      value: hidden,
      ...(link === undefined ? {} : { link }),
      score,
      band,
      matches_count: finding.misp.matches_count,
      mode,
      generation,
      finding_id,
    },
    key: { indicator: sealed(finding.key.indicator, seal), entity: sealed(finding.key.entity, seal) },
  };
}

function sealed(text: string, seal: ((text: string) => string) | undefined): string {
  return seal === undefined ? REDACTED : `${REDACTED}:${seal(text)}`;
}
