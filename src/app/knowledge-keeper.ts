import type { Config } from "../config/load.ts";
import type { Clock } from "../lib/clock.ts";
import { asError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { mutex } from "../lib/mutex.ts";
import type { JsonObject } from "../model/json.ts";
import type { NamedFeed } from "../pipeline/sync.ts";
import type { KnowledgeChange, KnowledgeStore, NamedPiece } from "../store/knowledge.ts";
import { ageRules } from "./age-rules.ts";
import { takesLists } from "./knowledge.ts";

/** What became of one server's knowledge in a refresh. `failed`: what was held is held still. */
export interface KnowledgeRefresh {
  readonly feed: string;
  readonly status: "changed" | "unchanged" | "failed";
  readonly change?: KnowledgeChange;
  readonly error?: Error;
}

/** Age of what is held of one server. */
export interface KnowledgeAge {
  readonly feed: string;
  readonly ageMs: number;
  /** Why the last refresh failed. */
  readonly error?: string;
}

export interface KnowledgeKeeperParts {
  readonly config: Config;
  readonly feeds: readonly NamedFeed[];
  readonly store: KnowledgeStore;
  readonly clock: Clock;
  readonly log: Log;
  /** What is held has changed and is to be taken into force. */
  readonly onChange: () => Promise<void> | void;
  /** 0–1, replaceable in tests. */
  readonly random?: () => number;
}

/** Names in one answer. */
const MOST_NAMED = 2_000;
/** A refresh that somebody asked for sets the next one without waking the loop; and timers end at 24 days. */
const LONGEST_SLEEP_MS = 60_000;
/** Up to a tenth more or less, so that many Tiplines do not ask one MISP in the same second. */
const JITTER = 0.1;
/** After a failure, unless refreshes are more frequent anyway. */
const RETRY_MS = 300_000;

/** Keeps what servers know beside indicators fresh. Refreshes never overlap, and a failing one leaves what is held. */
export class KnowledgeKeeper {
  readonly #parts: KnowledgeKeeperParts;
  readonly #feeds: readonly NamedFeed[];
  readonly #exclusive = mutex();
  readonly #errors = new Map<string, string>();
  readonly #due = new Map<string, number>();
  /** Epoch milliseconds of the last refresh that went well, else of the start. */
  readonly #refreshedAt = new Map<string, number>();
  #begun = false;
  #wake = new AbortController();

  constructor(parts: KnowledgeKeeperParts) {
    this.#parts = parts;
    this.#feeds = parts.feeds.filter(({ feed }) => feed.knowledge !== undefined);
    for (const { name } of this.#feeds)
      this.#refreshedAt.set(name, parts.store.held(name)?.refreshedAt ?? parts.clock.now());
  }

  /** From now on `run` refreshes: call it once the first sync is through, which goes first. */
  begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    this.hint();
  }

  /** Makes the named feeds (default: all) due now. */
  hint(names: readonly string[] = this.#feeds.map(({ name }) => name)): void {
    for (const name of names) this.#due.set(name, Number.NEGATIVE_INFINITY);
    this.#wake.abort();
  }

  /** Refreshes what is due until `signal` aborts. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    signal.addEventListener("abort", () => this.#wake.abort(), { once: true });
    // Nobody to ask, but what a feed that is gone has left behind goes all the same.
    if (this.#feeds.length === 0) await this.refresh(signal);
    while (!signal.aborted && this.#feeds.length > 0) {
      const now = clock.now();
      const due = this.#begun ? this.#feeds.filter(({ name }) => (this.#due.get(name) ?? 0) <= now) : [];
      if (due.length > 0) {
        await this.refresh(
          signal,
          due.map(({ name }) => name),
        );
        continue;
      }
      this.#wake = new AbortController();
      if (signal.aborted) return;
      const next = this.#begun ? Math.min(...this.#due.values()) - now : LONGEST_SLEEP_MS;
      await clock.sleep(Math.max(1, Math.min(next, LONGEST_SLEEP_MS)), this.#wake.signal);
    }
  }

  /** Asks the servers of the named feeds (default: all) now. */
  refresh(signal: AbortSignal, names?: readonly string[]): Promise<readonly KnowledgeRefresh[]> {
    return this.#exclusive(async () => {
      const { config, store, clock, log, onChange } = this.#parts;
      const wanted = this.#feeds.filter(({ name }) => names === undefined || names.includes(name));
      // Before asking: a hint that comes meanwhile makes the feed due again.
      for (const { name } of wanted) this.#due.set(name, Number.POSITIVE_INFINITY);
      const gone = await forgetRemoved(store, this.#feeds, log);
      const results = await Promise.all(wanted.map((feed) => refreshOne(feed, config, store, clock, log, signal)));
      for (const result of results) this.#settle(result);
      if (!signal.aborted && (gone || results.some(({ status }) => status === "changed"))) await this.#adopt(onChange);
      return results;
    });
  }

  /** For health and metrics. */
  ages(): readonly KnowledgeAge[] {
    const now = this.#parts.clock.now();
    return [...this.#refreshedAt].map(([feed, refreshedAt]) => {
      const ageMs = Math.max(0, now - refreshedAt);
      const error = this.#errors.get(feed);
      return error === undefined ? { feed, ageMs } : { feed, ageMs, error };
    });
  }

  async #adopt(onChange: KnowledgeKeeperParts["onChange"]): Promise<void> {
    try {
      await onChange();
    } catch (thrown) {
      this.#parts.log.error("new warninglists could not be taken into force; the last ones stay", {
        error: asError(thrown),
      });
    }
  }

  #settle({ feed, status, error }: KnowledgeRefresh): void {
    const { clock, config, random = Math.random } = this.#parts;
    if (error === undefined) {
      this.#errors.delete(feed);
      this.#refreshedAt.set(feed, clock.now());
    } else this.#errors.set(feed, error.message);
    if (this.#due.get(feed) !== Number.POSITIVE_INFINITY) return;
    const { refresh } = config.warninglists;
    const wait = status === "failed" ? Math.min(refresh, RETRY_MS) : refresh;
    this.#due.set(feed, clock.now() + Math.round(wait * (1 - JITTER + 2 * JITTER * random())));
  }
}

/** True when knowledge of a feed that is not configured any more was removed. */
async function forgetRemoved(store: KnowledgeStore, feeds: readonly NamedFeed[], log: Log): Promise<boolean> {
  try {
    const gone = await store.retain(feeds.map(({ name }) => name));
    for (const feed of gone) log.info("knowledge of a feed that is not configured any more removed", { feed });
    return gone.length > 0;
  } catch (thrown) {
    log.warn("knowledge of removed feeds could not be removed", { error: asError(thrown) });
    return false;
  }
}

async function refreshOne(
  { name, feed }: NamedFeed,
  config: Config,
  store: KnowledgeStore,
  clock: Clock,
  log: Log,
  signal: AbortSignal,
): Promise<KnowledgeRefresh> {
  try {
    const sightings = ageRules(config).get(name)?.expiry.decay === true;
    const pieces = feed.knowledge?.(await store.versions(name), signal, { sightings });
    if (pieces === undefined) return { feed: name, status: "unchanged" };
    const change = await store.replace(name, pieces, clock.now());
    report(log, name, change);
    const lists = takesLists(config.feeds.find((configured) => configured.name === name)?.settings);
    if (lists && change.held.warninglist === 0 && config.warninglists.path === undefined)
      log.warn("the server has no warninglist enabled; the built-in ones serve", { feed: name });
    return { feed: name, status: change.changed ? "changed" : "unchanged", change };
  } catch (thrown) {
    if (!signal.aborted)
      log.warn("what a server knows could not be refreshed; what is held stays in force", {
        feed: name,
        error: asError(thrown),
      });
    return { feed: name, status: "failed", error: asError(thrown) };
  }
}

function report(log: Log, feed: string, { changed, added, updated, removed, held }: KnowledgeChange): void {
  const names = (pieces: readonly NamedPiece[]) => pieces.slice(0, 20).map(({ name }) => name);
  if (!changed) log.debug("knowledge unchanged", { feed });
  else
    log.info("knowledge changed", {
      feed,
      added: names(added),
      updated: names(updated),
      removed: names(removed),
      warninglists: held.warninglist,
    });
}

/** A refresh as JSON: what the command prints and what the control socket answers. */
export function knowledgeJson(refreshes: readonly KnowledgeRefresh[]): readonly JsonObject[] {
  const names = (pieces: readonly NamedPiece[] = []) =>
    pieces.slice(0, MOST_NAMED).map(({ kind, name }): JsonObject => ({ kind, name }));
  return refreshes.map(({ feed, status, change, error }) => ({
    feed,
    status,
    warninglists: change?.held.warninglist ?? null,
    added: names(change?.added),
    updated: names(change?.updated),
    removed: names(change?.removed),
    error: error?.message ?? null,
  }));
}
