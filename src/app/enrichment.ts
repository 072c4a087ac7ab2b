import { availableParallelism } from "node:os";
import type { DeadLetter } from "../contract/journal.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { sizeOf } from "../lib/input-paths.ts";
import type { Log } from "../lib/log.ts";
import { Lookahead } from "../lib/lookahead.ts";
import { engine } from "./engine.ts";
import { type InputPart, readParts } from "./enrich-input.ts";
import { EnrichPool } from "./enrich-pool.ts";
import type { EnrichResult, Wanted } from "./enrich-wire.ts";
import type { LiveGeneration } from "./generation.ts";
import type { Judging } from "./judging.ts";

export interface EnrichRequest {
  /** Files, globs or `-`; empty reads stdin. */
  readonly files: readonly string[];
  readonly live: LiveGeneration;
  /** Key of finding ids. */
  readonly key: Buffer;
  /** How threads come to the same judgement; without it all is done in this one. */
  readonly judging?: Judging;
  /** Threads that match; 0: none but this one. Default: one a processor where there is enough to read. */
  readonly threads?: number;
  readonly wanted: Wanted;
  readonly log: Log;
  /** Called in the order of the input with findings as they are wanted, a line each; what is read waits for it. */
  readonly emit: (ndjson: Buffer) => Promise<void> | void;
  readonly onDeadLetter: (letter: DeadLetter) => Promise<void> | void;
  readonly onProgress?: (bytes: number, total?: number) => void;
  readonly signal?: AbortSignal;
  /** For tests: size of parts, and another clock and entry of threads; `ready` waits for the threads. */
  readonly tuning?: {
    readonly partBytes?: number;
    readonly clock?: Pick<Clock, "now">;
    readonly entry?: URL;
    readonly ready?: boolean;
  };
}

export interface EnrichOutcome {
  readonly alerts: number;
  /** Content read. */
  readonly bytes: number;
  readonly findings: number;
  readonly benign: number;
  /** Input that could not be opened or read to its end. */
  readonly troubles: readonly string[];
}

/** Parts that are under way for each thread: one that is matched, one that waits, and one that came too early to be given. */
const PARTS_PER_THREAD = 3;
/**
 * Bytes of a range. Findings are judged fastest many at a time, so ranges are the longer the fewer findings there have been, and as long
 * as promises about {@link WANTED_RESULT} of them: more would have to be matched in steps, one thread after the other.
 */
const LEAST_RANGE = 2 * 1024 * 1024;
const MOST_RANGE = 16 * 1024 * 1024;
const WANTED_RESULT = 2 * 1024 * 1024;
/** Bytes of a piece, which is held in memory. */
const PIECE_BYTES = 4 * 1024 * 1024;
/** Less than this is not worth a thread, which takes a part of a second to start. */
const THREADS_FROM_BYTES = 16 * 1024 * 1024;

/** One input, as far as it has come. */
interface Input {
  readonly path: string;
  /** Bytes on disk of this one and of those after it. */
  readonly size: number;
  readonly left: number;
  taken: number;
  /** It could not be read on: what was begun behind that place does not count. */
  broken: boolean;
}

/** A part under way. */
interface Entry {
  readonly input: Input;
  readonly part: InputPart;
  result: Promise<EnrichResult>;
}

/**
 * Reads inputs in parts, has them matched by several threads and gives what came of them in order. At most three parts for each thread are
 * under way, of 4 MiB at most where they are held and what came of them (8 MiB, and what comes of one line): with that, and the buffers of
 * reading, memory is bounded whatever the input. Whoever takes the findings slowly holds up everything.
 */
export class Enrichment {
  readonly #request: EnrichRequest;
  readonly #paths: readonly string[];
  readonly #pool: EnrichPool;
  readonly #clock: Pick<Clock, "now">;
  readonly #threads: number;
  readonly #stop = new AbortController();
  readonly #entries = new Lookahead<Entry>(() => Math.max(1, this.#pool.threads) * PARTS_PER_THREAD);
  readonly #counts = { alerts: 0, bytes: 0, findings: 0, benign: 0 };
  #trouble: string | undefined;
  #read = 0;
  /** Bytes that came out. */
  #given = 0;

  constructor(request: EnrichRequest, paths: readonly string[]) {
    const { live, key, judging, wanted, log, threads, tuning = {} } = request;
    this.#request = request;
    this.#paths = paths;
    this.#clock = tuning.clock ?? systemClock;
    this.#threads = threads ?? availableParallelism();
    const context = { ...engine(key), source: "enrich", mode: "live" as const, generation: live.current() };
    this.#pool = new EnrichPool({
      live,
      key,
      judging,
      wanted,
      context,
      log,
      ...(tuning.entry === undefined ? {} : { entry: tuning.entry }),
    });
  }

  async run(): Promise<EnrichOutcome> {
    const { signal } = this.#request;
    const stop = () => this.#stop.abort();
    signal?.addEventListener("abort", stop, { once: true });
    if (signal?.aborted) stop();
    this.#stop.signal.addEventListener("abort", () => this.#entries.end(), { once: true });
    const reading = this.#readAll().then(
      () => this.#entries.end(),
      (thrown) => this.#entries.end(thrown),
    );
    try {
      for await (const entry of this.#entries) await this.#settle(entry);
    } finally {
      this.#stop.abort();
      signal?.removeEventListener("abort", stop);
      await this.#pool.close();
    }
    await reading;
    return { ...this.#counts, troubles: this.#trouble === undefined ? [] : [this.#trouble] };
  }

  async #readAll(): Promise<void> {
    const sizes = this.#paths.map(sizeOf);
    let left = sizes.reduce((sum, size) => sum + size, 0);
    if (this.#request.threads !== undefined || left >= THREADS_FROM_BYTES) this.#pool.begin(this.#threads);
    if (this.#request.tuning?.ready) await this.#pool.ready();
    for (const [at, path] of this.#paths.entries()) {
      if (this.#stop.signal.aborted) return;
      const size = sizes[at] ?? 0;
      await this.#readOne({ path, size, left, taken: 0, broken: false });
      left -= size;
    }
  }

  async #readOne(input: Input): Promise<void> {
    const parts = readParts(input.path, {
      rangeBytes: () => this.#request.tuning?.partBytes ?? this.#rangeBytes(),
      pieceBytes: this.#request.tuning?.partBytes ?? PIECE_BYTES,
      hurry: () => this.#pool.idle,
      signal: this.#stop.signal,
    });
    for await (const part of parts) {
      await this.#entries.room();
      if (this.#entries.ended || input.broken) return;
      if (part.kind === "range") part.file.use();
      this.#entries.give({ input, part, result: this.#begin(input, part) });
      this.#read += part.kind === "range" ? part.to - part.from : part.kind === "piece" ? part.bytes.length : 0;
      if (this.#read >= THREADS_FROM_BYTES) this.#pool.begin(this.#threads);
    }
  }

  #rangeBytes(): number {
    const { bytes } = this.#counts;
    const promising = bytes === 0 ? LEAST_RANGE : (WANTED_RESULT * bytes) / Math.max(1, this.#given);
    return Math.floor(Math.max(LEAST_RANGE, Math.min(MOST_RANGE, promising)));
  }

  /** `from`: the rest of a part, from the line that begins there. */
  #begin({ path }: Input, part: InputPart, from?: number): Promise<EnrichResult> {
    const receivedAt = this.#clock.now();
    const pool = this.#pool;
    if (part.kind === "long") return Promise.resolve(pool.here.tooLong(path, receivedAt, part));
    if (part.kind === "broken") return Promise.resolve(pool.here.broken(path, receivedAt, part));
    if (part.kind === "piece") {
      const { at, bytes } = part;
      const start = from ?? at;
      return pool.run({ kind: "piece", path, receivedAt, at: start, bytes: bytes.subarray(start - at) });
    }
    const { file, to } = part;
    const start = from ?? part.from;
    return pool.run({
      kind: "range",
      path,
      receivedAt,
      fd: file.fd,
      from: start,
      to,
      whole: start === 0 || from !== undefined,
    });
  }

  async #settle(entry: Entry): Promise<void> {
    const { input, part } = entry;
    try {
      for (let result = await entry.result; !input.broken && !this.#stop.signal.aborted; ) {
        await this.#take(input, result);
        if (result.rest === undefined) break;
        result = await this.#begin(input, part, result.rest);
      }
    } finally {
      if (part.kind === "range") part.file.release();
    }
  }

  async #take(input: Input, result: EnrichResult): Promise<void> {
    const { emit, onDeadLetter, onProgress, log } = this.#request;
    const { alerts, bytes, findings, benign, letters, ndjson, failure } = result;
    this.#counts.alerts += alerts;
    this.#counts.bytes += bytes;
    this.#counts.findings += findings;
    this.#counts.benign += benign;
    this.#given += ndjson.length;
    input.taken += bytes;
    for (const letter of letters) await onDeadLetter(letter);
    if (ndjson.length > 0) await emit(Buffer.from(ndjson.buffer));
    if (failure !== undefined) {
      const { offset, message } = failure;
      const { path } = input;
      input.broken = true;
      this.#trouble ??= `${path} cannot be read after byte ${offset} of its content: ${message}`;
      log.error("a file cannot be read on; going on with the next one", { path, offset, error: new Error(message) });
    }
    const left = input.left - input.size + Math.max(0, input.size - input.taken);
    onProgress?.(this.#counts.bytes, input.left === 0 ? undefined : this.#counts.bytes + left);
  }
}
