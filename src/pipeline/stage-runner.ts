import type { Journal } from "../contract/journal.ts";
import type { Stage, StageOutput } from "../contract/stage.ts";
import { asError } from "../lib/errors.ts";
import type { Finding } from "../model/finding.ts";
import { durably, type Surroundings } from "./durably.ts";
import { sleepUntil } from "./sleep.ts";
import { type OpenPassage, StagePassage } from "./stage-passage.ts";

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
 * Runs a stage between `raw` and `out`: its input cursor, state and output are committed together. Findings come by `raw`, or,
 * while nothing waits there, straight from a commit: one transaction, and one fsync, instead of two. One at a time uses the
 * stage, from its taking the findings until that is durable.
 */
export class StageRunner {
  readonly #options: StageOptions;
  readonly #broken = new AbortController();
  #newest: number | undefined;
  #idleSince: number;
  #ready = false;
  /** Resolves when whoever uses the stage is done. */
  #used: Promise<void> | undefined;
  #failure: Error | undefined;

  constructor(options: StageOptions) {
    this.#options = options;
    this.#idleSince = options.clock.now();
  }

  /** For the findings of a commit; left unused where the stage is at work, or cannot be used any more. */
  begin(findings: readonly Finding[]): OpenPassage {
    const { stage, events } = this.#options;
    let release: (() => void) | undefined;
    return new StagePassage({
      stage: stage.name,
      isFree: () => this.#isFree,
      process: () => {
        release = this.#take();
        try {
          return stage.process(findings);
        } catch (thrown) {
          this.#break(asError(thrown));
          release();
          throw thrown;
        }
      },
      done: ({ out }, durable) => {
        if (durable) {
          events.staged(stage.name, findings.length, out.length);
          this.#saw(findings);
        } else this.#break();
        release?.();
      },
    });
  }

  /** Restores the stage and runs it until `finish` aborts and nothing is left to read, or at once when `signal` aborts. Throws what the stage throws. */
  async run(finish: AbortSignal, signal: AbortSignal): Promise<void> {
    const { stage, journal, clock, tickMs = 5000 } = this.#options;
    stage.restore(journal.stageState(stage.name));
    this.#ready = true;
    while (!signal.aborted && !this.#broken.signal.aborted) {
      if (await this.#alone(signal, () => this.#takeRaw(signal))) continue;
      if (finish.aborted || this.#broken.signal.aborted) break;
      const ends = [finish, signal, this.#broken.signal];
      await sleepUntil((end) => journal.wait("raw", stage.name, end), clock, tickMs, ends);
      await this.#alone(signal, () => this.#tickWhenIdle(tickMs, signal));
    }
    if (!signal.aborted && !this.#broken.signal.aborted && this.#options.flushAtEnd?.())
      await this.#alone(signal, () => this.#commit(0, 0, () => stage.tick(Number.MAX_SAFE_INTEGER), signal));
    if (this.#failure) throw this.#failure;
  }

  get #isFree(): boolean {
    return this.#ready && this.#used === undefined && !this.#broken.signal.aborted;
  }

  /** Does `work` when nobody else uses the stage; false when that was not done, or came to nothing. */
  async #alone(signal: AbortSignal, work: () => Promise<boolean>): Promise<boolean> {
    const { clock } = this.#options;
    while (this.#used !== undefined && !signal.aborted)
      await sleepUntil(() => this.#used ?? Promise.resolve(), clock, 3_600_000, [signal]);
    if (signal.aborted || !this.#isFree) return false;
    const release = this.#take();
    try {
      return await work();
    } finally {
      release();
    }
  }

  /** Only where it is free: the caller has just looked. */
  #take(): () => void {
    let done: () => void = () => undefined;
    this.#used = new Promise<void>((resolve) => {
      done = resolve;
    });
    return () => {
      this.#used = undefined;
      done();
    };
  }

  /** The stage's memory is not what is on disk any more. */
  #break(failure?: Error): void {
    this.#failure ??= failure;
    this.#broken.abort();
  }

  /** False: nothing is there. */
  async #takeRaw(signal: AbortSignal): Promise<boolean> {
    const { stage, journal } = this.#options;
    const entries = journal.read("raw", stage.name, BATCH);
    const last = entries.at(-1);
    if (last === undefined) return false;
    const findings = entries.map(({ finding }) => finding);
    if (await this.#commit(last.seq, findings.length, () => stage.process(findings), signal)) this.#saw(findings);
    return true;
  }

  async #tickWhenIdle(tickMs: number, signal: AbortSignal): Promise<boolean> {
    const { stage, journal, clock } = this.#options;
    const idle = clock.now() - this.#idleSince;
    if (idle < tickMs || journal.read("raw", stage.name, 1).length > 0) return false;
    // Before the first alert of this run, the clock is all there is.
    const time = this.#newest === undefined ? clock.now() : this.#newest + idle;
    return this.#commit(0, 0, () => stage.tick(time), signal);
  }

  #saw(findings: readonly Finding[]): void {
    const { clock } = this.#options;
    this.#newest = newestOf(this.#newest, findings, clock.now() + MOST_AHEAD_MS);
    this.#idleSince = clock.now();
  }

  /** False when stopped before it was durable. */
  async #commit(upTo: number, taken: number, work: () => StageOutput, signal: AbortSignal): Promise<boolean> {
    const { stage, journal, events } = this.#options;
    let durable = false;
    try {
      const { out, changed } = work();
      durable = upTo === 0 && out.length === 0 && changed.size === 0;
      if (durable) return true;
      const change = () => journal.advanceStage(stage.name, upTo, changed, out);
      durable = (await durably(stage.name, change, this.#options, signal)) !== undefined;
      if (durable) events.staged(stage.name, taken, out.length);
      return durable;
    } finally {
      if (!durable) this.#break();
    }
  }
}

/** The newest alert time; a time far ahead of the clock is a mistake and would end every window at each tick. */
function newestOf(before: number | undefined, findings: readonly Finding[], most: number): number | undefined {
  const times = findings.map(({ alert }) => alert.time).filter((time) => time <= most);
  return times.reduce((newest: number | undefined, time) => Math.max(newest ?? time, time), before);
}
