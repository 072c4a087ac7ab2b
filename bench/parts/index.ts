import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { packageRoot } from "../../src/lib/package-root.ts";
import { createExtraction } from "../../src/pipeline/extract.ts";
import { EXTRACTORS } from "../../src/registry.gen.ts";
import type { BenchContext } from "../context.ts";
import { judged, percent, type Row, type Section, times, told, whole } from "../figures.ts";
import { benchIndex, type IndexBench } from "../index-figures.ts";
import { sizeName, thousands } from "../sizes.ts";
import type { SwapFigure } from "../swap-process.ts";
import type { DesignLine } from "../targets.ts";

/** The index itself: memory, building, loading, looking up, and the matcher that decides. */
export async function benchIndexes(context: BenchContext): Promise<Section> {
  const extract = createExtraction(EXTRACTORS);
  const rows: Row[] = [];
  const { indicators } = context.options;
  for (const count of indicators) {
    const built = await context.segment(count);
    context.say(`  measuring at ${thousands(count)} indicators …`);
    rows.push(...figures(benchIndex({ built, count, extract }), count === context.fewest));
    rows.push(...swap(built.path, count, count === indicators.at(-1)));
  }
  return {
    how: "40% hashes, 25% domains, 15% IPv4, 15% URLs, 5% file names. One process, ways in turns over 20,000 lines in memory, of each hundred lines the best of nine turns; the swap in a process of its own.",
    rows,
  };
}

function figures(result: IndexBench, smallest: boolean): Row[] {
  const at = `${thousands(result.indicators)} indicators`;
  const size = sizeName(result.indicators);
  const { hit, miss } = result.lookupsPerSecond;
  return [
    judged(
      `${at}: reference matcher (parse, nominate, extract, look up what is nominated) ÷ bare JSON.parse, lines/s`,
      result.referenceToParse ?? Number.NaN,
      { least: 0.45 },
      smallest ? "reference" : undefined,
    ),
    told(`${at}: parse and nominate only ÷ bare JSON.parse, lines/s`, times(result.nominateToParse)),
    told(`${at}: lines nominated`, percent(result.nominated)),
    {
      name: `${at}: bytes in memory ÷ distinct key`,
      value: result.bytesPerKey.toFixed(1),
      target: "≤ 20",
      held: result.bytesPerKey <= 20,
      ...(size === undefined ? {} : { design: `bytes-${size}` as DesignLine }),
    },
    judged(
      `${at}: loading the segment, checksum included ÷ only reading the file, time`,
      result.loadToRead,
      { most: 3 },
      smallest ? "load" : undefined,
    ),
    told(
      `${at}: lookups/s, hit and miss (one thread; a hit reads its context from the file)`,
      `${whole(hit)}, ${whole(miss)}`,
    ),
    told(`${at}: bytes of context on disk ÷ report`, result.contextBytesPerReport.toFixed(0)),
    told(`${at}: building the segment`, `${result.buildSeconds.toFixed(1)} s`),
    told(
      `${at}: bare JSON.parse, lines/s (lines of ${Math.round(result.meanLineBytes)} B)`,
      whole(result.parsedPerSecond),
    ),
  ];
}

/** The tables for the gate lie in memory beside the index: they count in both. */
function swap(path: string, count: number, largest: boolean): Row[] {
  const script = join(packageRoot(), ".build/bench/swap-process.js");
  const printed = execFileSync(process.execPath, ["--expose-gc", script, path], { encoding: "utf8" });
  const { before, peak, sections } = JSON.parse(printed) as SwapFigure;
  const at = `${thousands(count)} indicators`;
  const mega = (bytes: number) => `${Math.round(bytes / 1024 ** 2)} MiB`;
  return [
    judged(
      `${at}: peak memory while the next generation takes its place ÷ before`,
      peak / before,
      { most: 2.2 },
      largest ? "swap" : undefined,
    ),
    told(`${at}: memory before, at the peak; bytes of all sections`, [before, peak, sections].map(mega).join(", ")),
  ];
}
