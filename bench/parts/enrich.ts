import { rmSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { affordable, writeBulk } from "../bulk.ts";
import { commandsInTurns, nodeOn } from "../commands.ts";
import type { BenchContext } from "../context.ts";
import { judged, type Section, seconds, times, told, whole } from "../figures.ts";
import { thousands } from "../sizes.ts";

const MOST_ROUNDS = 3;
/** What the number to hold is about. */
const DESIGN = { bytes: 4e9, indicators: 1_000_000 };

/** The whole command on a large file against a loop that only parses it. */
export async function benchEnrich(context: BenchContext): Promise<Section> {
  const { options, dir, fewest: known } = context;
  const config = await context.state(known);
  const file = join(dir, "bulk.ndjson");
  const block = context.alerts();
  const bytes = affordable(dir, options.bytes);
  context.say(`  writing ${(bytes / 1e9).toFixed(1)} GB of alerts …`);
  const written = writeBulk(block, file, bytes);
  const lines = Math.round(written / (statSync(block).size / options.lines));
  const first = context.alerts(0, 1);
  const enrich = (path: string) => nodeOn("dist/cli/main.js", "enrich", path, "--config", config);
  const parse = (path: string) => nodeOn(".build/bench/parse-loop.js", path);
  const rounds = Math.min(MOST_ROUNDS, options.rounds);
  context.say("  start-up …");
  const [enrichStart, parseStart] = await commandsInTurns([enrich(first), parse(first)], rounds);
  context.say("  `enrich` and a loop that only parses, in turns …");
  const [enriched, parsed] = await commandsInTurns([enrich(file), parse(file)], rounds);
  rmSync(file);
  if (!enrichStart || !parseStart || !enriched || !parsed) throw new Error("a command was not measured");
  const ratio = (parsed.ms - parseStart.ms) / (enriched.ms - enrichStart.ms);
  const full = written >= DESIGN.bytes && known === DESIGN.indicators;
  const of = `${(written / 1e9).toFixed(1)} GB, ${thousands(lines)} alerts`;
  return {
    how: `\`tipline enrich FILE --config …\` as a process with a prebuilt generation of ${thousands(known)} indicators and default threads on ${availableParallelism()} cores, its output thrown away, in turns with a Node loop that reads the file in pieces of 1 MiB and parses each line. 1% of the alerts carry a listed value, so that as many findings are judged and written. The file is a seeded block again and again with other ids, in the page cache.`,
    rows: [
      judged(
        `${of}: \`enrich\` ÷ a Node loop that only parses, start-up of both taken off, lines/s`,
        ratio,
        { least: 2.5 },
        full ? "enrich" : undefined,
      ),
      told("the same with start-up", times(parsed.ms / enriched.ms)),
      told(
        "start-up (the same commands on one alert): `enrich`, loop",
        [enrichStart, parseStart].map(({ ms }) => seconds(ms)).join(", "),
      ),
      told("time: `enrich`, loop", [enriched, parsed].map(({ ms }) => seconds(ms)).join(", ")),
      told(
        "alerts/s without start-up: `enrich`, loop",
        [enriched.ms - enrichStart.ms, parsed.ms - parseStart.ms].map((ms) => whole((lines * 1_000) / ms)).join(", "),
      ),
      told("highest resident memory of `enrich`", `${Math.round(enriched.memory / 1024 ** 2)} MiB`),
    ],
  };
}
