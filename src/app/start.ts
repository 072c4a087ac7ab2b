import type { Server } from "node:http";
import { join } from "node:path";
import { withLine } from "../config/key-lines.ts";
import type { Config } from "../config/load.ts";
import type { Sink } from "../contract/sink.ts";
import type { Source } from "../contract/source.ts";
import { derivedId } from "../intel/finding-id.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { asError } from "../lib/errors.ts";
import { type HttpFront, ListeningFront } from "../lib/http-front.ts";
import type { Log } from "../lib/log.ts";
import { mutex } from "../lib/mutex.ts";
import type { Alert } from "../model/alert.ts";
import type { Verdict } from "../model/finding.ts";
import { type PipelineSink, runPipeline } from "../pipeline/pipeline.ts";
import { redact } from "../pipeline/redact.ts";
import type { SyncResult } from "../pipeline/sync.ts";
import { createSyncLoop } from "../pipeline/sync-loop.ts";
import { stormControl } from "../stages/storm.ts";
import { serveControl } from "../store/control.ts";
import { openGenerations } from "../store/generations.ts";
import { openJournal, type StoredJournal } from "../store/journal.ts";
import { loadOrCreateKey } from "../store/key.ts";
import { lockState } from "../store/state-lock.ts";
import { makeComponent, makeFeeds } from "./components.ts";
import { checkConfig } from "./config-check.ts";
import { controlHandlers } from "./control-handlers.ts";
import { journalDir, keyFile } from "./dead-letters.ts";
import { engine } from "./engine.ts";
import { untilGeneration } from "./first-generation.ts";
import { LiveGeneration } from "./generation.ts";
import { Health } from "./health.ts";
import { openLineHunt } from "./hunt-line.ts";
import { knowledgeStore, surroundings, surroundingsGently } from "./knowledge.ts";
import { KnowledgeKeeper } from "./knowledge-keeper.ts";
import { openMatching } from "./line-matching.ts";
import { lineReport } from "./line-report.ts";
import { Metrics, serveMetrics } from "./metrics.ts";
import { countEvents } from "./observe.ts";
import { openOutboxes } from "./outboxes.ts";
import { ownAssets } from "./policy.ts";
import { journalReaders } from "./readers.ts";
import { openWatches } from "./watches.ts";

export interface LineOptions {
  readonly log: Log;
  readonly clock?: Clock;
  /** Sinks beside those of the configuration (the demo's terminal). */
  readonly extraSinks?: ReadonlyMap<string, Sink>;
  /** Told of every sync and of every committed delivery. */
  readonly onSync?: (result: SyncResult) => void;
  readonly onCommitted?: (source: string, records: number) => void;
  /** Called once everything listens and reads. */
  readonly onReady?: (metricsUrl: string | undefined) => void;
  /** Called when the first alerts are about to be read. */
  readonly onRunning?: (journal: StoredJournal) => void;
  readonly onVerdict?: (alert: Alert, verdict: Verdict) => void;
  /** Mounts what is offered over HTTP beside the sources. */
  readonly mount?: (http: HttpFront, line: { readonly live: LiveGeneration; readonly metrics: Metrics }) => void;
}

/**
 * Runs the line of a configuration until `signal` aborts, or until every source has ended and every sink has caught up. Takes
 * the state lock; alerts are not read before there is a generation to match them against, because an alert that was read
 * against nothing would be lost to detection in silence.
 */
export async function runLine(config: Config, options: LineOptions, signal: AbortSignal): Promise<void> {
  const { log, clock = systemClock } = options;
  const lock = lockState(config.state_dir);
  const closers: (() => Promise<void> | void)[] = [() => lock.release()];
  try {
    checkConfig(config);
    await assembled(config, options, log, clock, closers, signal);
  } catch (thrown) {
    throw withLine(thrown, config.keys);
  } finally {
    for (const close of closers.reverse()) {
      try {
        await close();
      } catch (thrown) {
        log.warn("a part of the line did not close cleanly", { error: asError(thrown) });
      }
    }
  }
}

async function assembled(
  config: Config,
  options: LineOptions,
  log: Log,
  clock: Clock,
  closers: (() => Promise<void> | void)[],
  signal: AbortSignal,
): Promise<void> {
  const metrics = new Metrics();
  const http = new ListeningFront({
    ...config.http,
    log,
    clock,
    onAnswer: (route, status) => metrics.httpRequests.inc({ route, status: String(status) }),
  });
  const workshop = { stateDir: config.state_dir, log, clock, http };
  const key = loadOrCreateKey(keyFile(config.state_dir));
  const store = openGenerations({ dir: join(config.state_dir, "generations"), log });
  closers.push(() => store.close());
  const live = new LiveGeneration({
    store,
    ...surroundings({ config, log }),
    own: ownAssets(config.own),
    stateDir: config.state_dir,
  });
  const feeds = await makeFeeds(config, workshop);
  closers.push(async () => void (await Promise.all(feeds.map(({ feed }) => feed.close?.()))));
  const sources = new Map<string, Source>();
  for (const entry of config.sources) sources.set(entry.name, await makeComponent<Source>(entry, "source", workshop));
  // The keyed half of the id only: the other half could be guessed.
  const seal = (text: string) => derivedId(key, ["sealed", text]).slice(-16);
  const sinks = await makeSinks(config, options, workshop, seal);
  metrics.watchSinks(sinks);
  options.mount?.(http, { live, metrics });
  const journal = await openJournal({
    dir: journalDir(config.state_dir),
    readers: [
      ...journalReaders(config),
      ...[...(options.extraSinks?.keys() ?? [])].map((name) => ({ name, stream: "out" as const, required: false })),
    ],
    maxBytes: config.journal.max_bytes,
    // A sender that could not hear us may come with the same body half an hour later.
    rangesKept: 16_384,
    clock,
    log,
    onSpill: ({ sink, count }) => metrics.spilled.inc({ sink }, count),
    onDrop: (count) => metrics.droppedDeadLetters.inc(count),
  });
  closers.push(() => journal.close());
  const outboxes = await openOutboxes({ stateDir: config.state_dir, sinks, journal, metrics, clock, log });
  closers.push(() => outboxes.close());

  const keeper = new KnowledgeKeeper({
    config,
    feeds,
    store: knowledgeStore(config.state_dir, log),
    clock,
    log,
    onChange: async () => live.adopt(await surroundingsGently({ config, log })),
  });
  const health: Health = new Health({
    clock,
    config,
    live,
    sources,
    journal,
    knowledge: () => keeper.ages(),
    canary: () => watches.canary?.trouble(),
    outboxes: () => outboxes.backlogs(),
    hunt: () => lineHunt.trouble(),
  });
  const lineHunt = openLineHunt({ config, key, journal, live, store, sources, metrics, clock, log });
  const judge = engine(key);
  const watching = { config, key, seals: judge.seals, clock, log, sources, journal, metrics, health: () => health };
  const watches = await openWatches(watching);
  closers.push(() => watches.close());
  const exclusive = mutex();
  const loop = createSyncLoop(feeds, store, {
    clock,
    log,
    exclusive,
    confirmShrink: config.sync.confirm_shrink ? feeds.map(({ name }) => name) : [],
    onHinted(result) {
      if (result.changed) live.refresh();
      for (const { feed, status } of result.feeds) metrics.hinted.inc({ feed, outcome: status });
      if (result.changed) options.onSync?.(result);
    },
    onResult(result) {
      if (result.changed) live.refresh();
      keeper.begin();
      health.synced(result);
      for (const { feed, status } of result.feeds) metrics.syncs.inc({ feed, outcome: status });
      options.onSync?.(result);
    },
  });
  const stopSync = new AbortController();
  signal.addEventListener("abort", () => stopSync.abort(), { once: true });
  const control = await serveControl(config.state_dir, {
    ...watches.control,
    ...outboxes.control,
    ...lineHunt.control,
    ...controlHandlers({
      config,
      log,
      clock,
      store,
      live,
      journal,
      feeds,
      keeper,
      exclusive,
      onSynced: (result) => health.synced(result),
      feedErrors: () => health.feedErrors(),
      report: () => lineReport({ config, health, live, sources, journal, clock }),
      stopping: stopSync.signal,
    }),
  });
  closers.push(() => control.close());
  const server: Server | undefined = await serveMetrics(
    config.metrics.listen,
    metrics,
    () => health.troubles(),
    () => {
      health.measure(metrics);
      lineHunt.measure();
    },
  );
  closers.push(() => void server?.close());

  const syncing = Promise.all([loop, keeper, watches, health].map((part) => part.run(stopSync.signal)));
  closers.push(async () => {
    stopSync.abort();
    await syncing;
  });
  closers.push(() => http.close());
  const offered = await http.listen();
  if (offered !== undefined) log.info("listening", { url: offered });
  outboxes.begin();
  options.onReady?.(urlOf(server));
  await untilGeneration(config, sources, journal, health, live.ready, log, signal);
  if (signal.aborted) return;
  watches.reading();
  const { onVerdict } = options;
  const matching = openMatching({
    config,
    key,
    judge,
    watches,
    live,
    metrics,
    clock,
    log,
    ...(onVerdict && { onVerdict }),
  });
  closers.push(() => matching.close());
  const hunting = lineHunt.run(stopSync.signal);
  closers.push(async () => {
    stopSync.abort();
    await hunting;
  });
  options.onRunning?.(journal);
  await runPipeline(
    {
      sources: [...sources].map(([name, source]) => ({ name, source })),
      handle: matching.handle,
      ...(matching.match && { match: matching.match }),
      stage: stormControl({
        windowMs: config.storm.window,
        spreadEntities: config.storm.spread_entities,
        spreadWindowMs: config.storm.spread_window,
        derive: (parts) => derivedId(key, parts),
      }),
      sinks: watches.sinks(sinks),
      journal,
      clock,
      log,
      events: countEvents(metrics, health, options.onCommitted),
    },
    signal,
  );
}

async function makeSinks(
  config: Config,
  { extraSinks }: LineOptions,
  workshop: Parameters<typeof makeComponent>[2],
  seal: (text: string) => string,
): Promise<readonly PipelineSink[]> {
  const sinks: PipelineSink[] = [];
  for (const entry of config.sinks) {
    const { max_tlp: ceiling, min_score: least } = entry.common;
    sinks.push({
      name: entry.name,
      sink: await makeComponent<Sink>(entry, "sink", workshop),
      prepare: (finding) => (finding.score < least ? undefined : redact(finding, ceiling, seal)),
    });
  }
  for (const [name, sink] of extraSinks ?? []) sinks.push({ name, sink });
  return sinks;
}

function urlOf(server: Server | undefined): string | undefined {
  const address = server?.address();
  if (address === null || typeof address !== "object") return undefined;
  return `http://${address.family === "IPv6" ? `[${address.address}]` : address.address}:${address.port}`;
}
