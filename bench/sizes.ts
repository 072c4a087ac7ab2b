import { Layer } from "../src/intel/index/layer.ts";
import { openLayers } from "../src/intel/index/layers.ts";
import { createExtraction } from "../src/pipeline/extract.ts";
import { EXTRACTORS } from "../src/registry.gen.ts";

/** Sizes that the numbers to hold speak of. */
const NAMES: ReadonlyMap<number, "1m" | "8.5m" | "10m"> = new Map([
  [1_000_000, "1m"],
  [8_500_000, "8.5m"],
  [10_000_000, "10m"],
]);

export function sizeName(count: number): "1m" | "8.5m" | "10m" | undefined {
  return NAMES.get(count);
}

export const thousands = (count: number): string => count.toLocaleString("en");

/** An index of the run with the extraction of the pipeline. */
export function openBenchIndex(path: string) {
  return { index: openLayers([new Layer(path)]), extract: createExtraction(EXTRACTORS) };
}
