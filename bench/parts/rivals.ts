import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { type Bar, renderChart } from "../chart.ts";
import type { BenchContext } from "../context.ts";
import { percent, type Section, times, whole } from "../figures.ts";
import { machineLine } from "../machine.ts";
import { cells } from "../results.ts";
import { benchSearcher, SEARCHERS } from "../rivals/fixed-strings.ts";
import { benchPython, type RivalFigure } from "../rivals/python.ts";
import { thousands } from "../sizes.ts";
import { inTurns, type Measured, type Runner, startRunner } from "../stream/turns.ts";

/** Ways that stream, by what the reader is told of them; `ours` are ours. */
const STREAMS = [
  { name: "JSON.parse only", way: "parse", threads: 1, ours: false },
  { name: "parse + regular expressions + Map", way: "regex-map", threads: 1, ours: false },
  { name: "Tipline without its gate", way: "reference", threads: 1, ours: true },
  { name: "Tipline, one thread", way: "match", threads: 1, ours: true },
  { name: "Tipline, two threads", way: "match", threads: 2, ours: true },
] as const;

/** The other ways to find indicators in alerts, beside ours. */
export async function benchRivals(context: BenchContext): Promise<Section> {
  const known = context.fewest;
  const streamed = await stream(context, known);
  const lines = await firstLines(context.alerts(), 10_000);
  const others: { readonly name: string; readonly figure: RivalFigure }[] = [];
  const tools: string[] = [];
  for (const searcher of SEARCHERS) {
    context.say(`  ${searcher.program} …`);
    const { tool, ...figure } = await benchSearcher(searcher, lines, known, context.dir);
    others.push({ name: `\`${searcher.program} -F -f\``, figure });
    if (tool !== undefined) tools.push(tool);
  }
  context.say("  a Python process for each alert …");
  const { tool, ...figure } = await benchPython(lines, context.dir);
  others.push({ name: "Python process an alert, asking MISP", figure });
  if (tool !== undefined) tools.push(tool);
  return {
    how: `The same alerts, ${thousands(known)} indicators, 1% of the lines with a listed value. The first five are processes that stream the file in reads of 1 MiB, in turns, the median counts; matching means looking up exactly, not writing a finding. The others take minutes and gigabytes and have one run over fewer lines.`,
    rows: [],
    more: table(streamed, others),
    chart: chart(streamed, others, known),
    tools,
  };
}

async function stream(context: BenchContext, known: number): Promise<ReadonlyMap<string, Measured>> {
  const { path } = await context.segment(known);
  const file = context.alerts();
  const runners: Runner[] = [];
  try {
    for (const { name, way, threads } of STREAMS) {
      context.say(`  starting: ${name} …`);
      runners.push(await startRunner(name, { way, threads, path, known }));
    }
    context.say("  in turns …");
    return await inTurns(runners, file, { rounds: context.options.rounds, warm: context.warmUp() });
  } finally {
    for (const runner of runners) runner.close();
  }
}

async function firstLines(file: string, most: number): Promise<readonly string[]> {
  const lines: string[] = [];
  const input = createReadStream(file);
  for await (const line of createInterface({ input })) if (lines.push(line) === most) break;
  input.destroy();
  return lines;
}

type Others = readonly { readonly name: string; readonly figure: RivalFigure }[];

function table(streamed: ReadonlyMap<string, Measured>, others: Others): string {
  const unit = streamed.get(STREAMS[0].name)?.linesPerSecond ?? Number.NaN;
  const ratio = (linesPerSecond: number) => {
    const value = linesPerSecond / unit;
    return value >= 0.01 ? times(value) : `${value.toPrecision(1)} ×`;
  };
  const rate = (linesPerSecond: number) => (linesPerSecond < 100 ? linesPerSecond.toFixed(1) : whole(linesPerSecond));
  return [
    "| way | lines/s | ÷ bare JSON.parse | lines found | |",
    "|---|---|---|---|---|",
    ...[...streamed].map(([name, { linesPerSecond, matched, lines }]) =>
      cells([
        name,
        rate(linesPerSecond),
        ratio(linesPerSecond),
        name === STREAMS[0].name ? "" : percent(matched / lines),
        "",
      ]),
    ),
    ...others.map(({ name, figure }) =>
      "skipped" in figure
        ? cells([name, "not measured", "", "", figure.skipped])
        : cells([name, rate(figure.linesPerSecond), ratio(figure.linesPerSecond), "", figure.note]),
    ),
  ].join("\n");
}

function chart(streamed: ReadonlyMap<string, Measured>, others: Others, known: number): string {
  const bars: Bar[] = STREAMS.map(({ name, ours }) => ({
    name,
    value: streamed.get(name)?.linesPerSecond ?? 0,
    ours,
  }));
  for (const { name, figure } of others) {
    if ("skipped" in figure) continue;
    const { patterns = known, linesPerSecond } = figure;
    const some = patterns < known ? `, ${thousands(patterns)} of them` : "";
    bars.push({ name: `${name.replaceAll("`", "")}${some}`, value: linesPerSecond, ours: false });
  }
  return renderChart({
    title: `Wazuh alerts a second against ${thousands(known)} indicators`,
    note: `Logarithmic. ${machineLine().split(" · ").slice(1, 2).join("")}, Node ${process.version}. Made by npm run bench.`,
    bars: bars.sort((a, b) => b.value - a.value),
  });
}
