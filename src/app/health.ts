import type { Config } from "../config/load.ts";
import type { Source } from "../contract/source.ts";
import type { Clock } from "../lib/clock.ts";
import { formatDuration } from "../lib/units.ts";
import type { SyncResult } from "../pipeline/sync.ts";
import type { StoredJournal } from "../store/journal.ts";
import { intervalOf } from "./components.ts";
import type { LiveGeneration } from "./generation.ts";
import type { KnowledgeAge } from "./knowledge-keeper.ts";
import type { Metrics } from "./metrics.ts";

/** What health looks at. */
export interface HealthParts {
  readonly clock: Clock;
  readonly config: Config;
  readonly live: LiveGeneration;
  readonly sources: ReadonlyMap<string, Source>;
  readonly journal: StoredJournal;
  /** Ages of what the servers know beside indicators. */
  readonly knowledge?: () => readonly KnowledgeAge[];
}

/** A feed whose last good pull is older than this many of its intervals (and an hour) is stale. */
const STALE_INTERVALS = 12;
/** What a server knows beside indicators is stale after this many of its refreshes. */
const STALE_REFRESHES = 4;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const POLL_MS = 200;

/** Knows what is wrong with the line right now, in words an operator can act on. */
export class Health {
  readonly #parts: HealthParts;
  readonly #feedErrors = new Map<string, string>();
  readonly #sourceErrors = new Map<string, string>();
  readonly #sinkErrors = new Map<string, string>();
  readonly #journalErrors = new Map<string, string>();
  readonly #unconfirmed = new Map<string, { count: number; at: number }>();
  /** Epoch milliseconds of each feed's last good pull. */
  readonly #lastPull: Map<string, number>;

  constructor(parts: HealthParts) {
    this.#parts = parts;
    this.#lastPull = new Map(parts.config.feeds.map(({ name }) => [name, parts.live.current().createdAt]));
  }

  synced({ feeds }: SyncResult): void {
    for (const { feed, status, error } of feeds) {
      if (status === "failed") this.#feedErrors.set(feed, error?.message ?? "failed");
      else if (status === "held") this.#feedErrors.set(feed, "held: it lost more than 30% at once");
      else this.#feedErrors.delete(feed);
      if (status !== "failed" && status !== "held") this.#lastPull.set(feed, this.#parts.clock.now());
    }
  }

  /** What is wrong with the last pull of a feed, by name of those where something is. */
  feedErrors(): ReadonlyMap<string, string> {
    return this.#feedErrors;
  }

  sinkFailed(sink: string, error: Error): void {
    this.#sinkErrors.set(sink, error.message);
  }

  /** What a source, stage or sink had for the journal could not be written (full disk …). */
  sourceFailed(source: string, error: Error): void {
    this.#sourceErrors.set(source, error.message);
  }

  sourceWorks(source: string): void {
    this.#sourceErrors.delete(source);
  }

  journalFailed(who: string, error: Error): void {
    this.#journalErrors.set(who, error.message);
  }

  journalWorks(who: string): void {
    this.#journalErrors.delete(who);
  }

  sinkWorks(sink: string): void {
    this.#sinkErrors.delete(sink);
  }

  /** Findings given up because Wazuh never showed them; health fails for a day, because somebody must look. */
  gaveUp(sink: string, count: number): void {
    const before = this.#unconfirmed.get(sink)?.count ?? 0;
    this.#unconfirmed.set(sink, { count: before + count, at: this.#parts.clock.now() });
  }

  /** One line for each thing that is wrong; empty = healthy. */
  troubles(): readonly string[] {
    const { clock, config, live, sources, journal } = this.#parts;
    const troubles: string[] = [];
    const now = clock.now();
    const partial = live.partial;
    if (partial.length > 0) troubles.push(`the first pull of ${partial.join(", ")} is not complete yet`);
    if (!live.ready) troubles.push("no generation of indicators yet: no alert is read before the first sync succeeds");
    for (const feed of live.ready ? config.feeds : []) {
      const age = now - (this.#lastPull.get(feed.name) ?? now);
      if (age > Math.max(HOUR_MS, STALE_INTERVALS * intervalOf(config, feed)))
        troubles.push(`feed ${feed.name}: its last good pull is ${formatDuration(age)} old`);
    }
    for (const { feed, ageMs, error } of this.#parts.knowledge?.() ?? [])
      if (ageMs > STALE_REFRESHES * config.warninglists.refresh)
        troubles.push(
          `feed ${feed}: its server's warninglists and the like are ${formatDuration(ageMs)} old${error === undefined ? "" : `: ${error}`}`,
        );
    for (const [feed, error] of this.#feedErrors) troubles.push(`feed ${feed}: ${error}`);
    for (const [name, source] of sources) {
      const trouble = source.lag?.().trouble;
      if (trouble !== undefined) troubles.push(`source ${name}: ${trouble}`);
    }
    for (const [source, error] of this.#sourceErrors) troubles.push(`source ${source}: ${error}`);
    for (const [sink, error] of this.#sinkErrors) troubles.push(`sink ${sink}: ${error}`);
    for (const [who, error] of this.#journalErrors) troubles.push(`journal, for ${who}: ${error}`);
    for (const [sink, { count, at }] of this.#unconfirmed)
      if (now - at < DAY_MS)
        troubles.push(`sink ${sink}: ${count} findings were never seen again and are in the dead letter`);
    for (const source of journal.holding())
      troubles.push(`source ${source} waits: the journal is full of what a required sink has not taken`);
    return troubles;
  }

  /** Brings the gauges up to date. */
  measure(metrics: Metrics): void {
    const { clock, config, live, sources, journal } = this.#parts;
    for (const [name, source] of sources) metrics.setLag(name, source.lag?.() ?? {});
    for (const [reader, { entries, unconfirmed }] of journal.backlog()) {
      metrics.backlog.set({ reader }, entries);
      if (config.sinks.some(({ name }) => name === reader)) metrics.unconfirmed.set({ sink: reader }, unconfirmed);
    }
    for (const { feed, ageMs } of this.#parts.knowledge?.() ?? []) metrics.knowledgeAge.set({ feed }, ageMs / 1000);
    if (!live.ready) return;
    const { stats } = live.current().index;
    const ages = [...this.#lastPull].map(([feed, at]) => [feed, Math.max(0, (clock.now() - at) / 1000)] as const);
    for (const [feed, age] of ages) metrics.feedAge.set({ feed }, age);
    metrics.generationAge.set(Math.max(0, ...ages.map(([, age]) => age)));
    for (const [type, count] of Object.entries(stats.byType)) metrics.indicators.set({ type }, count ?? 0);
    metrics.indexBytes.set(stats.memoryBytes);
    metrics.quarantined.set(stats.quarantined);
  }

  /** Resolves when there is a generation, or `signal` aborts; `onWait` is called once if it has to wait. */
  async untilGeneration(signal: AbortSignal, onWait: () => void): Promise<void> {
    const { clock, live } = this.#parts;
    let told = false;
    for (const since = clock.now(); !live.ready && !signal.aborted; ) {
      if (!told && clock.now() - since > 2000) {
        told = true;
        onWait();
      }
      await clock.sleep(POLL_MS, signal);
    }
  }
}
