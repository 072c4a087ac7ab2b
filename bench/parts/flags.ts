import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createGate } from "../../src/intel/gate.ts";
import { GateKeys } from "../../src/intel/index/gate-keys.ts";
import type { CanonicalValue } from "../../src/model/observable.ts";
import { sharedDir } from "../../test/support/shared.ts";
import type { BenchContext } from "../context.ts";
import { HASH_SEED } from "../context.ts";
import { percent, type Row, type Section, told } from "../figures.ts";
import { flagRate } from "../gate/measure.ts";
import { cells } from "../results.ts";
import { thousands } from "../sizes.ts";
import { inTurns, startRunner } from "../stream/turns.ts";

/** Shares of lines that carry a listed value. */
const CURVE = [0, 0.001, 0.01, 0.03, 0.1, 0.3, 1];
/** A file for each: fewer lines than elsewhere are enough. */
const MOST_LINES = 20_000;

/** How much a flagged line costs, and how many lines of real alerts are flagged. */
export async function benchFlags(context: BenchContext): Promise<Section> {
  return {
    how: `The curve: gate and matcher ÷ bare JSON.parse of the same lines, streamed by processes in turns, at ${thousands(context.fewest)} indicators. Real alerts: those in the shared data folder, against an index of the named values alone.`,
    rows: realRates(),
    more: await curve(context),
  };
}

async function curve(context: BenchContext): Promise<string> {
  const { path } = await context.segment(context.fewest);
  const setup = { path, known: context.fewest, threads: 1 };
  const runners = await Promise.all([
    startRunner("parse", { ...setup, way: "parse" }),
    startRunner("match", { ...setup, way: "match" }),
  ]);
  const lines: string[] = [];
  try {
    for (const share of CURVE) {
      const file = context.alerts(share, Math.min(MOST_LINES, context.options.lines));
      context.say(`  ${share * 100}% of the lines flagged …`);
      const results = await inTurns(runners, file, {
        rounds: Math.min(3, context.options.rounds),
        warm: context.warmUp(),
      });
      const { parse, match } = Object.fromEntries(results);
      if (!parse || !match) throw new Error("a runner gave no result");
      const ratio = match.linesPerSecond / parse.linesPerSecond;
      lines.push(
        cells([
          `${share * 100}%`,
          percent(match.flagged / match.lines),
          percent(match.matched / match.lines),
          `${ratio.toFixed(2)} ×`,
        ]),
      );
    }
  } finally {
    for (const runner of runners) runner.close();
  }
  return [
    "| carry a listed value | flagged | matched | ÷ bare JSON.parse, lines/s |",
    "|---|---|---|---|",
    ...lines,
  ].join("\n");
}

/** One hash that is nowhere: a gate must hold something. */
const NOTHING = ["md5", "0123456789abcdef0123456789abcdef"] as const;
const DNS = ["ip", "8.8.8.8"] as const;
const MICROSOFT = ["domain", "microsoft.com"] as const;

function realRates(): Row[] {
  const shared = sharedDir();
  if (shared === undefined) return [told("real alerts flagged", "they are not at hand (set TIPLINE_SHARED)")];
  const text = readFileSync(join(shared, "data/wazuh/alerts.ndjson"));
  const rate = (...values: readonly (readonly ["md5" | "ip" | "domain", string])[]): string => {
    const keys = new GateKeys(HASH_SEED);
    for (const [type, value] of values)
      keys.add(type, type === "domain" ? "subdomains" : "exact", value as CanonicalValue);
    const gate = createGate({ gates: [keys.build()], nominates: () => true });
    const share = flagRate(text, gate);
    gate.close();
    return percent(share);
  };
  const [plain, dns, microsoft, both] = [
    rate(NOTHING),
    rate(NOTHING, DNS),
    rate(NOTHING, MICROSOFT),
    rate(NOTHING, DNS, MICROSOFT),
  ];
  return [
    {
      ...told(
        "real alerts flagged: with nothing that is in them, 8.8.8.8, microsoft.com and its subdomains, both",
        [plain, dns, microsoft, both].join(", "),
      ),
      design: "flags-real",
    },
  ];
}
