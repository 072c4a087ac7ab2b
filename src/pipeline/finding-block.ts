import { mitreOf } from "../intel/misp-tags.ts";
import type { Alert } from "../model/alert.ts";
import type { JudgedMatch, MispBlock, Mode, Verdict } from "../model/finding.ts";
import type { IndicatorReport, Tlp } from "../model/indicator.ts";
import { member } from "./event-view.ts";

const MOST_TAGS = 30;
const MOST_OTHERS = 20;
const MOST_TEXT = 1000;

/** What the block says of the finding itself. */
export interface BlockMeta {
  readonly id: string;
  readonly mode: Mode;
  readonly tlp: Tlp | undefined;
}

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

/** A report's tags and its event's, each as often as it is there. */
export function tagsOf(report: IndicatorReport): readonly string[] {
  return [...report.tags, ...report.event.tags];
}

/**
 * The `misp` object of a verdict whose best match is `best`. Members are set one by one and by name: objects put together by spread or
 * from entries are dictionaries to V8, and several times slower to write and to read.
 */
export function mispBlock(alert: Alert, verdict: Verdict, best: JudgedMatch, meta: BlockMeta): MispBlock {
  const [report] = best.match.reports;
  if (report === undefined) throw new Error("an indicator always has a report");
  const block: Writable<MispBlock> = {
    event_id: report.event.id ?? report.event.uuid,
    category: report.category || "Other",
    type: report.attributeType,
    value: cut(report.attributeValue) ?? best.match.indicator.value,
    score: String(verdict.score),
    band: verdict.band,
    matches_count: String(verdict.matches.length),
    mode: meta.mode,
    generation: verdict.generation,
    finding_id: meta.id,
  };
  addAlert(block, alert, verdict);
  addReport(block, report);
  if (meta.tlp !== undefined) block.tlp = meta.tlp;
  addMatch(block, best, verdict.suppressed);
  addVerdict(block, verdict);
  return block;
}

function addAlert(block: Writable<MispBlock>, alert: Alert, { facts }: Verdict): void {
  const source = compact({
    description: cut(alert.rule?.description),
    rule_id: alert.rule?.id,
    rule_level: alert.rule === undefined ? undefined : String(alert.rule.level),
    alert_id: alert.id,
    location: cut(alert.location),
    timestamp: new Date(alert.time).toISOString(),
    manager: cut(member(alert.event, "manager", "name")),
    node: cut(member(alert.event, "cluster", "node")),
  });
  const context = compact({
    host: cut(facts.host),
    user: cut(facts.user),
    image: cut(facts.image),
    parent_image: cut(facts.parentImage),
    command_line: cut(facts.commandLine),
    src: facts.src,
    dst: facts.dst,
  });
  if (source !== undefined) block.source = source;
  if (context !== undefined) block.context = context;
}

function addReport(block: Writable<MispBlock>, report: IndicatorReport): void {
  const { event } = report;
  const info = cut(event.info);
  const threat = threatWord(event.threatLevel);
  const comment = cut(report.comment);
  const tags = [...new Set(tagsOf(report))];
  const mitre = mitreOf(tags);
  const firstSeen = isoSeconds(report.firstSeen);
  const lastSeen = isoSeconds(report.lastSeen);
  if (info !== undefined) block.event_info = info;
  if (event.uuid) block.event_uuid = event.uuid;
  if (event.date) block.event_date = event.date;
  if (event.orgc) block.org = event.orgc;
  if (threat) block.threat_level = threat;
  if (report.attributeUuid) block.attribute_uuid = report.attributeUuid;
  if (comment !== undefined) block.comment = comment;
  if (tags.length > 0) block.tags = tags.slice(0, MOST_TAGS);
  if (mitre.length > 0) block.mitre = mitre;
  if (firstSeen !== undefined) block.first_seen = firstSeen;
  if (lastSeen !== undefined) block.last_seen = lastSeen;
  if (report.feed) block.feed = report.feed;
  if (event.link) block.link = event.link;
}

function addMatch(block: Writable<MispBlock>, best: JudgedMatch, suppressed: boolean): void {
  const { where, value, role } = best.match.observable;
  const match = compact({ kind: kindOf(best), where, observable: cut(value), role });
  if (match !== undefined) block.match = match;
  if (best.reasons.length > 0)
    block.reasons = best.reasons.map(({ points, text }) =>
      points === 0 ? text : `${points > 0 ? "+" : ""}${points} ${text}`,
    );
  const explained = best.suppressions.map(({ by, reason }) => (by === "warninglist" ? reason : `${by}: ${reason}`));
  const warninglist = suppressed ? cut(explained.join("; ")) : undefined;
  if (warninglist !== undefined) block.warninglist = warninglist;
  if (best.annotations.length > 0) block.annotations = best.annotations.map((annotation) => annotation.warninglist);
}

function addVerdict(block: Writable<MispBlock>, verdict: Verdict): void {
  const others = othersOf(verdict);
  if (verdict.direction !== "unknown") block.direction = verdict.direction;
  if (verdict.outcome !== "unknown") block.outcome = verdict.outcome;
  if (verdict.cves.length > 0) block.cve = verdict.cves.slice(0, MOST_OTHERS);
  if (others.length > 0) block.others = others;
  if (verdict.foreign) block.foreign = "true";
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

/** Drops undefined and empty strings, which Wazuh's decoder would drop anyway; undefined when nothing is left. */
function compact<T extends Readonly<Record<string, string | undefined>>>(
  members: T,
): { [Name in keyof T]?: string } | undefined {
  const kept: Record<string, string> = {};
  let some = false;
  for (const name in members) {
    const value = members[name];
    if (value === undefined || value === "") continue;
    kept[name] = value;
    some = true;
  }
  return some ? (kept as { [Name in keyof T]?: string }) : undefined;
}
