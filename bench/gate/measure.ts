import { rmSync } from "node:fs";
import { createGate, type LineGate } from "../../src/intel/gate.ts";
import type { IndicatorIndex } from "../../src/intel/generation.ts";
import { SegmentBuilder } from "../../src/intel/index/builder.ts";
import { Layer } from "../../src/intel/index/layer.ts";
import { openLayers } from "../../src/intel/index/layers.ts";
import { contextsPath, indexPath } from "../../src/intel/index/segment.ts";
import { TiplineError } from "../../src/lib/errors.ts";
import type { IndicatorType, ReportedIndicator } from "../../src/model/indicator.ts";
import type { JsonObject } from "../../src/model/json.ts";
import type { CanonicalValue } from "../../src/model/observable.ts";
import type { Extract } from "../../src/pipeline/extract.ts";
import { type HeldLine, HeldLines } from "../../src/pipeline/held-lines.ts";
import { alertLines, indicators } from "../generate.ts";

/**
 * Ratios of one run; times are the best of all rounds, six megabytes at a time, all ways in turns. Every way begins with the bytes of
 * the lines where a reader has put them: what parses also decodes them.
 */
export interface GateFigures {
  readonly lines: number;
  readonly bytesPerLine: number;
  /** Share of lines that the gate flags, and of those that really match. */
  readonly flagged: number;
  readonly matched: number;
  /** Times as many lines a second as bare JSON.parse of the same lines. */
  readonly gateToParse: number;
  /**
   * The gate, and the reference matcher for what it flags: parse, nominate, extract, look up, until it is known whether an indicator
   * covers something in the line.
   */
  readonly matchToParse: number;
  /** The same with everything extracted from the lines that match, as for a finding. */
  readonly extractToParse: number;
  readonly parsedPerSecond: number;
  readonly gigabytesPerSecond: number;
}

/** Bytes of one read: so that they are still near the processor when they are scanned. */
const CHUNK = 256 * 1024;
/** Share of the lines that carry a listed value: the rate of flagged lines for which the numbers to hold are told. */
const CARRYING = 0.01;
const SEED = { a: 0x51ed270b, b: 0x2545f491 };

/** Kinds whose keys are short words: with them in the index every word of an alert is looked at, not only the dotted ones. */
const FREE_TEXT: readonly (readonly [IndicatorType, (n: string) => string])[] = [
  ["regkey", (n) => `hklm\\software\\vendor\\svc${n}`],
  ["mutex", (n) => `Global\\mtx_${n}`],
  ["user-agent", (n) => `Bot${n}/1.0 (loader)`],
  ["filename", (n) => `payload${n}`],
  ["asn", (n) => String(100_000 + Number.parseInt(n, 36))],
];

export function* mixed(count: number): Generator<ReportedIndicator> {
  let last: ReportedIndicator | undefined;
  for (const indicator of indicators(count)) {
    last = indicator;
    yield indicator;
  }
  if (last === undefined) return;
  for (let i = 0; i < count / 50; i++) {
    const [type, spell] = FREE_TEXT[i % FREE_TEXT.length] as (typeof FREE_TEXT)[number];
    const value = spell(i.toString(36)) as CanonicalValue;
    const attributeUuid = `7f000000-0000-4000-8000-${String(i).padStart(12, "0")}`;
    yield { ...last, type, pattern: "exact", value, report: { ...last.report, attributeUuid } };
  }
  for (let i = 0; i < 2_000; i++) {
    const value = `${11 + (i % 80)}.${i % 251}.${16 * (i % 16)}.0/${20 + (i % 5)}` as CanonicalValue;
    const attributeUuid = `8f000000-0000-4000-8000-${String(i).padStart(12, "0")}`;
    yield { ...last, type: "ip", pattern: "cidr", value, report: { ...last.report, attributeUuid } };
  }
}

/** Builds an index in a folder, runs with it and removes it. */
export async function withIndex<T>(
  path: string,
  reported: Iterable<ReportedIndicator>,
  run: (index: IndicatorIndex) => T,
): Promise<T> {
  const builder = new SegmentBuilder(path, { seed: SEED, overlay: false });
  for (const indicator of reported) builder.add(indicator);
  await builder.finish();
  const index = openLayers([new Layer(path)]);
  try {
    return run(index);
  } finally {
    index.close();
    for (const file of [indexPath(path), contextsPath(path)]) rmSync(file, { force: true });
  }
}

export function measure(
  index: IndicatorIndex,
  extract: Extract,
  { known, lines = 20_000, rounds = 9 }: { readonly known: number; readonly lines?: number; readonly rounds?: number },
): GateFigures {
  const text = Buffer.from([...alertLines(lines, { known, carrying: CARRYING })].map((line) => `${line}\n`).join(""));
  const gate = createGate(index);
  const { room } = gate;
  if (room === undefined) throw new TiplineError("TIP_INTERNAL", "the kernel does not run here");
  let matched = 0;
  const found = (lines: readonly HeldLine<undefined>[]): JsonObject[] =>
    lines.map(({ line }) => JSON.parse(line.toString()) as JsonObject).filter((event) => extract.finds(event, index));
  const matching = new HeldLines<undefined>((lines) => {
    matched += found(lines).length;
  });
  const extracting = new HeldLines<undefined>((lines) => {
    for (const event of found(lines)) extract(event);
  });
  const flagged =
    (held: HeldLines<undefined>) =>
    ({ from, to, last }: Part) => {
      const { ranges } = gate.flags(room, 0, to - from);
      for (let i = 0; i < ranges.length; i += 2)
        held.add(room, ranges[i] as number, ranges[i + 1] as number, undefined);
      if (last) held.flush();
    };
  // Extraction runs for one line in a hundred: without this it would never be compiled.
  for (const { from, to } of linesOf(text, 6_000)) {
    const event = JSON.parse(text.toString("utf8", from, to)) as JsonObject;
    extract.finds(event, index);
    extract(event);
  }
  const ways = [
    ({ from, to }: Part) => {
      for (const line of text.toString("utf8", from, to - 1).split("\n")) JSON.parse(line);
    },
    ({ from, to }: Part) => gate.flags(room, 0, to - from),
    flagged(matching),
    flagged(extracting),
  ];
  // Where a reader would have put it: reading there costs what reading elsewhere does.
  const read = ({ from, to }: Part) => room.set(text.subarray(from, to));
  const [parsing = 1, gating = 1, whether = 1, all = 1] = bestOf(partsOf(text), rounds, read, ways);
  const { ranges } = gate.flags(text, 0, text.length);
  gate.close();
  return {
    lines,
    bytesPerLine: text.length / lines,
    flagged: ranges.length / 2 / lines,
    matched: matched / rounds / lines,
    gateToParse: parsing / gating,
    matchToParse: parsing / whether,
    extractToParse: parsing / all,
    parsedPerSecond: (lines * 1e9) / parsing,
    gigabytesPerSecond: text.length / gating,
  };
}

function* linesOf(text: Buffer, most: number) {
  for (let from = 0, left = most; from < text.length && left > 0; left--) {
    const to = text.indexOf(10, from);
    yield { from, to };
    from = to + 1;
  }
}

interface Part {
  readonly from: number;
  readonly to: number;
  /** Of its turn. */
  readonly last: boolean;
}

function partsOf(text: Buffer): readonly Part[] {
  const parts: Part[] = [];
  for (let from = 0; from < text.length; ) {
    const to = text.length - from <= CHUNK ? text.length : text.lastIndexOf(10, from + CHUNK) + 1;
    parts.push({ from, to, last: to === text.length || parts.length % TURN === TURN - 1 });
    from = to;
  }
  return parts;
}

/** Chunks that one way goes through before the next has its turn: each shall work with its own data near the processor. */
const TURN = 24;

/** Nanoseconds of each way over all parts, reading not counted; the best of all rounds for each turn. */
function bestOf(
  parts: readonly Part[],
  rounds: number,
  read: (part: Part) => void,
  ways: readonly ((part: Part) => unknown)[],
): readonly number[] {
  const turns = Array.from({ length: Math.ceil(parts.length / TURN) }, (_, at) =>
    parts.slice(at * TURN, (at + 1) * TURN),
  );
  const best = ways.map(() => new Float64Array(turns.length).fill(Number.POSITIVE_INFINITY));
  for (let round = 0; round < rounds; round++) {
    turns.forEach((turn, at) => {
      ways.forEach((way, number) => {
        let took = 0;
        for (const part of turn) {
          read(part);
          const from = process.hrtime.bigint();
          way(part);
          took += Number(process.hrtime.bigint() - from);
        }
        const times = best[number] as Float64Array;
        times[at] = Math.min(times[at] as number, took);
      });
    });
  }
  return best.map((times) => times.reduce((sum, time) => sum + time, 0));
}

/** Share of the lines of a file that are flagged. */
export function flagRate(text: Buffer, gate: LineGate): number {
  const { lines, ranges } = gate.flags(text, 0, text.length);
  return ranges.length / 2 / lines;
}
