import { join } from "node:path";
import { withLine } from "../config/key-lines.ts";
import type { Config } from "../config/load.ts";
import type { FeedProgress } from "../contract/feed.ts";
import { systemClock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { JsonObject, JsonValue } from "../model/json.ts";
import { type SyncResult, syncOnce } from "../pipeline/sync.ts";
import { openGenerations } from "../store/generations.ts";
import type { GenerationStore, LoadedGeneration } from "../store/generations-types.ts";
import { lockState } from "../store/state-lock.ts";
import { makeFeeds } from "./components.ts";
import { ArrivalNotes, arrivalQueue, feedStates, huntsArrivals } from "./hunt-arrivals.ts";
import { knowledgeStore } from "./knowledge.ts";
import { KnowledgeKeeper, type KnowledgeRefresh, knowledgeJson } from "./knowledge-keeper.ts";

export interface SyncRequest {
  readonly config: Config;
  readonly log: Log;
  readonly full?: boolean;
  readonly compact?: boolean;
  readonly confirmShrink?: readonly string[];
  readonly signal: AbortSignal;
  readonly onProgress?: (feed: string, progress: FeedProgress) => void;
}

/** A sync with what became of the servers' knowledge. */
export interface StateSync extends SyncResult {
  readonly knowledge: readonly KnowledgeRefresh[];
}

/** One sync of every feed with the state folder locked: for the command, when nothing runs on that state. */
export async function syncState({ config, log, signal, onProgress, ...request }: SyncRequest): Promise<StateSync> {
  const lock = lockState(config.state_dir);
  try {
    const feeds = await makeFeeds(config, { stateDir: config.state_dir, log }).catch((thrown: unknown) => {
      throw withLine(thrown, config.keys);
    });
    const store = openGenerations({ dir: join(config.state_dir, "generations"), log });
    const before = store.current();
    const notes = new ArrivalNotes(arrivalQueue(config.state_dir), log);
    try {
      const result = await syncOnce(
        feeds,
        store,
        {
          clock: systemClock,
          log,
          confirmShrink: request.confirmShrink ?? (config.sync.confirm_shrink ? feeds.map(({ name }) => name) : []),
          ...(request.full === undefined ? {} : { full: request.full }),
          ...(request.compact === undefined ? {} : { compact: request.compact }),
        },
        signal,
        onProgress,
      );
      noteArrivals(config, store, before, notes);
      const keeper = new KnowledgeKeeper({
        config,
        feeds,
        store: knowledgeStore(config.state_dir, log),
        clock: systemClock,
        log,
        onChange: () => undefined,
      });
      return { ...result, knowledge: await keeper.refresh(signal, pulled(result)) };
    } finally {
      await notes.settled();
      before?.index.close();
      store.close();
      await Promise.all(feeds.map(({ feed }) => feed.close?.()));
    }
  } finally {
    lock.release();
  }
}

/** The next line hunts what came while none was running. */
function noteArrivals(
  config: Config,
  store: GenerationStore,
  before: LoadedGeneration | undefined,
  notes: ArrivalNotes,
): void {
  const after = store.current();
  if (after === undefined || after === before || !huntsArrivals(config)) return;
  const at = systemClock.now();
  notes.arrived({
    before: before?.index,
    after: after.index,
    generation: after.id,
    feeds: feedStates(config, store),
    at,
    to: at,
  });
}

/** Feeds that answered: a server that just failed is not asked for its lists as well. */
export function pulled({ feeds }: SyncResult): readonly string[] {
  return feeds.filter(({ status }) => status !== "failed").map(({ feed }) => feed);
}

/** A sync's result as JSON: what the command prints and what the control socket answers. */
export function syncJson(result: StateSync): JsonObject {
  return {
    generation: result.generation ?? null,
    changed: result.changed,
    took_ms: result.tookMs,
    feeds: result.feeds.map(
      (feed): JsonValue => ({
        feed: feed.feed,
        status: feed.status,
        reports_before: feed.reportsBefore,
        reports_after: feed.reportsAfter,
        added: feed.added,
        quarantined: feed.quarantined,
        skipped: Object.fromEntries(feed.skipped),
        error: feed.error?.message ?? null,
      }),
    ),
    knowledge: knowledgeJson(result.knowledge),
  };
}
