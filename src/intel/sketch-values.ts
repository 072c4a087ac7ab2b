import type { IndicatorIndex } from "./generation.ts";
import type { LayeredIndex } from "./index/layers.ts";
import { KIND_REPORT, readHead, readValue } from "./index/records.ts";
import type { HuntedValue } from "./sketch.ts";

/**
 * Every indicator of an index as far as sketches need it, several times where several report it; what newer layers take back is
 * among them. Of an index on disk nothing is decoded: a million take about a second.
 */
export function* huntedValues(index: IndicatorIndex): Generator<HuntedValue> {
  if (!isLayered(index)) {
    for (const { type, pattern, value } of index.all()) yield [type, pattern, value];
    return;
  }
  for (const { contexts } of index.layers) {
    for (const [, record] of contexts.records()) {
      const { kind, type, pattern } = readHead(record);
      if (kind === KIND_REPORT) yield [type, pattern, readValue(record)];
    }
  }
}

/** An index of the store, unlike one in memory. */
export function isLayered(index: IndicatorIndex): index is LayeredIndex {
  return "layers" in index;
}
