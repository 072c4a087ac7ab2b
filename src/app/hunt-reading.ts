import { type LineGate, openGate, placeGate, sayRefused } from "../intel/gate.ts";
import { GateMemory, type GateTables } from "../intel/gate-memory.ts";
import type { Generation } from "../intel/generation.ts";
import { HuntedKeys, type HuntedValue } from "../intel/sketch.ts";
import { huntedValues } from "../intel/sketch-values.ts";
import type { Log } from "../lib/log.ts";
import type { Place } from "../lib/place.ts";
import type { Indicator } from "../model/indicator.ts";
import { type HitsWanted, type JudgedScan, type JudgeStep, judgeSteps } from "../pipeline/hunt-hits.ts";
import { createHuntJudge, restricted } from "../pipeline/hunt-judge.ts";
import { createLook, type HuntLook, type LookOptions, tablesOf } from "../pipeline/hunt-look.ts";
import { FileScan, type Part } from "../pipeline/hunt-scan.ts";
import type { ScanStep, ScanTarget } from "../pipeline/hunt-step.ts";
import type { Sketches } from "../store/sketch.ts";
import { engine } from "./engine.ts";
import type { TimeWindow } from "./hunt-files.ts";

/** A file to be read, or a part of it. */
export interface FileToRead {
  readonly target: ScanTarget;
  /** Epoch milliseconds: the time of alerts that have none. */
  readonly readAt: number;
  /** Bytes of content, about. */
  readonly content: number;
  /** Where an earlier scan stopped. */
  readonly start: Place | undefined;
  readonly part?: Part;
}

/** A large plain file in parts that follow each other; any other as it is. */
export function* inParts(file: FileToRead, partBytes: number): Generator<FileToRead> {
  const { target, content, start } = file;
  const first = start?.offset ?? 0;
  if (target.packed || content - first < 2 * partBytes) return yield file;
  for (let from = first; from < content; from += partBytes) {
    const to = from + partBytes < content ? from + partBytes : Number.POSITIVE_INFINITY;
    yield { ...file, start: from === first ? start : undefined, part: { from, to } };
  }
}

/** Reads files and judges what may match. */
export interface HuntReader {
  open(file: FileToRead): JudgedScan;
}

/** What it takes to read files, in any thread. */
export interface ReadingParts {
  readonly look: HuntLook;
  readonly keys: HuntedKeys | undefined;
  readonly judge: JudgeStep;
  readonly window: TimeWindow;
  readonly sketches: Sketches | undefined;
  readonly sketching: boolean;
  /** Of a step at most. */
  readonly stepLines?: number | undefined;
}

/** Reads in this thread. */
export function readingHere(parts: ReadingParts, signal: AbortSignal): HuntReader {
  const { look, keys, judge, window, sketches, sketching, stepLines } = parts;
  const wanted = { ...window, ...(keys && { keys }) };
  const options = { look, wanted, sketches, sketching, signal, ...(stepLines === undefined ? {} : { stepLines }) };
  return {
    open({ target, readAt, start, part }: FileToRead): JudgedScan {
      const scan = new FileScan(target, { ...options, ...(start && { start }), ...(part && { part }) });
      return judged(scan, judge, readAt);
    },
  };
}

/** What gives candidates, judged here. */
export function judged(
  scan: { run(): AsyncGenerator<ScanStep>; flush(): void | Promise<void> },
  judge: JudgeStep,
  readAt: number,
): JudgedScan {
  return {
    async *run() {
      for await (const step of scan.run()) yield judge(step, readAt);
    },
    flush: () => scan.flush(),
  };
}

export interface JudgingParts {
  readonly generation: Generation;
  /** Only these indicators; default: all. */
  readonly wanted: ((indicator: Indicator) => boolean) | undefined;
  readonly key: Buffer;
  readonly window: TimeWindow;
  readonly hits: HitsWanted;
  /** See `HuntedOnly`. */
  readonly until?: ((indicator: Indicator) => number) | undefined;
}

/** Judges by a generation, of which only what is wanted counts. */
export function judging({ generation, wanted, key, window, hits, until }: JudgingParts): JudgeStep {
  const counted = wanted === undefined ? generation : restricted(generation, wanted);
  return judgeSteps(createHuntJudge({ ...engine(key), generation: counted, ...window, until }), hits);
}

/** Somebody reported it, or changed the report, since then; what does not say when counts as new. */
export function isNewSince({ reports }: Indicator, since: number): boolean {
  return reports.some(({ timestamp }) => timestamp === undefined || timestamp * 1000 >= since);
}

/** Everything that is looked for, as tables and keys that threads share. */
export class Sought {
  /** Absent where the kernel cannot run. */
  readonly tables?: GateTables;
  readonly keys: HuntedKeys | undefined;
  readonly #index: LookOptions["index"];
  readonly #log: Log;

  /** `values`: all that is wanted, where that is not the whole index. Says it when the kernel cannot run: threads would not. */
  constructor(
    index: Generation["index"],
    values: readonly HuntedValue[] | undefined,
    sketches: Sketches | undefined,
    log: Log,
  ) {
    this.#index = values === undefined ? index : tablesOf(values);
    this.#log = log;
    const placed = placeGate(this.#index, new GateMemory());
    if ("refused" in placed) sayRefused(placed.refused, log);
    else this.tables = placed;
    this.keys = sketches && HuntedKeys.of(sketches.seed, values ?? huntedValues(index));
  }

  /** For this thread. */
  look(extract: LookOptions["extract"]): HuntLook {
    const gate: { gate?: LineGate } = this.tables === undefined ? {} : { gate: openGate(this.tables, this.#index) };
    return createLook({ index: this.#index, extract, log: this.#log, ...gate });
  }
}
