import { renameSync, writeFileSync } from "node:fs";

/** What analysisd counts, since its start. */
export interface Counters {
  eventsReceived: number;
  eventsDropped: number;
  eventsProcessed: number;
  alertsWritten: number;
}

/** `wazuh-analysisd.state`: shell assignments under comments, replaced whole. */
export function writeStateFile(path: string, counters: Counters, usage: number, size: number): void {
  const entries: readonly (readonly [string, string, number | string])[] = [
    ["Total events decoded", "total_events_decoded", counters.eventsProcessed],
    ["Syscheck events decoded", "syscheck_events_decoded", 0],
    ["Winevt events decoded", "winevt_events_decoded", 0],
    ["Other events decoded", "other_events_decoded", counters.eventsProcessed],
    ["Events processed (Rule matching)", "events_processed", counters.eventsProcessed],
    ["Events received", "events_received", counters.eventsReceived],
    ["Events dropped", "events_dropped", counters.eventsDropped],
    ["Alerts written to disk", "alerts_written", counters.alertsWritten],
    ["Firewall alerts written to disk", "firewall_written", 0],
    ["FTS alerts written to disk", "fts_written", 0],
    ["Event queue", "event_queue_usage", usage.toFixed(2)],
    ["Event queue size", "event_queue_size", size],
    ["Alerts log queue", "alerts_queue_usage", "0.00"],
    ["Alerts log queue size", "alerts_queue_size", 16_384],
  ];
  const head = "# State file for wazuh-analysisd\n# THIS FILE WILL BE DEPRECATED IN FUTURE VERSIONS\n\n";
  const body = entries.map(([comment, name, value]) => `# ${comment}\n${name}='${value}'\n\n`).join("");
  writeFileSync(`${path}.temp`, head + body);
  renameSync(`${path}.temp`, path);
}
