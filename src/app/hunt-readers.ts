import { availableParallelism } from "node:os";
import { huntedValues } from "../intel/sketch-values.ts";
import { restricted } from "../pipeline/hunt-judge.ts";
import { engine } from "./engine.ts";
import type { HuntFile } from "./hunt-files.ts";
import { HuntPool } from "./hunt-pool.ts";
import type { FileProgress, HuntState } from "./hunt-progress.ts";
import {
  type FileToRead,
  type HuntReader,
  inParts,
  isNewSince,
  judged,
  judging,
  readingHere,
  Sought,
} from "./hunt-reading.ts";
import type { HuntRequest } from "./hunt-request.ts";

/** Less content than this is not worth a thread, which takes a part of a second to start. */
const THREADS_FROM_BYTES = 128 * 1024 * 1024;
/** Plain files without sketches go to threads in parts of this size. */
const PART_BYTES = 16 * 1024 * 1024;

export function toRead(
  { path, packed, mtimeMs, content }: HuntFile,
  { place }: Pick<FileProgress, "place">,
): FileToRead {
  return { target: { path, packed }, readAt: Math.floor(mtimeMs), content, start: place };
}

/** Who reads the files of a hunt. */
export class Readers {
  readonly #request: HuntRequest;
  readonly #state: HuntState;
  #sought: Sought | undefined;
  #here: HuntReader | undefined;
  #ahead: HuntReader | undefined;
  #pool: HuntPool | undefined;

  constructor(request: HuntRequest, state: HuntState) {
    this.#request = request;
    this.#state = state;
  }

  /** In this thread. */
  get here(): HuntReader {
    if (this.#here !== undefined) return this.#here;
    const { sketches, sketching = false, window, signal, key, stepLines } = this.#request;
    const sought = this.#soughtNow();
    const look = sought.look(engine(key).extract);
    const parts = { look, keys: sought.keys, judge: this.#judge(), window, sketches, sketching, stepLines };
    this.#here = readingHere(parts, signal);
    return this.#here;
  }

  /** The fastest there is; what it loses, {@link here} reads. */
  get ahead(): HuntReader {
    this.#ahead ??= this.#elsewhere() ?? this.#inThreads() ?? this.here;
    return this.#ahead;
  }

  /** For a file that was not announced. */
  get other(): HuntReader {
    return this.#request.openScan === undefined ? this.here : this.ahead;
  }

  async close(): Promise<void> {
    await this.#pool?.close();
  }

  #elsewhere(): HuntReader | undefined {
    const { openScan } = this.#request;
    if (openScan === undefined) return undefined;
    const judge = this.#judge();
    return { open: ({ target, start, readAt }) => judged(openScan(target, start), judge, readAt) };
  }

  #inThreads(): HuntReader | undefined {
    const { threads, files, only, newSince, key, window, sketches, sketching = false, log, signal } = this.#request;
    if (threads === undefined || only !== undefined) return undefined;
    const { partBytes = PART_BYTES, entry, heldBytes } = threads.tuning ?? {};
    const left = files.flatMap((file) => {
      const progress = this.#state.known(file);
      if (progress.done) return [];
      const whole = toRead(file, progress);
      // A sketch is made, and used, from a file's start to its end.
      return sketches !== undefined && (sketching || sketches.has(file.path))
        ? [whole]
        : [...inParts(whole, partBytes)];
    });
    const bytes = left.reduce(
      (sum, { content, start, part }) => sum + (part ? partBytes : content - (start?.offset ?? 0)),
      0,
    );
    const count = threads.count ?? (bytes >= THREADS_FROM_BYTES ? availableParallelism() : 0);
    if (count === 0 || left.length === 0) return undefined;
    const { generation, judging } = threads;
    const { tables, keys } = this.#soughtNow();
    const judged = { key, generation, judging, newSince, window, hits: this.#hits() };
    const setup = { ...judged, tables, keys: keys?.shared, sketches: sketches?.place, sketching };
    this.#pool = new HuntPool({ setup, threads: count, files: left, log, signal, entry, heldBytes });
    return this.#pool;
  }

  #hits() {
    const { minScore, benign, emit, deliver } = this.#request;
    return { minScore, benign, lines: emit !== undefined, findings: deliver !== undefined };
  }

  #judge() {
    const { generation, key, window, only } = this.#request;
    return judging({ generation, wanted: this.#wanted(), key, window, hits: this.#hits(), until: only?.until });
  }

  #wanted() {
    const { only, newSince } = this.#request;
    if (newSince === undefined) return only?.wanted;
    return (indicator: Parameters<typeof isNewSince>[0]) => isNewSince(indicator, newSince);
  }

  #soughtNow(): Sought {
    const { generation, only, sketches, log } = this.#request;
    if (this.#sought !== undefined) return this.#sought;
    const wanted = this.#wanted();
    const values = only?.values ?? (wanted && [...huntedValues(restricted(generation, wanted).index)]);
    this.#sought = new Sought(generation.index, values, sketches, log);
    return this.#sought;
  }
}
