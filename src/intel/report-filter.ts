import type { EventContext, IndicatorReport, Tlp } from "../model/indicator.ts";
import { type Pap, papExceeds, papOf, tlpExceeds, tlpOf } from "./misp-tags.ts";

interface Choice {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** What a feed is asked to leave out (`filters` of the configuration). Names without regard to case; times in milliseconds. */
export interface FilterRules {
  /** MISP's `%` at either end stands for anything. */
  readonly tags: Choice;
  /** Names or UUIDs of the organisation that made the event. */
  readonly orgs: Choice;
  readonly types: Choice;
  readonly threat_level: "high" | "medium" | "low" | "undefined";
  readonly max_age?: number | undefined;
  readonly max_tlp: Tlp;
  readonly max_pap: Pap;
}

/**
 * Decides what a feed takes. Reasons are short and few (they name the rule, never the foreign value), so that they can be
 * counted. Adding to `exclude` only ever leaves more out.
 */
export interface ReportFilter {
  /** Why nothing of the event can be taken; undefined: its attributes decide. `orgUuid` is that of its creator, if known. */
  event(event: EventContext, orgUuid?: string): string | undefined;
  /** Why the attribute is left out, given that its event is not. */
  attribute(report: FilteredReport, event: EventContext): string | undefined;
}

export type FilteredReport = Pick<IndicatorReport, "attributeType" | "tags" | "timestamp" | "lastSeen">;

const THREAT_LEVELS = { high: 1, medium: 2, low: 3, undefined: 4 } as const;

/** `now` gives epoch milliseconds; only `max_age` asks for it. */
export function createReportFilter(rules: FilterRules, now: () => number): ReportFilter {
  const tagsIncluded = rules.tags.include.map(tagPattern);
  const tagsExcluded = rules.tags.exclude.map(tagPattern);
  const orgsIncluded = new Set(rules.orgs.include.map(folded));
  const orgsExcluded = new Map(rules.orgs.exclude.map((org) => [folded(org), org]));
  const typesIncluded = new Set(rules.types.include);
  const typesExcluded = new Set(rules.types.exclude);
  const leastLevel = THREAT_LEVELS[rules.threat_level];
  const { max_age: maxAge } = rules;
  const ceilings = rules.max_tlp !== "red" || rules.max_pap !== "red";
  const readsTags = ceilings || tagsExcluded.length > 0 || tagsIncluded.length > 0;

  const badTag = (tags: readonly string[]): string | undefined => {
    if (tagsExcluded.length === 0) return undefined;
    const lower = tags.map(folded);
    const found = tagsExcluded.find(({ matches }) => lower.some(matches));
    return found && `tag ${found.spelling} is excluded`;
  };

  return {
    event(event, orgUuid) {
      const orgs = [event.orgc, orgUuid].flatMap((org) => (org === undefined ? [] : [folded(org)]));
      const excluded = orgs.map((org) => orgsExcluded.get(org)).find((org) => org !== undefined);
      if (excluded !== undefined) return `organisation ${excluded} is excluded`;
      if (orgsIncluded.size > 0 && !orgs.some((org) => orgsIncluded.has(org)))
        return "organisation is not among those wanted";
      if ((event.threatLevel ?? 4) > leastLevel) return `threat level is below ${rules.threat_level}`;
      return badTag(event.tags) ?? tooRestricted(event.tags, rules, undefined);
    },
    attribute({ attributeType, tags, timestamp, lastSeen }, event) {
      if (typesExcluded.has(attributeType)) return `type ${attributeType} is excluded`;
      if (typesIncluded.size > 0 && !typesIncluded.has(attributeType)) return "type is not among those wanted";
      const reason = readsTags ? tagReason(tags.length === 0 ? event.tags : [...tags, ...event.tags]) : undefined;
      if (reason !== undefined || maxAge === undefined) return reason;
      const seen = lastSeen ?? timestamp;
      return seen !== undefined && now() - seen * 1000 > maxAge ? "older than max_age" : undefined;
    },
  };

  function tagReason(all: readonly string[]): string | undefined {
    const reason = badTag(all) ?? (ceilings ? tooRestricted(all, rules, "amber") : undefined);
    if (reason !== undefined || tagsIncluded.length === 0) return reason;
    const lower = all.map(folded);
    return tagsIncluded.some(({ matches }) => lower.some(matches)) ? undefined : "no tag is among those wanted";
  }
}

/** `untagged` is the TLP of what has none; undefined: it may still get one. */
function tooRestricted(tags: readonly string[], rules: FilterRules, untagged: Tlp | undefined): string | undefined {
  const tlp = tlpOf(tags) ?? untagged;
  if (tlp !== undefined && tlpExceeds(tlp, rules.max_tlp)) return `TLP is above ${rules.max_tlp}`;
  const pap = papOf(tags);
  return pap !== undefined && papExceeds(pap, rules.max_pap) ? `PAP is above ${rules.max_pap}` : undefined;
}

interface TagPattern {
  /** As configured. */
  readonly spelling: string;
  /** For tags in lower case. */
  matches(tag: string): boolean;
}

function tagPattern(spelling: string): TagPattern {
  const lower = folded(spelling);
  const open = lower.startsWith("%");
  const end = lower.length > 1 && lower.endsWith("%");
  const core = lower.slice(open ? 1 : 0, end ? -1 : undefined);
  const matches =
    open && end
      ? (tag: string) => tag.includes(core)
      : open
        ? (tag: string) => tag.endsWith(core)
        : end
          ? (tag: string) => tag.startsWith(core)
          : (tag: string) => tag === core;
  return { spelling, matches };
}

function folded(text: string): string {
  return text.trim().toLowerCase();
}
