import { type HuntedKeys, KeyCollector, MOST_KEYS } from "../intel/sketch.ts";
import type { Place } from "../lib/place.ts";
import type { Observable } from "../model/observable.ts";
import { type FileMark, type Segment, type Sketches, type Stretch, StretchHash } from "../store/sketch.ts";

/** Content of a stretch, about. */
const STRETCH_BYTES = 32 * 1024 * 1024;
/** Stretches of one segment: what a growing file's last one costs to write anew. */
const SEGMENT_STRETCHES = 8;
/** Small stretches at the end of a file that is still growing. */
const MOST_SMALL = 8;
/** A column larger than this share of its content is not worth keeping. */
const MOST_SHARE = 1 / 4;
const LEAST_BYTES = 65_536;

/** The file that is sketched, as far as it is known. */
export interface SketchedFile {
  readonly mark: FileMark;
  /** Where what is known ends. */
  readonly start: Place;
  /** The segment that ends there, if there is one. */
  readonly last: Segment | undefined;
  /** See `Segment`. */
  readonly unchecked: boolean;
}

/** Writes the sketch of a file while it is read, from where what is known ends. */
export class SketchWriter {
  readonly #sketches: Sketches;
  readonly #path: string;
  readonly #mark: FileMark;
  readonly #unchecked: boolean;
  readonly #keys: KeyCollector;
  readonly #hash = new StretchHash();
  /** Stretches of the segment under way. */
  #stretches: Stretch[];
  #unsaved = false;
  #start: Place;
  #lines = 0;
  #times: [number, number] | undefined;
  #untimed = false;
  #complete = false;

  constructor(sketches: Sketches, path: string, { mark, start, last, unchecked }: SketchedFile) {
    this.#sketches = sketches;
    this.#path = path;
    this.#mark = mark;
    this.#unchecked = unchecked;
    this.#keys = new KeyCollector(sketches.seed);
    this.#start = start;
    this.#stretches = last === undefined || last.stretches.length >= SEGMENT_STRETCHES ? [] : [...last.stretches];
  }

  /** One line; `observables` undefined: it is no alert, so nothing can be found in it. */
  add(bytes: Buffer, observables?: readonly Observable[], time?: number): void {
    this.#lines++;
    this.#hash.add(bytes);
    if (observables === undefined) return;
    for (const { type, value } of observables) this.#keys.add(type, value);
    if (time === undefined) this.#untimed = true;
    else if (this.#times === undefined) this.#times = [time, time];
    else {
      if (time < this.#times[0]) this.#times[0] = time;
      if (time > this.#times[1]) this.#times[1] = time;
    }
  }

  /** Everything up to `place` was added: the stretch ends here if it is large enough, or `anyway`. */
  reached(place: Place, anyway = false): void {
    const bytes = place.offset - this.#start.offset;
    if (bytes === 0 || !(anyway || bytes >= STRETCH_BYTES || this.#keys.size >= MOST_KEYS)) return;
    const column = this.#keys.finish();
    const worth = (column.low.length + column.starts.length) * 4 <= Math.max(LEAST_BYTES, bytes * MOST_SHARE);
    this.#stretches.push({
      start: this.#start,
      end: place,
      lines: this.#lines,
      hash: this.#hash.finish(),
      ...(this.#untimed || this.#times === undefined ? {} : { times: this.#times }),
      ...(worth ? { column } : {}),
    });
    this.#start = place;
    this.#lines = 0;
    this.#times = undefined;
    this.#untimed = false;
    this.#unsaved = true;
    if (this.#stretches.length >= SEGMENT_STRETCHES) this.save();
  }

  /** The content of a packed file ends here, with a line's end. */
  ended(place: Place): void {
    this.reached(place, true);
    this.#complete = true;
    this.#unsaved = true;
  }

  /** On the disk. */
  save(): void {
    const flags = {
      ...(this.#complete ? { complete: true as const } : {}),
      ...(this.#unchecked ? { unchecked: true as const } : {}),
    };
    if (this.#unsaved) this.#sketches.write(this.#path, { mark: this.#mark, stretches: this.#stretches, ...flags });
    this.#unsaved = false;
    if (this.#stretches.length >= SEGMENT_STRETCHES) this.#stretches = [];
  }
}

/** What of a stretch is asked. */
export interface Wanted {
  readonly keys?: HuntedKeys;
  readonly from?: number;
  readonly to?: number;
}

/** Whether something wanted may be in the stretch. */
export function mayHold({ times, column }: Stretch, { keys, from, to }: Wanted): boolean {
  if (times !== undefined) {
    if (from !== undefined && times[1] < from) return false;
    if (to !== undefined && times[0] >= to) return false;
  }
  return column === undefined || keys === undefined || keys.mayBeIn(column);
}

/**
 * A growing file that is looked at every minute gets a small stretch each time. When there are many of them at its end they are
 * forgotten, so that the next look makes them one.
 */
export function withoutSmallEnd(segments: readonly Segment[]): readonly Segment[] {
  const all = segments.flatMap(({ stretches }) => stretches);
  const isSmall = ({ start, end }: Stretch) => end.offset - start.offset < STRETCH_BYTES / 2;
  const small = all.length - 1 - all.findLastIndex((stretch) => !isSmall(stretch));
  if (small < MOST_SMALL) return segments;
  const kept = new Set(all.slice(0, all.length - small));
  return segments
    .map((segment) => ({ ...segment, stretches: segment.stretches.filter((stretch) => kept.has(stretch)) }))
    .filter(({ stretches }) => stretches.length > 0);
}
