import { formatDuration } from "../lib/units.ts";
import type { CanaryHop } from "../store/canary-state.ts";

/** Wazuh sends mail and dashboards turn red from this level on. */
const ALARM_LEVEL = 12;

/** The canary's own rule is never mailed, however high a manager's log_alert_level has raised it. */
export function isAlarm({ level, groups }: { readonly level: number; readonly groups: readonly string[] }): boolean {
  return level >= ALARM_LEVEL && !groups.includes("misp_canary");
}

/** What a canary's missing hop means, and what to do. One line. */
export function missingText(
  hop: CanaryHop,
  {
    timeoutMs,
    everReturned,
    cause,
    behind,
  }: {
    readonly timeoutMs: number;
    readonly everReturned: boolean;
    readonly cause?: string;
    /** The source stays behind: by so much, or (undefined) it has not found its place. */
    readonly behind?: { readonly lagMs: number | undefined };
  },
): string {
  if (behind !== undefined) return behindText(behind.lagMs);
  const within = `within ${formatDuration(timeoutMs)}`;
  switch (hop) {
    case "send":
      return `it could not be sent ${within}: ${cause ?? "unknown"}`;
    case "read":
      return everReturned
        ? `it was sent and its alert was not read ${within}: Wazuh drops events, writes its alerts elsewhere, or lost Tipline's rules; run \`tipline doctor wazuh\``
        : `it was sent and its alert was not read ${within}: most likely Tipline's rules are not loaded; run \`tipline install wazuh\`, then \`tipline doctor wazuh\``;
    case "match":
      return "its alert was read and did not match: something else stands in its alert; run `tipline explain` on it";
    case "deliver":
      return `it was matched and not delivered ${within}: findings wait before it; see tipline_backlog_findings`;
    case "rule":
      return `it was delivered and did not come back as an alert ${within}: no rule fired for it; run \`tipline install wazuh\`, then \`tipline doctor wazuh\``;
  }
}

function behindText(lagMs: number | undefined): string {
  const where =
    lagMs === undefined ? "has not found its place" : `is ${formatDuration(lagMs)} behind and does not catch up`;
  return `its alert was not read: the source ${where}; see tipline_source_lag_seconds, then restart Tipline or run \`tipline doctor\``;
}
