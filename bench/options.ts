import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../src/lib/package-root.ts";

/** What a run of the bench was asked for. */
export interface BenchOptions {
  readonly parts: readonly string[];
  /** Sizes of the index, ascending. */
  readonly indicators: readonly number[];
  /** Bytes of alerts that `enrich` is given. */
  readonly bytes: number;
  /** Lines that the streaming measurements go over. */
  readonly lines: number;
  /** Turns of everything that is measured in turns. */
  readonly rounds: number;
  readonly out: string;
  readonly chart: string;
  /** Into another file than the project's own: what other commands would write is then only quoted. */
  readonly trial: boolean;
  readonly temp: string;
}

export const USAGE = `npm run bench -- [PART …] [options]

Parts: PARTS (default: all). A part replaces its own section of the results.

  --indicators N,N,…  sizes of the index (default 1000000,8500000,10000000)
  --gigabytes N       alerts for \`enrich\` (default 4)
  --lines N           alerts for what streams them (default 100000; below 1 GB 20000)
  --rounds N          turns of what is measured in turns (default 5; below 1 GB 2)
  --out FILE          write there instead of bench/RESULTS.md; the chart goes beside it, and
                      \`wazuh\` and \`sync\` quote their last results instead of measuring
  --temp DIR          folder for data (default: the system's)
`;

/** Reads the command line; a string says what is wrong with it. */
export function parseOptions(args: readonly string[], parts: readonly string[]): BenchOptions | string {
  const string = { type: "string" } as const;
  let parsed: ReturnType<typeof read>;
  const read = () =>
    parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { indicators: string, gigabytes: string, lines: string, rounds: string, out: string, temp: string },
    });
  try {
    parsed = read();
  } catch (error) {
    return (error as Error).message;
  }
  const { values, positionals } = parsed;
  const unknown = positionals.find((part) => !parts.includes(part));
  if (unknown !== undefined) return `expected parts among ${parts.join(", ")}, found ${unknown}`;
  const indicators = (values.indicators ?? "1000000,8500000,10000000").split(",").map(Number);
  const gigabytes = Number(values.gigabytes ?? 4);
  const small = gigabytes < 1;
  const lines = Number(values.lines ?? (small ? 20_000 : 100_000));
  const rounds = Number(values.rounds ?? (small ? 2 : 5));
  if (!indicators.every((count) => Number.isSafeInteger(count) && count >= 1_000))
    return `expected sizes of at least 1000 with commas between them, found --indicators ${values.indicators}`;
  if (!(gigabytes > 0)) return `expected a number above 0, found --gigabytes ${values.gigabytes}`;
  if (!(Number.isSafeInteger(lines) && lines >= 1_000)) return `expected at least 1000, found --lines ${values.lines}`;
  if (!(Number.isSafeInteger(rounds) && rounds > 0)) return `expected a whole number, found --rounds ${values.rounds}`;
  const folder = join(packageRoot(), "bench");
  return {
    parts: positionals.length > 0 ? parts.filter((part) => positionals.includes(part)) : parts,
    indicators: [...new Set(indicators)].sort((a, b) => a - b),
    bytes: gigabytes * 1e9,
    lines,
    rounds,
    out: values.out ?? join(folder, "RESULTS.md"),
    chart: values.out === undefined ? join(folder, "chart.svg") : `${values.out.replace(/\.md$/, "")}.svg`,
    trial: values.out !== undefined,
    temp: values.temp ?? tmpdir(),
  };
}
