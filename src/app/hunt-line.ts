import type { Config } from "../config/load.ts";
import type { Source } from "../contract/source.ts";
import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { ControlHandler } from "../store/control.ts";
import type { GenerationStore } from "../store/generations-types.ts";
import type { StoredJournal } from "../store/journal.ts";
import type { LiveGeneration } from "./generation.ts";
import { feedStates, huntsArrivals } from "./hunt-arrivals.ts";
import { deliverHandler } from "./hunt-deliver.ts";
import { HuntKeeper } from "./hunt-keeper.ts";
import type { Metrics } from "./metrics.ts";

export interface LineHuntParts {
  readonly config: Config;
  readonly key: Buffer;
  readonly journal: StoredJournal;
  readonly live: LiveGeneration;
  readonly store: GenerationStore;
  readonly sources: ReadonlyMap<string, Source>;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly log: Log;
}

/** Hunting in a running line. */
export interface LineHunt {
  readonly control: Readonly<Record<string, ControlHandler>>;
  /** What is wrong with it. */
  trouble(): string | undefined;
  /** Brings the gauges up to date. */
  measure(): void;
  /** Hunts what syncs bring until `signal` aborts; live work must have begun. */
  run(signal: AbortSignal): Promise<void>;
}

export function openLineHunt({
  config,
  key,
  journal,
  live,
  store,
  sources,
  metrics,
  clock,
  log,
}: LineHuntParts): LineHunt {
  const control = { hunt: deliverHandler(journal, key, (findings) => metrics.huntFindings.inc(findings)) };
  if (!huntsArrivals(config))
    return { control, trouble: () => undefined, measure: () => undefined, run: async () => undefined };
  const keeper = new HuntKeeper({
    config,
    key,
    journal,
    generation: () => live.current(),
    feeds: () => feedStates(config, store),
    lags: () => [...sources.values()].map((source) => source.lag?.() ?? {}),
    events: {
      passed(read, ruledOut) {
        metrics.huntBytes.inc({ how: "read" }, read);
        metrics.huntBytes.inc({ how: "ruled_out" }, ruledOut);
      },
      found: (findings) => metrics.huntFindings.inc(findings),
      ended: (outcome) => metrics.hunts.inc({ outcome }),
    },
    clock,
    log: log.child({ part: "hunt" }),
  });
  live.onIndex = (before, after) => keeper.arrived(before, after);
  keeper.catchUp();
  return {
    control,
    trouble: () => keeper.trouble(),
    measure() {
      const { indicators, oldestMs } = keeper.pending();
      metrics.huntPending.set(indicators);
      metrics.huntAge.set(oldestMs / 1000);
    },
    run: (signal) => keeper.run(signal),
  };
}
