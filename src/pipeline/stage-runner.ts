import type { Journal, Passage } from "../contract/journal.ts";
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

/** A way through the stage for the findings of one commit. The stage does nothing else until `end()`. */
export interface OpenPassage extends Passage {
  /** The commit is over. `durable` false: the stage's memory may be ahead of its state, and it is not used again. */
  end(durable: boolean): void;
}

const BATCH = 1000;
const MOST_AHEAD_MS = 24 * 3_600_000;

/**
 * Runs a stage between `raw` and `out`: its input cursor, state and output are committed together. Findings come by `raw`, or,
 * while nothing waits there, straight from a commit: one transaction, and one fsync, instead of two.
 */
export class StageRunner {
  readonly #options: StageOptions;
  #newest: number | undefined;
  #idleSince: number;
  /** Who uses the stage now. */
  #user: { readonly done: Promise<void>; readonly release: () => void } | undefined;
  #unusable = false;

  /** Restores the stage. */
  constructor(options: StageOptions) {
    this.#options = options;
    const { stage, journal, clock } = options;
    stage.restore(journal.stageState(stage.name));
    this.#idleSince = clock.now();
  }

  /** Undefined while the stage is at work, and when it cannot be used any more. */
  begin(findings: readonly Finding[]): OpenPassage | undefined {
    if (this.#user !== undefined || this.#unusable) return undefined;
    this.#take();
    const { stage, events } = this.#options;
    let output: StageOutput | undefined;
    return {
      stage: stage.name,
      get begun() {
        return output !== undefined;
      },
      output: () => {
        output ??= stage.process(findings);
        return output;
      },
      end: (durable) => {
        if (output !== undefined && durable) {
          events.staged(stage.name, findings.length, output.out.length);
          this.#saw(findings);
        } else if (output !== undefined) this.#unusable = true;
        this.#release();
      },
    };
  }

  /** Ends when `finish` aborts and nothing is left to read, or at once when `signal` aborts. */
  async run(finish: AbortSignal, signal: AbortSignal): Promise<void> {
    const { stage, journal, clock, tickMs = 5000 } = this.#options;
    while (!signal.aborted) {
      if (!(await this.#turn(signal))) return;
      const entries = journal.read("raw", stage.name, BATCH);
      const last = entries.at(-1);
      if (last !== undefined) {
        const findings = entries.map(({ finding }) => finding);
        if (!(await this.#commit(last.seq, findings.length, () => stage.process(findings), signal))) return;
        this.#saw(findings);
        continue;
      }
      if (finish.aborted) break;
      await sleepUntil((end) => journal.wait("raw", stage.name, end), clock, tickMs, [finish, signal]);
      if (!(await this.#turn(signal))) return;
      const idle = clock.now() - this.#idleSince;
      if (idle < tickMs || signal.aborted || journal.read("raw", stage.name, 1).length > 0) continue;
      // Before the first alert of this run, the clock is all there is.
      const time = this.#newest === undefined ? clock.now() : this.#newest + idle;
      if (!(await this.#commit(0, 0, () => stage.tick(time), signal))) return;
    }
    if (!signal.aborted && this.#options.flushAtEnd?.())
      await this.#commit(0, 0, () => stage.tick(Number.MAX_SAFE_INTEGER), signal);
  }

  /** Waits until nobody uses the stage; false when it must not be used. */
  async #turn(signal: AbortSignal): Promise<boolean> {
    while (this.#user !== undefined && !signal.aborted)
      await sleepUntil(() => this.#user?.done ?? Promise.resolve(), this.#options.clock, 3_600_000, [signal]);
    return !this.#unusable && !signal.aborted;
  }

  #take(): void {
    let release: () => void = () => undefined;
    const done = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#user = { done, release };
  }

  #release(): void {
    this.#user?.release();
    this.#user = undefined;
  }

  #saw(findings: readonly Finding[]): void {
    const { clock } = this.#options;
    this.#newest = newestOf(this.#newest, findings, clock.now() + MOST_AHEAD_MS);
    this.#idleSince = clock.now();
  }

  /** False when stopped before it was durable; the stage's memory is then ahead of its state and must not be used again. */
  async #commit(upTo: number, taken: number, work: () => StageOutput, signal: AbortSignal): Promise<boolean> {
    const { stage, journal, events } = this.#options;
    this.#take();
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
      this.#unusable ||= !durable;
      this.#release();
    }
  }
}

/** The newest alert time; a time far ahead of the clock is a mistake and would end every window at each tick. */
function newestOf(before: number | undefined, findings: readonly Finding[], most: number): number | undefined {
  const times = findings.map(({ alert }) => alert.time).filter((time) => time <= most);
  return times.reduce((newest: number | undefined, time) => Math.max(newest ?? time, time), before);
}
