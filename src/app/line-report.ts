import type { Config } from "../config/load.ts";
import type { Source } from "../contract/source.ts";
import type { Clock } from "../lib/clock.ts";
import type { JsonObject } from "../model/json.ts";
import type { StoredJournal } from "../store/journal.ts";
import type { LiveGeneration } from "./generation.ts";
import type { Health } from "./health.ts";

/** What a running line says of itself to `tipline doctor`. */
export interface LineReport extends JsonObject {
  readonly pid: number;
  /** Whether there is a generation to match against. */
  readonly ready: boolean;
  readonly troubles: readonly string[];
  /** Seconds since the last good pull, by feed. */
  readonly feed_ages: Readonly<Record<string, number>>;
  /** Of all feeds together; null before there is a generation. */
  readonly indicators: number | null;
  /** Reports of indicators by feed, of those that were pulled whole since the start. */
  readonly feed_reports: Readonly<Record<string, number>>;
  readonly sources: Readonly<Record<string, SourceReport>>;
  /** Findings sent and not seen again, by sink. */
  readonly unconfirmed: Readonly<Record<string, number>>;
  /** Sources that wait because the journal is full. */
  readonly holding: readonly string[];
  /** What it runs on: the file, and its content when it was started. */
  readonly config: { readonly path: string | null; readonly digest: string };
}

interface SourceReport extends JsonObject {
  readonly bytes: number | null;
  readonly seconds: number | null;
}

export interface ReportParts {
  readonly config: Pick<Config, "path" | "digest">;
  readonly health: Health;
  readonly live: Pick<LiveGeneration, "ready" | "partial" | "current">;
  readonly sources: ReadonlyMap<string, Source>;
  readonly journal: StoredJournal;
  readonly clock: Clock;
}

export function lineReport({ config, health, live, sources, journal, clock }: ReportParts): LineReport {
  const now = clock.now();
  const { stats } = live.current().index;
  const whole = health.pulledFeeds().filter((feed) => !live.partial.includes(feed));
  const lags = [...sources].map(([name, source]) => [name, source.lag?.() ?? {}] as const);
  return {
    pid: process.pid,
    ready: live.ready,
    troubles: [...health.troubles()],
    feed_ages: Object.fromEntries([...health.lastPulls()].map(([feed, at]) => [feed, (now - at) / 1000])),
    indicators: live.ready ? stats.indicators : null,
    feed_reports: Object.fromEntries(whole.map((feed) => [feed, stats.byFeed[feed] ?? 0])),
    sources: Object.fromEntries(
      lags.map(([name, lag]) => [name, { bytes: lag.bytes ?? null, seconds: lag.seconds ?? null }]),
    ),
    unconfirmed: Object.fromEntries([...journal.backlog()].map(([name, { unconfirmed }]) => [name, unconfirmed])),
    holding: [...journal.holding()],
    config: { path: config.path ?? null, digest: config.digest },
  };
}
