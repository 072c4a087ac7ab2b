import type { Source } from "../contract/source.ts";
import type { Clock } from "../lib/clock.ts";
import type { JsonObject } from "../model/json.ts";
import type { StoredJournal } from "../store/journal.ts";
import type { Health } from "./health.ts";

/** What a running line says of itself to `tipline doctor`. */
export interface LineReport extends JsonObject {
  readonly pid: number;
  /** Whether there is a generation to match against. */
  readonly ready: boolean;
  readonly troubles: readonly string[];
  /** Seconds since the last good pull, by feed. */
  readonly feed_ages: Readonly<Record<string, number>>;
  readonly sources: Readonly<Record<string, SourceReport>>;
  /** Findings sent and not seen again, by sink. */
  readonly unconfirmed: Readonly<Record<string, number>>;
  /** Sources that wait because the journal is full. */
  readonly holding: readonly string[];
}

interface SourceReport extends JsonObject {
  readonly bytes: number | null;
  readonly seconds: number | null;
}

export interface ReportParts {
  readonly health: Health;
  readonly live: { readonly ready: boolean };
  readonly sources: ReadonlyMap<string, Source>;
  readonly journal: StoredJournal;
  readonly clock: Clock;
}

export function lineReport({ health, live, sources, journal, clock }: ReportParts): LineReport {
  const now = clock.now();
  const lags = [...sources].map(([name, source]) => [name, source.lag?.() ?? {}] as const);
  return {
    pid: process.pid,
    ready: live.ready,
    troubles: [...health.troubles()],
    feed_ages: Object.fromEntries([...health.lastPulls()].map(([feed, at]) => [feed, (now - at) / 1000])),
    sources: Object.fromEntries(
      lags.map(([name, lag]) => [name, { bytes: lag.bytes ?? null, seconds: lag.seconds ?? null }]),
    ),
    unconfirmed: Object.fromEntries([...journal.backlog()].map(([name, { unconfirmed }]) => [name, unconfirmed])),
    holding: [...journal.holding()],
  };
}
