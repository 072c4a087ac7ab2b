import { join } from "node:path";
import type { Config } from "../config/load.ts";
import type { Journal } from "../contract/journal.ts";
import type { SourceLag } from "../contract/source.ts";
import type { Generation, IndicatorIndex } from "../intel/generation.ts";
import { ValueSet } from "../intel/sketch-fresh.ts";
import type { Clock } from "../lib/clock.ts";
import { Duty } from "../lib/duty.ts";
import { asError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Place } from "../lib/place.ts";
import { formatDuration } from "../lib/units.ts";
import type { Indicator } from "../model/indicator.ts";
import type { ScanTarget } from "../pipeline/hunt-step.ts";
import type { Arrival, ArrivalQueue } from "../store/hunt-arrivals.ts";
import { openEarlier } from "../store/hunt-generation.ts";
import { HuntJob } from "../store/hunt-job.ts";
import { Sketches } from "../store/sketch.ts";
import { hunt } from "./hunt.ts";
import { ArrivalNotes, arrivalQueue, type FeedStates } from "./hunt-arrivals.ts";
import { logsOf, softwareVersion } from "./hunt-command.ts";
import { journalRetro, untilCalm } from "./hunt-deliver.ts";
import { filesOfLogs } from "./hunt-files.ts";
import type { StoredHunt } from "./hunt-progress.ts";
import { type ScanWarning, warningsTo } from "./hunt-scan-thread.ts";
import { HuntThread, STEP_LINES } from "./hunt-thread.ts";

/** What came of hunts, for metrics. */
export interface HuntEvents {
  /** Bytes of content read, and ruled out by sketches. */
  passed(read: number, ruledOut: number): void;
  found(findings: number): void;
  ended(outcome: "done" | "failed"): void;
}

export interface HuntKeeperParts {
  readonly config: Config;
  readonly key: Buffer;
  readonly journal: Journal;
  readonly generation: () => Generation;
  readonly feeds: () => FeedStates;
  readonly lags: () => readonly SourceLag[];
  readonly events: HuntEvents;
  readonly clock: Clock;
  readonly log: Log;
}

/** Syncs come in bursts: what arrives within this time is hunted together. */
const GATHER_MS = 15_000;
/** Live work goes first while a source is behind by more. */
const LAG = { seconds: 10, bytes: 8 * 2 ** 20 };
const LAG_POLL_MS = 1_000;
/** After a failure; and how long an arrival may wait before somebody should know. */
const RETRY_MS = 300_000;
/** How long it is said that files could not be read: a broken archive stays broken. */
const UNREAD_SHOWN_MS = 3_600_000;
const LATE_MS = 6 * 3_600_000;
/** Lines that were read while indicators came into force; better twice than not at all. */
const OVERLAP_MS = 5_000;
/** One batch, so that neither its values nor its gate grow without bounds. */
const MOST_VALUES = 500_000;

/**
 * Hunts what a sync brings in the alerts of the time before it came. Arrivals are written down as they come into force, and hunted in
 * batches beside the live line: in a thread of its own, at a share of a processor, and not at all while a source is behind.
 */
export class HuntKeeper {
  readonly #parts: HuntKeeperParts;
  readonly #queue: ArrivalQueue;
  readonly #folder: string;
  readonly #notes: ArrivalNotes;
  /** For all batches, each of which has a thread of its own. */
  readonly #onWarning: (warning: ScanWarning) => void;
  #wake = new AbortController();
  #trouble: string | undefined;
  #unread: { readonly text: string; readonly until: number } | undefined | "";
  /** A thread could not be had: then it is done in this one, step by step. */
  #here = false;

  constructor(parts: HuntKeeperParts) {
    this.#parts = parts;
    this.#onWarning = warningsTo(parts.log);
    this.#folder = join(parts.config.state_dir, "cache", "hunt");
    this.#queue = arrivalQueue(parts.config.state_dir);
    this.#notes = new ArrivalNotes(this.#queue, parts.log, () => this.#wake.abort());
  }

  /** Another index is in force. Returns at once; what is new in it is written down in the background. */
  arrived(before: IndicatorIndex | undefined, after: IndicatorIndex): void {
    const { clock, generation, feeds } = this.#parts;
    const at = clock.now();
    const to = at - this.#lagMs() + OVERLAP_MS;
    this.#notes.arrived({ before, after, generation: bareId(generation()), feeds: feeds(), at, to });
  }

  /** What came into force while no line was running, or was not written down any more. */
  catchUp(): void {
    const { config, log, generation } = this.#parts;
    const current = generation();
    const noted = this.#queue.state()?.generation;
    if (noted === bareId(current)) return;
    const before = noted === undefined ? undefined : openEarlier(join(config.state_dir, "generations"), noted);
    if (noted !== undefined && before === undefined)
      log.warn(
        "what came since the line last ran can no longer be told apart and is not hunted (`tipline hunt --new-since` does it)",
        {
          generation: noted,
        },
      );
    this.arrived(before, current.index);
    before?.close();
  }

  /** Indicators that wait, and the age of the oldest in ms. */
  pending(): { readonly indicators: number; readonly oldestMs: number } {
    const arrivals = this.#queue.list();
    const [first] = arrivals;
    return {
      indicators: arrivals.reduce((sum, { count }) => sum + count, 0),
      oldestMs: first === undefined ? 0 : Math.max(0, this.#parts.clock.now() - first.at),
    };
  }

  /** What a person should know; undefined: nothing. */
  trouble(): string | undefined {
    const { oldestMs, indicators } = this.pending();
    const { failure, left } = this.#notes;
    if (failure !== undefined) return failure;
    if (this.#trouble !== undefined) return this.#trouble;
    if (this.#unread && this.#unread.until > this.#parts.clock.now()) return this.#unread.text;
    if (left > 0)
      return `too much arrived at once: ${left} arrivals were not hunted (\`tipline hunt --new-since\` does it)`;
    if (oldestMs <= LATE_MS) return undefined;
    return `${indicators} indicators wait to be hunted, the oldest for ${formatDuration(oldestMs)} (hunt.max_cpu_percent, hunt.window)`;
  }

  /** Hunts what arrives until `signal` aborts. What is under way goes on after a restart. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, events } = this.#parts;
    signal.addEventListener("abort", () => this.#wake.abort(), { once: true });
    while (!signal.aborted) {
      const arrivals = this.#batch();
      const [oldest] = arrivals;
      if (oldest === undefined) {
        await this.#sleep(3_600_000);
        continue;
      }
      const rest = oldest.at + GATHER_MS - clock.now();
      if (rest > 0) await clock.sleep(Math.min(rest, GATHER_MS), signal);
      if (signal.aborted) break;
      try {
        if (await this.#hunt(this.#batch(), signal)) events.ended("done");
      } catch (thrown) {
        if (signal.aborted) break;
        const error = asError(thrown);
        log.error("arrived indicators could not be hunted; it is tried again", { error, delayMs: RETRY_MS });
        this.#trouble = error.message;
        events.ended("failed");
        await clock.sleep(RETRY_MS, signal);
      }
    }
    await this.#notes.settled();
  }

  /** Oldest first, as many as go together. */
  #batch(): readonly Arrival[] {
    let count = 0;
    return this.#queue.list().filter((arrival, at) => {
      count += arrival.count;
      return at === 0 || count <= MOST_VALUES;
    });
  }

  /** False when it was interrupted, or is to be done again otherwise. */
  async #hunt(arrivals: readonly Arrival[], signal: AbortSignal): Promise<boolean> {
    const { config, key, journal, generation, clock, log, events } = this.#parts;
    const values = [...this.#queue.values(arrivals)];
    const wanted = new ValueSet(values);
    const batches = arrivals.map((arrival) => ({
      to: arrival.to,
      values: new ValueSet(this.#queue.values([arrival])),
    }));
    const until = ({ type, pattern, value }: Indicator) =>
      Math.max(...batches.map((batch) => (batch.values.has([type, pattern, value]) ? batch.to : 0)));
    const window = {
      from: Math.min(...arrivals.map(({ at }) => at)) - config.hunt.window,
      to: Math.max(...arrivals.map(({ to }) => to)),
    };
    const { files, troubles } = await filesOfLogs(logsOf({ archives: config.hunt.archives }, config), window);
    const version = softwareVersion();
    const sketches = { dir: join(this.#folder, "sketches"), maxBytes: config.hunt.max_sketch_bytes, version };
    const thread = this.#here ? undefined : new HuntThread({ values, window, sketches }, this.#onWarning);
    const name = JSON.stringify(["arrivals", arrivals.map((arrival) => arrival.name)]);
    const job = HuntJob.open<StoredHunt>(join(this.#folder, "interrupted"), name, log);
    const duty = new Duty(config.hunt.max_cpu_percent / 100, (ms) => clock.sleep(ms, signal));
    const began = clock.now();
    let finished = false;
    try {
      const outcome = await hunt({
        files,
        generation: generation(),
        only: { wanted: ({ type, pattern, value }) => wanted.has([type, pattern, value]), values, until },
        key,
        window,
        minScore: 0,
        benign: true,
        ...(thread === undefined
          ? { sketches: Sketches.open({ ...sketches, log }), sketching: true }
          : { openScan: (target: ScanTarget, start: Place | undefined) => thread.scan(target, start) }),
        stepLines: STEP_LINES,
        pace: (tookMs) => this.#pace(duty, tookMs, signal),
        job,
        startedAt: began,
        version,
        async deliver(findings) {
          await untilCalm(journal, signal, 60_000);
          const fresh = await journalRetro(journal, findings, signal);
          events.found(fresh);
          return fresh;
        },
        onStep: ({ bytes, skipped }) => events.passed(bytes - skipped, skipped),
        log,
        signal,
      });
      if (outcome.interrupted) return false;
      finished = true;
      this.#queue.remove(arrivals);
      const all = [...troubles, ...outcome.troubles];
      this.#trouble = undefined;
      this.#unread = all[0] && {
        text: `${all.length} files of the past could not be read: ${all[0]}`,
        until: clock.now() + UNREAD_SHOWN_MS,
      };
      log.info("arrived indicators were hunted", {
        indicators: values.length,
        files: outcome.files,
        ruledOut: outcome.ruledOut,
        bytes: outcome.bytes - outcome.skipped,
        findings: outcome.delivered,
        tookMs: clock.now() - began,
      });
      return true;
    } catch (thrown) {
      if (thread?.failed !== true) throw thrown;
      log.warn("no thread for hunting; it is done in the main one", { error: asError(thrown) });
      this.#here = true;
      return false;
    } finally {
      await thread?.close();
      job?.end(finished);
    }
  }

  /** Keeps to its share of a processor, and waits while live work is behind. */
  async #pace(duty: Duty, tookMs: number, signal: AbortSignal): Promise<void> {
    await duty.worked(tookMs);
    while (!signal.aborted && this.#isBehind()) await this.#parts.clock.sleep(LAG_POLL_MS, signal);
  }

  #isBehind(): boolean {
    return this.#parts
      .lags()
      .some(({ bytes = 0, seconds = 0 }) => bytes > LAG.bytes || (bytes > 0 && seconds > LAG.seconds));
  }

  #lagMs(): number {
    return Math.max(0, ...this.#parts.lags().map(({ bytes, seconds = 0 }) => (bytes === 0 ? 0 : seconds * 1000)));
  }

  async #sleep(ms: number): Promise<void> {
    this.#wake = new AbortController();
    if (this.#queue.list().length > 0) return;
    await this.#parts.clock.sleep(ms, this.#wake.signal);
  }
}

/** Without the mark of what servers know beside indicators. */
function bareId({ id }: Generation): string {
  return id.split(".")[0] as string;
}
