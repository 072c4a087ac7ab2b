import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createGate } from "../../src/intel/gate.ts";
import { GateKeys } from "../../src/intel/index/gate-keys.ts";
import { packageRoot } from "../../src/lib/package-root.ts";
import type { CanonicalValue } from "../../src/model/observable.ts";
import { createExtraction } from "../../src/pipeline/extract.ts";
import { EXTRACTORS } from "../../src/registry.gen.ts";
import { sharedDir } from "../../test/support/shared.ts";
import { indicators } from "../generate.ts";
import { flagRate, type GateFigures, measure, mixed, withIndex } from "./measure.ts";

/** Usage: main.js [COUNT …]; figures go to bench/RESULTS-GATE.md, and the exit code tells whether all targets hold. */
const sizes = process.argv
  .slice(2)
  .map(Number)
  .filter((count) => count > 0);
const counts = sizes.length > 0 ? sizes : [1_000_000, 10_000_000];
const extract = createExtraction(EXTRACTORS);
const dir = mkdtempSync(join(tmpdir(), "tipline-bench-gate-"));
const target = (count: number): number => (count <= 1_000_000 ? 3 : 2.5);

const rows: string[] = [];
let missed = false;
try {
  for (const count of counts) {
    process.stderr.write(`measuring at ${count} indicators …\n`);
    const figures = await withIndex(join(dir, "plain"), indicators(count), (index) =>
      measure(index, extract, { known: count }),
    );
    missed ||= figures.matchToParse < target(count);
    rows.push(row(`${count.toLocaleString("en")}`, figures, target(count)));
    if (count > 1_000_000) continue;
    const words = await withIndex(join(dir, "mixed"), mixed(count), (index) =>
      measure(index, extract, { known: count }),
    );
    rows.push(row(`${count.toLocaleString("en")} and free text, AS numbers, networks`, words, undefined));
  }
  const text = [
    "# Benchmark of the gate",
    "Made by `npm run bench:gate`: ratios of things measured in turns in one run, one thread, against bare JSON.parse of the same lines (decoding their bytes included, as whoever parses must). Lines are of the generator of all benchmarks, 2,010 bytes in the mean; 1% carry a listed value in a field that is looked at, so about 1% are flagged. *Matched*: flagged lines are gathered, parsed, and their nominated strings extracted and looked up until it is known whether an indicator covers one. *Extracted*: and everything is extracted from those that match, as for a finding. Reading is in none of them.",
    "",
    `${new Date().toISOString().slice(0, 10)} · ${cpus()[0]?.model ?? "unknown processor"}, ${availableParallelism()} cores · Node ${process.version}`,
    "",
    "| indicators | flagged | matched | gate ÷ parse | and matched ÷ parse | target | and extracted ÷ parse | GB/s of the gate |",
    "|---|---|---|---|---|---|---|---|",
    ...rows,
    "",
    ...realRates(),
  ].join("\n");
  process.stdout.write(`${text}\n`);
  writeFileSync(join(packageRoot(), "bench", "RESULTS-GATE.md"), `${text}\n`);
  if (missed) process.exitCode = 1;
} finally {
  rmSync(dir, { recursive: true, force: true });
}

function row(name: string, figures: GateFigures, least: number | undefined): string {
  const { flagged, matched, gateToParse, matchToParse, extractToParse, gigabytesPerSecond } = figures;
  const held = least === undefined ? "" : `≥ ${least.toFixed(1)} × ${matchToParse >= least ? "held" : "**missed**"}`;
  const percent = (share: number) => `${(share * 100).toFixed(2)}%`;
  return `| ${name} | ${percent(flagged)} | ${percent(matched)} | ${gateToParse.toFixed(2)} × | ${matchToParse.toFixed(2)} × | ${held} | ${extractToParse.toFixed(2)} × | ${gigabytesPerSecond.toFixed(2)} |`;
}

/** How many of the real alerts are flagged, where these are at hand. */
function realRates(): readonly string[] {
  const shared = sharedDir();
  if (shared === undefined) return ["The real alerts are not at hand: no flag rate on them."];
  const text = readFileSync(join(shared, "data/wazuh/alerts.ndjson"));
  const rate = (values: readonly (readonly ["md5" | "ip" | "domain", string])[]): string => {
    const keys = new GateKeys({ a: 1, b: 2 });
    for (const [type, value] of values)
      keys.add(type, type === "domain" ? "subdomains" : "exact", value as CanonicalValue);
    const gate = createGate({ gates: [keys.build()], nominates: () => true });
    const share = flagRate(text, gate);
    gate.close();
    return `${(share * 100).toFixed(2)}%`;
  };
  const nothing = ["md5", "0123456789abcdef0123456789abcdef"] as const;
  return [
    "| real alerts flagged, with | share |",
    "|---|---|",
    `| one hash that is in none | ${rate([nothing])} |`,
    `| 8.8.8.8 | ${rate([nothing, ["ip", "8.8.8.8"]])} |`,
    `| microsoft.com and its subdomains | ${rate([nothing, ["domain", "microsoft.com"]])} |`,
    `| both | ${rate([nothing, ["ip", "8.8.8.8"], ["domain", "microsoft.com"]])} |`,
  ];
}
