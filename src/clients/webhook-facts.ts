import { type Finding, isRedacted } from "../model/finding.ts";

/** What a person wants to know of a finding: foreign text, not yet fit for any receiver. */
export interface Facts {
  /** `high ip-dst`: our own words and the type. */
  readonly heading: string;
  /** The indicator's value; absent when it may not be told. */
  readonly value?: string;
  readonly where?: string;
  readonly lines: readonly (readonly [label: string, value: string])[];
  readonly link?: string;
}

/** Of a redacted finding nothing but its link. */
export function factsOf(finding: Finding): Facts {
  const { misp, kind, mode } = finding;
  const link = misp.link === undefined ? {} : { link: misp.link };
  if (isRedacted(finding)) return { heading: "a finding above the TLP of this channel", lines: [], ...link };
  const test = mode === "simulated" ? "[simulated] " : mode === "canary" ? "[canary] " : "";
  const what = kind === "repeats" ? "repeats of " : kind === "spread" ? "spreading: " : "";
  const where = misp.context?.host ?? finding.alert.agent?.name;
  return {
    heading: `${test}${what}${misp.band} ${misp.type}`,
    value: misp.value,
    ...(where === undefined ? {} : { where }),
    lines: linesOf(finding),
    ...link,
  };
}

function linesOf({ misp, alert }: Finding): [string, string][] {
  const { source, context } = misp;
  const rule = source?.rule_id ?? alert.rule?.id;
  const level = source?.rule_level ?? alert.rule?.level;
  const description = source?.description ?? alert.rule?.description;
  const lines: [string, string | undefined][] = [
    ["repeats", misp.repeat_count],
    ["machines", misp.entities_count],
    ["known benign", misp.warninglist],
    ["rule", rule === undefined ? undefined : `${rule} (level ${level ?? "?"}) ${description ?? ""}`],
    ["agent", alert.agent === undefined ? undefined : `${alert.agent.id} ${alert.agent.name ?? ""}`],
    ["user", context?.user],
    ["process", context?.image],
    ["from", context?.src],
    ["to", context?.dst],
    ["seen in", misp.match?.where],
    ["event", `${misp.event_id} ${misp.event_info ?? ""}`],
    ["organisation", misp.org],
    ["score", misp.score],
    ["tlp", misp.tlp],
  ];
  return lines.filter((line): line is [string, string] => line[1] !== undefined && line[1].trim() !== "");
}
