import { openUnixDatagram } from "../clients/unix-datagram.ts";
import type { Config } from "../config/load.ts";
import type { SendResult, Sink } from "../contract/sink.ts";
import type { Source } from "../contract/source.ts";
import type { Seals } from "../intel/seals.ts";
import type { Clock } from "../lib/clock.ts";
import { TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Finding } from "../model/finding.ts";
import { mayHave } from "../pipeline/canary.ts";
import type { PipelineSink } from "../pipeline/pipeline.ts";
import { CANARY_HOPS, writeCanaryState } from "../store/canary-state.ts";
import type { StoredJournal } from "../store/journal.ts";
import { CanaryKeeper, type CanaryLine } from "./canary.ts";
import type { Health } from "./health.ts";
import type { Metrics } from "./metrics.ts";
import { alertSources, type QueueSink, queueSink } from "./wazuh-queue-sink.ts";

/** The sink of a configuration's canary, or undefined when there is none. Throws when one is wanted and cannot be. */
export function canarySink(config: Config): QueueSink | undefined {
  const { enabled } = config.canary;
  if (enabled === false) return undefined;
  const sink = queueSink(config);
  if (sink?.confirms === true && alertSources(config).length > 0) return sink;
  if (enabled === undefined) return undefined;
  throw new TiplineError(
    "TIP_CONFIG_INVALID",
    "canary.enabled: a canary needs a source of type wazuh-alerts and a sink of type wazuh with confirm: true; add them, or take canary.enabled out",
  );
}

/** What the canary is made of at the start of a line. */
export interface CanaryParts {
  readonly config: Config;
  readonly seals: Seals;
  readonly clock: Clock;
  readonly log: Log;
  readonly sources: ReadonlyMap<string, Source>;
  readonly journal: StoredJournal;
  readonly metrics: Metrics;
  readonly health: () => Health;
}

/** The canary of a configuration with its own connection to the queue; undefined when it has none. */
export async function openCanary(
  parts: CanaryParts,
): Promise<{ readonly keeper: CanaryKeeper; readonly sink: string; close(): void } | undefined> {
  const { config, clock, metrics } = parts;
  const log = parts.log.child({ part: "canary" });
  const sink = canarySink(config);
  const remember = (state: Parameters<typeof writeCanaryState>[1]) => writeCanaryState(config.state_dir, state);
  if (sink === undefined) {
    rememberNone(remember, clock, log);
    return undefined;
  }
  for (const hop of CANARY_HOPS) metrics.canaryLost.inc({ hop }, 0);
  const client = await openUnixDatagram(sink.socket);
  const keeper = new CanaryKeeper({
    seals: parts.seals,
    clock,
    log,
    intervalMs: config.canary.interval,
    timeoutMs: config.canary.timeout,
    sources: new Set(alertSources(config)),
    line: surroundings(parts, sink.name),
    events: {
      sent: () => metrics.canarySent.inc(),
      lost: (hop) => metrics.canaryLost.inc({ hop }),
      returned: (seconds) => metrics.canaryReturned(seconds),
    },
    send: (datagram) => client.send(datagram),
    remember,
  });
  return { keeper, sink: sink.name, close: () => client.close() };
}

function rememberNone(remember: (state: Parameters<typeof writeCanaryState>[1]) => void, clock: Clock, log: Log) {
  try {
    remember({ enabled: false, updatedAt: clock.now(), sent: 0, lost: 0 });
  } catch (error) {
    log.debug("the canary's state could not be written", { error: error as Error });
  }
}

function surroundings({ config, sources, journal, health }: CanaryParts, sink: string): CanaryLine {
  const names = alertSources(config);
  return {
    lagMs() {
      if (journal.holding().length > 0) return Number.POSITIVE_INFINITY;
      const lags = names.map((name) => sources.get(name)?.lag?.() ?? {});
      if (lags.every(({ bytes }) => bytes === undefined)) return undefined;
      return Math.max(0, ...lags.map(({ bytes, seconds = 0 }) => (bytes === 0 ? 0 : seconds * 1000)));
    },
    backlog: () => journal.backlog().get(sink)?.entries ?? 0,
    isTroubled(hop) {
      const involved = hop === "send" || hop === "deliver" ? [sink] : [sink, ...names];
      return involved.some((component) => health().failsNow(component));
    },
  };
}

/** The sink as it is, and the canary's keeper is told what it took. */
export function watchedSink(sink: Sink, onTaken: (findings: readonly Finding[]) => void): Sink {
  return {
    ...(sink.confirmation === undefined ? {} : { confirmation: sink.confirmation }),
    ...(sink.batchSize === undefined ? {} : { batchSize: sink.batchSize }),
    async send(findings, signal) {
      const result = await sink.send(findings, signal);
      onTaken(taken(findings, result));
      return result;
    },
    ...(sink.close === undefined ? {} : { close: () => sink.close?.() ?? Promise.resolve() }),
  };
}

function taken(findings: readonly Finding[], result: SendResult): readonly Finding[] {
  if (result.status === "sent") return findings;
  return result.status === "retry" ? findings.slice(0, result.taken ?? 0) : [];
}

/**
 * Keeps canaries to their own sink and simulated findings from sightings. What a sink leaves out otherwise (a minimum score, a TLP
 * ceiling) does not concern a canary.
 */
export function guardedSink(
  { name, sink, prepare }: PipelineSink,
  { canaries, sightings }: { readonly canaries: boolean; readonly sightings: boolean },
): PipelineSink {
  return {
    name,
    sink,
    prepare(finding) {
      if (!mayHave(finding, { canaries, sightings })) return undefined;
      return finding.mode === "canary" || prepare === undefined ? finding : prepare(finding);
    },
  };
}
