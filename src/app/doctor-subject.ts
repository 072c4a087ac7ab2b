import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Config, Configured } from "../config/load.ts";
import { systemClock } from "../lib/clock.ts";
import type { Identity } from "../setup/doctor-host-access.ts";
import type { IsDaemon } from "../setup/doctor-wazuh-daemons.ts";
import type { ConfiguredPlace, WazuhSubject } from "../setup/doctor-wazuh-facts.ts";
import { DEFAULT_PREFIX, pathsOf, samePlace } from "../setup/wazuh/installation.ts";

/** What of `DoctorOptions` bears on the side of Wazuh. */
export interface SubjectOptions {
  readonly prefix?: string | undefined;
  readonly now?: () => number;
  readonly settleMs?: number;
  readonly isDaemon?: IsDaemon;
}

/** wazuh-analysisd writes its counters every 5 s. */
const SETTLE_MS = 7_000;
const SPOOL = "queue/tipline";

/** A manager on this host, or its folders mounted; with the server API alone there is none to look at. */
export function usesWazuh(config: Config | undefined): boolean {
  if (config === undefined) return false;
  const local = new Set(["wazuh", "wazuh-alerts", "wazuh-archives", "wazuh-hook"]);
  return [...config.sources, ...config.sinks].some(({ definition }) => local.has(definition.type));
}

/** The manager to look at, and what of the configuration is about it; `restart`: the command that restarts Tipline. */
export function wazuhSubject(
  { prefix: given, now, settleMs, isDaemon }: SubjectOptions,
  config: Config | undefined,
  { who, how }: { readonly who: Identity; readonly how: string },
  restart: string,
): WazuhSubject {
  const { alerts, queues, spools } = config === undefined ? standard(given) : placesOf(config);
  const prefix = resolve(given ?? prefixOf([...alerts, ...queues]));
  const { alertsJson, queueSocket } = pathsOf(prefix);
  const reads = ofManager(alerts, alertsJson);
  const writes = ofManager(queues, queueSocket);
  const drains = ofManager(spools, join(prefix, SPOOL));
  const chosen = [reads, writes, drains].flatMap((place) => place?.path ?? []);
  return {
    prefix,
    who,
    how,
    restart,
    reads,
    writes,
    hook: drains !== undefined,
    ...(drains !== undefined && { drains }),
    elsewhere: [...alerts, ...queues, ...spools].filter(({ path }) => !chosen.some((one) => samePlace(one, path))),
    now: now ?? systemClock.now,
    settleMs: settleMs ?? SETTLE_MS,
    ...(isDaemon !== undefined && { isDaemon }),
    sleep: systemClock.sleep,
  };
}

interface Places {
  readonly alerts: readonly ConfiguredPlace[];
  readonly queues: readonly ConfiguredPlace[];
  readonly spools: readonly ConfiguredPlace[];
}

function placesOf({ sources, sinks }: Config): Places {
  return {
    alerts: places("sources", sources, "wazuh-alerts", "path", "read"),
    queues: places("sinks", sinks, "wazuh", "socket", "write"),
    spools: places("sources", sources, "wazuh-hook", "path", "write"),
  };
}

function places(
  kind: "sources" | "sinks",
  configured: readonly Configured<object>[],
  type: string,
  key: string,
  need: ConfiguredPlace["need"],
): readonly ConfiguredPlace[] {
  return configured
    .filter(({ definition }) => definition.type === type)
    .map(({ name, settings }) => ({
      path: String((settings as Readonly<Record<string, unknown>>)[key]),
      key: `${kind}.${name}.${key}`,
      need,
    }));
}

/** Without a configuration: what a stock installation has. */
function standard(prefix: string | undefined): Places {
  const { alertsJson, queueSocket } = pathsOf(resolve(prefix ?? DEFAULT_PREFIX));
  return {
    alerts: [{ path: alertsJson, key: "sources.wazuh.path", need: "read" }],
    queues: [{ path: queueSocket, key: "sinks.wazuh.socket", need: "write" }],
    spools: [],
  };
}

/** Of several the one that is this manager's, else the first: it may be meant to be, which is for a hop to find. */
function ofManager(list: readonly ConfiguredPlace[], theirs: string): ConfiguredPlace | undefined {
  return list.find(({ path }) => samePlace(path, theirs)) ?? list[0];
}

/** The manager that the configured paths are in; one of them may be wrong, which is for a hop to find. */
function prefixOf(places: readonly ConfiguredPlace[]): string {
  const candidates: string[] = [];
  for (const { path } of places) {
    const end = ["/logs/alerts/alerts.json", "/queue/sockets/queue"].find((tail) => path.endsWith(tail));
    if (end !== undefined) candidates.push(path.slice(0, -end.length));
  }
  const there = candidates.find((prefix) => existsSync(join(prefix, "etc/ossec.conf")));
  return there ?? (existsSync(join(DEFAULT_PREFIX, "etc")) ? DEFAULT_PREFIX : (candidates[0] ?? DEFAULT_PREFIX));
}
