import { openReader, PlainReader } from "../lib/byte-reader.ts";
import { type LineBatch, LineFile } from "../lib/line-file.ts";
import { LINE_LIMIT, type Line } from "../lib/lines.ts";
import { FILE_START, type Place } from "../lib/place.ts";
import type { FileMark, Segment, Sketches } from "../store/sketch.ts";
import type { HuntLook } from "./hunt-look.ts";
import { mayHold, SketchWriter, type Wanted, withoutSmallEnd } from "./hunt-sketching.ts";
import { type Candidate, NOTHING, type ScanStep, type ScanTarget } from "./hunt-step.ts";
import { markOf, trustedSketch } from "./hunt-trust.ts";

export interface ScanOptions {
  readonly look: HuntLook;
  readonly wanted: Wanted;
  readonly sketches?: Sketches | undefined;
  /** Sketch what is not sketched yet; costs several times what looking costs. Default true. */
  readonly sketching?: boolean;
  /** Where an earlier scan stopped. */
  readonly start?: Place;
  /** Only the lines of a plain file that begin in `[from, to)`, without sketches; all parts together give what one scan would. */
  readonly part?: Part;
  /** Lines of a step at most, where steps must be short; default: some MiB. */
  readonly stepLines?: number;
  readonly signal: AbortSignal;
}

/** Offsets of content; `to` of the last part is endless. */
export interface Part {
  readonly from: number;
  readonly to: number;
}

/** Reasons that a step gives. */
export const MOST_REASONS = 3;
const LF = 10;
const ENDLESS = Number.POSITIVE_INFINITY;
const TOO_LONG = `expected a line of at most ${LINE_LIMIT} bytes`;

/** The file does not hold what was known of it. */
class Changed extends Error {
  override readonly message = "its content is not what it was";
}

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
  /** Of the last step that had one. */
  #reached: Place = FILE_START;

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
      if (!(error instanceof Changed) || this.#isLaterPart) throw error;
      this.#options.sketches?.drop(this.#target.path);
      this.#start = FILE_START;
      yield { ...NOTHING, again: true };
      yield* this.#scan();
    }
  }

  /** Between two steps: puts what was sketched on the disk, so that a later scan can start at the last step's place. */
  flush(): void {
    if (this.#reached.offset > this.#covered.offset) this.#writer?.reached(this.#reached, true);
    this.#writer?.save();
  }

  get #bounds() {
    const { stepLines } = this.#options;
    return stepLines === undefined ? {} : { most: stepLines };
  }

  get #isLaterPart(): boolean {
    return this.#options.start === undefined && (this.#options.part?.from ?? 0) > 0;
  }

  async *#scan(): AsyncGenerator<ScanStep> {
    this.#offset = this.#start.offset;
    this.#reached = this.#start;
    const mark = await markOf(this.#target.path);
    this.#limit = this.#target.packed ? ENDLESS : mark.size;
    const { part } = this.#options;
    if (part !== undefined) return yield* this.#part(part);
    const ranges = (yield* this.#plan(mark)).filter(({ to }) => to > this.#start.offset);
    try {
      if (this.#target.packed) yield* this.#packed(ranges);
      else yield* this.#plain(ranges);
    } finally {
      this.#writer?.save();
    }
  }

  async *#plan(mark: FileMark): AsyncGenerator<ScanStep, readonly Range[]> {
    const { sketches, wanted, sketching = true } = this.#options;
    this.#covered = FILE_START;
    this.#writer = undefined;
    if (sketches === undefined) return [{ from: this.#start, to: ENDLESS }];
    const options = { ...this.#bounds, sketching, signal: this.#options.signal };
    const known = yield* trustedSketch(sketches, this.#target, mark, options);
    if (known === undefined) return [{ from: this.#start, to: ENDLESS }];
    const { segments: all, unchecked } = known;
    const segments = sketching && this.#covers(all) < mark.size ? withoutSmallEnd(all) : all;
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
    if (sketching)
      this.#writer = new SketchWriter(sketches, this.#target.path, { mark, start: this.#covered, last, unchecked });
    const whole = this.#target.packed ? last?.complete === true : this.#covered.offset >= mark.size;
    if (!whole) add(this.#covered, ENDLESS);
    return ranges;
  }

  /** Where a plain file's sketch ends; a packed one grows no more. */
  #covers(segments: readonly Segment[]): number {
    return this.#target.packed ? ENDLESS : (segments.at(-1)?.stretches.at(-1)?.end.offset ?? 0);
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

  async *#part({ from, to }: Part): AsyncGenerator<ScanStep> {
    const { signal } = this.#options;
    const start = this.#isLaterPart ? await this.#lineStart(from) : this.#start;
    this.#offset = start.offset;
    if (start.offset >= to) return;
    const file = await this.#open(start);
    try {
      yield* this.#read(file, [{ from: start, to: ENDLESS }], Math.min(to, this.#limit), to);
      if (signal.aborted) return;
      if (file.offset < to) yield* this.#lastLine(file);
      // Blank lines at the end of a part.
      yield* this.#passTo(to === ENDLESS ? this.#limit : Math.min(file.offset, this.#limit));
    } finally {
      await file.close();
    }
  }

  /** Where the first line begins at `from` or after it; the end of the file when none does. */
  async #lineStart(from: number): Promise<Place> {
    const reader = await PlainReader.open(this.#target.path);
    try {
      if ((await reader.seek(from - 1, [])) === undefined) throw new Changed();
      for (;;) {
        const at = reader.position;
        const found = await reader.read();
        if (found === undefined) return { offset: this.#limit, marks: [] };
        const end = found.indexOf(LF);
        if (end >= 0) return { offset: Math.min(at + end + 1, this.#limit), marks: [] };
      }
    } finally {
      await reader.close();
    }
  }

  /** Some writers leave the last line end out. A line that is not whole is on its way: it is left for later. */
  *#lastLine(file: LineFile): Generator<ScanStep> {
    const rest = this.#options.signal.aborted || file.offset >= this.#limit ? undefined : file.rest();
    if (rest === undefined) return;
    const step = this.#step(rest, rest.lines, undefined, undefined);
    yield { ...step, refused: 0, reasons: [] };
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

  /** Lines of the ranges up to `end`, of which batches may go beyond, but take no line that begins at `until` or after it. */
  async *#read(file: LineFile, ranges: readonly Range[], end: number, until = ENDLESS): AsyncGenerator<ScanStep> {
    const { signal } = this.#options;
    let range = 0;
    const isWanted = ({ start }: Line) => {
      while (start >= (ranges[range]?.to ?? ENDLESS)) range++;
      const now = ranges[range];
      return now !== undefined && start >= now.from.offset;
    };
    while (file.offset < end && !signal.aborted) {
      const batch = await file.next(signal, { until, ...this.#bounds });
      if (batch === undefined || signal.aborted) break;
      const place = file.place();
      this.#reached = place;
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
    const reasons: string[] = [];
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
        if (reasons.length < MOST_REASONS) reasons.push(`${origin}: ${answer}`);
      }
    }
    const bytes = Math.max(0, batch.end - this.#offset);
    this.#offset = batch.end;
    return {
      candidates,
      lines: lines.length,
      refused,
      reasons,
      bytes,
      skipped: Math.max(0, bytes - looked),
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
