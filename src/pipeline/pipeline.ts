import { setMaxListeners } from "node:events";
import type { Journal } from "../contract/journal.ts";
import type { Sink } from "../contract/sink.ts";
import type { Source } from "../contract/source.ts";
import type { Stage } from "../contract/stage.ts";
import { asError } from "../lib/errors.ts";
import type { Finding } from "../model/finding.ts";
import { deliver } from "./deliver.ts";
import type { Surroundings } from "./durably.ts";
import { type BeginDelivery, type MatchRecords, pump } from "./pump.ts";
import { StageRunner } from "./stage-runner.ts";

export interface PipelineSource {
  readonly name: string;
  readonly source: Source;
}

export interface PipelineSink {
  readonly name: string;
  readonly sink: Sink;
  /** What this sink gets of a finding, or undefined to leave it out; default: the finding. */
  readonly prepare?: (finding: Finding) => Finding | undefined;
}

export interface PipelineOptions extends Surroundings {
  readonly sources: readonly PipelineSource[];
  readonly handle: BeginDelivery;
  /** Instead of `handle`, in other threads. */
  readonly match?: MatchRecords;
  readonly stage: Stage;
  readonly sinks: readonly PipelineSink[];
  /** Opened with the stage and the sinks as its readers, and closed by the caller. */
  readonly journal: Journal & { holding?(): readonly string[] };
  /** A finite run: a source that fails for good ends it with its error, and open windows are closed at its end. */
  readonly finite?: boolean;
  /** After a stop: how long stage and sinks may take to deliver what is in the journal; the rest waits there. Default 5 s. */
  readonly drainMs?: number;
  readonly tickMs?: number;
}

const PATIENCE_MS = 2000;

/**
 * START HERE. alerts ─► source ─► handle ─► journal `raw` ─► stage ─► journal `out` ─► sinks
 *
 * Runs until every source has ended and everything is delivered, or until `signal` aborts: then the sources stop at once, the
 * stage and the sinks get `drainMs` for what is left, and everything is closed. What was not delivered is in the journal and
 * goes out after the next start. Throws only for a failure that no retry can cure.
 */
export async function runPipeline(options: PipelineOptions, signal: AbortSignal): Promise<void> {
  const { sources, sinks, journal, clock, drainMs = 5000 } = options;
  const stopSources = new AbortController();
  const noMoreInput = new AbortController();
  const noMoreFindings = new AbortController();
  const stopNow = new AbortController();
  const done = new AbortController();
  // Each component listens; any number of them is no leak.
  for (const { signal } of [stopSources, noMoreInput, noMoreFindings, stopNow, done]) setMaxListeners(0, signal);
  let failure: Error | undefined;
  const fail = (thrown: unknown) => {
    failure ??= asError(thrown);
    stopSources.abort();
  };
  const stop = () => stopSources.abort();
  stopSources.signal.addEventListener(
    "abort",
    () => void clock.sleep(drainMs, done.signal).then(() => done.signal.aborted || stopNow.abort()),
    { once: true },
  );
  if (signal.aborted) stop();
  signal.addEventListener("abort", stop, { once: true });

  const onFailure = options.finite ? ("throw" as const) : ("retry" as const);
  const stage = new StageRunner(stageOptions(options, () => options.finite === true && !stopSources.signal.aborted));
  const through = (findings: readonly Finding[]) => stage.begin(findings);
  const pumps = sources.map(({ name, source }) =>
    pump({ ...options, name, source, through, onFailure }, stopSources.signal).catch(fail),
  );
  const echoLagMs = () => lagOf(sources, journal);
  const deliveries = sinks.map((sink) =>
    deliver({ ...sink, journal, echoLagMs, ...surroundingsOf(options) }, noMoreFindings.signal, stopNow.signal).catch(
      fail,
    ),
  );
  const staging = stage.run(noMoreInput.signal, stopNow.signal).catch(fail);

  const patience = patienceAfter(stopNow.signal, done.signal, options);
  await Promise.race([Promise.all(pumps), patience]);
  noMoreInput.abort();
  await Promise.race([staging, patience]);
  noMoreFindings.abort();
  await Promise.race([Promise.all(deliveries), patience]);
  done.abort();
  signal.removeEventListener("abort", stop);
  await closeAll(options);
  if (failure) throw failure;
}

/** Resolves a while after `stop`: a component that does not end then is left behind. */
function patienceAfter(stop: AbortSignal, done: AbortSignal, { clock, log }: PipelineOptions): Promise<void> {
  return new Promise((resolve) => {
    stop.addEventListener("abort", async () => {
      await clock.sleep(PATIENCE_MS, done);
      if (!done.aborted) log.warn("no more waiting for components that do not end");
      resolve();
    });
  });
}

function surroundingsOf({ clock, log, events }: PipelineOptions): Surroundings {
  return { clock, log, events };
}

function stageOptions(options: PipelineOptions, flushAtEnd: () => boolean) {
  const { stage, journal, tickMs } = options;
  return {
    stage,
    journal,
    flushAtEnd,
    ...(tickMs === undefined ? {} : { tickMs }),
    ...surroundingsOf(options),
  };
}

/** How far the sources are behind; without end while one waits for room, since it reads nothing then. */
function lagOf(sources: readonly PipelineSource[], journal: PipelineOptions["journal"]): number {
  if ((journal.holding?.().length ?? 0) > 0) return Number.POSITIVE_INFINITY;
  const lags = sources.map(({ source }) => source.lag?.() ?? {});
  return Math.max(0, ...lags.map(({ bytes, seconds = 0 }) => (bytes === 0 ? 0 : seconds * 1000)));
}

async function closeAll({ sources, sinks, log }: PipelineOptions): Promise<void> {
  const closings = [
    ...sources.map(({ name, source }) => ({ name, close: () => source.close?.() })),
    ...sinks.map(({ name, sink }) => ({ name, close: () => sink.close?.() })),
  ];
  for (const { name, close } of closings) {
    try {
      await close();
    } catch (thrown) {
      log.warn("component did not close cleanly", { component: name, error: asError(thrown) });
    }
  }
}
