import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import type { WazuhApiSettings } from "../clients/wazuh-api-connection.ts";
import type { Config } from "../config/load.ts";
import { systemClock } from "../lib/clock.ts";
import { asError } from "../lib/errors.ts";
import { silentLog } from "../lib/log.ts";
import { text } from "../model/json.ts";
import { type Check, unseen } from "../setup/checks.ts";
import { type DiskPlace, diskHop, type Room, userHop } from "../setup/doctor-host.ts";
import {
  type Identity,
  identityOf,
  namedIdentity,
  ownIdentity,
  processIdentity,
  shellWord,
} from "../setup/doctor-host-access.ts";
import { askLine, type LineAnswer, type LineSubject, lineHops, lockHolder, runHops } from "../setup/doctor-line.ts";
import { healthHops } from "../setup/doctor-line-health.ts";
import { type Hop, type HopCheck, once, walkChain } from "../setup/doctor-line-walk.ts";
import { doctorMisp } from "../setup/doctor-misp.ts";
import { wazuhHops } from "../setup/doctor-wazuh.ts";
import { apiRulesHop, wazuhApiHop } from "../setup/doctor-wazuh-api.ts";
import type { IsDaemon } from "../setup/doctor-wazuh-daemons.ts";
import { WazuhFacts } from "../setup/doctor-wazuh-facts.ts";
import { DEFAULT_PREFIX } from "../setup/wazuh/installation.ts";
import { readCanaryState } from "../store/canary-state.ts";
import { intervalOf } from "./components.ts";
import { type ConfigReading, configHops, readConfiguration, replaceSecret } from "./doctor-config.ts";
import { usesWazuh, wazuhSubject } from "./doctor-subject.ts";
import { configuredServers, connectServer, type ServerSettings } from "./live-servers.ts";

export interface DoctorOptions {
  /** Undefined: the side of Wazuh alone, with what a stock installation has. */
  readonly config?: string | undefined;
  /** Only the side of Wazuh. */
  readonly wazuhOnly?: boolean;
  readonly prefix?: string | undefined;
  /** For tests: instead of whom Tipline runs as, of the host's clock, of its disks, of 7 s for the counters, of its processes. */
  readonly who?: Identity;
  readonly now?: () => number;
  readonly room?: (path: string) => Room | undefined;
  readonly settleMs?: number;
  readonly isDaemon?: IsDaemon;
}

const HOUR_MS = 3_600_000;
const STALE_INTERVALS = 12;
const SERVICE_CONFIG = "/etc/tipline/tipline.yaml";
const UNIT = "/etc/systemd/system/tipline.service";

/** Walks the whole chain, or the side of Wazuh; see `walkChain`. Changes nothing anywhere. */
export async function* doctorChain(options: DoctorOptions, signal: AbortSignal): AsyncGenerator<HopCheck> {
  const { config: path } = options;
  const reading = path === undefined ? undefined : await readConfiguration(path);
  const config = reading?.status === "read" ? reading.config : undefined;
  const status = once(() => askLine(config?.state_dir ?? ""));
  const who = await tiplineUser(config, status, options.who);
  const wazuh = usesWazuh(config) || options.wazuhOnly || options.prefix !== undefined;
  const subject = wazuhSubject(options, config, who, restartCommand());
  const facts = new WazuhFacts(subject);
  if (wazuh) await facts.begin();
  const lastFired = () => (config === undefined ? undefined : readCanaryState(config.state_dir)?.lastReturnedAt);
  const user = userHop({ ...who, restart: subject.restart, reads: subject.reads?.path, writes: subject.writes?.path });
  const install = installCommand(subject.prefix, path);
  const side = wazuh ? [...wazuhHops(facts, install, user, lastFired)] : [user];
  if (wazuh && config !== undefined && sinksByApi(config).length > 0) side.push(apiRulesHop(facts, install));
  const hops = options.wazuhOnly
    ? side
    : wholeChain(reading, config, options, { who, status, side, prefix: wazuh ? subject.prefix : undefined });
  yield* walkChain(hops, signal);
}

interface Parts {
  readonly who: { readonly who: Identity; readonly how: string };
  readonly status: () => Promise<LineAnswer>;
  readonly side: readonly Hop[];
  readonly prefix: string | undefined;
}

/** From the root cause on: configuration, host, is it running, MISP, Wazuh, then what only shows when all of that holds. */
function wholeChain(
  reading: ConfigReading | undefined,
  config: Config | undefined,
  options: DoctorOptions,
  { who, status, side, prefix }: Parts,
): readonly Hop[] {
  if (reading === undefined) return side;
  const command = commandWith(reading.path);
  const checks = configHops(reading, who.who);
  if (config === undefined) return [...checks, ...side];
  const servers = configuredServers(config);
  const apiSinks = sinksByApi(config);
  const line = lineSubject(config, options, who.who, status, reading.path);
  return [
    ...checks,
    diskHop(diskPlaces(config, prefix), options.room),
    ...runHops(line),
    ...servers.map((server) => mispHop(server, line, command("doctor misp"))),
    ...side,
    ...apiSinks.map(({ name, settings }) =>
      wazuhApiHop({ name, settings: settings as WazuhApiSettings, restart: line.restart, now: line.now }),
    ),
    ...lineHops(line, command),
    ...healthHops(line),
  ];
}

const sinksByApi = ({ sinks }: Config): Config["sinks"] =>
  sinks.filter(({ definition }) => definition.type === "wazuh-api");

function mispHop(server: ServerSettings, { now, who, restart }: LineSubject, closer: string): Hop {
  const name = `misp ${server.name}`;
  return {
    name,
    needs: ["configuration", "secrets"],
    look: async (_, signal) => {
      const connected = connectOrNot(server);
      if (connected instanceof Error) return [unseen(name, connected.message, "sudo tipline doctor")];
      const { misp } = connected;
      try {
        const { connection, toIdsOnly, publishedOnly, pageSize, sightings, zmq } = server;
        const newKey = replaceSecret(connection.key_file, who, restart);
        const taken = { toIdsOnly, publishedOnly, pageSize };
        const subject = { connection, misp, ...taken, sightings, zmq, now, newKey, brief: true };
        const checks: Check[] = [];
        for await (const check of doctorMisp(subject, signal)) checks.push(ofChain(check, name, closer));
        return checks;
      } finally {
        await misp.close();
      }
    },
  };
}

/** What went wrong with a peer is said together with what to do. */
function ofChain(check: Check, hop: string, closer: string): Check {
  const advice = check.status === "fail" && check.advice === "" ? `as it says; ${closer} looks closer` : check.advice;
  return { ...check, name: `${hop}: ${check.name}`, advice };
}

/** The error when a secret that it needs is not for whoever asks; that it is there is known already. */
function connectOrNot(server: ServerSettings) {
  try {
    return connectServer(server, { clock: systemClock, log: silentLog, cacheDir: undefined, patient: false });
  } catch (thrown) {
    return asError(thrown);
  }
}

/** Who runs, or would run, Tipline: the running process, the owner of its state, the service's user, else who asks. */
async function tiplineUser(
  config: Config | undefined,
  status: () => Promise<LineAnswer>,
  given: Identity | undefined,
): Promise<Parts["who"]> {
  if (given !== undefined) return { who: given, how: "given" };
  if (config !== undefined) {
    const answer = await status();
    const said = answer.status === "answers" ? Number(text(answer.report, "pid")) : undefined;
    const pid = said ?? (answer.status === "absent" ? undefined : lockHolder(config.state_dir));
    const running = pid === undefined ? undefined : processIdentity(pid);
    if (running !== undefined) return { who: running, how: `process ${pid}` };
    const owner = ownerOf(config.state_dir);
    if (owner !== undefined) return { who: owner, how: `owner of ${config.state_dir}` };
  }
  const service = namedIdentity("tipline");
  return service === undefined ? { who: ownIdentity(), how: "you" } : { who: service, how: "the service's user" };
}

function ownerOf(path: string): Identity | undefined {
  try {
    const { uid, gid } = statSync(path);
    return uid === process.geteuid?.() ? ownIdentity() : identityOf(uid, new Set([gid]));
  } catch {
    return undefined;
  }
}

function lineSubject(
  config: Config,
  { now }: DoctorOptions,
  who: Identity,
  status: () => Promise<LineAnswer>,
  path: string,
): LineSubject {
  const { listen } = config.metrics;
  const command = commandWith(path);
  return {
    stateDir: config.state_dir,
    who,
    start: existsSync(UNIT) ? "systemctl start tipline" : command("run"),
    restart: restartCommand(),
    config: { path, digest: config.digest },
    feeds: config.feeds.map((feed) => ({
      name: feed.name,
      staleMs: Math.max(HOUR_MS, STALE_INTERVALS * intervalOf(config, feed)),
      hop: `misp ${feed.name}`,
      looks: command(feed.definition.type === "misp-server" ? `doctor misp --feed-name ${feed.name}` : "feeds list"),
      mayBeEmpty: (feed.settings as { readonly allow_empty?: boolean }).allow_empty === true,
    })),
    healthUrl: listen === "off" ? undefined : `http://${listen}/healthz`,
    now: now ?? systemClock.now,
    status,
  };
}

function diskPlaces({ state_dir }: Config, prefix: string | undefined): readonly DiskPlace[] {
  const logs = prefix === undefined ? undefined : join(prefix, "logs");
  return [
    {
      what: "state folder",
      path: existsSync(state_dir) ? state_dir : dirname(state_dir),
      remedy: `du -xh --max-depth=2 ${shellWord(state_dir)} | sort -h | tail -20 (and make room on that disk)`,
    },
    ...(logs === undefined
      ? []
      : [
          {
            what: "Wazuh's logs",
            path: logs,
            remedy: `find ${shellWord(join(logs, "alerts"))} -name '*.json.gz' -mtime +365 -delete (Wazuh keeps old alerts for ever)`,
          },
        ]),
  ];
}

function restartCommand(): string {
  return existsSync(UNIT) ? "systemctl restart tipline" : "stop and start `tipline run`";
}

/** A command of Tipline on this configuration. */
function commandWith(path: string): (args: string) => string {
  return (args) => `tipline ${args} --config ${shellWord(path)}`;
}

function installCommand(prefix: string, config: string | undefined): string {
  const where = prefix === DEFAULT_PREFIX ? "" : ` --prefix ${shellWord(prefix)}`;
  // Else it would write one where the service looks for it.
  const file =
    config === undefined || resolve(config) === SERVICE_CONFIG ? "" : ` --config-file ${shellWord(resolve(config))}`;
  return `tipline install wazuh${where}${file}`;
}
