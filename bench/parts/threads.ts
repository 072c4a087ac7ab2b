import { availableParallelism } from "node:os";
import type { BenchContext } from "../context.ts";
import { judged, type Row, type Section, told, whole } from "../figures.ts";
import { thousands } from "../sizes.ts";
import { inTurns, startRunner } from "../stream/turns.ts";

/** Gate and matcher on several threads, each over its own range of the file, against one. */
export async function benchThreads(context: BenchContext): Promise<Section> {
  const sizes = new Set([context.fewest, context.options.indicators.at(-1) ?? context.fewest]);
  const rows: Row[] = [];
  for (const count of sizes) rows.push(...(await atSize(context, count)));
  return {
    how: "Threads of one process over ranges of one file, with the index and the gate's tables in shared memory; each reads by itself. Processes in turns, the median counts.",
    rows,
  };
}

async function atSize(context: BenchContext, count: number): Promise<Row[]> {
  const { path } = await context.segment(count);
  const file = context.alerts();
  const cores = availableParallelism();
  const numbers = [...new Set([1, 2, ...(cores > 2 ? [cores] : [])])];
  context.say(`  ${numbers.join(", ")} threads at ${thousands(count)} indicators …`);
  const runners = await Promise.all([
    startRunner("parse", { way: "parse", path, known: count, threads: 1 }),
    ...numbers.map((threads) => startRunner(String(threads), { way: "match", path, known: count, threads })),
  ]);
  try {
    const results = await inTurns(runners, file, { rounds: context.options.rounds, warm: context.warmUp() });
    const rate = (name: string) => results.get(name)?.linesPerSecond ?? Number.NaN;
    const at = `${thousands(count)} indicators`;
    return [
      judged(
        `${at}: two threads ÷ one, lines/s`,
        rate("2") / rate("1"),
        { least: 1.8 },
        count === 1_000_000 ? "threads" : undefined,
      ),
      ...numbers.map((threads) =>
        told(
          `${at}: ${threads} ${threads === 1 ? "thread" : "threads"} ÷ bare JSON.parse on one; lines/s`,
          `${(rate(String(threads)) / rate("parse")).toFixed(2)} ×; ${whole(rate(String(threads)))}`,
        ),
      ),
    ];
  } finally {
    for (const runner of runners) runner.close();
  }
}
