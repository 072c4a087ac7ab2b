import type { Generation } from "../intel/generation.ts";
import { tlpOf } from "../intel/misp-tags.ts";
import type { Alert, Extraction } from "../model/alert.ts";
import type { JudgedMatch, Verdict } from "../model/finding.ts";
import type { Indicator, IndicatorReport, Tlp } from "../model/indicator.ts";
import type { Observable, ObservableType } from "../model/observable.ts";
import { assess } from "./assess.ts";
import { partsOf, readings } from "./lookup.ts";
import { withinTlp } from "./redact.ts";

/** `known_benign`: an indicator covers it, and a warninglist, an allow entry or a policy explains that away. */
export type LookupWord = "malicious" | "known_benign" | "none";

/** What is said of one value: scalars only, every member always there, `""` where there is nothing to say. Names are API. */
export interface LookupVerdict {
  readonly verdict: LookupWord;
  /** 0–100, as a finding without direction and outcome would have. */
  readonly score: number;
  readonly band: string;
  /** MISP's attribute type; the likeliest type where nothing is known. */
  readonly type: string;
  /** The attribute's value as MISP has it; where nothing is known, or it may not be told, the value that was asked for. */
  readonly value: string;
  readonly event_id: string;
  readonly event_info: string;
  readonly org: string;
  /** With `, ` between them. */
  readonly tags: string;
  readonly link: string;
  readonly tlp: string;
  /** Why it is known as benign, or the lists that lower its score. */
  readonly warninglist: string;
  readonly feed: string;
  /** `none` until the first sync. */
  readonly generation: string;
}

/** Longer values are nothing that an indicator holds. */
export const MOST_VALUE = 8192;
const MOST_TEXT = 1000;
const MOST_TAGS = 30;

/**
 * Judges one value as an alert that holds nothing else would be: same generation, policy, warninglists, standing and weights. Of
 * reports above the ceiling only that there is one is told, by score and link; where others are below it, those speak alone.
 */
export function judgeValue(raw: string, generation: Generation, ceiling: Tlp, time: number): LookupVerdict {
  const value = raw.trim();
  const asked = value.length > MOST_TEXT ? `${value.slice(0, MOST_TEXT).toWellFormed()}…` : value.toWellFormed();
  const observables = value.length > MOST_VALUE ? [] : [...observablesOf(value)];
  const nothing = blank(asked, observables[0]?.type, generation.id);
  const told = verdictOf(observables, tellable(generation, ceiling), time);
  if (told !== undefined) return described(told, generation.id, nothing);
  const secret = verdictOf(observables, generation, time);
  return secret === undefined ? nothing : redacted(secret, ceiling, nothing);
}

function* observablesOf(value: string): Generator<Observable> {
  const seen = new Set<string>();
  for (const part of partsOf(value)) {
    for (const [type, canonical] of readings(part)) {
      // A network is no value that an alert could hold.
      if (type === "cve" || (type === "ip" && canonical.includes("/")) || seen.has(`${type}:${canonical}`)) continue;
      seen.add(`${type}:${canonical}`);
      yield { type, value: canonical, role: "text", where: "value" };
    }
  }
}

function verdictOf(observables: readonly Observable[], generation: Generation, time: number): Verdict | undefined {
  const alert: Alert = { id: "", rawHash: "", node: "", time, source: "lookup", event: {} };
  const extraction: Extraction<Observable> = {
    observables,
    entity: { kind: "host", key: "lookup", name: "lookup" },
    direction: "unknown",
    outcome: "unknown",
    facts: {},
  };
  return assess(alert, extraction, generation).verdict;
}

/** The same generation without the reports that may not be told of. */
function tellable(generation: Generation, ceiling: Tlp): Generation {
  if (ceiling === "red") return generation;
  const { index } = generation;
  const lookup = (type: ObservableType, value: Observable["value"]) => {
    const found: Indicator[] = [];
    for (const indicator of index.lookup(type, value)) {
      const reports = indicator.reports.filter((report) => withinTlp(tlpOf(tagsOf(report)), ceiling));
      if (reports.length === indicator.reports.length) found.push(indicator);
      else if (reports.length > 0) found.push({ ...indicator, reports });
    }
    return found;
  };
  return {
    ...generation,
    index: {
      stats: index.stats,
      lookup,
      nominates: (event) => index.nominates(event),
      all: () => index.all(),
      close: () => undefined,
    },
  };
}

function described(verdict: Verdict, generation: string, nothing: LookupVerdict): LookupVerdict {
  const [best] = verdict.matches;
  const [report] = best?.match.reports ?? [];
  if (best === undefined || report === undefined) return nothing;
  const { event } = report;
  return {
    verdict: wordOf(verdict),
    score: verdict.score,
    band: verdict.band,
    type: report.attributeType,
    value: cut(report.attributeValue),
    event_id: event.id ?? event.uuid,
    event_info: cut(event.info),
    org: cut(event.orgc ?? ""),
    tags: cut([...new Set(tagsOf(report))].slice(0, MOST_TAGS).join(", ")),
    link: event.link ?? "",
    tlp: tlpOf(tagsOf(report)) ?? "",
    warninglist: cut(listsOf(verdict, best)),
    feed: report.feed,
    generation,
  };
}

/** As findings above a sink's ceiling: nothing but how bad it is and where somebody who may can read on. */
function redacted(verdict: Verdict, ceiling: Tlp, nothing: LookupVerdict): LookupVerdict {
  const [report] = verdict.matches[0]?.match.reports ?? [];
  const hidden = `redacted: TLP above ${ceiling}`;
  return {
    ...nothing,
    verdict: wordOf(verdict),
    score: verdict.score,
    band: verdict.band,
    type: hidden,
    event_id: hidden,
    event_info: hidden,
    org: hidden,
    tags: hidden,
    link: report?.event.link ?? "",
    tlp: tlpOf(report === undefined ? [] : tagsOf(report)) ?? "",
    warninglist: verdict.suppressed ? hidden : "",
    feed: hidden,
  };
}

function blank(value: string, type: string | undefined, generation: string): LookupVerdict {
  return {
    verdict: "none",
    score: 0,
    band: "none",
    type: type ?? "",
    value,
    event_id: "",
    event_info: "",
    org: "",
    tags: "",
    link: "",
    tlp: "",
    warninglist: "",
    feed: "",
    generation,
  };
}

function wordOf({ suppressed }: Verdict): LookupWord {
  return suppressed ? "known_benign" : "malicious";
}

function listsOf({ suppressed }: Verdict, { suppressions, annotations }: JudgedMatch): string {
  if (!suppressed) return annotations.map(({ warninglist }) => warninglist).join("; ");
  return suppressions.map(({ by, reason }) => (by === "warninglist" ? reason : `${by}: ${reason}`)).join("; ");
}

function tagsOf({ tags, event }: IndicatorReport): readonly string[] {
  return [...tags, ...event.tags];
}

function cut(text: string): string {
  return text.length <= MOST_TEXT ? text.toWellFormed() : `${text.slice(0, MOST_TEXT).toWellFormed()}…`;
}
