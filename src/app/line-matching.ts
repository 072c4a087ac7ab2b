import { availableParallelism } from "node:os";
import type { Config } from "../config/load.ts";
import type { SourceRecord } from "../contract/source.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Alert } from "../model/alert.ts";
import type { Verdict } from "../model/finding.ts";
import { type HandleContext, handleRecord } from "../pipeline/handle.ts";
import { type BeginDelivery, handleRecords, type MatchRecords } from "../pipeline/pump.ts";
import type { engine } from "./engine.ts";
import type { LiveGeneration } from "./generation.ts";
import { knowledgeConfig } from "./knowledge.ts";
import { tallyOf } from "./match-judge.ts";
import { Matching } from "./matching.ts";
import type { Metrics } from "./metrics.ts";
import { ownAssets } from "./policy.ts";
import type { Watches } from "./watches.ts";

export interface LineMatchingParts {
  readonly config: Config;
  readonly key: Buffer;
  readonly judge: ReturnType<typeof engine>;
  readonly watches: Pick<Watches, "handle">;
  readonly live: LiveGeneration;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of every verdict; then all is matched in this thread. */
  readonly onVerdict?: (alert: Alert, verdict: Verdict) => void;
}

/** How a running line matches. */
export interface LineMatching {
  readonly handle: BeginDelivery;
  readonly match?: MatchRecords;
  close(): Promise<void>;
}

/** More threads than this bring nothing: the journal is written by one. */
const MOST_THREADS = 4;

/** Matching in this thread, and in others as far as the configuration and the machine have them. */
export function openMatching(parts: LineMatchingParts): LineMatching {
  const { config, key, live, watches, metrics, clock, log, onVerdict } = parts;
  const handle = handling(parts);
  const threads = onVerdict === undefined ? threadsOf(config.matching.threads) : 0;
  if (threads === 0) return { handle, close: () => Promise.resolve() };
  const here = (source: string, records: readonly SourceRecord[]) =>
    handleRecords(records, handle(source), { name: source, clock, log });
  const { onEcho = () => undefined, onSimulated = () => undefined } = watches.handle;
  const matching = new Matching({
    setup: { key, own: ownAssets(config.own), config: knowledgeConfig(config) },
    threads,
    live,
    generation: () => live.current(),
    here,
    clock,
    log: log.child({ part: "matching" }),
    onTally: (tally) => metrics.countVerdict(tally),
    onEcho,
    onSimulated,
  });
  matching.begin();
  return { handle, match: matching.match, close: () => matching.close() };
}

function handling({ judge, watches, live, metrics, clock, onVerdict }: LineMatchingParts): BeginDelivery {
  return (source) => {
    // Made once per delivery: a spread for each record would cost as much as the match.
    const context: HandleContext = {
      ...judge,
      ...watches.handle,
      source,
      mode: "live",
      generation: live.current(),
      receivedAt: clock.now(),
      onVerdict(alert, verdict) {
        metrics.countVerdict(tallyOf(verdict));
        onVerdict?.(alert, verdict);
      },
    };
    return (record) => handleRecord(record, context);
  };
}

/** One processor is left to the journal and the sinks. */
function threadsOf(configured: number | "auto"): number {
  return configured === "auto" ? Math.min(MOST_THREADS, availableParallelism() - 1) : configured;
}
