import type { Config } from "../config/load.ts";
import type { OutboxBacklog } from "../contract/outbox.ts";
import type { Source, SourceLag } from "../contract/source.ts";
import type { Clock } from "../lib/clock.ts";
import { formatDuration } from "../lib/units.ts";
import type { SyncResult } from "../pipeline/sync.ts";
import type { StoredJournal } from "../store/journal.ts";
import { CatchingUp } from "./catching-up.ts";
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
  /** What is wrong with the canary. */
  readonly canary?: () => string | undefined;
  /** What is wrong with hunting in past alerts. */
  readonly hunt?: () => string | undefined;
  /** Outboxes of sinks, by the sink's name. */
  readonly outboxes?: () => ReadonlyMap<string, OutboxBacklog>;
}

/** A feed whose last good pull is older than this many of its intervals (and an hour) is stale. */
const STALE_INTERVALS = 12;
/** What a server knows beside indicators is stale after this many of its refreshes. */
const STALE_REFRESHES = 4;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const POLL_MS = 200;
/** A source this far behind that does not come nearer in a window is in trouble. */
const FAR_BEHIND_MS = 600_000;
const LAG_WINDOW_MS = 300_000;
const LAG_LOOK_MS = 10_000;

/** One thing that is wrong. `component`: the feed, sink or source it is about. */
export interface Trouble {
  readonly kind: "delivery" | "sync" | "source" | "canary";
  readonly component: string;
  readonly text: string;
}

/** Knows what is wrong with the line right now, in words an operator can act on. */
export class Health {
  readonly #parts: HealthParts;
  readonly #feedErrors = new Map<string, string>();
  readonly #sourceErrors = new Map<string, string>();
  readonly #sinkErrors = new Map<string, string>();
  readonly #journalErrors = new Map<string, string>();
  readonly #catchingUp: ReadonlyMap<string, CatchingUp>;
  /** What is said of sources that stay behind. */
  readonly #behind = new Map<string, string>();
  readonly #unconfirmed = new Map<string, { count: number; at: number }>();
  /** Epoch milliseconds of each feed's last good pull. */
  readonly #lastPull: Map<string, number>;
  readonly #pulled = new Set<string>();

  constructor(parts: HealthParts) {
    this.#parts = parts;
    this.#lastPull = new Map(parts.config.feeds.map(({ name }) => [name, parts.live.current().createdAt]));
    const watch = { clock: parts.clock, behindMs: FAR_BEHIND_MS, windowMs: LAG_WINDOW_MS };
    this.#catchingUp = new Map([...parts.sources.keys()].map((name) => [name, new CatchingUp(watch)]));
  }

  /** Watches how far the sources are behind, until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.lookAtLags();
      await this.#parts.clock.sleep(LAG_LOOK_MS, signal);
    }
  }

  /** One look at how far the sources are behind. */
  lookAtLags(): void {
    const held = new Set(this.#parts.journal.holding());
    for (const [name, watch] of this.#catchingUp) {
      // Where the journal is full, that is told by itself.
      const lagMs = held.has(name) ? 0 : lagMsOf(this.#parts.sources.get(name)?.lag?.() ?? {});
      if (watch.look(lagMs) !== "stays-behind") this.#behind.delete(name);
      else this.#behind.set(name, behindText(lagMs));
    }
  }

  synced({ feeds }: SyncResult): void {
    for (const { feed, status, error } of feeds) {
      if (status === "failed") this.#feedErrors.set(feed, error?.message ?? "failed");
      else if (status === "held") this.#feedErrors.set(feed, "held: it lost more than 30% at once");
      else this.#feedErrors.delete(feed);
      if (status === "failed" || status === "held") continue;
      this.#lastPull.set(feed, this.#parts.clock.now());
      this.#pulled.add(feed);
    }
  }

  /** Epoch milliseconds of the last good pull, by feed. */
  lastPulls(): ReadonlyMap<string, number> {
    return this.#lastPull;
  }

  /** Feeds that were pulled without a fault since the start. */
  pulledFeeds(): readonly string[] {
    return [...this.#pulled];
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
    return this.details().map(({ text }) => text);
  }

  /** Everything that is wrong. */
  details(): readonly Trouble[] {
    const canary = this.#parts.canary?.();
    const of =
      canary === undefined ? [] : [{ kind: "canary" as const, component: "canary", text: `canary: ${canary}` }];
    return [...this.lineTroubles(), ...of];
  }

  /** What is wrong beside the canary. */
  lineTroubles(): readonly Trouble[] {
    return [...this.#syncTroubles(), ...this.#sourceTroubles(), ...this.#deliveryTroubles()];
  }

  #syncTroubles(): readonly Trouble[] {
    const { clock, config, live } = this.#parts;
    const troubles: Trouble[] = [];
    const add = (component: string, text: string) => troubles.push({ kind: "sync", component, text });
    const now = clock.now();
    const partial = live.partial;
    if (partial.length > 0) add(partial.join(","), `the first pull of ${partial.join(", ")} is not complete yet`);
    if (!live.ready)
      add("generation", "no generation of indicators yet: no alert is read before the first sync succeeds");
    for (const feed of live.ready ? config.feeds : []) {
      const age = now - (this.#lastPull.get(feed.name) ?? now);
      if (age > Math.max(HOUR_MS, STALE_INTERVALS * intervalOf(config, feed)))
        add(feed.name, `feed ${feed.name}: its last good pull is ${formatDuration(age)} old`);
    }
    for (const { feed, ageMs, error } of this.#parts.knowledge?.() ?? [])
      if (ageMs > STALE_REFRESHES * config.warninglists.refresh)
        add(
          feed,
          `feed ${feed}: its server's warninglists and the like are ${formatDuration(ageMs)} old${error === undefined ? "" : `: ${error}`}`,
        );
    for (const [feed, error] of this.#feedErrors) add(feed, `feed ${feed}: ${error}`);
    return troubles;
  }

  #sourceTroubles(): readonly Trouble[] {
    const troubles: Trouble[] = [];
    const add = (component: string, text: string) => troubles.push({ kind: "source", component, text });
    for (const [name, source] of this.#parts.sources) {
      const trouble = source.lag?.().trouble ?? this.#behind.get(name);
      if (trouble !== undefined) add(name, `source ${name}: ${trouble}`);
    }
    for (const [source, error] of this.#sourceErrors) add(source, `source ${source}: ${error}`);
    const hunt = this.#parts.hunt?.();
    if (hunt !== undefined) add("hunt", `hunt: ${hunt}`);
    return troubles;
  }

  #deliveryTroubles(): readonly Trouble[] {
    const { clock, journal } = this.#parts;
    const troubles: Trouble[] = [];
    const add = (component: string, text: string) => troubles.push({ kind: "delivery", component, text });
    for (const [sink, error] of this.#sinkErrors) add(sink, `sink ${sink}: ${error}`);
    for (const [who, error] of this.#journalErrors) add(who, `journal, for ${who}: ${error}`);
    for (const [sink, { count, at }] of this.#unconfirmed)
      if (clock.now() - at < DAY_MS)
        add(sink, `sink ${sink}: ${count} findings were never seen again and are in the dead letter`);
    for (const [sink, { trouble }] of this.#parts.outboxes?.() ?? [])
      if (trouble !== undefined) add(sink, `receiver of sink ${sink}: ${trouble}`);
    for (const source of journal.holding())
      add(source, `source ${source} waits: the journal is full of what a required sink has not taken`);
    return troubles;
  }

  /** The sink or source fails right now (what happened in the past day does not count). */
  failsNow(component: string): boolean {
    const failing = [this.#sinkErrors, this.#journalErrors, this.#sourceErrors].some((errors) => errors.has(component));
    if (failing || this.#behind.has(component)) return true;
    return this.#parts.sources.get(component)?.lag?.().trouble !== undefined;
  }

  /** Brings the gauges up to date. */
  measure(metrics: Metrics): void {
    const { clock, config, live, sources, journal } = this.#parts;
    for (const [name, source] of sources) metrics.setLag(name, source.lag?.() ?? {});
    for (const [reader, { entries, unconfirmed }] of journal.backlog()) {
      metrics.backlog.set({ reader }, entries);
      if (config.sinks.some(({ name }) => name === reader)) metrics.unconfirmed.set({ sink: reader }, unconfirmed);
    }
    for (const [sink, backlog] of this.#parts.outboxes?.() ?? []) metrics.setOutbox(sink, backlog);
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

function lagMsOf({ bytes, seconds = 0 }: SourceLag): number {
  return bytes === 0 ? 0 : seconds * 1000;
}

function behindText(lagMs: number): string {
  return `${formatDuration(lagMs)} behind and not catching up: reading hangs, or is too slow for what is written; restart Tipline, and see \`tipline doctor\``;
}
