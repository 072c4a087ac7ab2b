import type { FeedProgress } from "../contract/feed.ts";
import { asError } from "../lib/errors.ts";
import type { GenerationStore } from "../store/generations-types.ts";
import { Hints } from "./hints.ts";
import { type NamedFeed, type SyncOptions, type SyncResult, syncOnce } from "./sync.ts";

export interface ScheduledFeed extends NamedFeed {
  /** Time between the end of one pull and the start of the next, before jitter. */
  readonly intervalMs: number;
}

export interface SyncLoopOptions extends Omit<SyncOptions, "configured" | "full"> {
  readonly onResult?: (result: SyncResult) => void;
  /** After a pull that looked only at what hints named: it says nothing of the rest of the feed. */
  readonly onHinted?: (result: SyncResult) => void;
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

/** A feed that is held is tried again after so many times what the try took. */
const HELD_PAUSE = 10;
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
  const hints = new Hints(clock);
  let wake = new AbortController();

  const schedule = ({ name, intervalMs }: ScheduledFeed) =>
    due.set(name, clock.now() + Math.round(intervalMs * (1 - JITTER + 2 * JITTER * random())));

  async function pull(ready: readonly ScheduledFeed[], signal: AbortSignal, only?: readonly string[]) {
    const settings = { ...options, configured, ...(only === undefined ? {} : { only }) };
    const work = () => syncOnce(ready, store, settings, signal, options.progress);
    try {
      return await (options.exclusive === undefined ? work() : options.exclusive(work));
    } catch (thrown) {
      if (signal.aborted) return undefined;
      options.log.error("the new generation could not be written; the last one stays in force", {
        error: asError(thrown),
      });
      options.onError?.(asError(thrown));
      return undefined;
    }
  }

  async function once(ready: readonly ScheduledFeed[], signal: AbortSignal): Promise<void> {
    // Before the pull: a hint that comes while it runs makes the feed due again.
    for (const { name } of ready) {
      due.set(name, Number.POSITIVE_INFINITY);
      hints.take(name);
    }
    const result = await pull(ready, signal);
    if (result !== undefined && !signal.aborted) options.onResult?.(result);
    for (const feed of ready) {
      if (due.get(feed.name) !== Number.POSITIVE_INFINITY) continue;
      const held = result?.feeds.some(({ feed: name, status }) => name === feed.name && status === "held") === true;
      // It waits for a person, and each try may read everything.
      schedule(held ? { ...feed, intervalMs: Math.max(feed.intervalMs, HELD_PAUSE * result.tookMs) } : feed);
    }
  }

  async function follow(feed: ScheduledFeed, signal: AbortSignal): Promise<void> {
    const hinted = hints.take(feed.name);
    if (hinted === undefined) return;
    if (hinted === "all") {
      hints.followed(feed.name, false, true);
      return await once([feed], signal);
    }
    const result = await pull([feed], signal, hinted.only);
    hints.followed(feed.name, result?.changed === true);
    if (result !== undefined && !signal.aborted) options.onHinted?.(result);
  }

  async function listen({ name, feed }: ScheduledFeed, signal: AbortSignal): Promise<void> {
    try {
      for await (const ids of feed.hints?.(signal) ?? []) {
        hints.add(name, ids);
        wake.abort();
      }
    } catch (thrown) {
      options.log.error("hints have ended; changes are found at the next regular pull", {
        feed: name,
        error: asError(thrown),
      });
    }
  }

  /** When something is to be done next; the caller sleeps until then. */
  const nextAt = () => Math.min(...due.values(), ...configured.map((name) => hints.dueAt(name)));

  return {
    async run(signal) {
      signal.addEventListener("abort", () => wake.abort(), { once: true });
      const listening = feeds.map((feed) => listen(feed, signal));
      while (!signal.aborted && feeds.length > 0) {
        const now = clock.now();
        const ready = feeds.filter(({ name }) => (due.get(name) ?? 0) <= now);
        if (ready.length > 0) {
          await once(ready, signal);
          continue;
        }
        const hinted = feeds.find(({ name }) => hints.dueAt(name) <= now);
        if (hinted !== undefined) {
          await follow(hinted, signal);
          continue;
        }
        wake = new AbortController();
        if (signal.aborted) break;
        await clock.sleep(Math.max(1, nextAt() - now), wake.signal);
      }
      await Promise.all(listening);
    },
    hint(names = configured) {
      for (const name of names) if (due.has(name)) due.set(name, Number.NEGATIVE_INFINITY);
      wake.abort();
    },
  };
}
