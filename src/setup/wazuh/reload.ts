import { existsSync } from "node:fs";
import { join } from "node:path";
import type { ReloadResult } from "../../clients/wazuh-analysis.ts";
import { TiplineError } from "../../lib/errors.ts";
import type { RunCommand } from "./install-command.ts";
import {
  DEFAULT_PREFIX,
  formatVersion,
  type Installation,
  parseVersion,
  samePlace,
  since,
  type WazuhVersion,
} from "./installation.ts";
import type { Reload } from "./plan.ts";

/** How the manager's own programs and socket are reached. */
export interface Manager {
  readonly installation: Installation;
  readonly run: RunCommand;
  /** The arguments that start one of its programs, or undefined when it cannot be reached. */
  readonly program: (name: string) => readonly string[] | undefined;
  readonly hotReload: (socketPath: string, signal: AbortSignal) => Promise<ReloadResult>;
  /** Its programs are started by another's leave, such as `docker exec`. */
  readonly remote: boolean;
  /** Prefix of the manager that systemd knows as wazuh-manager; undefined: systemd does not run here. */
  readonly unitPrefix: string | undefined;
}

export interface ManagerAccess {
  /** Words that go before every program of the manager, such as `docker exec wazuh.manager`. */
  readonly exec?: readonly string[] | undefined;
  /** The manager's prefix where those words run it. */
  readonly execPrefix?: string | undefined;
}

export function managerOf(
  installation: Installation,
  { exec, execPrefix = DEFAULT_PREFIX }: ManagerAccess,
  run: RunCommand,
  hotReload: Manager["hotReload"],
): Manager {
  const program = (name: string) => {
    if (exec) return [...exec, join(execPrefix, "bin", name)];
    const path = join(installation.prefix, "bin", name);
    return existsSync(path) ? [path] : undefined;
  };
  const unitPrefix = existsSync("/run/systemd/system") ? DEFAULT_PREFIX : undefined;
  return { installation, run, program, hotReload, remote: exec !== undefined, unitPrefix };
}

/** The version that the files say, else what the manager itself says. */
export async function versionOf(manager: Manager, signal: AbortSignal): Promise<WazuhVersion | undefined> {
  const control = manager.program("wazuh-control");
  if (manager.installation.version || !manager.remote || !control) return manager.installation.version;
  const { code, output } = await manager.run([...control, "info", "-v"], { signal });
  return code === 0 ? parseVersion(output) : undefined;
}

/** From 4.13 analysisd reads its rules again when it is asked to; before, the manager restarts. */
export const HOT_RELOAD_SINCE = 13;
const RESTART_MS = 300_000;

/**
 * Makes the manager take what is on the disk, and says in a line how, or what the user has to do. Throws TIP_INPUT_INVALID when it
 * refused. `refuses` judges a warning of the hot reload.
 */
export async function reloadManager(
  manager: Manager,
  kind: Reload,
  refuses: (warning: string) => boolean,
  signal: AbortSignal,
): Promise<string> {
  if (kind === "none") return "";
  const version = await versionOf(manager, signal);
  if (kind === "ruleset" && (!version || since(version, HOT_RELOAD_SINCE))) {
    const { analysisSocket } = manager.installation.paths;
    const result = await manager.hotReload(analysisSocket, signal);
    if (result.status === "refused") throw failed("the manager kept its old rules", result.errors);
    if (result.status === "reloaded") {
      const faults = result.warnings.filter(refuses);
      if (faults.length > 0) throw failed("the manager left rules out", faults);
      return "the manager has read its rules again, without a restart";
    }
    if (result.code === "ABORTED") throw failed("interrupted", []);
  }
  return restart(manager, kind, version);
}

async function restart(manager: Manager, kind: Reload, version: WazuhVersion | undefined): Promise<string> {
  const control = manager.program("wazuh-control");
  const why = kind === "restart" ? "ossec.conf is read at the start only" : reason(version);
  if (!control) return `restart the manager for the changes to count (${why}): it cannot be reached from here`;
  // Not to be interrupted: half a restart is a manager that stands still.
  if (!(await isRunning(manager, control))) return "the manager is not running: the changes count from its next start";
  const argv = (await bySystemd(manager)) ? ["systemctl", "restart", "wazuh-manager"] : [...control, "restart"];
  const { code, output, error } = await manager.run(argv, { timeoutMs: RESTART_MS });
  if (code !== 0) throw failed(`${argv.join(" ")} failed`, [error ?? output.trim().split("\n").slice(-5).join(" / ")]);
  if (!(await isRunning(manager, control)))
    throw failed("analysisd does not run after the restart; see logs/ossec.log", []);
  return `the manager was restarted (${why})`;
}

function reason(version: WazuhVersion | undefined): string {
  if (version && !since(version, HOT_RELOAD_SINCE))
    return `Wazuh ${formatVersion(version)} reads rules at the start only; from 4.${HOT_RELOAD_SINCE} on it reads them again when asked`;
  return "it did not answer on queue/sockets/analysis";
}

async function isRunning(manager: Manager, control: readonly string[]): Promise<boolean> {
  const { output } = await manager.run([...control, "status"]);
  return /^wazuh-analysisd is running/m.test(output);
}

/** Where systemd started the manager, systemd restarts it: else it would believe it stopped. */
async function bySystemd({ installation, remote, run, unitPrefix }: Manager): Promise<boolean> {
  if (remote || unitPrefix === undefined || !samePlace(installation.prefix, unitPrefix)) return false;
  return (await run(["systemctl", "is-active", "--quiet", "wazuh-manager"])).code === 0;
}

function failed(what: string, details: readonly string[]): TiplineError {
  return new TiplineError("TIP_INPUT_INVALID", [what, ...details].join("\n  "));
}
