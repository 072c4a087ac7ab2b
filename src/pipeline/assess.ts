import { baseName } from "../intel/canonical.ts";
import type { Generation } from "../intel/generation.ts";
import { bandOf, score } from "../intel/scoring.ts";
import type { Standing } from "../intel/standing.ts";
import type { Alert, Extraction } from "../model/alert.ts";
import type { Annotation, ExpiredReport, JudgedMatch, Match, Suppression, Verdict } from "../model/finding.ts";
import type { Indicator, IndicatorReport } from "../model/indicator.ts";
import { get, text } from "../model/json.ts";
import type { CanonicalValue, Observable, ObservableType } from "../model/observable.ts";
import { companionSeen } from "./companions.ts";
import { coveringIndicators } from "./covering.ts";

/** What became of one observable: why it was not looked up, or every indicator considered with its judgement. */
export interface ConsideredObservable {
  readonly observable: Observable;
  readonly notLookedUp?: string;
  readonly matches: readonly JudgedMatch[];
}

/** The whole account of one alert; `verdict` is undefined when nothing matched. `tipline explain` prints all of it. */
export interface Assessment {
  readonly extraction: Extraction<Observable>;
  readonly considered: readonly ConsideredObservable[];
  readonly verdict?: Verdict;
}

/**
 * Judges one alert against one generation. Pure and total: equal input gives equal output, in `run`, `enrich`, `explain` and the
 * golden tests alike.
 */
export function assess(alert: Alert, extraction: Extraction<Observable>, generation: Generation): Assessment {
  const considered = extraction.observables.map((observable) => consider(observable, alert, extraction, generation));
  const matches = leadFirst(considered.flatMap((entry) => entry.matches));
  if (matches.length === 0) return { extraction, considered };
  const [best] = matches;
  const suppressed = matches.every((match) => match.suppressions.length > 0);
  const top = best?.score ?? 0;
  const verdict: Verdict = {
    matches,
    entity: extraction.entity,
    direction: extraction.direction,
    outcome: extraction.outcome,
    facts: extraction.facts,
    score: top,
    band: bandOf(top, suppressed),
    suppressed,
    generation: generation.id,
    cves: extraction.observables.filter(({ type }) => type === "cve").map(({ value }) => value),
    foreign: claimsToBeOurs(alert),
  };
  return { extraction, considered, verdict };
}

/** The alert calls itself ours (`data.integration` is `misp`); whether it is, only its MAC can tell. */
export function claimsToBeOurs(alert: Alert): boolean {
  return text(alert.event, "data", "integration") === "misp" && get(alert.event, "data", "misp") !== undefined;
}

function consider(
  observable: Observable,
  alert: Alert,
  extraction: Extraction<Observable>,
  generation: Generation,
): ConsideredObservable {
  if (observable.type === "cve") return { observable, notLookedUp: "CVE ids annotate only", matches: [] };
  const notLookedUp = generation.policy.notLookedUp(observable.type, observable.value);
  if (notLookedUp !== undefined) return { observable, notLookedUp, matches: [] };
  const matches = coveringIndicators(observable.type, observable.value, generation).map((indicator) =>
    judge(observable, indicator, alert, extraction, generation),
  );
  return { observable, matches };
}

function judge(
  observable: Observable,
  indicator: Indicator,
  alert: Alert,
  extraction: Extraction<Observable>,
  generation: Generation,
): JudgedMatch {
  const { inForce, expired } = byStanding(indicator, alert.time, generation.standing);
  const [newest] = expired;
  // Without a report in force the expired ones are kept, and the match is explained away.
  const reports = bestFirst(inForce.length > 0 ? inForce : indicator.reports);
  const match: Match = {
    observable,
    indicator,
    reports,
    companionSeen: reports.some((report) => companionSeen(report, observable, extraction.observables, alert.event)),
  };
  const hits = listHits(match, generation);
  const suppressions: Suppression[] = [
    ...ownAndAllowed(match, alert, extraction, generation),
    ...(inForce.length === 0 && newest ? [{ by: "policy" as const, reason: `expired: ${newest.reason}` }] : []),
    ...hits
      .filter(({ action }) => action === "suppress")
      .map(({ name }) => ({ by: "warninglist" as const, reason: name })),
  ];
  const annotations: Annotation[] = hits
    .filter(({ action }) => action === "annotate")
    .map(({ name }) => ({ warninglist: name }));
  const judged = score({
    indicator,
    observed: observable,
    reports,
    companionSeen: match.companionSeen,
    direction: extraction.direction,
    outcome: extraction.outcome,
    suppressions,
    annotations,
    falsePositive: lastFalsePositive(reports, generation.standing),
    time: alert.time,
  });
  return { match, suppressions, annotations, ...judged, ...(newest === undefined ? {} : { expired }) };
}

/** Which reports count at `time`, and which do not, newest first. */
function byStanding(indicator: Indicator, time: number, standing: Standing) {
  const inForce: IndicatorReport[] = [];
  const expired: ExpiredReport[] = [];
  for (const report of indicator.reports) {
    const reason = standing.expired(indicator, report, time);
    if (reason === undefined) inForce.push(report);
    else expired.push({ report, reason });
  }
  const seen = ({ lastSeen, timestamp }: IndicatorReport) => lastSeen ?? timestamp ?? 0;
  expired.sort((a, b) => seen(b.report) - seen(a.report) || byUuid(a.report, b.report));
  return { inForce, expired };
}

function lastFalsePositive(reports: readonly IndicatorReport[], standing: Standing): number | undefined {
  const times = reports.flatMap((report) => standing.falsePositive(report) ?? []);
  return times.length === 0 ? undefined : Math.max(...times);
}

/** Lists that know the indicator or what was seen; each list once. */
function listHits({ observable, indicator, reports }: Match, generation: Generation) {
  const types = [...new Set(reports.map(({ attributeType }) => attributeType))];
  const byName = new Map(
    [
      ...generation.warninglists.check(indicator.type, indicator.value, types),
      ...generation.warninglists.check(observable.type, observable.value, types),
    ].map((hit) => [hit.name, hit]),
  );
  return [...byName.values()];
}

function ownAndAllowed(
  { observable, indicator }: Match,
  alert: Alert,
  extraction: Extraction<Observable>,
  { policy }: Generation,
): Suppression[] {
  const suppressions: Suppression[] = [];
  const own = policy.own(observable.type, observable.value);
  if (own !== undefined) suppressions.push({ by: "own", reason: own });
  // An entry for an agent holds for every entity that the agent reports on, a sensor's addresses too.
  const entities = [extraction.entity.key, ...(alert.agent ? [`agent:${alert.agent.id}`] : [])];
  const spellings: readonly (readonly [ObservableType, CanonicalValue])[] = [
    [observable.type, observable.value],
    [indicator.type, indicator.value],
    ...(observable.type === "path" ? ([["filename", baseName(observable.value) as CanonicalValue]] as const) : []),
  ];
  const allowed = spellings
    .flatMap(([type, value]) => entities.map((entity) => policy.allowed(type, value, entity, alert.time)))
    .find((entry) => entry !== undefined);
  if (allowed) suppressions.push({ by: "allow", reason: `${allowed.reason} (allowed by ${allowed.by})` });
  return suppressions;
}

function bestFirst(reports: readonly IndicatorReport[]): readonly IndicatorReport[] {
  const rank = (report: IndicatorReport) =>
    (report.toIds ? 1000 : 0) + (report.weak ? 0 : 500) + (5 - (report.event.threatLevel ?? 4)) * 10;
  return [...reports].sort((a, b) => rank(b) - rank(a) || (b.timestamp ?? 0) - (a.timestamp ?? 0) || byUuid(a, b));
}

function byUuid(a: IndicatorReport, b: IndicatorReport): number {
  return a.attributeUuid < b.attributeUuid ? -1 : a.attributeUuid > b.attributeUuid ? 1 : 0;
}

/** Unsuppressed before suppressed, then by score; equal ones keep the order of the alert. */
function leadFirst(matches: readonly JudgedMatch[]): readonly JudgedMatch[] {
  return [...matches].sort(
    (a, b) => Number(a.suppressions.length > 0) - Number(b.suppressions.length > 0) || b.score - a.score,
  );
}
