import { spawnSync } from "node:child_process";
import { openSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { affordable, writeBulk } from "../bulk.ts";
import { commandsInTurns, nodeOn } from "../commands.ts";
import type { BenchContext } from "../context.ts";
import { judged, type Section, seconds, told } from "../figures.ts";
import { version } from "../machine.ts";
import { thousands } from "../sizes.ts";

const MOST_BYTES = 8e8;
const MOST_ROUNDS = 3;

/** Packed archives against `gzip -dc`. */
export async function benchGzip(context: BenchContext): Promise<Section> {
  const how = `A file packed by \`gzip\` as Wazuh packs its archives; processes in turns, start-up (the same on one packed alert) taken off. \`enrich\` has ${thousands(context.fewest)} indicators, 1% of the alerts carry one.`;
  const tool = version("gzip");
  if (tool === undefined) return { how, rows: [told("reading `.gz` ÷ `gzip -dc`", "gzip is not installed")] };
  const config = await context.state(context.fewest);
  const plain = join(context.dir, "packed.ndjson");
  const bytes = writeBulk(
    context.alerts(),
    plain,
    Math.min(MOST_BYTES, affordable(context.dir, context.options.bytes)),
  );
  context.say("  packing …");
  const packed = pack(plain);
  rmSync(plain);
  const first = pack(context.alerts(0, 1));
  const commands = (file: string) => [
    nodeOn("dist/cli/main.js", "enrich", file, "--config", config),
    nodeOn(".build/bench/read-packed.js", file),
    { program: "gzip", args: ["-dc", file] },
  ];
  const rounds = Math.min(MOST_ROUNDS, context.options.rounds);
  context.say("  start-up …");
  const starts = await commandsInTurns(commands(first), rounds);
  context.say("  `enrich`, reading alone and `gzip -dc`, in turns …");
  const runs = await commandsInTurns(commands(packed), rounds);
  const size = statSync(packed).size;
  rmSync(packed);
  const [enrich = Number.NaN, reading = Number.NaN, gzip = Number.NaN] = runs.map(
    ({ ms }, at) => ms - (starts[at]?.ms ?? 0),
  );
  return {
    how,
    rows: [
      judged("`enrich FILE.gz` ÷ `gzip -dc FILE.gz`, bytes/s", gzip / enrich, { least: 0.8 }, "gzip"),
      judged("reading the lines of the file alone ÷ `gzip -dc`, bytes/s", gzip / reading, { least: 0.8 }),
      told(
        `time for ${(bytes / 1e6).toFixed(0)} MB in ${(size / 1e6).toFixed(0)} MB: \`enrich\`, reading, \`gzip -dc\``,
        [enrich, reading, gzip].map(seconds).join(", "),
      ),
      told(
        "start-up: `enrich`, reading",
        starts
          .slice(0, 2)
          .map(({ ms }) => seconds(ms))
          .join(", "),
      ),
    ],
    tools: [tool],
  };
}

function pack(path: string): string {
  const packed = `${path}.gz`;
  const { status } = spawnSync("gzip", ["-c", path], { stdio: ["ignore", openSync(packed, "w"), "inherit"] });
  if (status !== 0) throw new Error(`gzip ended with ${status}`);
  return packed;
}
