import type { Journal } from "../contract/journal.ts";
import type { Stage, StageOutput } from "../contract/stage.ts";
import type { Finding } from "../model/finding.ts";
import { durably, type Surroundings } from "./durably.ts";
import { sleepUntil } from "./sleep.ts";

export interface StageOptions extends Surroundings {
  readonly stage: Stage;
  readonly journal: Journal;
  /** Idle time after which, and then again and again, the stage is told that time passes; default 5 s. */
  readonly tickMs?: number;
  /** Asked at the end: true closes all windows, since nothing will come any more. */
  readonly flushAtEnd?: () => boolean;
}

const BATCH = 1000;
const MOST_AHEAD_MS = 24 * 3_600_000;

/**
 * Runs a stage between `raw` and `out`: its input cursor, state and output are committed together. Ends when `finish` aborts and
 * nothing is left to read, or at once when `signal` aborts.
 */
export async function runStage(options: StageOptions, finish: AbortSignal, signal: AbortSignal): Promise<void> {
  const { stage, journal, clock, tickMs = 5000 } = options;
  stage.restore(journal.stageState(stage.name));
  let newest: number | undefined;
  let idleSince = clock.now();
  while (!signal.aborted) {
    const entries = journal.read("raw", stage.name, BATCH);
    const last = entries.at(-1);
    if (last !== undefined) {
      const findings = entries.map(({ finding }) => finding);
      if (!(await commit(options, last.seq, findings.length, stage.process(findings), signal))) return;
      newest = newestOf(newest, findings, clock.now() + MOST_AHEAD_MS);
      idleSince = clock.now();
      continue;
    }
    if (finish.aborted) break;
    await sleepUntil((end) => journal.wait("raw", stage.name, end), clock, tickMs, [finish, signal]);
    const idle = clock.now() - idleSince;
    if (idle < tickMs || signal.aborted || journal.read("raw", stage.name, 1).length > 0) continue;
    // Before the first alert of this run, the clock is all there is.
    const time = newest === undefined ? clock.now() : newest + idle;
    if (!(await commit(options, 0, 0, stage.tick(time), signal))) return;
  }
  if (!signal.aborted && options.flushAtEnd?.())
    await commit(options, 0, 0, stage.tick(Number.MAX_SAFE_INTEGER), signal);
}

/** The newest alert time; a time far ahead of the clock is a mistake and would end every window at each tick. */
function newestOf(before: number | undefined, findings: readonly Finding[], most: number): number | undefined {
  const times = findings.map(({ alert }) => alert.time).filter((time) => time <= most);
  return times.reduce((newest: number | undefined, time) => Math.max(newest ?? time, time), before);
}

/** False when stopped before it was durable; the stage's memory is then ahead of its state and must not be used again. */
async function commit(
  options: StageOptions,
  upTo: number,
  taken: number,
  { out, changed }: StageOutput,
  signal: AbortSignal,
): Promise<boolean> {
  const { stage, journal, events } = options;
  if (upTo === 0 && out.length === 0 && changed.size === 0) return true;
  const done = await durably(stage.name, () => journal.advanceStage(stage.name, upTo, changed, out), options, signal);
  if (done === undefined) return false;
  events.staged(stage.name, taken, out.length);
  return true;
}
