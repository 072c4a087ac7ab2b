import { setImmediate as pause } from "node:timers/promises";
import { TiplineError } from "../../lib/errors.ts";
import type { SegmentBuilder } from "./builder.ts";
import type { Layer } from "./layer.ts";
import { isVisible } from "./layers.ts";
import { KIND_REPORT, type RecordHead, readHead } from "./records.ts";

/** Records between two turns of the event loop. */
const TURN = 2_000;

/**
 * Copies what is visible of `layers[from…]` into a builder of the same seed. With `from` 0 the result is a new base; otherwise it
 * is one overlay that hides of the layers below it all that the merged ones hid.
 */
export async function mergeLayers(layers: readonly Layer[], from: number, builder: SegmentBuilder): Promise<void> {
  let turn = 0;
  for (let at = from; at < layers.length; at++) {
    const layer = layers[at] as Layer;
    if (from > 0) builder.copyTombstones(layer.segment);
    for (const [, record] of layer.contexts.records()) {
      if (++turn % TURN === 0) await pause();
      const head = readHead(record);
      if (head.kind !== KIND_REPORT || !isVisible(layers, at, { head })) continue;
      const feed = layer.feedOf(head);
      if (!builder.hasEvent(head)) builder.copyEvent(newestEvent(layers, at, head), feed);
      builder.copyReport(record, head, feed);
    }
  }
}

function newestEvent(layers: readonly Layer[], at: number, head: RecordHead): Buffer {
  for (let from = layers.length - 1; from >= at; from--) {
    const record = layers[from]?.eventRecord(head.keys.event);
    if (record) return record;
  }
  throw new TiplineError("TIP_SEGMENT_CORRUPT", `${layers[at]?.contexts.path}: a report without its event`);
}
