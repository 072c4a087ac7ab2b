import { join } from "node:path";
import type { Config } from "../config/load.ts";
import type { FeedProgress } from "../contract/feed.ts";
import { systemClock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { JsonObject, JsonValue } from "../model/json.ts";
import { type SyncResult, syncOnce } from "../pipeline/sync.ts";
import { openGenerations } from "../store/generations.ts";
import { lockState } from "../store/state-lock.ts";
import { makeFeeds } from "./components.ts";

export interface SyncRequest {
  readonly config: Config;
  readonly log: Log;
  readonly full?: boolean;
  readonly compact?: boolean;
  readonly confirmShrink?: readonly string[];
  readonly signal: AbortSignal;
  readonly onProgress?: (feed: string, progress: FeedProgress) => void;
}

/** One sync of every feed with the state folder locked: for the command, when nothing runs on that state. */
export async function syncState({ config, log, signal, onProgress, ...request }: SyncRequest): Promise<SyncResult> {
  const lock = lockState(config.state_dir);
  try {
    const feeds = await makeFeeds(config, { stateDir: config.state_dir, log });
    const store = openGenerations({ dir: join(config.state_dir, "generations"), log });
    try {
      return await syncOnce(
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
    } finally {
      store.close();
      await Promise.all(feeds.map(({ feed }) => feed.close?.()));
    }
  } finally {
    lock.release();
  }
}

/** A sync's result as JSON: what the command prints and what the control socket answers. */
export function syncJson(result: SyncResult): JsonObject {
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
  };
}
