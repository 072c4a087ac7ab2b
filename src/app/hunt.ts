import { asError, TiplineError } from "../lib/errors.ts";
import type { Finding } from "../model/finding.ts";
import type { HuntHit, JudgedScan, JudgedStep } from "../pipeline/hunt-hits.ts";
import { MOST_REASONS } from "../pipeline/hunt-scan.ts";
import { type HuntFile, packedSince } from "./hunt-files.ts";
import { ScanLost } from "./hunt-pool.ts";
import { type FileCounts, type FileProgress, HuntState } from "./hunt-progress.ts";
import { Readers, toRead } from "./hunt-readers.ts";
import type { HuntReader } from "./hunt-reading.ts";
import type { HuntOutcome, HuntRequest } from "./hunt-request.ts";

const CHECKPOINT_MS = 2_000;
/** A checkpoint may take so much of the time. */
const CHECKPOINT_SHARE = 20;
const DELIVER_BATCH = 100;
const NOTHING_YET: FileCounts = { lines: 0, refused: 0, bytes: 0, skipped: 0 };

/** Matches files of the past, mode `retro`; what comes out of a hunt that was interrupted and gone on with is the same as of one run. */
export async function hunt(request: HuntRequest): Promise<HuntOutcome> {
  return await new Hunt(request).run();
}

class Hunt {
  readonly #request: HuntRequest;
  readonly #state: HuntState;
  readonly #readers: Readers;
  readonly #reasons: string[] = [];
  /** What the file under way had come to at its last place. */
  #settled = NOTHING_YET;
  #waiting: Finding[] = [];
  #savedAt = Date.now();
  #saveTook = 0;
  #done = 0;
  #before = 0;
  #skipped = 0;
  #total: number;
  #told = false;

  constructor(request: HuntRequest) {
    const { files, job } = request;
    this.#request = request;
    this.#state = new HuntState(job);
    this.#total = files.reduce((sum, { content }) => sum + content, 0);
    this.#readers = new Readers(request, this.#state);
  }

  async run(): Promise<HuntOutcome> {
    const { files, signal, job, emit } = this.#request;
    try {
      if (emit && job?.before) for await (const line of job.findings()) await emit(line);
      for (const file of files) {
        if (signal.aborted) break;
        const progress = this.#state.of(file);
        this.#before += Math.min(progress.bytes, file.content);
        this.#done += Math.min(progress.bytes, file.content);
        if (!progress.done) await this.#read(file, progress);
        this.#total += Math.max(0, progress.bytes - file.content);
      }
    } finally {
      await this.#readers.close();
    }
    await this.#deliver();
    if (signal.aborted) this.#save();
    return this.#outcome();
  }

  async #read(file: HuntFile, progress: FileProgress): Promise<void> {
    delete progress.trouble;
    this.#settled = countsOf(progress);
    try {
      await this.#readBy(this.#readers.ahead, file, progress);
    } catch (error) {
      if (!(error instanceof ScanLost)) throw error;
      this.#goBack(progress);
      await this.#readBy(this.#readers.here, file, progress);
    }
  }

  async #readBy(reader: HuntReader, file: HuntFile, progress: FileProgress): Promise<void> {
    const { signal, pace } = this.#request;
    const scan = reader.open(toRead(file, progress));
    try {
      let asked = performance.now();
      for await (const step of scan.run()) {
        const took = step.tookMs ?? performance.now() - asked;
        await this.#take(step, file, progress);
        if (step.place !== undefined) await this.#maybeSave(scan, progress);
        await pace?.(took);
        asked = performance.now();
      }
      progress.done = !signal.aborted;
      if (!progress.done) {
        this.#goBack(progress);
        if (progress.place !== undefined) await scan.flush();
      }
    } catch (error) {
      if (signal.aborted) return this.#goBack(progress);
      // Not the file's fault.
      if (error instanceof ScanLost || (error instanceof TiplineError && error.code === "TIP_INTERNAL")) throw error;
      const packed = await packedSince(file);
      if (packed !== undefined) {
        this.#goBack(progress);
        return await this.#readBy(this.#readers.other, packed, progress);
      }
      progress.trouble = `${file.path}: cannot be read after byte ${progress.place?.offset ?? 0} of its content: ${asError(error).message}`;
      progress.done = true;
    }
    await this.#maybeSave(scan, progress);
  }

  async #take(step: JudgedStep, file: HuntFile, progress: FileProgress): Promise<void> {
    if (step.again) {
      delete progress.place;
      this.#settled = NOTHING_YET;
      this.#goBack(progress);
    }
    progress.lines += step.lines;
    progress.refused += step.refused;
    progress.bytes += step.bytes;
    progress.skipped += step.skipped;
    for (const reason of step.reasons) if (this.#reasons.length < MOST_REASONS) this.#reasons.push(reason);
    this.#done += step.bytes;
    this.#skipped += step.skipped;
    for (const hit of step.hits) await this.#found(hit);
    if (step.place !== undefined) {
      progress.place = step.place;
      this.#settled = countsOf(progress);
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

  /** To the last place: what came after it will be read again. Findings that were met then are known by their ids. */
  #goBack(progress: FileProgress): void {
    this.#done -= progress.bytes - this.#settled.bytes;
    this.#skipped -= progress.skipped - this.#settled.skipped;
    Object.assign(progress, this.#settled);
  }

  async #found({ id, tally, line, finding }: HuntHit): Promise<void> {
    const { emit, job } = this.#request;
    if (!this.#state.note(id)) return;
    this.#state.summary.add(tally);
    if (emit && line !== undefined) {
      job?.addFinding(line);
      await emit(line);
    }
    if (finding !== undefined) this.#waiting.push(finding);
  }

  async #deliver(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    if (waiting.length > 0 && this.#request.deliver) this.#state.delivered += await this.#request.deliver(waiting);
  }

  /** What was found up to here is delivered and written down before the place is. */
  async #maybeSave(scan: JudgedScan, progress: FileProgress): Promise<void> {
    const { job, checkpointMs = CHECKPOINT_MS } = this.#request;
    if (job === undefined) return;
    const rest = checkpointMs === 0 ? 0 : Math.max(checkpointMs, this.#saveTook * CHECKPOINT_SHARE);
    if (Date.now() - this.#savedAt < rest) return;
    await this.#deliver();
    if (progress.place !== undefined) await scan.flush();
    this.#save();
  }

  #save(): void {
    const { generation, version, startedAt, window, newSince, job, log } = this.#request;
    const began = Date.now();
    try {
      job?.save({
        generation: generation.id,
        version,
        startedAt,
        from: window.from ?? null,
        to: window.to ?? null,
        newSince: newSince ?? null,
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

function countsOf({ lines, refused, bytes, skipped }: FileCounts): FileCounts {
  return { lines, refused, bytes, skipped };
}
