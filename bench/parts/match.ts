import type { BenchContext } from "../context.ts";
import { judged, percent, type Row, type Section, times, told, whole } from "../figures.ts";
import { measure } from "../gate/measure.ts";
import { openBenchIndex, sizeName, thousands } from "../sizes.ts";
import { inTurns, startRunner } from "../stream/turns.ts";

/** Gate and matcher on one thread against bare JSON.parse of the same lines, at the smallest and the largest index. */
export async function benchMatch(context: BenchContext): Promise<Section> {
  const { indicators } = context.options;
  const sizes = new Set([context.fewest, indicators.at(-1) ?? context.fewest]);
  const rows: Row[] = [];
  for (const count of sizes) {
    rows.push(...(await streamed(context, count)), ...(await withoutReading(context, count)));
  }
  return {
    how: "Each way is a process of its own that streams the file in reads of 1 MiB, reading included, in turns; the median of the turns counts. Matched means parsed, extracted and looked up exactly. The rows without reading are of one process: the best of all turns on 256 KiB that lie in memory.",
    rows,
  };
}

/** Least ratio to bare JSON.parse, by the size of the index. */
const leastAt = (count: number): number => (count <= 1_000_000 ? 3 : 2.5);

async function streamed(context: BenchContext, count: number): Promise<Row[]> {
  const { path } = await context.segment(count);
  const file = context.alerts();
  context.say(`  streaming at ${thousands(count)} indicators …`);
  const setup = { path, known: count, threads: 1 };
  const runners = await Promise.all([
    startRunner("parse", { ...setup, way: "parse" }),
    startRunner("gate", { ...setup, way: "gate" }),
    startRunner("match", { ...setup, way: "match" }),
  ]);
  try {
    const results = await inTurns(runners, file, { rounds: context.options.rounds, warm: context.warmUp() });
    const { parse, gate, match } = Object.fromEntries(results);
    if (!parse || !gate || !match) throw new Error("a runner gave no result");
    const at = `${thousands(count)} indicators`;
    const name = sizeName(count);
    return [
      judged(
        `${at}: gate and matcher ÷ bare JSON.parse, lines/s`,
        match.linesPerSecond / parse.linesPerSecond,
        { least: leastAt(count) },
        name === "1m" ? "match-1m" : name === "10m" ? "match-10m" : undefined,
      ),
      told(
        `${at}: gate alone ÷ bare JSON.parse, lines/s`,
        `${(gate.linesPerSecond / parse.linesPerSecond).toFixed(2)} ×`,
      ),
      told(
        `${at}: lines flagged, matched`,
        `${percent(match.flagged / match.lines)}, ${percent(match.matched / match.lines)}`,
      ),
      told(
        `${at}: lines/s of JSON.parse, gate, gate and matcher`,
        [parse, gate, match].map(({ linesPerSecond }) => whole(linesPerSecond)).join(", "),
      ),
    ];
  } finally {
    for (const runner of runners) runner.close();
  }
}

async function withoutReading(context: BenchContext, count: number): Promise<Row[]> {
  const { path } = await context.segment(count);
  context.say(`  in one process at ${thousands(count)} indicators …`);
  const { index, extract } = openBenchIndex(path);
  try {
    const figures = measure(index, extract, { known: context.fewest });
    return [
      told(
        `${thousands(count)} indicators, without reading: gate, gate and matcher, and all extracted from what matches ÷ bare JSON.parse (${percent(figures.flagged)} flagged)`,
        [figures.gateToParse, figures.matchToParse, figures.extractToParse].map(times).join(", "),
      ),
    ];
  } finally {
    index.close();
  }
}
