import type { HuntReport } from "../app/hunt-command.ts";
import type { HuntProgressState } from "../app/hunt-request.ts";
import { formatBytes, formatCount, formatDuration } from "../lib/units.ts";
import type { JsonObject } from "../model/json.ts";
import type { HuntedIndicator } from "../pipeline/hunt-summary.ts";
import { utc } from "./hunt-time.ts";
import { safe, table } from "./output.ts";

const WIDTH = 24;
const HOSTS_SHOWN = 3;

/** `hunting  [###.....] 31%  1.2 GiB of 3.9 GiB  210 MiB/s  12s left  14 findings`: rate and time are of this run. */
export function renderProgress(
  { done, total, before, skipped, findings }: HuntProgressState,
  elapsedMs: number,
): string {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const filled = Math.round(share * WIDTH);
  const rate = (done - before) / Math.max(0.001, elapsedMs / 1000);
  return [
    "hunting",
    `[${"#".repeat(filled)}${".".repeat(WIDTH - filled)}] ${Math.floor(share * 100)}%`,
    `${formatBytes(done)} of ${formatBytes(total)}`,
    `${formatBytes(rate)}/s`,
    ...(rate > 0 && done < total ? [`${formatDuration(((total - done) / rate) * 1000)} left`] : []),
    ...(skipped > 0 ? [`${formatBytes(skipped)} ruled out`] : []),
    `${formatCount(findings)} findings`,
  ].join("  ");
}

/** One row an indicator; what is known to be benign stands at the end and says why. */
export function renderSummary({ outcome: { summary } }: HuntReport): string {
  const rows = summary.rows();
  if (rows.length === 0) return "nothing found";
  return table([
    ["SCORE", "TYPE", "INDICATOR", "ALERTS", "FIRST SEEN", "LAST SEEN", "HOSTS", "MISP EVENT"],
    ...rows.map((row) => [
      row.benign ? "benign" : String(row.score),
      row.type,
      safe(row.value, 80),
      formatCount(row.count),
      utc(row.firstSeen),
      utc(row.lastSeen),
      hosts(row),
      safe(row.benign && row.explained !== undefined ? `(${row.explained})` : `${row.eventId} ${row.event}`, 80),
    ]),
  ]);
}

function hosts({ hosts: all, hostsCut }: HuntedIndicator): string {
  const shown = all.slice(0, HOSTS_SHOWN).map((host) => safe(host, 40));
  const more = all.length - shown.length;
  return `${all.length}${hostsCut ? "+" : ""}: ${shown.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** The whole result as one object. */
export function summaryJson({ outcome, generation, window, troubles, tookMs }: HuntReport): JsonObject {
  const { summary } = outcome;
  return {
    generation,
    from: window.from === undefined ? null : utc(window.from),
    to: window.to === undefined ? null : utc(window.to),
    complete: !outcome.interrupted && troubles.length === 0,
    files: outcome.files,
    files_ruled_out: outcome.ruledOut,
    lines: outcome.lines,
    lines_refused: outcome.refused,
    bytes: outcome.bytes,
    bytes_ruled_out: outcome.skipped,
    findings: summary.findings,
    delivered: outcome.delivered,
    took_ms: tookMs,
    troubles: [...troubles],
    indicators: summary.rows().map((row) => ({
      type: row.type,
      value: row.value,
      score: row.score,
      benign: row.benign,
      explained: row.benign ? (row.explained ?? null) : null,
      alerts: row.count,
      first_seen: utc(row.firstSeen),
      last_seen: utc(row.lastSeen),
      hosts: [...row.hosts],
      hosts_complete: !row.hostsCut,
      event_id: row.eventId,
      event_info: row.event,
      feed: row.feed,
    })),
    indicators_beyond: summary.beyond,
  };
}

/** One line for people, on stderr. */
export function renderAccount({ outcome, tookMs, waiting }: HuntReport): string {
  const { summary, files, ruledOut, lines, bytes, skipped, delivered } = outcome;
  const seconds = Math.max(0.001, tookMs / 1000);
  return (
    `${formatCount(files)} files (${ruledOut} ruled out by their sketches), ${formatCount(lines)} lines read, ` +
    `${formatBytes(bytes)} (${formatBytes(skipped)} ruled out) in ${formatDuration(tookMs)}, ${formatBytes(bytes / seconds)}/s; ` +
    `${formatCount(summary.findings)} alerts match ${formatCount(summary.rows().length)} indicators` +
    (delivered > 0
      ? `; ${formatCount(delivered)} new findings ${waiting ? "in the journal: `tipline run` sends them" : "handed to the running line"}`
      : "")
  );
}
