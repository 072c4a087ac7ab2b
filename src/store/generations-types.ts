import type { FeedPull } from "../contract/feed.ts";
import type { IndexStats, IndicatorIndex } from "../intel/generation.ts";
import type { QuarantinedIndicator } from "../model/indicator.ts";
import type { JsonValue } from "../model/json.ts";

/** One feed's pull, to be taken into the next generation. `unchanged` pulls are not handed over. */
export interface FeedChange {
  /** Configured name; every report of the pull must carry it. */
  readonly feed: string;
  readonly pull: Exclude<FeedPull, { readonly mode: "unchanged" }>;
}

export interface UpdateRequest {
  readonly changes: readonly FeedChange[];
  /** Feeds that are configured no more: all their reports are withdrawn, their cursors forgotten. */
  readonly removedFeeds?: readonly string[];
  /** Feeds whose shrinking a person confirmed. */
  readonly confirmShrink?: readonly string[];
  readonly signal?: AbortSignal;
  /** Merge all layers now, whatever their number. */
  readonly compact?: boolean;
}

/**
 * What became of one feed's pull. `held`: it would lose more than 30% of its reports at once; its old reports stay live and
 * its cursor is not advanced. `failed`: its iteration threw; nothing of it counts, the other feeds go on.
 */
export interface FeedOutcome {
  readonly feed: string;
  readonly status: "applied" | "held" | "failed" | "removed";
  /** Visible reports before and after; after a delta that re-reports attributes the second may be too high until compaction. */
  readonly reportsBefore: number;
  readonly reportsAfter: number;
  /** Reports in this pull. */
  readonly added: number;
  readonly skipped: ReadonlyMap<string, number>;
  /** Refused by the feed plus quarantined here. */
  readonly quarantined: number;
  readonly error?: Error;
}

export interface UpdateResult {
  /** Id of the generation now current; the old one when no feed was applied. */
  readonly generation: string;
  readonly changed: boolean;
  readonly compacted: boolean;
  readonly feeds: readonly FeedOutcome[];
}

/** A generation as it is on disk, opened. */
export interface LoadedGeneration {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly index: IndicatorIndex;
  readonly stats: IndexStats;
}

/**
 * Generations on disk. One process writes (`update`); any number may open and read beside it. A generation handed out by
 * `current()` stays readable until its index is closed, also after later updates.
 */
export interface GenerationStore {
  /** Newest generation that is whole, opened once; undefined before the first sync. */
  current(): LoadedGeneration | undefined;
  /** Cursor of each feed as of the current generation: hand it to `Feed.pull`. */
  cursor(feed: string): JsonValue | undefined;
  /** Feeds that have reports or a cursor in the current generation. */
  feeds(): readonly string[];
  /** Those among them of which a first pull in parts is not complete. */
  partialFeeds(): readonly string[];
  /** Pulls the pages, writes and commits the next generation, and makes it current. Calls must not overlap. */
  update(request: UpdateRequest): Promise<UpdateResult>;
  /** Indicators refused as dangerous or unusable in the current generation. */
  quarantine(): Iterable<QuarantinedIndicator>;
  /** Looks for a newer generation written by another process; true when `current()` changed. */
  refresh(): boolean;
  /** Reads every file of the current generation to the end; what is wrong with it, empty when whole. */
  verify(): readonly string[];
  close(): void;
}
