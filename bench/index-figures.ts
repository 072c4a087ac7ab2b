import { closeSync, openSync, readSync, statSync } from "node:fs";
import type { IndicatorIndex } from "../src/intel/generation.ts";
import { Layer } from "../src/intel/index/layer.ts";
import { openLayers } from "../src/intel/index/layers.ts";
import { indexPath, loadSegment } from "../src/intel/index/segment.ts";
import type { JsonObject } from "../src/model/json.ts";
import type { CanonicalValue, Observable } from "../src/model/observable.ts";
import type { BuiltIndex } from "./context.ts";
import { alertLines, indicatorValue } from "./generate.ts";

/** Everything is a ratio of two things measured in turns in one process; of each chunk the best of all rounds counts. */
export interface IndexBench {
  readonly indicators: number;
  readonly buildSeconds: number;
  readonly bytesPerKey: number;
  readonly contextBytesPerReport: number;
  /** Time to load the index, checksum included, ÷ time to only read the file. */
  readonly loadToRead: number;
  readonly lookupsPerSecond: { readonly hit: number; readonly miss: number };
  readonly lines: number;
  readonly meanLineBytes: number;
  /** Lines/s of only JSON.parse. */
  readonly parsedPerSecond: number;
  /** Parse + nominate, and + extraction and lookup of the nominated, ÷ bare JSON.parse. */
  readonly nominateToParse: number;
  readonly referenceToParse: number | undefined;
  /** Share of lines nominated. */
  readonly nominated: number;
}

export interface IndexBenchOptions {
  /** Segment of `count` seeded indicators, and how long it took to build. */
  readonly built: BuiltIndex;
  readonly count: number;
  readonly lines?: number;
  readonly rounds?: number;
  /** Extraction as the pipeline has it; without it the reference matcher is not measured. */
  readonly extract?: (event: JsonObject) => { readonly observables: readonly Observable[] };
}

/** Measures a seeded index. */
export function benchIndex({ built, count, lines = 20_000, rounds = 9, extract }: IndexBenchOptions): IndexBench {
  const { path, seconds: buildSeconds } = built;
  const loadToRead = measureLoad(path, rounds);
  const index = openLayers([new Layer(path)]);
  try {
    const alerts = [...alertLines(lines, { known: count, carrying: 0.01 })];
    const parse = (line: string) => JSON.parse(line) as JsonObject;
    const nominate = (line: string) => index.nominates(parse(line));
    const reference = extract && ((line: string) => matches(index, extract, parse(line)));
    const nominated = alerts.filter(nominate).length;
    const [parsing = 1, nominating = 1, matching] = bestOf(alerts, rounds, [
      parse,
      nominate,
      ...(reference ? [reference] : []),
    ]);
    return {
      indicators: count,
      buildSeconds,
      bytesPerKey: index.stats.memoryBytes / index.stats.indicators,
      contextBytesPerReport: index.stats.contextBytes / index.stats.reports,
      loadToRead,
      lookupsPerSecond: measureLookups(index, count),
      lines,
      meanLineBytes: alerts.reduce((sum, line) => sum + line.length, 0) / lines,
      parsedPerSecond: (lines * 1e9) / parsing,
      nominateToParse: parsing / nominating,
      referenceToParse: matching === undefined ? undefined : parsing / matching,
      nominated: nominated / lines,
    };
  } finally {
    index.close();
  }
}

function matches(
  index: IndicatorIndex,
  extract: NonNullable<IndexBenchOptions["extract"]>,
  event: JsonObject,
): boolean {
  if (!index.nominates(event)) return false;
  return extract(event).observables.some(({ type, value }) => index.lookup(type, value).length > 0);
}

/** Nanoseconds of each way over all lines; chunk by chunk in turns, so that a busy machine disturbs all alike. */
function bestOf(
  lines: readonly string[],
  rounds: number,
  ways: readonly ((line: string) => unknown)[],
): readonly number[] {
  const size = 100;
  const totals = ways.map(() => 0);
  const best = ways.map(() => new Float64Array(Math.ceil(lines.length / size)).fill(Number.POSITIVE_INFINITY));
  for (let round = 0; round < rounds; round++) {
    for (let chunk = 0; chunk * size < lines.length; chunk++) {
      const part = lines.slice(chunk * size, (chunk + 1) * size);
      ways.forEach((way, at) => {
        const from = process.hrtime.bigint();
        for (const line of part) way(line);
        const took = Number(process.hrtime.bigint() - from);
        const times = best[at] as Float64Array;
        times[chunk] = Math.min(times[chunk] as number, took);
      });
    }
  }
  best.forEach((times, at) => {
    totals[at] = times.reduce((sum, time) => sum + time, 0);
  });
  return totals;
}

function measureLoad(path: string, rounds: number): number {
  const file = indexPath(path);
  let reading = Number.POSITIVE_INFINITY;
  let loading = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    reading = Math.min(
      reading,
      timed(() => readPlain(file)),
    );
    loading = Math.min(
      loading,
      timed(() => loadSegment(file)),
    );
  }
  return loading / reading;
}

/** The floor: the file into fresh memory, in one go. */
function readPlain(file: string): void {
  const fd = openSync(file, "r");
  const memory = new Uint8Array(new SharedArrayBuffer(statSync(file).size));
  for (let at = 0; at < memory.length; ) at += readSync(fd, memory, at, memory.length - at, at);
  closeSync(fd);
}

function timed(run: () => unknown): number {
  const from = process.hrtime.bigint();
  run();
  return Number(process.hrtime.bigint() - from);
}

function measureLookups(index: IndicatorIndex, count: number): { readonly hit: number; readonly miss: number } {
  const rate = (seed: number) => {
    const asked = Array.from({ length: 50_000 }, (_, at) => indicatorValue((at * 7_919) % count, seed));
    const took = timed(() => {
      for (const { type, value } of asked) index.lookup(type, value as CanonicalValue);
    });
    return (asked.length * 1e9) / took;
  };
  return { hit: rate(1), miss: rate(999) };
}
