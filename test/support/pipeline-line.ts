import { join } from "node:path";
import type { TestContext } from "node:test";
import type { Source } from "../../src/contract/source.ts";
import { silentLog } from "../../src/lib/log.ts";
import { noEvents, type PipelineEvents } from "../../src/pipeline/events.ts";
import { type PipelineOptions, runPipeline } from "../../src/pipeline/pipeline.ts";
import { type JournalOptions, openJournal, type StoredJournal } from "../../src/store/journal.ts";
import { makeFinding } from "./finding.ts";
import { ManualClock } from "./manual-clock.ts";
import { type FakeSink, numberedRecord, passStage } from "./pipeline.ts";
import { tempDir } from "./temp.ts";

/** Bytes that one finding takes of a journal, about. */
export const SIZE = JSON.stringify(makeFinding(1)).length + 64;

/** A pipeline over a real journal, with a clock of the test's. */
export interface Line {
  readonly journal: StoredJournal;
  readonly clock: ManualClock;
  readonly said: string[];
  run(
    sinks: Record<string, FakeSink>,
    sources: Record<string, Source>,
    options?: Partial<PipelineOptions>,
  ): Promise<void>;
  readonly stop: AbortController;
}

/** A pipeline over a journal of its own; sinks named `must…` are required. */
export async function line(
  t: TestContext,
  sinks: readonly string[],
  options: Partial<JournalOptions> = {},
): Promise<Line> {
  const clock = new ManualClock();
  const readers = [
    { name: "storm", stream: "raw" as const, required: true },
    ...sinks.map((name) => ({ name, stream: "out" as const, required: name.startsWith("must") })),
  ];
  const journal = await openJournal({ dir: join(tempDir(t), "j"), readers, clock, ...options });
  t.after(() => journal.close());
  const stop = new AbortController();
  const said: string[] = [];
  const tell = Object.fromEntries(
    Object.keys(noEvents).map((name) => [name, (who: string) => said.push(`${name} ${who}`)]),
  ) as unknown as PipelineEvents;
  return {
    journal,
    clock,
    said,
    stop,
    run: (named, sources, more = {}) =>
      runPipeline(
        {
          sources: Object.entries(sources).map(([name, source]) => ({ name, source })),
          sinks: Object.entries(named).map(([name, sink]) => ({ name, sink })),
          handle: () => numberedRecord,
          stage: passStage,
          journal,
          clock,
          log: silentLog,
          events: tell,
          finite: true,
          ...more,
        },
        stop.signal,
      ),
  };
}
