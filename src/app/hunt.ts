import { enrichedAlert } from "../clients/enriched-alert.ts";
import type { Generation } from "../intel/generation.ts";
import { HuntedKeys, type HuntedValue } from "../intel/sketch.ts";
import { huntedValues } from "../intel/sketch-values.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Place } from "../lib/place.ts";
import type { Finding } from "../model/finding.ts";
import type { Indicator } from "../model/indicator.ts";
import { createHuntJudge, restricted } from "../pipeline/hunt-judge.ts";
import { createLook, lookFor } from "../pipeline/hunt-look.ts";
import { FileScan, type ScanStep, type ScanTarget } from "../pipeline/hunt-scan.ts";
import type { HuntSummary } from "../pipeline/hunt-summary.ts";
import type { HuntJob } from "../store/hunt-job.ts";
import type { Sketches } from "../store/sketch.ts";
import { engine } from "./engine.ts";
import type { HuntFile, TimeWindow } from "./hunt-files.ts";
import { type FileProgress, HuntState, type StoredHunt } from "./hunt-progress.ts";

export interface HuntRequest {
  readonly files: readonly HuntFile[];
  readonly generation: Generation;
  /** Only these indicators; default: all. */
  readonly wanted?: (indicator: Indicator) => boolean;
  /** All that are wanted, where somebody knows them already. */
  readonly values?: readonly HuntedValue[];
  /** Key of finding ids. */
  readonly key: Buffer;
  readonly window: TimeWindow;
  readonly minScore: number;
  /** Count and give known-benign findings as well. */
  readonly benign: boolean;
  readonly sketches?: Sketches | undefined;
  /** Make sketches of what has none; default: use those that are there. */
  readonly sketching?: boolean;
  /** Reads a file, `start`: from there; default: here. */
  readonly openScan?: (target: ScanTarget, start: Place | undefined) => HuntScan;
  /** Before each step: a hunt that must not be in the way waits here. `bytes`: read since the last call. */
  readonly pace?: (bytes: number) => Promise<void>;
  /** Makes the hunt one that can be gone on with. */
  readonly job?: HuntJob<StoredHunt> | undefined;
  /** How often the place to go on from is written down; default 2,000 ms. */
  readonly checkpointMs?: number;
  readonly startedAt: number;
  readonly version: string;
  /** Called in the order of the files, each finding once, those of an interrupted hunt first. */
  readonly emit?: (line: string) => Promise<void> | void;
  /** Durable when it resolves; gives how many were new. */
  readonly deliver?: (findings: readonly Finding[]) => Promise<number>;
  readonly onProgress?: (state: HuntProgressState) => void;
  readonly onStep?: (step: ScanStep) => void;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** What a hunt needs of `FileScan`. */
export interface HuntScan {
  run(): AsyncGenerator<ScanStep>;
  flush(place: Place): void | Promise<void>;
}

/** Bytes are of content. */
export interface HuntProgressState {
  readonly done: number;
  readonly total: number;
  /** Done by an earlier process. */
  readonly before: number;
  readonly skipped: number;
  readonly findings: number;
  readonly file: string;
}

export interface HuntOutcome {
  readonly summary: HuntSummary;
  readonly files: number;
  /** Of them passed over whole, because their sketches rule them out. */
  readonly ruledOut: number;
  readonly lines: number;
  /** Lines that are no alerts, and the first few of this process with their reasons. */
  readonly refused: number;
  readonly refusals: readonly string[];
  readonly bytes: number;
  readonly skipped: number;
  readonly delivered: number;
  readonly troubles: readonly string[];
  readonly interrupted: boolean;
}

const CHECKPOINT_MS = 2_000;
/** A checkpoint may take so much of the time. */
const CHECKPOINT_SHARE = 20;
const DELIVER_BATCH = 100;

/** Matches files of the past, mode `retro`; what comes out of a hunt that was interrupted and gone on with is the same as of one run. */
export async function hunt(request: HuntRequest): Promise<HuntOutcome> {
  return await new Hunt(request).run();
}

/** Reads in this thread. */
function scanningHere(
  index: Generation["index"],
  extract: ReturnType<typeof engine>["extract"],
  { wanted, values, sketches, sketching = false, window, log, signal }: HuntRequest,
): NonNullable<HuntRequest["openScan"]> {
  const some = values ?? (wanted && [...huntedValues(index)]);
  const keys = sketches && new HuntedKeys(sketches.seed, some ?? huntedValues(index));
  const options = {
    look: some ? lookFor(some, { extract, log }) : createLook({ index, extract, log }),
    wanted: { ...window, ...(keys && { keys }) },
    sketches,
    sketching,
    signal,
  };
  return (target, start) => new FileScan(target, { ...options, ...(start && { start }) });
}

class Hunt {
  readonly #request: HuntRequest;
  readonly #state: HuntState;
  readonly #judge: ReturnType<typeof createHuntJudge>;
  readonly #openScan: NonNullable<HuntRequest["openScan"]>;
  readonly #reasons: string[] = [];
  #waiting: Finding[] = [];
  #savedAt = Date.now();
  #saveTook = 0;
  #done = 0;
  #before = 0;
  #skipped = 0;
  #total: number;
  #told = false;

  constructor(request: HuntRequest) {
    const { files, generation, wanted, key, window, job } = request;
    this.#request = request;
    this.#state = new HuntState(job);
    this.#total = files.reduce((sum, { content }) => sum + content, 0);
    const judged = wanted === undefined ? generation : restricted(generation, wanted);
    const judge = engine(key);
    this.#judge = createHuntJudge({ ...judge, generation: judged, ...window });
    this.#openScan = request.openScan ?? scanningHere(judged.index, judge.extract, request);
  }

  async run(): Promise<HuntOutcome> {
    const { files, signal, job, emit } = this.#request;
    if (emit && job?.before) for await (const line of job.findings()) await emit(line);
    for (const file of files) {
      if (signal.aborted) break;
      const progress = this.#state.of(file);
      this.#before += Math.min(progress.bytes, file.content);
      this.#done += Math.min(progress.bytes, file.content);
      if (!progress.done) await this.#read(file, progress);
      this.#total += Math.max(0, progress.bytes - file.content);
    }
    await this.#deliver();
    if (signal.aborted) this.#save();
    return this.#outcome();
  }

  async #read(file: HuntFile, progress: FileProgress): Promise<void> {
    const { place } = progress;
    const scan = this.#openScan({ path: file.path, packed: file.packed }, place);
    delete progress.trouble;
    try {
      for await (const step of scan.run()) {
        await this.#take(step, file, progress);
        if (step.place !== undefined) await this.#maybeSave(scan, progress);
        await this.#request.pace?.(step.bytes - step.skipped);
      }
      progress.done = !this.#request.signal.aborted;
      if (!progress.done && progress.place !== undefined) await scan.flush(progress.place);
    } catch (error) {
      if (this.#request.signal.aborted) return;
      // Not the file's fault.
      if (error instanceof TiplineError && error.code === "TIP_INTERNAL") throw error;
      progress.trouble = `${file.path}: cannot be read after byte ${progress.place?.offset ?? 0} of its content: ${asError(error).message}`;
      progress.done = true;
    }
    await this.#maybeSave(scan, progress);
  }

  async #take(step: ScanStep, file: HuntFile, progress: FileProgress): Promise<void> {
    if (step.again) {
      this.#done -= progress.bytes;
      Object.assign(progress, { lines: 0, refused: 0, bytes: 0, skipped: 0 });
      delete progress.place;
    }
    progress.lines += step.lines;
    progress.refused += step.refused;
    progress.bytes += step.bytes;
    progress.skipped += step.skipped;
    if (step.place !== undefined) progress.place = step.place;
    if (step.reason !== undefined && this.#reasons.length < 3) this.#reasons.push(step.reason);
    this.#done += step.bytes;
    this.#skipped += step.skipped;
    for (const { bytes, origin } of step.candidates) {
      const found = this.#judge(bytes, origin, Math.floor(file.mtimeMs));
      if (typeof found === "string") progress.refused++;
      else if (found !== undefined) await this.#found(found.finding, found.verdict);
    }
    if (this.#waiting.length >= DELIVER_BATCH) await this.#deliver();
    const { onProgress, onStep } = this.#request;
    onStep?.(step);
    onProgress?.({
      done: this.#done,
      total: Math.max(this.#total, this.#done),
      before: this.#before,
      skipped: this.#skipped,
      findings: this.#state.summary.findings,
      file: file.path,
    });
  }

  async #found(finding: Finding, verdict: Parameters<HuntSummary["add"]>[1]): Promise<void> {
    const { minScore, benign, emit, deliver, job } = this.#request;
    if (finding.score < minScore || (finding.suppressed && !benign) || !this.#state.note(finding.id)) return;
    this.#state.summary.add(finding, verdict);
    if (emit) {
      const line = enrichedAlert(finding);
      job?.addFinding(line);
      await emit(line);
    }
    if (deliver) this.#waiting.push(finding);
  }

  async #deliver(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length > 0 && this.#request.deliver) this.#state.delivered += await this.#request.deliver(waiting);
  }

  /** What was found up to here is delivered and written down before the place is. */
  async #maybeSave(scan: HuntScan, progress: FileProgress): Promise<void> {
    const { job, checkpointMs = CHECKPOINT_MS } = this.#request;
    if (job === undefined) return;
    const rest = checkpointMs === 0 ? 0 : Math.max(checkpointMs, this.#saveTook * CHECKPOINT_SHARE);
    if (Date.now() - this.#savedAt < rest) return;
    await this.#deliver();
    if (progress.place !== undefined) await scan.flush(progress.place);
    this.#save();
  }

  #save(): void {
    const { generation, version, startedAt, window, job, log } = this.#request;
    const began = Date.now();
    try {
      job?.save({
        generation: generation.id,
        version,
        startedAt,
        from: window.from ?? null,
        to: window.to ?? null,
        files: [...this.#state.files],
        summary: this.#state.summary.toJson(),
        delivered: this.#state.delivered,
      });
    } catch (error) {
      if (!this.#told) log.warn("the place to go on from could not be written", { error: asError(error) });
      this.#told = true;
    }
    this.#savedAt = Date.now();
    this.#saveTook = this.#savedAt - began;
  }

  #outcome(): HuntOutcome {
    const files = this.#request.files.flatMap(({ path }) => this.#state.files.get(path) ?? []);
    const sum = (of: (file: FileProgress) => number) => files.reduce((total, file) => total + of(file), 0);
    return {
      summary: this.#state.summary,
      files: files.filter(({ done }) => done).length,
      ruledOut: files.filter(({ done, lines, skipped }) => done && lines === 0 && skipped > 0).length,
      lines: sum((file) => file.lines),
      refused: sum((file) => file.refused),
      bytes: sum((file) => file.bytes),
      skipped: sum((file) => file.skipped),
      delivered: this.#state.delivered,
      refusals: this.#reasons,
      troubles: files.flatMap(({ trouble }) => trouble ?? []),
      interrupted: this.#request.signal.aborted,
    };
  }
}
