import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { packageRoot } from "../src/lib/package-root.ts";
import { createExtraction } from "../src/pipeline/extract.ts";
import { EXTRACTORS } from "../src/registry.gen.ts";
import { benchIndex, type IndexBench } from "./index.bench.ts";

/** A figure, what it must hold, and whether it did. */
interface Row {
  readonly name: string;
  readonly value: string;
  readonly target: string;
  readonly held: boolean | undefined;
}

const sizes = process.argv
  .slice(2)
  .map(Number)
  .filter((count) => count > 0);
const counts = sizes.length > 0 ? sizes : [1_000_000];
const dir = mkdtempSync(join(tmpdir(), "tipline-bench-"));
try {
  const results: IndexBench[] = [];
  for (const count of counts) {
    process.stderr.write(`measuring at ${count} indicators …\n`);
    results.push(await benchIndex({ dir, count, extract: createExtraction(EXTRACTORS) }));
  }
  const text = render(results);
  process.stdout.write(text);
  writeFileSync(join(packageRoot(), "bench", "RESULTS.md"), text);
  if (results.flatMap(rows).some(({ held }) => held === false)) process.exitCode = 1;
} finally {
  rmSync(dir, { recursive: true, force: true });
}

function rows(result: IndexBench): Row[] {
  const reference = result.referenceToParse ?? 0;
  return [
    {
      name: "reference matcher (parse, gate, extraction and exact lookup of what is nominated) ÷ bare JSON.parse, lines/s",
      value: `${reference.toFixed(2)} ×`,
      target: "≥ 0.45 ×",
      held: reference >= 0.45,
    },
    {
      name: "parse and gate only ÷ bare JSON.parse, lines/s",
      value: `${result.nominateToParse.toFixed(2)} ×`,
      target: "",
      held: undefined,
    },
    {
      name: "share of lines nominated (1% drawn to carry a listed value, of which some carry it in no field)",
      value: `${(result.nominated * 100).toFixed(2)}%`,
      target: "",
      held: undefined,
    },
    {
      name: "bytes in memory ÷ distinct key",
      value: result.bytesPerKey.toFixed(1),
      target: "≤ 20",
      held: result.bytesPerKey <= 20,
    },
    {
      name: "segment load, checksum included ÷ only reading the file, time",
      value: `${result.loadToRead.toFixed(2)} ×`,
      target: "≤ 3 ×",
      held: result.loadToRead <= 3,
    },
    {
      name: "lookups a second, hit / miss (one thread; a hit reads its context from the file)",
      value: `${Math.round(result.lookupsPerSecond.hit).toLocaleString("en")} / ${Math.round(result.lookupsPerSecond.miss).toLocaleString("en")}`,
      target: "",
      held: undefined,
    },
    {
      name: "bytes of context on disk ÷ report",
      value: result.contextBytesPerReport.toFixed(0),
      target: "",
      held: undefined,
    },
    { name: "build, seconds", value: result.buildSeconds.toFixed(1), target: "", held: undefined },
    {
      name: `bare JSON.parse, lines/s (${result.lines} lines of ${Math.round(result.meanLineBytes)} B)`,
      value: Math.round(result.parsedPerSecond).toLocaleString("en"),
      target: "the unit",
      held: undefined,
    },
  ];
}

function render(results: readonly IndexBench[]): string {
  const cpu = cpus()[0]?.model ?? "unknown processor";
  const head = [
    "# Benchmark results",
    "Made by `npm run bench`. Ratios of things measured in turns in one run; absolute figures only say what machine it was.",
    "",
    `${new Date().toISOString().slice(0, 10)} · ${cpu}, ${availableParallelism()} cores · Node ${process.version} · commit ${commit()}`,
  ];
  const tables = results.map((result) =>
    [
      "",
      `## ${result.indicators.toLocaleString("en")} indicators`,
      "40% hashes, 25% domains, 15% IPv4, 15% URLs, 5% file names; alerts of Sysmon, sshd, syscheck, Packetbeat, Suricata and web, seeded.",
      "",
      "| figure | measured | target | |",
      "|---|---|---|---|",
      ...rows(result).map(
        ({ name, value, target, held }) =>
          `| ${name} | ${value} | ${target} | ${held === undefined ? "" : held ? "held" : "**missed**"} |`,
      ),
    ].join("\n"),
  );
  return `${[...head, ...tables].join("\n")}\n`;
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], {
      cwd: packageRoot(),
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    }).trim();
  } catch {
    return "unknown";
  }
}
