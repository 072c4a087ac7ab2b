import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BenchContext } from "./context.ts";
import { machineLine } from "./machine.ts";
import { parseOptions, USAGE } from "./options.ts";
import { PARTS } from "./parts.ts";
import { updateResults, type WrittenSection } from "./results.ts";

/** Runs parts of the bench and puts what they found into the results; exit code 1 when a number to hold is missed. */
async function main(args: readonly string[]): Promise<number> {
  const names = PARTS.map(({ name }) => name);
  if (args.includes("--help")) {
    process.stdout.write(USAGE.replace("PARTS", names.join(", ")));
    return 0;
  }
  const options = parseOptions(args, names);
  if (typeof options === "string") {
    process.stderr.write(`${options}\n`);
    return 2;
  }
  const context = new BenchContext(options, mkdtempSync(join(options.temp, "tipline-bench-")));
  let missed = 0;
  const clear = () => rmSync(context.dir, { recursive: true, force: true });
  // Gigabytes would stay behind. The processes that were started end when this one does.
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      clear();
      process.exit(1);
    });
  }
  try {
    for (const { name, title, run } of PARTS) {
      if (!options.parts.includes(name)) continue;
      const from = performance.now();
      context.say(`${name} …`);
      const { tools, chart, made = machineLine(tools), ...found } = await run(context);
      missed += found.rows.filter(({ held }) => held === false).length;
      keep(options.out, { ...found, title, made }, options.parts.length === PARTS.length);
      if (chart !== undefined) writeFileSync(options.chart, chart);
      context.say(`${name}: ${Math.round((performance.now() - from) / 1_000)} s`);
    }
  } finally {
    clear();
  }
  process.stdout.write(readFileSync(options.out, "utf8"));
  return missed > 0 ? 1 : 0;
}

/** At once: what was measured is not lost to a later part that fails. */
function keep(path: string, section: WrittenSection, whole: boolean): void {
  const before = existsSync(path) ? readFileSync(path, "utf8") : "";
  const order = PARTS.map(({ title }) => title);
  writeFileSync(path, updateResults(before, [section], { order, whole }));
}

process.exitCode = await main(process.argv.slice(2));
