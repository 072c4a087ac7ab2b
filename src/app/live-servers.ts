import { createHash } from "node:crypto";
import { join } from "node:path";
import type { Misp } from "../clients/misp.ts";
import { connectMisp, type MispConnection, mispConnection } from "../clients/misp-connection.ts";
import type { SightingSwitch } from "../clients/misp-sightings-config.ts";
import type { ZeroMqOptions } from "../clients/zeromq.ts";
import { type Config, loadConfig } from "../config/load.ts";
import type { FeedFilter } from "../contract/feed-filter.ts";
import { createReportFilter, type ReportFilter } from "../intel/report-filter.ts";
import type { Clock } from "../lib/clock.ts";
import { TiplineError } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { secretFrom } from "../lib/secret-schema.ts";
import { type LiveCache, openLiveCache } from "./live-cache.ts";
import { requireConfig } from "./paths.ts";

/** A MISP server as the command line or the configuration describes it. */
export interface ServerSettings {
  readonly name: string;
  readonly connection: MispConnection;
  readonly toIdsOnly: boolean;
  readonly publishedOnly: boolean;
  readonly filters?: FeedFilter | undefined;
  /** Attributes of one request of a sync. */
  readonly pageSize: number;
  /** Sightings go to it. */
  readonly sightings: boolean;
  /** Address of its ZeroMQ publisher. */
  readonly zmq?: string | undefined;
}

export interface ServerFlags {
  readonly config?: string | undefined;
  /** Names of configured feeds; empty for every misp-server. */
  readonly feedNames: readonly string[];
  readonly server?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly caFile?: string | undefined;
  readonly proxy?: string | undefined;
  readonly insecure?: boolean | undefined;
}

export interface FoundServers {
  readonly servers: readonly ServerSettings[];
  readonly config?: Config;
}

/** Where the key comes from when no file is named. */
export const KEY_VARIABLE = "TIPLINE_MISP_KEY";

/** The servers that `--server` or the configuration names; throws a usage error when there is none. */
export async function findServers(flags: ServerFlags, env: NodeJS.ProcessEnv = process.env): Promise<FoundServers> {
  if (flags.server !== undefined) return { servers: [named(flags, flags.server, env)] };
  for (const flag of ["keyFile", "caFile", "proxy", "insecure"] as const)
    if (flags[flag] !== undefined)
      throw new TiplineError(
        "TIP_USAGE_INVALID",
        `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} goes with --server URL; configured servers have it in the configuration`,
      );
  const path = requireConfig(flags.config);
  const config = await loadConfig(path);
  const all = config.feeds.filter(({ definition }) => definition.type === "misp-server");
  if (all.length === 0)
    throw new TiplineError(
      "TIP_USAGE_INVALID",
      `${path}: expected a feed of type misp-server, or --server URL --key-file FILE`,
    );
  for (const name of flags.feedNames)
    if (!all.some((feed) => feed.name === name))
      throw new TiplineError(
        "TIP_USAGE_INVALID",
        `--feed-name: expected a misp-server of ${path} (${all.map((feed) => feed.name).join(", ")}), got "${name.slice(0, 60)}"`,
      );
  const chosen = all.filter(({ name }) => flags.feedNames.length === 0 || flags.feedNames.includes(name));
  return { config, servers: chosen.map(({ name, settings }) => configured(name, settings as FeedSettings)) };
}

/** Every misp-server of a configuration. */
export function configuredServers({ feeds }: Pick<Config, "feeds">): readonly ServerSettings[] {
  const servers = feeds.filter(({ definition }) => definition.type === "misp-server");
  return servers.map(({ name, settings }) => configured(name, settings as FeedSettings));
}

/** The part of a misp-server's settings that a question to it depends on. */
type FeedSettings = MispConnection & {
  readonly to_ids_only: boolean;
  readonly published_only: boolean;
  readonly filters?: FeedFilter;
  readonly page_size: number;
  readonly sightings: SightingSwitch;
  readonly zmq?: ZeroMqOptions;
};

function configured(name: string, settings: FeedSettings): ServerSettings {
  const { to_ids_only, published_only, filters, page_size, sightings, zmq } = settings;
  return {
    name,
    connection: settings,
    toIdsOnly: to_ids_only,
    publishedOnly: published_only,
    filters,
    pageSize: page_size,
    sightings: sightings !== false,
    zmq: zmq?.address,
  };
}

/** What a misp-server has where the configuration does not say. */
const DEFAULT_PAGE = 10_000;

function named(flags: ServerFlags, url: string, env: NodeJS.ProcessEnv): ServerSettings {
  const key = flags.keyFile === undefined ? env[KEY_VARIABLE] : undefined;
  if (flags.keyFile === undefined && !key?.trim())
    throw new TiplineError("TIP_USAGE_INVALID", `--server: expected --key-file FILE or the key in $${KEY_VARIABLE}`);
  if (flags.proxy !== undefined && URL.canParse(flags.proxy) && new URL(flags.proxy).username !== "")
    throw new TiplineError(
      "TIP_USAGE_INVALID",
      "--proxy: expected a URL without user name and password, because every user of this host can read a command line: put it into a configuration",
    );
  const given = {
    url,
    ...(flags.keyFile === undefined ? { key } : { key_file: flags.keyFile }),
    ...(flags.caFile === undefined ? {} : { ca_file: flags.caFile }),
    ...(flags.proxy === undefined ? {} : { proxy: flags.proxy }),
    verify: flags.insecure !== true,
  };
  const checked = mispConnection.safeParse(given);
  if (!checked.success)
    throw new TiplineError("TIP_USAGE_INVALID", `--server: ${checked.error.issues[0]?.message ?? "not usable"}`);
  return {
    name: new URL(url).host,
    connection: checked.data,
    toIdsOnly: true,
    publishedOnly: true,
    pageSize: DEFAULT_PAGE,
    sightings: false,
  };
}

/** A server that can be asked about values. */
export interface LiveServer {
  readonly name: string;
  readonly url: string;
  readonly misp: Misp;
  readonly toIdsOnly: boolean;
  readonly publishedOnly: boolean;
  readonly filter?: ReportFilter | undefined;
  readonly cache: LiveCache;
}

export interface ConnectOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Undefined: nothing is kept on disk. */
  readonly cacheDir: string | undefined;
  /** Whatever the filters say, to_ids and published included. */
  readonly all?: boolean;
  /** Wait as long as a sync would. */
  readonly patient?: boolean;
}

/** Silence that a person at a terminal is asked to bear, and the largest answer to a question about values. */
const TIMEOUT_MS = 60_000;
const MAX_ANSWER = 128 * 1024 * 1024;

export function connectServer(
  settings: ServerSettings,
  { clock, log, cacheDir, all, patient }: ConnectOptions,
): LiveServer {
  const { name, connection } = settings;
  const filters = all === true ? undefined : settings.filters;
  const misp = connectMisp(connection, clock, log, {
    timeoutMs: Math.min(patient ? Number.POSITIVE_INFINITY : TIMEOUT_MS, connection.timeout_seconds * 1000),
    retries: 1,
    maxWaitMs: 30_000,
    maxBytes: Math.min(MAX_ANSWER, connection.max_answer_mib * 1024 * 1024),
  });
  const toIdsOnly = settings.toIdsOnly && all !== true;
  const publishedOnly = settings.publishedOnly && all !== true;
  const key = secretFrom(connection.key_file, connection.key)?.reveal() ?? "";
  const identity = [
    name,
    misp.url,
    createHash("sha256").update(key).digest("hex"),
    JSON.stringify([toIdsOnly, publishedOnly, filters ?? null]),
  ];
  const dir = cacheDir === undefined ? undefined : join(cacheDir, "live-lookup");
  return {
    name,
    url: misp.url,
    misp,
    toIdsOnly,
    publishedOnly,
    ...(filters === undefined ? {} : { filter: createReportFilter(filters, () => clock.now()) }),
    cache: openLiveCache({ dir, identity, now: () => clock.now(), log }),
  };
}
