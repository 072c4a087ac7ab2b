import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../../src/lib/package-root.ts";
import { benchHook, type HookFigure } from "../hook/hook.ts";
import { benchLatency, type LatencyBench } from "../latency/latency.ts";

/** The figures of the line beside Wazuh, on one page: `node .build/bench/wazuh/main.js [SECONDS]` (default 20 for each). */
const seconds = Number(process.argv[2] ?? 20);
const MOST_OVER_FLOOR_MS = 20;
const LEAST_HOOK_RATIO = 0.33;

interface Row {
  readonly name: string;
  readonly value: string;
  readonly target: string;
  readonly held: boolean | undefined;
}

const rows: Row[] = [];
for (const [matchEvery, echoes] of [
  [100, true],
  [1, false],
  [1, true],
] as const) {
  process.stderr.write(`latency, ${100 / matchEvery}% of the alerts match${echoes ? ", with echoes" : ""} …\n`);
  rows.push(...latencyRows(await benchLatency({ matchEvery, seconds, echoes })));
}
process.stderr.write("hook …\n");
rows.push(...benchHook().map(hookRow));
const text = render();
process.stdout.write(text);
writeFileSync(join(packageRoot(), "bench", "RESULTS-WAZUH.md"), text);
if (rows.some(({ held }) => held === false)) process.exitCode = 1;

function latencyRows({ matchEvery, echoes, rate, line, floor, findings, missing }: LatencyBench): Row[] {
  const of = `${rate.toLocaleString("en")} alerts/s, ${100 / matchEvery}% matching${echoes ? ", echoes read as well" : ""}`;
  // With echoes a second of findings comes back as one burst, twice the lines in all: told, not judged.
  const judged = matchEvery > 1 || !echoes;
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  const over = line.p99 - floor.p99;
  return [
    {
      name: `${of}: line written to datagram received, p99 over the floor's p99`,
      value: ms(over),
      target: judged ? `≤ ${MOST_OVER_FLOOR_MS} ms` : "",
      held: !judged ? undefined : over <= MOST_OVER_FLOOR_MS && missing === 0,
    },
    {
      name: `${of}: p50, p99, most`,
      value: [line.p50, line.p99, line.most].map(ms).join(", "),
      target: "",
      held: undefined,
    },
    {
      name: `${of}: floor (write, fsync, datagram, beside the load): p50, p99, most`,
      value: [floor.p50, floor.p99, floor.most].map(ms).join(", "),
      target: "the unit",
      held: undefined,
    },
    {
      name: `${of}: findings received, missing`,
      value: `${findings.toLocaleString("en")}, ${missing}`,
      target: "none missing",
      held: missing === 0,
    },
  ];
}

function hookRow({ way, ratio, hookMs, trueMs, missing }: HookFigure): Row {
  const where = way === "link" ? "alert and spool on one file system" : "on two file systems";
  return {
    name: `hook ÷ /bin/true, runs a second; ${where} (${hookMs.toFixed(2)} and ${trueMs.toFixed(2)} ms a run; ${missing} alerts missing)`,
    value: `${ratio.toFixed(2)} ×`,
    target: way === "link" ? `≥ ${LEAST_HOOK_RATIO} ×` : "",
    held: way === "link" ? ratio >= LEAST_HOOK_RATIO && missing === 0 : undefined,
  };
}

function render(): string {
  return `${[
    "# Benchmark results: beside Wazuh",
    "Made by `npm run bench:wazuh`. An open-loop writer, a floor, the line and the receiver are processes of their own and run at the same time. Echoes: every finding is written back into alerts.json once a second, as Wazuh does.",
    "",
    `${new Date().toISOString().slice(0, 10)} · ${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores · Node ${process.version} · commit ${commit()} · ${seconds} s each after 5 s of warm-up`,
    "",
    "| figure | measured | target | |",
    "|---|---|---|---|",
    ...rows.map(
      ({ name, value, target, held }) =>
        `| ${name} | ${value} | ${target} | ${held === undefined ? "" : held ? "held" : "**missed**"} |`,
    ),
  ].join("\n")}\n`;
}

function commit(): string {
  try {
    const args = ["rev-parse", "--short", "HEAD"];
    return execFileSync("git", args, {
      cwd: packageRoot(),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "unknown";
  }
}
