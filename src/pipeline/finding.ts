import { mitreOf, tlpOf } from "../intel/misp-tags.ts";
import type { Alert } from "../model/alert.ts";
import type { ConvictingAttribute, Finding, JudgedMatch, MispBlock, Mode, Verdict } from "../model/finding.ts";
import type { IndicatorReport, Tlp } from "../model/indicator.ts";
import { member } from "./event-view.ts";

const MOST_TAGS = 30;
const MOST_OTHERS = 20;
const MOST_ATTRIBUTES = 20;
const MOST_TEXT = 1000;

/** Names a finding: same alert, mode and (retro) indicator give the same id. */
export type NameFinding = (parts: {
  readonly node: string;
  readonly rawHash: string;
  readonly mode: Mode;
  readonly indicator?: string;
}) => string;

/** Builds what sinks get from a verdict. `raw` is the alert's line as read. */
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
  return {
    id,
    kind: "alert",
    mode,
    alert: {
      id: alert.id,
      node: alert.node,
      rawHash: alert.rawHash,
      time: alert.time,
      source: alert.source,
      ...(alert.agent ? { agent: alert.agent } : {}),
      ...(alert.location === undefined ? {} : { location: alert.location }),
      ...(alert.rule
        ? { rule: { id: alert.rule.id, level: alert.rule.level, description: alert.rule.description } }
        : {}),
      raw,
    },
    misp: mispBlock(alert, verdict, best, { id, mode, tlp }),
    ...(tlp === undefined ? {} : { tlp }),
    key: { indicator, entity: verdict.entity.key },
    suppressed: verdict.suppressed,
    score: verdict.score,
    ...(attributes.length === 0 ? {} : { attributes }),
  };
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

function tagsOf(report: IndicatorReport): readonly string[] {
  return [...report.tags, ...report.event.tags];
}

interface BlockMeta {
  readonly id: string;
  readonly mode: Mode;
  readonly tlp: Tlp | undefined;
}

function mispBlock(alert: Alert, verdict: Verdict, best: JudgedMatch, meta: BlockMeta): MispBlock {
  const [report] = best.match.reports;
  if (report === undefined) throw new Error("an indicator always has a report");
  const tags = [...new Set(tagsOf(report))];
  return compact({
    event_id: report.event.id ?? report.event.uuid,
    category: report.category || "Other",
    type: report.attributeType,
    value: cut(report.attributeValue) ?? best.match.indicator.value,
    source: compact({
      description: cut(alert.rule?.description),
      rule_id: alert.rule?.id,
      rule_level: alert.rule === undefined ? undefined : String(alert.rule.level),
      alert_id: alert.id,
      location: cut(alert.location),
      timestamp: new Date(alert.time).toISOString(),
      manager: cut(member(alert.event, "manager", "name")),
      node: cut(member(alert.event, "cluster", "node")),
    }),
    context: factsBlock(verdict),
    event_info: cut(report.event.info),
    event_uuid: report.event.uuid,
    event_date: report.event.date,
    org: report.event.orgc,
    threat_level: threatWord(report.event.threatLevel),
    attribute_uuid: report.attributeUuid,
    comment: cut(report.comment),
    tags: tags.slice(0, MOST_TAGS),
    tlp: meta.tlp,
    mitre: mitreOf(tags),
    first_seen: isoSeconds(report.firstSeen),
    last_seen: isoSeconds(report.lastSeen),
    feed: report.feed,
    link: report.event.link,
    match: {
      kind: kindOf(best),
      where: best.match.observable.where,
      observable: cut(best.match.observable.value),
      role: best.match.observable.role,
    },
    score: String(verdict.score),
    band: verdict.band,
    reasons: best.reasons.map(({ points, text }) =>
      points === 0 ? text : `${points > 0 ? "+" : ""}${points} ${text}`,
    ),
    warninglist: verdict.suppressed
      ? cut(best.suppressions.map(({ by, reason }) => (by === "warninglist" ? reason : `${by}: ${reason}`)).join("; "))
      : undefined,
    annotations: best.annotations.map(({ warninglist }) => warninglist),
    direction: verdict.direction === "unknown" ? undefined : verdict.direction,
    outcome: verdict.outcome === "unknown" ? undefined : verdict.outcome,
    cve: verdict.cves.slice(0, MOST_OTHERS),
    matches_count: String(verdict.matches.length),
    others: othersOf(verdict),
    foreign: verdict.foreign ? "true" : undefined,
    mode: meta.mode,
    generation: verdict.generation,
    finding_id: meta.id,
  }) as unknown as MispBlock;
}

function factsBlock({ facts }: Verdict) {
  return compact({
    host: cut(facts.host),
    user: cut(facts.user),
    image: cut(facts.image),
    parent_image: cut(facts.parentImage),
    command_line: cut(facts.commandLine),
    src: facts.src,
    dst: facts.dst,
  });
}

function othersOf({ matches }: Verdict): string[] {
  return matches.slice(1, 1 + MOST_OTHERS).map(({ match, suppressions }) => {
    const suffix = suppressions[0] === undefined ? "" : ` (suppressed: ${suppressions[0].reason})`;
    return cut(`${match.indicator.type} ${match.indicator.value}${suffix}`) ?? "";
  });
}

/** How the indicator covered what was seen. */
export function kindOf({ match: { indicator, observable } }: JudgedMatch): string {
  if (indicator.pattern === "cidr") return "cidr";
  if (indicator.type === observable.type) return indicator.value === observable.value ? "exact" : "subdomain";
  return indicator.type;
}

function threatWord(level: number | undefined): string | undefined {
  return level === undefined ? undefined : ["", "High", "Medium", "Low", "Undefined"][level];
}

function isoSeconds(seconds: number | undefined): string | undefined {
  if (seconds === undefined || !(seconds > 0) || seconds > 8.64e12) return undefined;
  return new Date(seconds * 1000).toISOString();
}

/** Bounds a text for the `misp` object; empty becomes undefined. */
function cut(value: string | undefined): string | undefined {
  if (value === undefined || value === "") return undefined;
  return value.length <= MOST_TEXT ? value : `${value.slice(0, MOST_TEXT).toWellFormed()}…`;
}

/** Drops undefined, empty strings, empty arrays and empty objects, which Wazuh's decoder would drop anyway. */
function compact(members: Record<string, unknown>): Record<string, unknown> | undefined {
  const kept = Object.entries(members).filter(
    ([, value]) => value !== undefined && value !== "" && !(Array.isArray(value) && value.length === 0),
  );
  return kept.length === 0 ? undefined : Object.fromEntries(kept);
}
