import type { FeedProgress } from "../contract/feed.ts";
import { asError } from "../lib/errors.ts";
import type { GenerationStore } from "../store/generations-types.ts";
import { type NamedFeed, type SyncOptions, type SyncResult, syncOnce } from "./sync.ts";

export interface ScheduledFeed extends NamedFeed {
  /** Time between the end of one pull and the start of the next, before jitter. */
  readonly intervalMs: number;
}

export interface SyncLoopOptions extends Omit<SyncOptions, "configured" | "full"> {
  readonly onResult?: (result: SyncResult) => void;
  /** The generation could not be written. */
  readonly onError?: (error: Error) => void;
  readonly progress?: (feed: string, progress: FeedProgress) => void;
  /** Serialises this loop's pulls with others on the same store; default: nobody else pulls. */
  readonly exclusive?: <T>(work: () => Promise<T>) => Promise<T>;
  /** 0–1, replaceable in tests. */
  readonly random?: () => number;
}

/** Keeps the generation in step with its feeds. Pulls never overlap. */
export interface SyncLoop {
  /** Runs until `signal` aborts; every feed is due at once. */
  run(signal: AbortSignal): Promise<void>;
  /** Makes the named feeds (default: all) due now: for a hint from outside or a person's command. */
  hint(names?: readonly string[]): void;
}

/** Up to a tenth more or less, so that many Tiplines do not ask one MISP in the same second. */
const JITTER = 0.1;

export function createSyncLoop(
  feeds: readonly ScheduledFeed[],
  store: GenerationStore,
  options: SyncLoopOptions,
): SyncLoop {
  const { clock } = options;
  const random = options.random ?? Math.random;
  const configured = feeds.map(({ name }) => name);
  const due = new Map(configured.map((name) => [name, Number.NEGATIVE_INFINITY]));
  let wake = new AbortController();

  const schedule = ({ name, intervalMs }: ScheduledFeed) =>
    due.set(name, clock.now() + Math.round(intervalMs * (1 - JITTER + 2 * JITTER * random())));

  async function once(ready: readonly ScheduledFeed[], signal: AbortSignal): Promise<void> {
    // Before the pull: a hint that comes while it runs makes the feed due again.
    for (const feed of ready) due.set(feed.name, Number.POSITIVE_INFINITY);
    try {
      const pull = () => syncOnce(ready, store, { ...options, configured }, signal, options.progress);
      const result = await (options.exclusive === undefined ? pull() : options.exclusive(pull));
      if (!signal.aborted) options.onResult?.(result);
    } catch (thrown) {
      if (signal.aborted) return;
      options.log.error("the new generation could not be written; the last one stays in force", {
        error: asError(thrown),
      });
      options.onError?.(asError(thrown));
    }
    for (const feed of ready) if (due.get(feed.name) === Number.POSITIVE_INFINITY) schedule(feed);
  }

  return {
    async run(signal) {
      signal.addEventListener("abort", () => wake.abort(), { once: true });
      while (!signal.aborted && feeds.length > 0) {
        const now = clock.now();
        const ready = feeds.filter(({ name }) => (due.get(name) ?? 0) <= now);
        if (ready.length > 0) {
          await once(ready, signal);
          continue;
        }
        wake = new AbortController();
        if (signal.aborted) return;
        await clock.sleep(Math.max(1, Math.min(...due.values()) - now), wake.signal);
      }
    },
    hint(names = configured) {
      for (const name of names) if (due.has(name)) due.set(name, Number.NEGATIVE_INFINITY);
      wake.abort();
    },
  };
}
