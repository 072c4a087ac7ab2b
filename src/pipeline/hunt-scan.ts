import { stat } from "node:fs/promises";
import { openReader } from "../lib/byte-reader.ts";
import { type LineBatch, LineFile } from "../lib/line-file.ts";
import { LINE_LIMIT, type Line } from "../lib/lines.ts";
import { FILE_START, type Place } from "../lib/place.ts";
import { type FileMark, type Segment, type Sketches, StretchHash } from "../store/sketch.ts";
import type { HuntLook } from "./hunt-look.ts";
import { mayHold, SketchWriter, type Wanted, withoutSmallEnd } from "./hunt-sketching.ts";

/** A line that may match. */
export interface Candidate {
  readonly bytes: Buffer;
  /** `path:offset` */
  readonly origin: string;
}

/** What a step of a scan comes to. */
export interface ScanStep {
  readonly candidates: readonly Candidate[];
  /** Lines looked at. */
  readonly lines: number;
  /** Of them no alerts, and the first one's reason. */
  readonly refused: number;
  readonly reason?: string;
  /** Bytes of content passed, and how many of them a sketch ruled out. */
  readonly bytes: number;
  readonly skipped: number;
  /** The scan can go on from here; undefined at the end of a file without a last line end. */
  readonly place?: Place;
  /** What was given of this file before must be forgotten: it has changed, and is read from its start. */
  readonly again?: true;
}

export interface ScanTarget {
  readonly path: string;
  readonly packed: boolean;
}

export interface ScanOptions {
  readonly look: HuntLook;
  readonly wanted: Wanted;
  readonly sketches?: Sketches | undefined;
  /** Sketch what is not sketched yet; costs several times what looking costs. Default true. */
  readonly sketching?: boolean;
  /** Where an earlier scan stopped. */
  readonly start?: Place;
  readonly signal: AbortSignal;
}

const NOTHING = { candidates: [], lines: 0, refused: 0, bytes: 0, skipped: 0 } as const;
const ENDLESS = Number.POSITIVE_INFINITY;
const TOO_LONG = `expected a line of at most ${LINE_LIMIT} bytes`;

/** The file does not hold what was known of it. */
class Changed extends Error {}

/** Part of a file that must be read, from a place to an offset (or to the end). */
interface Range {
  readonly from: Place;
  readonly to: number;
}

/** Reads one file as it is now and gives the lines that may match; what its sketch rules out is passed over, and the rest is sketched. */
export class FileScan {
  readonly #target: ScanTarget;
  readonly #options: ScanOptions;
  #start: Place;
  /** Size of a plain file at the start: it may grow as fast as it is read. */
  #limit = ENDLESS;
  #writer: SketchWriter | undefined;
  /** Up to here the content is sketched. */
  #covered: Place = FILE_START;
  #offset = 0;

  constructor(target: ScanTarget, options: ScanOptions) {
    this.#target = target;
    this.#options = options;
    this.#start = options.start ?? FILE_START;
  }

  /**
   * In the order of the file. A line that has no end yet is left for later where the file may still grow. Throws what reading
   * throws, after all that could be read.
   */
  async *run(): AsyncGenerator<ScanStep> {
    try {
      yield* this.#scan();
    } catch (error) {
      if (!(error instanceof Changed)) throw error;
      this.#options.sketches?.drop(this.#target.path);
      this.#start = FILE_START;
      yield { ...NOTHING, again: true };
      yield* this.#scan();
    }
  }

  /** Puts what was sketched up to a step's `place` on the disk, so that a later scan can start there. */
  flush(place: Place): void {
    if (place.offset > this.#covered.offset) this.#writer?.reached(place, true);
    this.#writer?.save();
  }

  async *#scan(): AsyncGenerator<ScanStep> {
    this.#offset = this.#start.offset;
    const mark = await markOf(this.#target.path);
    this.#limit = this.#target.packed ? ENDLESS : mark.size;
    const ranges = (await this.#plan(mark)).filter(({ to }) => to > this.#start.offset);
    try {
      if (this.#target.packed) yield* this.#packed(ranges);
      else yield* this.#plain(ranges);
    } finally {
      this.#writer?.save();
    }
  }

  async #plan(mark: FileMark): Promise<readonly Range[]> {
    const { sketches, wanted, sketching = true } = this.#options;
    this.#covered = FILE_START;
    this.#writer = undefined;
    if (sketches === undefined) return [{ from: this.#start, to: ENDLESS }];
    const known = await this.#known(sketches, mark);
    const segments = known && sketching && this.#covers(known) < mark.size ? withoutSmallEnd(known) : known;
    if (segments === undefined) return [{ from: this.#start, to: ENDLESS }];
    const ranges: { from: Place; to: number }[] = [];
    const add = (from: Place, to: number) => {
      const before = ranges.at(-1);
      if (before?.to === from.offset) before.to = to;
      else ranges.push({ from, to });
    };
    for (const stretch of segments.flatMap(({ stretches }) => stretches)) {
      if (mayHold(stretch, wanted)) add(stretch.start, stretch.end.offset);
      this.#covered = stretch.end;
    }
    const last = segments.at(-1);
    // Behind a hole nothing can be sketched.
    if (this.#start.offset > this.#covered.offset) return [...ranges, { from: this.#start, to: ENDLESS }];
    if (sketching) this.#writer = new SketchWriter(sketches, this.#target.path, mark, this.#covered, last);
    const whole = this.#target.packed ? last?.complete === true : this.#covered.offset >= mark.size;
    if (!whole) add(this.#covered, ENDLESS);
    return ranges;
  }

  /** Where a plain file's sketch ends; a packed one grows no more. */
  #covers(segments: readonly Segment[]): number {
    return this.#target.packed ? ENDLESS : (segments.at(-1)?.stretches.at(-1)?.end.offset ?? 0);
  }

  /** The sketch, if it is of this content; undefined when that could not be found out. */
  async #known(sketches: Sketches, mark: FileMark): Promise<readonly Segment[] | undefined> {
    const { path, packed } = this.#target;
    const segments = [...sketches.segments(path)];
    const last = segments.at(-1);
    if (last === undefined || sameMark(last.mark, mark)) return segments;
    const covered = last.stretches.at(-1)?.end.offset ?? 0;
    // What stood before the new part is looked at when that is read.
    const { identity, size } = last.mark;
    if (!packed && identity === mark.identity && mark.size > size && mark.size > covered) return segments;
    // Reading it all to compare is worth while only for who keeps the outcome.
    if (this.#options.sketching === false) return [];
    const held = await this.#holds(segments);
    if (this.#options.signal.aborted) return undefined;
    if (held === "no") {
      sketches.drop(path);
      return [];
    }
    const { complete: _, ...known } = last;
    const now = { ...known, mark, ...(held === "all" ? { complete: true as const } : {}) };
    sketches.write(path, now);
    return [...segments.slice(0, -1), now];
  }

  /** Compares the content with what was sketched (it was compressed, copied or touched since). `all`: there is no more. */
  async #holds(segments: readonly Segment[]): Promise<"all" | "more" | "no"> {
    const { signal } = this.#options;
    const stretches = segments.flatMap((segment) => segment.stretches);
    const hash = new StretchHash();
    let at = 0;
    const file = await this.#open(FILE_START);
    try {
      for (let batch = await file.next(signal); batch !== undefined; batch = await file.next(signal)) {
        for (const line of batch.lines) {
          while (line.start >= (stretches[at]?.end.offset ?? ENDLESS)) {
            if (hash.finish() !== stretches[at++]?.hash) return "no";
          }
          if (at === stretches.length) return "more";
          hash.add(line.bytes);
        }
      }
      const last = stretches[at];
      if (last === undefined || at + 1 < stretches.length || hash.finish() !== last.hash) return "no";
      return file.torn === 0 && file.offset === last.end.offset ? "all" : "more";
    } catch {
      return "no";
    } finally {
      await file.close();
    }
  }

  /** Each range from its own place. */
  async *#plain(ranges: readonly Range[]): AsyncGenerator<ScanStep> {
    for (const range of ranges) {
      const from = range.from.offset < this.#start.offset ? this.#start : range.from;
      if (this.#options.signal.aborted || (from.offset > 0 && from.offset >= this.#limit)) break;
      yield* this.#passTo(from.offset);
      const file = await this.#open(from);
      try {
        yield* this.#read(file, [range], Math.min(range.to, this.#limit));
        if (range.to === ENDLESS) {
          if (!this.#options.signal.aborted && file.offset > this.#covered.offset)
            this.#writer?.reached(file.place(), true);
          yield* this.#lastLine(file);
        }
      } finally {
        await file.close();
      }
    }
    if (!this.#options.signal.aborted) yield* this.#passTo(this.#limit);
  }

  /** Some writers leave the last line end out. A line that is not whole is on its way: it is left for later. */
  *#lastLine(file: LineFile): Generator<ScanStep> {
    const rest = this.#options.signal.aborted || file.offset >= this.#limit ? undefined : file.rest();
    if (rest === undefined) return;
    const step = this.#step(rest, rest.lines, undefined, undefined);
    yield { ...step, refused: 0 };
  }

  /** In one go: to go back would be to unpack again. */
  async *#packed(ranges: readonly Range[]): AsyncGenerator<ScanStep> {
    if (ranges.length === 0) return yield* this.#passTo(this.#covered.offset);
    const { signal } = this.#options;
    const file = await this.#open(this.#start);
    try {
      yield* this.#read(file, ranges, ranges.at(-1)?.to ?? ENDLESS);
      const rest = signal.aborted ? undefined : file.rest();
      if (rest !== undefined) yield this.#step(rest, rest.lines, undefined, undefined);
      else if (file.ended && !signal.aborted) this.#writer?.ended(file.place());
    } finally {
      await file.close();
    }
    if (!signal.aborted) yield* this.#passTo(this.#covered.offset);
  }

  async *#read(file: LineFile, ranges: readonly Range[], end: number): AsyncGenerator<ScanStep> {
    const { signal } = this.#options;
    let range = 0;
    const isWanted = ({ start }: Line) => {
      while (start >= (ranges[range]?.to ?? ENDLESS)) range++;
      const now = ranges[range];
      return now !== undefined && start >= now.from.offset;
    };
    while (file.offset < end && !signal.aborted) {
      const batch = await file.next(signal);
      if (batch === undefined || signal.aborted) break;
      const place = file.place();
      yield this.#step(batch, batch.lines.filter(isWanted), place, this.#writer);
      if (place.offset > this.#covered.offset) this.#writer?.reached(place);
    }
  }

  /** Looks at some lines of a batch. */
  #step(
    batch: LineBatch,
    lines: readonly Line[],
    place: Place | undefined,
    writer: SketchWriter | undefined,
  ): ScanStep {
    const candidates: Candidate[] = [];
    let looked = 0;
    let refused = 0;
    let reason: string | undefined;
    const { look } = this.#options;
    const passing = writer === undefined ? look.passing(lines) : undefined;
    for (const [at, { bytes, start, end, length }] of lines.entries()) {
      looked += end - start;
      const tooLong = length > LINE_LIMIT;
      if (!tooLong && passing?.[at] === 0) continue;
      const sketch = start >= this.#covered.offset ? writer : undefined;
      if (tooLong) sketch?.add(bytes);
      const answer = tooLong ? TOO_LONG : look.at(bytes, sketch);
      if (answer === false) continue;
      const origin = `${this.#target.path}:${start}`;
      if (answer === true) candidates.push({ bytes, origin });
      else {
        refused++;
        reason ??= `${origin}: ${answer}`;
      }
    }
    const bytes = Math.max(0, batch.end - this.#offset);
    this.#offset = batch.end;
    return {
      candidates,
      lines: lines.length,
      refused,
      bytes,
      skipped: Math.max(0, bytes - looked),
      ...(reason === undefined ? {} : { reason }),
      ...(place === undefined ? {} : { place }),
    };
  }

  *#passTo(offset: number): Generator<ScanStep> {
    const bytes = offset - this.#offset;
    if (bytes <= 0) return;
    this.#offset = offset;
    yield { ...NOTHING, bytes, skipped: bytes };
  }

  async #open(place: Place): Promise<LineFile> {
    const { path, packed } = this.#target;
    const file = await LineFile.resume(await openReader(path, packed), place, this.#options.signal);
    if (file !== undefined) return file;
    throw new Changed();
  }
}

async function markOf(path: string): Promise<FileMark> {
  const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path);
  return { identity: `${dev}:${ino}`, size, mtimeMs, ctimeMs };
}

function sameMark(a: FileMark, b: FileMark): boolean {
  return a.identity === b.identity && a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs;
}
