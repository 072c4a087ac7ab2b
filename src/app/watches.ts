import { openUnixDatagram } from "../clients/unix-datagram.ts";
import { derivedId } from "../intel/finding-id.ts";
import type { Finding } from "../model/finding.ts";
import { get, type JsonValue, text } from "../model/json.ts";
import type { Echo, HandleContext } from "../pipeline/handle.ts";
import type { PipelineSink } from "../pipeline/pipeline.ts";
import type { ControlHandler } from "../store/control.ts";
import type { CanaryKeeper } from "./canary.ts";
import { type CanaryParts, guardedSink, openCanary, watchedSink } from "./canary-line.ts";
import { Simulations } from "./simulations.ts";
import { TroubleTeller } from "./trouble.ts";
import { alertSources, queueSink } from "./wazuh-queue-sink.ts";

export interface WatchParts extends CanaryParts {
  /** The installation's key. */
  readonly key: Buffer;
}

/** What watches a running line: the canary, the trace of simulated events, and who tells Wazuh of troubles. */
export interface Watches {
  readonly canary: CanaryKeeper | undefined;
  /** What handling a record tells the watches. */
  readonly handle: Pick<HandleContext, "canary" | "onEcho" | "onSimulated">;
  /** Sinks that get no more than they may, and that the watches see the deliveries of. */
  sinks(sinks: readonly PipelineSink[]): readonly PipelineSink[];
  /** What commands may ask. */
  readonly control: Readonly<Record<string, ControlHandler>>;
  /** The sources are about to be read: from now on canaries go out. */
  reading(): void;
  /** Tells of troubles, and sends canaries, until `signal` aborts. */
  run(signal: AbortSignal): Promise<void>;
  close(): void;
}

export async function openWatches(parts: WatchParts): Promise<Watches> {
  const { config } = parts;
  const simulations = new Simulations();
  const canary = await openCanary(parts);
  const teller = await openTeller(parts);
  const ofAlerts = new Set(alertSources(config));
  return {
    canary: canary?.keeper,
    handle: {
      ...(canary === undefined ? {} : { canary: canary.keeper }),
      onEcho(alert: Echo, id: string) {
        canary?.keeper.echoed(alert, id);
        if (ofAlerts.has(alert.source)) simulations.echoed(alert, id);
      },
      onSimulated: (mark: string, finding: Finding) => simulations.found(mark, finding),
    },
    sinks: (sinks) =>
      sinks.map((sink) => {
        const canaries = sink.name === canary?.sink;
        const type = config.sinks.find(({ name }) => name === sink.name)?.definition.type;
        const watched = watchedSink(sink.sink, (findings) => {
          if (canaries) canary?.keeper.delivered(findings);
          simulations.delivered(sink.name, findings);
        });
        return guardedSink({ ...sink, sink: watched }, { canaries, sightings: type === "misp-sightings" });
      }),
    control: {
      canary: () => (canary?.keeper.state() ?? null) as unknown as JsonValue,
      simulation: (args) => ({
        trace: simulations.trace(text(get(args, "mark")) ?? ""),
        unread: Object.fromEntries([...parts.sources].map(([name, source]) => [name, source.lag?.().bytes ?? null])),
      }),
    },
    reading: () => canary?.keeper.begin(),
    async run(signal) {
      await Promise.all([teller?.teller.run(signal), canary?.keeper.run(signal)]);
    },
    close() {
      canary?.close();
      teller?.close();
    },
  };
}

async function openTeller({ config, clock, log, key, health }: WatchParts) {
  const sink = queueSink(config);
  if (!config.trouble_events.enabled || sink === undefined) return undefined;
  const client = await openUnixDatagram(sink.socket);
  const teller = new TroubleTeller({
    clock,
    log: log.child({ part: "troubles" }),
    troubles: () => health().details(),
    send: (datagram) => client.send(datagram),
    derive: (parts) => derivedId(key, parts),
    repeatMs: config.trouble_events.repeat,
  });
  return { teller, close: () => client.close() };
}
