import type { Feed, FeedProgress } from "../contract/feed.ts";
import type { Clock } from "../lib/clock.ts";
import { asError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { FeedChange, FeedOutcome, GenerationStore, UpdateRequest } from "../store/generations-types.ts";

/** A configured feed. */
export interface NamedFeed {
  readonly name: string;
  readonly feed: Feed;
}

export interface SyncOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Every configured feed, when only some of them are synced now; reports of feeds that are not among them are withdrawn. */
  readonly configured?: readonly string[];
  /** Feeds whose shrinking by more than 30% a person confirmed. */
  readonly confirmShrink?: readonly string[];
  /** Forget the cursors: every feed is pulled in full. */
  readonly full?: boolean;
  readonly compact?: boolean;
}

/** What became of one feed in a sync. `held` and `failed`: its last good reports stay live. */
export interface FeedSync {
  readonly feed: string;
  readonly status: FeedOutcome["status"] | "unchanged";
  readonly reportsBefore: number;
  readonly reportsAfter: number;
  /** Reports in this pull. */
  readonly added: number;
  /** Attributes that were read but yield no indicator, by reason. */
  readonly skipped: ReadonlyMap<string, number>;
  /** Indicators refused as unusable or dangerous. */
  readonly quarantined: number;
  readonly error?: Error;
}

export interface SyncResult {
  /** Id of the generation in force afterwards; undefined when there is none yet. */
  readonly generation: string | undefined;
  /** A new generation was made. */
  readonly changed: boolean;
  readonly feeds: readonly FeedSync[];
  readonly tookMs: number;
}

/** True when every feed was applied or had nothing new. */
export function allWell({ feeds }: SyncResult): boolean {
  return feeds.every(({ status }) => status !== "failed" && status !== "held");
}

/**
 * Pulls every feed and makes one new generation of what changed. Feeds are independent: one that fails or is held keeps its
 * last good reports, and its error is a value. Throws only when the generation itself cannot be written.
 */
export async function syncOnce(
  feeds: readonly NamedFeed[],
  store: GenerationStore,
  options: SyncOptions,
  signal: AbortSignal,
  progress?: (feed: string, progress: FeedProgress) => void,
): Promise<SyncResult> {
  const { clock, log } = options;
  const startedAt = clock.now();
  const outcomes = new Map<string, FeedSync>();
  const changes: FeedChange[] = [];

  await Promise.all(
    feeds.map(async ({ name, feed }) => {
      try {
        const cursor = options.full ? undefined : store.cursor(name);
        const pull = await feed.pull(cursor, signal, (state) => progress?.(name, state));
        if (pull.mode === "unchanged") outcomes.set(name, { ...nothing(name, store), status: "unchanged" });
        else changes.push({ feed: name, pull });
      } catch (thrown) {
        outcomes.set(name, { ...nothing(name, store), status: "failed", error: asError(thrown) });
      }
    }),
  );
  const order = new Map(feeds.map(({ name }, at) => [name, at]));
  changes.sort((a, b) => (order.get(a.feed) ?? 0) - (order.get(b.feed) ?? 0));
  const configured = new Set(options.configured ?? feeds.map(({ name }) => name));
  const held = new Set(store.feeds());
  // A feed not held so far may be an old one under a new name: the old one's reports stay until it has been pulled.
  const lacksNew = [...configured].some((name) => !held.has(name) && !changes.some(({ feed }) => feed === name));
  const removedFeeds = lacksNew ? [] : [...held].filter((name) => !configured.has(name));

  let changed = false;
  if (changes.length > 0 || removedFeeds.length > 0 || options.compact) {
    const request: UpdateRequest = {
      changes,
      removedFeeds,
      signal,
      ...(options.confirmShrink === undefined ? {} : { confirmShrink: options.confirmShrink }),
      ...(options.compact === undefined ? {} : { compact: options.compact }),
    };
    const result = await store.update(request);
    changed = result.changed;
    for (const outcome of result.feeds) outcomes.set(outcome.feed, outcome);
  }

  const done = [...outcomes.values()].sort((a, b) => (order.get(a.feed) ?? Infinity) - (order.get(b.feed) ?? Infinity));
  if (!signal.aborted) for (const outcome of done) report(log, outcome);
  return { generation: store.current()?.id, changed, feeds: done, tookMs: clock.now() - startedAt };
}

function nothing(feed: string, store: GenerationStore): Omit<FeedSync, "status"> {
  const reports = store.current()?.stats.byFeed[feed] ?? 0;
  return { feed, reportsBefore: reports, reportsAfter: reports, added: 0, skipped: new Map(), quarantined: 0 };
}

function report(log: Log, { feed, status, error, reportsBefore, reportsAfter, added, quarantined }: FeedSync): void {
  const fields = { feed, reports_before: reportsBefore, reports_after: reportsAfter, added, quarantined };
  if (status === "failed") log.error("feed failed; its last good reports stay in force", { feed, error });
  else if (status === "held")
    log.error("feed lost more than 30% at once and is held; confirm it if that is right", fields);
  else if (status === "unchanged") log.debug("feed unchanged", { feed });
  else log.info(status === "removed" ? "feed removed" : "feed applied", fields);
}
