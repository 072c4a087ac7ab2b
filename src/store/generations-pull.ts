import { setImmediate as pause } from "node:timers/promises";
import { SegmentBuilder } from "../intel/index/builder.ts";
import type { Seed } from "../intel/index/hash.ts";
import { eventKey } from "../intel/index/keys.ts";
import type { LayeredIndex } from "../intel/index/layers.ts";
import { dangerous } from "../intel/quarantine.ts";
import { TiplineError } from "../lib/errors.ts";
import type { ReportedIndicator } from "../model/indicator.ts";
import type { LayerEntry } from "./generations-files.ts";
import { Refusals } from "./generations-quarantine.ts";
import type { FeedChange } from "./generations-types.ts";

/** Indicators between two turns of the event loop, which delivers alerts meanwhile. */
const TURN = 1_000;

/** A pull that was written to a segment of its own. */
export interface TakenPull {
  readonly layer: LayerEntry;
  /** Nothing in it that would make a layer worth while. */
  readonly empty: boolean;
  readonly added: number;
  /** Visible reports that it takes back by withdrawing events (delta only). */
  readonly withdrawn: number;
  readonly withdrawnEvents: ReadonlySet<string>;
  readonly skipped: ReadonlyMap<string, number>;
  readonly refusals: Refusals;
}

export interface PullContext {
  readonly seed: Seed;
  readonly index: LayeredIndex | undefined;
  /** The feed has reports in the current generation. */
  readonly known: boolean;
  readonly signal: AbortSignal | undefined;
}

/** Streams a pull into the segment at `path`. Throws what the pull throws; nothing of it stays then. */
export async function takePull(
  path: string,
  name: string,
  change: FeedChange,
  context: PullContext,
): Promise<TakenPull> {
  const { feed, pull } = change;
  const delta = pull.mode === "delta";
  const builder = new SegmentBuilder(path, { seed: context.seed, overlay: delta });
  const skipped = new Map<string, number>();
  const refusals = new Refusals();
  const withdrawnEvents = new Set<string>();
  let taken = 0;
  try {
    if (!delta && context.known) builder.withdrawFeed(feed);
    for await (const page of pull.pages) {
      context.signal?.throwIfAborted();
      for (const uuid of page.withdrawnEvents) {
        if (!delta || withdrawnEvents.has(uuid)) continue;
        withdrawnEvents.add(uuid);
        builder.withdrawEvent(feed, uuid);
      }
      for (const indicator of page.indicators) {
        if (++taken % TURN === 0) await pause();
        take(builder, feed, indicator, refusals);
      }
      for (const refused of page.refused) refusals.add(refused);
      for (const [reason, count] of page.skipped) skipped.set(reason, (skipped.get(reason) ?? 0) + count);
    }
    context.signal?.throwIfAborted();
    const { header, indexBytes } = await builder.finish();
    const layer: LayerEntry = {
      name,
      indexBytes,
      contextBytes: header.contexts.bytes,
      reports: header.reports,
      touches: [feed],
      replaces: header.withdrawnFeeds,
    };
    return {
      layer,
      empty: header.reports === 0 && withdrawnEvents.size === 0 && header.withdrawnFeeds.length === 0,
      added: header.reports,
      withdrawn: countWithdrawn(context, feed, withdrawnEvents),
      withdrawnEvents,
      skipped,
      refusals,
    };
  } catch (thrown) {
    builder.abort();
    throw thrown;
  }
}

function take(builder: SegmentBuilder, feed: string, indicator: ReportedIndicator, refusals: Refusals): void {
  const { report } = indicator;
  if (report.feed !== feed) {
    throw new TiplineError("TIP_INTERNAL", `expected reports of feed ${feed}, found one of ${report.feed}`);
  }
  const reason = dangerous(indicator) ?? builder.add(indicator);
  if (reason === undefined) return;
  refusals.add({
    feed,
    eventUuid: report.event.uuid,
    attributeUuid: report.attributeUuid,
    attributeType: report.attributeType,
    value: report.attributeValue,
    reason,
  });
}

function countWithdrawn({ index, seed }: PullContext, feed: string, events: ReadonlySet<string>): number {
  let reports = 0;
  if (index) for (const uuid of events) reports += index.eventReports(eventKey(seed, feed, uuid), feed);
  return reports;
}
