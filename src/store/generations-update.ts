import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { CANONICAL_VERSION } from "../intel/canonical.ts";
import { SegmentBuilder } from "../intel/index/builder.ts";
import { mergeLayers } from "../intel/index/compact.ts";
import type { Seed } from "../intel/index/hash.ts";
import { Layer } from "../intel/index/layer.ts";
import { contextsPath, indexPath } from "../intel/index/segment.ts";
import { asError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { QuarantinedIndicator } from "../model/indicator.ts";
import {
  collectGarbage,
  commitManifest,
  currentName,
  type FeedEntry,
  type LayerEntry,
  type Manifest,
  manifestName,
  newGenerationId,
} from "./generations-files.ts";
import { type OpenGeneration, openManifest } from "./generations-open.ts";
import { type TakenPull, takePull } from "./generations-pull.ts";
import { type Refusals, readQuarantine, writeQuarantine } from "./generations-quarantine.ts";
import type { FeedChange, FeedOutcome, UpdateRequest, UpdateResult } from "./generations-types.ts";

/** Above this many overlays they become one. */
const MOST_OVERLAYS = 8;
/** Overlays with more than this share of the base's reports go into a new base. */
const LARGE_OVERLAYS = 0.25;
/** A feed that had so many reports may not lose more than this share of them at once. */
const GUARDED_FROM = 100;
const MOST_LOST = 0.3;
/** Quarantined indicators kept in the list, newest first; all are counted. */
const MOST_KEPT = 100_000;

export interface UpdateContext {
  readonly dir: string;
  readonly log: Log;
  readonly now: () => number;
  /** Ids of generations that were refused. */
  readonly bad: ReadonlySet<string>;
  readonly current: OpenGeneration | undefined;
  readonly seed: Seed;
}

export interface Updated {
  readonly result: UpdateResult;
  /** The new generation; undefined when nothing changed. */
  readonly opened: OpenGeneration | undefined;
}

/** Everything of an update before it is committed. */
interface Draft {
  layers: LayerEntry[];
  readonly feeds: Map<string, FeedEntry>;
  readonly outcomes: FeedOutcome[];
  /** What leaves the list of quarantined indicators, and what enters it. */
  readonly leaving: ((entry: QuarantinedIndicator) => boolean)[];
  readonly refused: Refusals[];
  /** Names of segments written by this update. */
  readonly written: string[];
  changed: boolean;
}

export async function updateGeneration(context: UpdateContext, request: UpdateRequest): Promise<Updated> {
  const { current } = context;
  const draft: Draft = {
    layers: [...(current?.manifest.layers ?? [])],
    feeds: new Map(Object.entries(current?.manifest.feeds ?? {})),
    outcomes: [],
    leaving: [],
    refused: [],
    written: [],
    changed: false,
  };
  let opened: OpenGeneration | undefined;
  try {
    for (const change of request.changes) await takeChange(context, draft, change, request);
    if (!lacksNewFeed(context, draft)) await removeFeeds(context, draft, request.removedFeeds ?? []);
    request.signal?.throwIfAborted();
    draft.layers = withoutReplaced(draft.layers);
    const compacted = await compact(context, draft, request.compact ?? false);
    if (!draft.changed && !compacted) {
      dropSegments(context.dir, draft.written);
      return { result: resultOf(current?.id ?? "", false, false, draft), opened: undefined };
    }
    const manifest = manifestOf(context, draft);
    opened = openManifest(context.dir, manifest, current?.index.layers ?? []);
    commitManifest(context.dir, manifest);
    cleanUp(context, manifest);
    return { result: resultOf(manifest.id, true, compacted, draft), opened };
  } catch (thrown) {
    opened?.index.close();
    // Once `current` names it, a generation must keep its files, whatever failed after that.
    if (opened === undefined || currentName(context.dir) !== manifestName(opened.id))
      dropSegments(context.dir, draft.written);
    throw thrown;
  }
}

/** Old files that cannot be removed cost space; the generation that is in force by now must not fail over them. */
function cleanUp({ dir, log, bad }: UpdateContext, manifest: Manifest): void {
  try {
    collectGarbage(dir, manifest, bad);
  } catch (thrown) {
    log.warn("files of old generations could not be removed", { dir, error: asError(thrown) });
  }
}

function resultOf(generation: string, changed: boolean, compacted: boolean, { outcomes }: Draft): UpdateResult {
  return { generation, changed, compacted, feeds: outcomes };
}

function dropSegments(dir: string, names: readonly string[]): void {
  for (const name of names) {
    for (const path of [indexPath(join(dir, name)), contextsPath(join(dir, name))]) rmSync(path, { force: true });
  }
}

/** A name no segment has or had. */
function newSegment(context: UpdateContext, draft: Draft): string {
  const name = `segment-${(context.current?.manifest.seq ?? 0) + 1}-${randomBytes(6).toString("hex")}`;
  draft.written.push(name);
  return name;
}

/** A feed that was never held failed: until it is there, what a feed it may replace (renamed, moved) left stays in force. */
function lacksNewFeed({ current }: UpdateContext, { outcomes }: Draft): boolean {
  return outcomes.some(
    ({ feed, status }) => status === "failed" && !Object.hasOwn(current?.manifest.feeds ?? {}, feed),
  );
}

async function removeFeeds(context: UpdateContext, draft: Draft, names: readonly string[]): Promise<void> {
  const removed = names.filter((name) => draft.feeds.has(name));
  if (removed.length === 0) return;
  const name = newSegment(context, draft);
  const builder = new SegmentBuilder(join(context.dir, name), { seed: context.seed, overlay: true });
  for (const feed of removed) {
    builder.withdrawFeed(feed);
    const reportsBefore = draft.feeds.get(feed)?.reports ?? 0;
    draft.feeds.delete(feed);
    draft.leaving.push((entry) => entry.feed === feed);
    draft.outcomes.push({ ...outcome(feed, reportsBefore), status: "removed", reportsAfter: 0 });
  }
  const { header, indexBytes } = await builder.finish();
  const contextBytes = header.contexts.bytes;
  draft.layers.push({ name, indexBytes, contextBytes, reports: 0, touches: removed, replaces: removed });
  draft.changed = true;
}

async function takeChange(
  context: UpdateContext,
  draft: Draft,
  change: FeedChange,
  request: UpdateRequest,
): Promise<void> {
  const { feed } = change;
  const before = draft.feeds.get(feed)?.reports ?? 0;
  const name = newSegment(context, draft);
  let taken: TakenPull;
  try {
    taken = await takePull(join(context.dir, name), name, change, {
      seed: context.seed,
      index: context.current?.index,
      known: draft.layers.some(({ touches }) => touches.includes(feed)),
      signal: request.signal,
    });
  } catch (thrown) {
    draft.outcomes.push({ ...outcome(feed, before), status: "failed", reportsAfter: before, error: asError(thrown) });
    return;
  }
  const delta = change.pull.mode === "delta";
  const after = Math.max(0, delta ? before - taken.withdrawn + taken.added : taken.added);
  const told = {
    ...outcome(feed, before),
    added: taken.added,
    skipped: taken.skipped,
    quarantined: taken.refusals.count,
  };
  if (before >= GUARDED_FROM && after < before * (1 - MOST_LOST) && !request.confirmShrink?.includes(feed)) {
    dropSegments(context.dir, [name]);
    draft.outcomes.push({ ...told, status: "held", reportsAfter: before });
    return;
  }
  const previous = delta ? draft.feeds.get(feed) : undefined;
  const quarantined = taken.refusals.count + (previous?.quarantined ?? 0) - countLeaving(context, feed, taken, delta);
  const partial = change.pull.more === undefined ? previous?.partial === true : change.pull.more();
  draft.feeds.set(feed, {
    cursor: change.pull.cursor(),
    canonical: CANONICAL_VERSION,
    reports: after,
    quarantined,
    updatedAt: context.now(),
    ...(partial ? { partial } : {}),
  });
  draft.leaving.push((entry) => entry.feed === feed && (!delta || taken.withdrawnEvents.has(entry.eventUuid)));
  draft.refused.push(taken.refusals);
  if (taken.empty) dropSegments(context.dir, [name]);
  else draft.layers.push(taken.layer);
  draft.changed = true;
  draft.outcomes.push({ ...told, status: "applied", reportsAfter: after });
}

/** Listed quarantined indicators of events that a delta reads anew. */
function countLeaving({ dir, current }: UpdateContext, feed: string, taken: TakenPull, delta: boolean): number {
  const file = current?.manifest.quarantine ?? null;
  if (!delta || file === null) return 0;
  let count = 0;
  for (const entry of readQuarantine(join(dir, file)))
    if (entry.feed === feed && taken.withdrawnEvents.has(entry.eventUuid)) count++;
  return count;
}

function outcome(feed: string, reportsBefore: number) {
  return { feed, reportsBefore, added: 0, skipped: new Map<string, number>(), quarantined: 0 };
}

/** Layers of which nothing can be seen any more, because newer ones replace every feed they touch, go. */
function withoutReplaced(layers: readonly LayerEntry[]): LayerEntry[] {
  return layers.filter((layer, at) => {
    const replaced = new Set(layers.slice(at + 1).flatMap(({ replaces }) => replaces));
    return !layer.touches.every((feed) => replaced.has(feed)) || layer.touches.length === 0;
  });
}

/** Merges layers when they are many or large. True when it did. */
async function compact(context: UpdateContext, draft: Draft, asked: boolean): Promise<boolean> {
  const [base, ...overlays] = draft.layers;
  if (base === undefined || overlays.length === 0) return false;
  const reports = overlays.reduce((sum, layer) => sum + layer.reports, 0);
  const large = reports > base.reports * LARGE_OVERLAYS;
  if (!asked && !large && overlays.length <= MOST_OVERLAYS) return false;
  const from = asked || large ? 0 : 1;
  const open = context.current?.index.layers ?? [];
  const layers: Layer[] = [];
  const name = newSegment(context, draft);
  const builder = new SegmentBuilder(join(context.dir, name), { seed: context.seed, overlay: from > 0 });
  try {
    for (const entry of draft.layers) {
      const path = join(context.dir, entry.name);
      layers.push(open.find((layer) => layer.path === path)?.retain() ?? new Layer(path));
    }
    await mergeLayers(layers, from, builder);
    const { header, indexBytes } = await builder.finish();
    const merged: LayerEntry = {
      name,
      indexBytes,
      contextBytes: header.contexts.bytes,
      reports: header.reports,
      touches: [...new Set([...header.feeds.map((feed) => feed.name), ...(from > 0 ? touched(overlays) : [])])],
      replaces: header.withdrawnFeeds,
    };
    draft.layers = from > 0 ? [base, merged] : [merged];
  } catch (thrown) {
    builder.abort();
    throw thrown;
  } finally {
    for (const layer of layers) layer.release();
  }
  return true;
}

function touched(layers: readonly LayerEntry[]): readonly string[] {
  return layers.flatMap(({ touches }) => touches);
}

function manifestOf(context: UpdateContext, draft: Draft): Manifest {
  const { current, dir, now } = context;
  const createdAt = now();
  const body = {
    format: 1 as const,
    seq: (current?.manifest.seq ?? 0) + 1,
    createdAt,
    seed: context.seed,
    layers: draft.layers,
    feeds: Object.fromEntries(draft.feeds),
    quarantine: quarantineOf(dir, current?.manifest, draft),
  };
  return { id: newGenerationId(createdAt, JSON.stringify(body)), ...body };
}

/** Name of the quarantine file of the next generation: the old one while nothing enters or leaves it. */
function quarantineOf(dir: string, previous: Manifest | undefined, draft: Draft): string | null {
  const old = previous?.quarantine ?? null;
  const entering = draft.refused.flatMap(({ listed }) => listed);
  const entries = [...readQuarantine(old === null ? undefined : join(dir, old))];
  const staying = entries.filter((entry) => !draft.leaving.some((leaves) => leaves(entry)));
  if (entering.length === 0 && staying.length === entries.length) return old;
  if (entering.length + staying.length === 0) return null;
  const name = `quarantine-${(previous?.seq ?? 0) + 1}-${randomBytes(6).toString("hex")}.ndjson`;
  writeQuarantine(join(dir, name), [...entering, ...staying].slice(0, MOST_KEPT));
  return name;
}
