import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseConfig } from "../config/load.ts";
import type { Sink } from "../contract/sink.ts";
import { systemClock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { packageRoot } from "../lib/package-root.ts";
import type { Finding } from "../model/finding.ts";
import { openGenerations } from "../store/generations.ts";
import { writeAlerts } from "./demo-writer.ts";
import { runLine } from "./start.ts";

/** What the demo tells as it goes. */
export interface DemoAccount {
  readonly written: number;
  readonly read: number;
  /** Matches made, before storm control. */
  readonly matched: number;
  readonly sent: number;
  readonly benign: number;
}

export interface DemoOptions {
  readonly once: boolean;
  /** Alerts a second. */
  readonly rate: number;
  readonly log: Log;
  readonly onReady: (info: {
    readonly folder: string;
    readonly indicators: number;
    readonly quarantined: readonly { readonly value: string; readonly reason: string }[];
  }) => Promise<void>;
  readonly onFinding: (finding: Finding) => Promise<void>;
  readonly onAccount: (account: DemoAccount) => void;
}

const SETTLE_MS = 100;

/**
 * The main job on bundled data: a MISP feed and a stream of Wazuh alerts, written line by line into an alerts.json of a
 * temporary folder, through the real follower, generation, journal, storm control and sinks. Everything is removed at the end.
 */
export async function runDemo(options: DemoOptions, signal: AbortSignal): Promise<DemoAccount> {
  const folder = mkdtempSync(join(tmpdir(), "tipline-demo-"));
  const alerts = join(folder, "alerts.json");
  writeFileSync(alerts, "");
  const stop = new AbortController();
  signal.addEventListener("abort", () => stop.abort(), { once: true });
  if (signal.aborted) stop.abort();
  const account = { written: 0, read: 0, matched: 0, sent: 0, benign: 0 };
  const tell = () => options.onAccount(account);
  let failed: unknown;
  /** What cannot be shown ends the demo. */
  const give = (error: unknown) => {
    failed ??= error;
    stop.abort();
  };
  const terminal: Sink = {
    batchSize: 1,
    async send([finding]) {
      if (finding === undefined) return { status: "sent" };
      account.sent++;
      if (finding.suppressed) account.benign++;
      await options.onFinding(finding).catch(give);
      tell();
      return { status: "sent" };
    },
  };
  try {
    const config = await demoConfig(folder, alerts);
    let writing: Promise<unknown> = Promise.resolve();
    await runLine(
      config,
      {
        log: options.log,
        extraSinks: new Map([["terminal", terminal]]),
        onVerdict: () => void account.matched++,
        onCommitted(_source, records) {
          account.read += records;
          tell();
        },
        onRunning(journal) {
          const shown = options.onReady({ folder, ...describe(config.state_dir, options.log) });
          const caughtUp = () =>
            account.read >= account.written && [...journal.backlog().values()].every(({ entries }) => entries === 0);
          writing = shown
            .catch(give)
            .then(write)
            .catch(() => undefined)
            .then(() => finish(caughtUp));
        },
      },
      stop.signal,
    );
    await writing;
    if (failed !== undefined) throw failed;
    return account;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }

  function write(): Promise<unknown> {
    const source = join(packageRoot(), "examples", "demo", "alerts.ndjson");
    return writeAlerts(
      { alerts: source, target: alerts, rate: options.rate, once: options.once, clock: systemClock },
      stop.signal,
      () => {
        account.written++;
        tell();
      },
    );
  }

  async function finish(caughtUp: () => boolean): Promise<void> {
    while (!stop.signal.aborted) {
      await systemClock.sleep(SETTLE_MS, stop.signal);
      if (caughtUp()) stop.abort();
    }
  }
}

function demoConfig(folder: string, alerts: string) {
  const demo = join(packageRoot(), "examples", "demo");
  const quoted = (path: string) => JSON.stringify(path);
  const text = `
state_dir: ${quoted(join(folder, "state"))}
sources:
  wazuh: { type: wazuh-alerts, path: ${quoted(alerts)}, start: beginning }
feeds:
  demo: { type: misp-feed, path: ${quoted(join(demo, "feed"))}, expiry: never }
sinks:
  findings: { type: ndjson, path: ${quoted(join(folder, "findings.ndjson"))} }
warninglists: { path: ${quoted(join(demo, "warninglists"))} }
metrics: { listen: "off" }
`;
  return parseConfig(text, "demo");
}

function describe(stateDir: string, log: Log) {
  const store = openGenerations({ dir: join(stateDir, "generations"), log, readOnly: true });
  try {
    const quarantined = [...store.quarantine()].map(({ value, reason }) => ({ value, reason }));
    return { indicators: store.current()?.stats.indicators ?? 0, quarantined };
  } finally {
    store.close();
  }
}
