import type { Standing } from "../intel/standing.ts";
import type { Alert } from "../model/alert.ts";
import type { Finding, JudgedMatch } from "../model/finding.ts";
import type { Indicator, IndicatorReport } from "../model/indicator.ts";
import type { Assessment, ConsideredObservable } from "../pipeline/assess.ts";
import { kindOf } from "../pipeline/finding-block.ts";
import { paint, safe } from "./output.ts";

const BAND_STYLE = { critical: ["bold", "red"], high: "red", medium: "yellow", low: "cyan", benign: "dim" } as const;

/** One finding on a few lines for people who watch: who, what, where, which MISP event, score and why. */
export function renderFinding(finding: Finding): string {
  const { misp, alert } = finding;
  const style = BAND_STYLE[misp.band as keyof typeof BAND_STYLE] ?? "dim";
  const time = new Date(alert.time).toISOString().slice(11, 19);
  const agent = alert.agent ? `${alert.agent.id} ${alert.agent.name ?? ""}`.trim() : "-";
  const head = `${time}  ${misp.band.toUpperCase().padEnd(8)} ${misp.score.padStart(3)}  ${safe(agent, 40).padEnd(18)} ${misp.type} ${safe(misp.value, 90)}`;
  const seen = misp.match?.observable === misp.value ? "" : ` seen as ${safe(misp.match?.observable ?? "", 90)}`;
  const lines = [paint([style].flat() as Parameters<typeof paint>[0], head)];
  if (finding.kind === "repeats") lines.push(`          repeated ${misp.repeat_count} more times since the first`);
  if (finding.kind === "spread") lines.push(`          on ${misp.entities_count} hosts within minutes`);
  lines.push(`          at ${safe(misp.match?.where ?? "-", 80)} (${misp.match?.role ?? "-"})${seen}`);
  lines.push(
    `          MISP ${safe(misp.event_id, 40)} "${safe(misp.event_info ?? "", 70)}" ${safe(misp.org ?? "", 40)} ${misp.tlp ? `tlp:${misp.tlp}` : ""}`.trimEnd(),
  );
  const why = misp.warninglist === undefined ? (misp.reasons ?? []).join(", ") : `not counted: ${misp.warninglist}`;
  lines.push(`          ${paint("dim", safe(why, 160))}`);
  return lines.join("\n");
}

/** The whole account of one alert: what was seen, what was looked up, what was found, what explains it away, what goes out. */
export function renderAssessment(alert: Alert, assessment: Assessment, generation: string): string {
  const { extraction, considered, verdict } = assessment;
  const lines = [
    paint("bold", `alert ${safe(alert.id || alert.rawHash.slice(0, 16))}`) +
      (alert.rule
        ? `  rule ${safe(alert.rule.id)} level ${alert.rule.level} "${safe(alert.rule.description, 100)}"`
        : ""),
    `  agent ${alert.agent ? safe(`${alert.agent.id} ${alert.agent.name ?? ""}`) : "-"}  entity ${safe(extraction.entity.key)}  direction ${extraction.direction}  outcome ${extraction.outcome}`,
    `  ${considered.length} observables, generation ${generation}`,
    ...considered.flatMap(renderConsidered),
  ];
  if (verdict === undefined) lines.push(paint("dim", "  => no match: nothing is sent"));
  else if (verdict.suppressed) lines.push(`  => known benign: sent as such (score 0, a level-3 alert in Wazuh)`);
  else lines.push(paint("bold", `  => finding, score ${verdict.score} (${verdict.band})`));
  return lines.join("\n");
}

function renderConsidered({ observable, notLookedUp, matches }: ConsideredObservable): string[] {
  const seen = observable.seen === undefined ? "" : `  seen as ${safe(observable.seen, 80)}`;
  const port = observable.port === undefined ? "" : ` port ${observable.port}`;
  const state =
    notLookedUp === undefined ? (matches.length === 0 ? "no indicator" : "") : `not looked up: ${notLookedUp}`;
  const line = `  ${matches.length > 0 ? "*" : "-"} ${observable.type} ${safe(observable.value, 120)}${port}  [${observable.role}] ${safe(observable.where, 100)}${seen}${state === "" ? "" : `  ${paint("dim", state)}`}`;
  return [line, ...matches.flatMap(renderMatch)];
}

function renderMatch(judged: JudgedMatch): string[] {
  const { match, reasons, suppressions, score, expired = [] } = judged;
  const reasonOf = new Map(expired.map(({ report, reason }) => [report, reason]));
  const shown = [...new Set([...match.reports, ...reasonOf.keys()])];
  return [
    `      ${kindOf(judged)} match of indicator ${match.indicator.type} ${safe(match.indicator.value, 120)}  score ${score}`,
    ...shown.slice(0, 10).map((report) => {
      const { event } = report;
      const reason = reasonOf.get(report);
      const state = `${report.weak ? " (weak)" : ""}${reason === undefined ? "" : ` (expired: ${safe(reason, 120)})`}`;
      return `        ${safe(report.feed)}: event ${safe(event.id ?? event.uuid)} "${safe(event.info, 80)}" ${safe(event.orgc ?? "", 40)} ${report.attributeType} ${safe(report.attributeValue, 80)}${state}`;
    }),
    ...suppressions.map(({ by, reason }) => `        suppressed by ${by}: ${safe(reason, 120)}`),
    ...(suppressions.length > 0
      ? []
      : reasons.map(
          ({ points, text }) =>
            `        ${points === 0 ? "   " : `${points > 0 ? "+" : ""}${points}`.padStart(3)} ${safe(text, 120)}`,
        )),
  ];
}

/** The same account for machines. */
export function assessmentJson(
  alert: Alert,
  assessment: Assessment,
  generation: string,
  finding: Finding | undefined,
): object {
  const { extraction, considered, verdict } = assessment;
  return {
    id: alert.id,
    agent: alert.agent,
    rule: alert.rule,
    generation,
    entity: extraction.entity,
    direction: extraction.direction,
    outcome: extraction.outcome,
    observables: considered.map(({ observable, notLookedUp, matches }) => ({
      ...observable,
      ...(notLookedUp === undefined ? {} : { not_looked_up: notLookedUp }),
      matches: matches.map((judged) => ({
        kind: kindOf(judged),
        indicator: indicatorJson(judged.match.indicator),
        companion_seen: judged.match.companionSeen,
        expired: (judged.expired ?? []).map(({ report, reason }) => ({
          feed: report.feed,
          attribute_uuid: report.attributeUuid,
          reason,
        })),
        suppressions: judged.suppressions,
        annotations: judged.annotations,
        score: judged.score,
        reasons: judged.reasons,
      })),
    })),
    verdict:
      verdict === undefined ? null : { score: verdict.score, band: verdict.band, suppressed: verdict.suppressed },
    sent: finding === undefined ? null : { integration: "misp", misp: finding.misp },
  };
}

/** What a generation says of one report at one time: why it counts no more, and when we called it false (epoch milliseconds). */
export type StandingNow = (
  indicator: Indicator,
  report: IndicatorReport,
) => { readonly expired: string | undefined; readonly falsePositive: number | undefined };

export function standingAt(standing: Standing, time: number): StandingNow {
  return (indicator, report) => ({
    expired: standing.expired(indicator, report, time),
    falsePositive: standing.falsePositive(report),
  });
}

/** An indicator with its reports, as `lookup --json` and `explain --json` print it; with how they stand where that is asked. */
export function indicatorJson(indicator: Indicator, standing?: StandingNow): object {
  return {
    type: indicator.type,
    pattern: indicator.pattern,
    value: indicator.value,
    reports: indicator.reports.map((report) => ({
      feed: report.feed,
      event_id: report.event.id ?? null,
      event_uuid: report.event.uuid,
      event_info: report.event.info,
      event_date: report.event.date ?? null,
      org: report.event.orgc ?? null,
      threat_level: report.event.threatLevel ?? null,
      attribute_uuid: report.attributeUuid,
      type: report.attributeType,
      category: report.category,
      value: report.attributeValue,
      to_ids: report.toIds,
      weak: report.weak,
      comment: report.comment ?? null,
      tags: [...new Set([...report.tags, ...report.event.tags])],
      first_seen: report.firstSeen ?? null,
      last_seen: report.lastSeen ?? null,
      link: report.event.link ?? null,
      ...(standing === undefined ? {} : standingJson(standing(indicator, report))),
    })),
  };
}

function standingJson({ expired, falsePositive }: ReturnType<StandingNow>): object {
  return { expired: expired ?? null, false_positive: falsePositive === undefined ? null : dateOf(falsePositive) };
}

/** How a report stands, in words; empty when there is nothing to say. */
export function standingWords({ expired, falsePositive }: ReturnType<StandingNow>): string {
  return [
    expired === undefined ? "" : `expired: ${expired}`,
    falsePositive === undefined ? "" : `false positive by our organisation on ${dateOf(falsePositive)}`,
  ]
    .filter((part) => part !== "")
    .join(" · ");
}

function dateOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}
