import type { Feed, FeedProgress } from "../contract/feed.ts";
import type { Clock } from "../lib/clock.ts";
import { asError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { FeedChange, FeedOutcome, GenerationStore } from "../store/generations-types.ts";

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
  /** A person waits for it (see PullOptions). */
  readonly asked?: boolean;
  /** Hints (see PullOptions): only these events are looked at. For syncs of one feed. */
  readonly only?: readonly string[];
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
 * Pulls every feed and makes one new generation of what changed, or several when a first pull comes in parts. Feeds are independent: one that fails or is held keeps its
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
  const tell = (outcome: FeedSync) => outcomes.set(outcome.feed, together(outcomes.get(outcome.feed), outcome));
  const counted = new Map<string, FeedProgress>();
  let due = feeds;
  let changed = false;
  for (let last = false, first = true; !last; first = false) {
    const earlier = new Map(counted);
    const { changes, others } = await pullAll(due, store, options, first, signal, (name, state) => {
      counted.set(name, afterEarlier(earlier.get(name), state));
      progress?.(name, counted.get(name) ?? state);
    });
    for (const outcome of others) tell(outcome);
    // Nothing is removed, nor merged, before the last part of every feed is there.
    last = changes.every(({ pull }) => pull.more === undefined);
    const removedFeeds = last ? removable(feeds, store, options, changes) : [];
    const compact = last && options.compact === true;
    if (changes.length > 0 || removedFeeds.length > 0 || compact) {
      const { confirmShrink = [] } = options;
      const result = await store.update({ changes, removedFeeds, confirmShrink, compact, signal });
      changed ||= result.changed;
      for (const outcome of result.feeds) tell(outcome);
    }
    due = feeds.filter(({ name }) => outcomes.get(name)?.status === "applied" && hasMore(changes, name));
  }
  const order = new Map(feeds.map(({ name }, at) => [name, at]));
  const done = [...outcomes.values()].sort((a, b) => (order.get(a.feed) ?? Infinity) - (order.get(b.feed) ?? Infinity));
  if (!signal.aborted) for (const outcome of done) report(log, outcome);
  return { generation: store.current()?.id, changed, feeds: done, tookMs: clock.now() - startedAt };
}

interface Pulled {
  /** In the order of the feeds. */
  readonly changes: readonly FeedChange[];
  /** Of feeds that are unchanged or failed. */
  readonly others: readonly FeedSync[];
}

/** Asks the feeds what there is; `first`: not for a further part. */
async function pullAll(
  feeds: readonly NamedFeed[],
  store: GenerationStore,
  { full, only, asked = false }: SyncOptions,
  first: boolean,
  signal: AbortSignal,
  progress: (feed: string, progress: FeedProgress) => void,
): Promise<Pulled> {
  const known = new Set(store.feeds());
  const pulls = feeds.map(async ({ name, feed }): Promise<FeedChange | FeedSync> => {
    try {
      const pull = await feed.pull(
        full && first ? undefined : store.cursor(name),
        signal,
        (state) => progress(name, state),
        {
          ...(known.has(name) ? {} : { inParts: true }),
          ...(only === undefined ? {} : { only }),
          ...(asked ? { asked } : {}),
        },
      );
      return pull.mode === "unchanged" ? { ...nothing(name, store), status: "unchanged" } : { feed: name, pull };
    } catch (thrown) {
      return { ...nothing(name, store), status: "failed", error: asError(thrown) };
    }
  });
  const pulled = await Promise.all(pulls);
  return {
    changes: pulled.filter((one) => "pull" in one),
    others: pulled.filter((one) => "status" in one),
  };
}

const hasMore = (changes: readonly FeedChange[], name: string): boolean =>
  changes.some(({ feed, pull }) => feed === name && pull.more?.() === true);

/** Feeds that are configured no more. */
function removable(
  feeds: readonly NamedFeed[],
  store: GenerationStore,
  options: SyncOptions,
  changes: readonly FeedChange[],
): readonly string[] {
  const configured = new Set(options.configured ?? feeds.map(({ name }) => name));
  const held = new Set(store.feeds());
  const partial = new Set(store.partialFeeds());
  // A feed not (wholly) held so far may be an old one under a new name: the old one's reports stay until it has been pulled.
  const lacksNew = [...configured].some(
    (name) => partial.has(name) || (!held.has(name) && !changes.some(({ feed }) => feed === name)),
  );
  return lacksNew ? [] : [...held].filter((name) => !configured.has(name));
}

/** What became of a feed in all parts so far. */
function together(earlier: FeedSync | undefined, part: FeedSync): FeedSync {
  if (earlier === undefined) return part;
  const skipped = new Map(earlier.skipped);
  for (const [reason, count] of part.skipped) skipped.set(reason, (skipped.get(reason) ?? 0) + count);
  return {
    ...part,
    reportsBefore: earlier.reportsBefore,
    added: earlier.added + part.added,
    skipped,
    quarantined: earlier.quarantined + part.quarantined,
  };
}

/** Progress over all parts; of events the feed itself counts those of earlier parts. */
function afterEarlier(earlier: FeedProgress | undefined, state: FeedProgress): FeedProgress {
  if (earlier === undefined) return state;
  return { ...state, attributes: earlier.attributes + state.attributes, bytes: earlier.bytes + state.bytes };
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
