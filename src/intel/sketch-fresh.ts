import { lanes } from "./index/hash.ts";
import { hashIndicator } from "./index/keys.ts";
import type { Layer } from "./index/layer.ts";
import { isVisible, type LayeredIndex, openLayers } from "./index/layers.ts";
import { findRow, sortedPairs, words } from "./index/numbers.ts";
import { KIND_REPORT, readHead, readValue } from "./index/records.ts";
import type { HuntedValue } from "./sketch.ts";

/** An indicator that a feed brought, new or not. */
export interface FreshValue {
  readonly feed: string;
  /** Undefined: it was known before. */
  readonly value?: HuntedValue;
}

/**
 * Goes through what `after` has in layers that `before` lacks, and gives what was no indicator before: one that was only reported anew
 * (other tags, another event, a whole feed pulled again) is no news. Both must stay open meanwhile.
 */
export function* freshValues(before: LayeredIndex | undefined, after: LayeredIndex): Generator<FreshValue> {
  const old = before?.layers ?? [];
  const paths = new Set(old.map(({ path }) => path));
  for (const layer of after.layers) {
    if (paths.has(layer.path)) continue;
    for (const [, record] of layer.contexts.records()) {
      const head = readHead(record);
      if (head.kind !== KIND_REPORT) continue;
      const feed = layer.feedOf(head);
      const value = readValue(record);
      const found: HuntedValue = [head.type, head.pattern, value];
      yield isIn(old, found) ? { feed } : { feed, value: found };
    }
  }
}

/** Some report of it counted: nothing is decoded for the answer. */
function isIn(layers: readonly Layer[], [type, pattern, value]: HuntedValue): boolean {
  const seed = layers[0]?.segment.header.seed;
  if (seed === undefined) return false;
  hashIndicator(seed, type, pattern, value);
  const high = lanes[0] as number;
  const low = lanes[1] as number;
  return layers.some((layer, at) =>
    layer.candidates(high, low).some((ref) => {
      for (const stored of layer.reportsAt(ref)) {
        const { head } = stored;
        const same = stored.value === value && head.type === type && head.pattern === pattern;
        if (same && isVisible(layers, at, stored)) return true;
      }
      return false;
    }),
  );
}

/** The same layers, open for as long as the caller needs them, whatever becomes of the index. */
export function keepOpen(index: LayeredIndex): LayeredIndex {
  return openLayers(index.layers.map((layer) => layer.retain()));
}

/** Says of an indicator whether it is among some; eight bytes each, wrong about once in 2^64 / their number. */
export class ValueSet {
  readonly #rows: Uint32Array;

  constructor(values: Iterable<HuntedValue>) {
    const high = words();
    const low = words();
    for (const [type, pattern, value] of values) {
      hashIndicator(SEED, type, pattern, value);
      high.push(lanes[0] as number);
      low.push(lanes[1] as number);
    }
    this.#rows = sortedPairs(high.view(), low.view());
  }

  get size(): number {
    return this.#rows.length / 2;
  }

  has([type, pattern, value]: HuntedValue): boolean {
    hashIndicator(SEED, type, pattern, value);
    return findRow(this.#rows, 2, lanes[0] as number, lanes[1] as number) >= 0;
  }
}

/** Nobody gains from values that look alike here: what passes in error is an indicator that matches. */
const SEED = { a: 0x7469706c, b: 0x68756e74 };
