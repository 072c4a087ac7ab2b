import { stat } from "node:fs/promises";
import { openReader, PlainReader } from "../lib/byte-reader.ts";
import { type BatchBounds, LineFile } from "../lib/line-file.ts";
import { contentHash, FILE_START } from "../lib/place.ts";
import { type FileMark, type Segment, type Sketches, type Stretch, StretchHash } from "../store/sketch.ts";
import { NOTHING, type ScanStep, type ScanTarget } from "./hunt-step.ts";

/** A file that was written to within this time is taken for one that goes on growing. */
const STILL_WRITTEN_MS = 3_600_000;
/** So much is always compared whole: it takes a part of a second. */
const ALWAYS_COMPARED_BYTES = 64 * 1024 * 1024;

/** What is known of a file, and may be relied on. */
export interface Trusted {
  readonly segments: readonly Segment[];
  /** It grew, and of what was sketched before only samples were compared. */
  readonly unchecked: boolean;
}

export interface TrustOptions extends BatchBounds {
  /** False: a sketch that would have to be compared whole is not used, because the outcome would not be kept. */
  readonly sketching: boolean;
  readonly signal: AbortSignal;
}

/**
 * The sketch of a file, if it is of this content; undefined when that could not be found out. A file with the same mark is trusted. One
 * that still grows is compared by samples where it is large, and whole once it is no longer written to. Any other is compared whole.
 * Whoever asks for steps decides how fast comparing goes, too.
 */
export async function* trustedSketch(
  sketches: Sketches,
  target: ScanTarget,
  mark: FileMark,
  options: TrustOptions,
): AsyncGenerator<ScanStep, Trusted | undefined> {
  const segments = [...sketches.segments(target.path)];
  const last = segments.at(-1);
  if (last === undefined) return { segments, unchecked: false };
  const isLive = Date.now() - mark.mtimeMs < STILL_WRITTEN_MS;
  const unchecked = last.unchecked === true;
  if (sameMark(last.mark, mark) && (isLive || !unchecked)) return { segments, unchecked };
  if (isLive && !target.packed && hasGrown(last, mark) && endOf(last) > ALWAYS_COMPARED_BYTES) {
    const fits = yield* samplesFit(target.path, segments, options);
    if (options.signal.aborted) return undefined;
    if (fits) return { segments, unchecked: true };
  }
  if (!options.sketching) return { segments: [], unchecked: false };
  const held = yield* holds(target, segments, options);
  if (options.signal.aborted) return undefined;
  if (held === "no") {
    sketches.drop(target.path);
    return { segments: [], unchecked: false };
  }
  const now = { mark, stretches: last.stretches, ...(held === "all" ? { complete: true as const } : {}) };
  sketches.write(target.path, now);
  return { segments: [...segments.slice(0, -1), now], unchecked: false };
}

export async function markOf(path: string): Promise<FileMark> {
  const { dev, ino, size, mtimeMs, ctimeMs } = await stat(path);
  return { identity: `${dev}:${ino}`, size, mtimeMs, ctimeMs };
}

function sameMark(a: FileMark, b: FileMark): boolean {
  return a.identity === b.identity && a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs;
}

function hasGrown(last: Segment, { identity, size }: FileMark): boolean {
  return identity === last.mark.identity && size > last.mark.size && size > endOf(last);
}

function endOf({ stretches }: Segment): number {
  return stretches.at(-1)?.end.offset ?? 0;
}

/** Compares the start of the file, and the last line of every stretch. */
async function* samplesFit(
  path: string,
  segments: readonly Segment[],
  { signal }: TrustOptions,
): AsyncGenerator<ScanStep, boolean> {
  const reader = await PlainReader.open(path);
  try {
    for (const { end } of stretchesOf(segments)) {
      for (const [at, length, hash] of end.marks) {
        const found = await reader.peek({ at, length });
        if (found === undefined || contentHash(found) !== hash) return false;
      }
      yield NOTHING;
      if (signal.aborted) return false;
    }
    return true;
  } finally {
    await reader.close();
  }
}

/** Compares the whole content with what was sketched. `all`: there is no more. */
async function* holds(
  { path, packed }: ScanTarget,
  segments: readonly Segment[],
  { signal, ...bounds }: TrustOptions,
): AsyncGenerator<ScanStep, "all" | "more" | "no"> {
  const stretches = stretchesOf(segments);
  const hash = new StretchHash();
  let at = 0;
  const file = await LineFile.resume(await openReader(path, packed), FILE_START, signal);
  if (file === undefined) return "no";
  try {
    const next = () => file.next(signal, bounds);
    for (let batch = await next(); batch !== undefined; batch = await next()) {
      for (const line of batch.lines) {
        while (line.start >= (stretches[at]?.end.offset ?? Number.POSITIVE_INFINITY)) {
          if (hash.finish() !== stretches[at++]?.hash) return "no";
        }
        if (at === stretches.length) return "more";
        hash.add(line.bytes);
      }
      yield NOTHING;
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

function stretchesOf(segments: readonly Segment[]): readonly Stretch[] {
  return segments.flatMap(({ stretches }) => stretches);
}
