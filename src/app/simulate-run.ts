import { existsSync, readFileSync } from "node:fs";
import { isIP } from "node:net";
import { hostname } from "node:os";
import { loadConfig } from "../config/load.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Agent } from "../model/alert.ts";
import type { Scenario } from "../setup/scenarios/scenario.ts";
import { keyFile } from "./dead-letters.ts";
import { engine } from "./engine.ts";
import { openIntelligence } from "./intelligence.ts";
import { requireConfig } from "./paths.ts";
import { handOver, rendered, type SimulateAs } from "./simulate.ts";
import { alertFiles, type Hop, SimulationWatch } from "./simulate-follow.ts";
import { namedValue, type Stage, simulated, suitableValue, whyUnmatched } from "./simulate-value.ts";
import { queueSink } from "./wazuh-queue-sink.ts";

export interface SimulateRequest {
  readonly scenario: Scenario;
  readonly config?: string;
  /** Default: `event` where a sink of type wazuh is configured. */
  readonly as?: SimulateAs;
  readonly file?: string;
  /** Instead of the configured sink's. */
  readonly socket?: string;
  readonly value?: string;
  /** `id:name:ip`; default: the manager itself. */
  readonly agent?: string;
  readonly waitMs: number;
  readonly log: Log;
  readonly clock?: Clock;
}

/** What was made, before it is handed over. */
export interface Prepared {
  readonly scenario: string;
  readonly as: SimulateAs;
  readonly type: string;
  readonly value: string;
  readonly mark: string;
  /** The event in its shape. */
  readonly text: string;
  /** False: it is only to be printed. */
  readonly goes: boolean;
  /** Hands it over and tells each hop. */
  run(signal: AbortSignal): AsyncGenerator<Hop>;
  close(): Promise<void>;
}

/** Makes a simulated event from what the configuration's generation lists. */
export async function prepareSimulation(request: SimulateRequest): Promise<Prepared> {
  const { scenario, log, clock = systemClock } = request;
  const config = await loadConfig(requireConfig(request.config));
  const key = readKey(config.state_dir);
  const { live, close } = await openIntelligence({ feeds: [], loaded: config, log });
  try {
    const generation = live.current();
    const stage: Stage = {
      generation,
      judge: engine(key),
      agent: agentOf(request.agent),
      manager: hostname(),
      time: clock.now(),
    };
    const chosen = request.value === undefined ? suitableValue(scenario, stage) : namedValue(scenario, request.value);
    const of = simulated(stage, chosen.type, chosen.value);
    const unmatched = whyUnmatched(scenario, of, stage);
    const socket = request.socket ?? queueSink(config)?.socket;
    const as = request.as ?? (request.file === undefined && socket !== undefined ? "event" : "alert");
    if (as === "event" && socket === undefined)
      throw new TiplineError(
        "TIP_USAGE_INVALID",
        "--as event: the configuration has no sink of type wazuh: give --socket",
      );
    const goes = request.file !== undefined || (as === "event" && socket !== undefined);
    const target = {
      as,
      ...(request.file === undefined ? {} : { file: request.file }),
      ...(socket === undefined ? {} : { socket }),
    };
    const files = [...new Set([...alertFiles(config), ...(as === "alert" && request.file ? [request.file] : [])])];
    return {
      scenario: scenario.name,
      as,
      ...chosen,
      mark: of.mark,
      text: rendered(scenario, of, as),
      goes,
      async *run(signal) {
        const watch = await SimulationWatch.begin({
          config,
          mark: of.mark,
          files,
          clock,
          waitMs: request.waitMs,
          ...("lacks" in scenario.alerts ? { lacks: scenario.alerts.lacks } : {}),
          ...(unmatched === undefined ? {} : { unmatched }),
        });
        const sent = await sending(() => handOver(scenario, of, target));
        yield sent;
        if (sent.status === "ok" && request.waitMs > 0) yield* watch.hops(signal);
      },
      close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}

async function sending(hand: () => Promise<string | undefined>): Promise<Hop> {
  try {
    return { hop: "sent", status: "ok", found: (await hand()) ?? "printed", advice: "" };
  } catch (thrown) {
    if (thrown instanceof TiplineError && thrown.code === "TIP_USAGE_INVALID") throw thrown;
    const advice = "is the manager running, and may this user write there? Run `tipline doctor wazuh`";
    return { hop: "sent", status: "failed", found: asError(thrown).message, advice };
  }
}

/** The running line's own key: with another one it would take the event for a real attack. It is never made here. */
function readKey(stateDir: string): Buffer {
  const path = keyFile(stateDir);
  if (!existsSync(path))
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `no key at ${path} yet: start \`tipline run\` once, or run as its user`,
    );
  try {
    const text = readFileSync(path, "latin1").trim();
    if (!/^[0-9a-f]{64}$/.test(text)) throw new Error("it does not hold 64 hex digits");
    return Buffer.from(text, "hex");
  } catch (cause) {
    throw new TiplineError(
      "TIP_INPUT_INVALID",
      `the key ${path} cannot be read (run as the user that runs Tipline): ${asError(cause).message}`,
      { cause },
    );
  }
}

function agentOf(text: string | undefined): Agent {
  if (text === undefined) return { id: "000" };
  const [id = "", name = "", ...rest] = text.split(":");
  const ip = rest.join(":");
  const valid = /^\d{3,10}$/.test(id) && /^[A-Za-z0-9._-]{1,128}$/.test(name) && (ip === "" || isIP(ip) !== 0);
  if (!valid)
    throw new TiplineError(
      "TIP_USAGE_INVALID",
      `--agent: expected ID:NAME or ID:NAME:ADDRESS, got "${text.slice(0, 100)}"`,
    );
  return { id, name, ...(ip === "" ? {} : { ip }) };
}
