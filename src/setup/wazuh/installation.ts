import { readFileSync, realpathSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { systemCode, TiplineError } from "../../lib/errors.ts";

/** A Wazuh manager's folder, or the mounted volumes or a copy of one: nothing in it need exist but `etc/ossec.conf`. */
export interface Installation {
  readonly prefix: string;
  /** Undefined when nothing says it, as where only a container's volumes are mounted. */
  readonly version: WazuhVersion | undefined;
  /** The numeric owner of what the manager's user owns; undefined when nothing of it is there. */
  readonly user: { readonly uid: number; readonly gid: number } | undefined;
  readonly paths: InstallationPaths;
}

export interface WazuhVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

export interface InstallationPaths {
  readonly ossecConf: string;
  /** Folder of the user's own rules: `etc/rules`. */
  readonly localRules: string;
  /** Folder of the rules that Wazuh ships: `ruleset/rules`. */
  readonly stockRules: string;
  readonly localDecoders: string;
  readonly integrations: string;
  readonly queueSocket: string;
  readonly analysisSocket: string;
  readonly logtestSocket: string;
  readonly alertsJson: string;
  readonly alertsDir: string;
  readonly archivesJson: string;
  readonly analysisState: string;
  readonly ossecLog: string;
  readonly clientKeys: string;
  readonly analysisdBinary: string;
  readonly controlBinary: string;
  /** Folder of what agents get: `etc/shared`. */
  readonly sharedDir: string;
}

/** Where Wazuh's packages install a manager. */
export const DEFAULT_PREFIX = "/var/ossec";
const WAZUH_5_PREFIX = "/var/wazuh-manager";

const UNIT = "wazuh-manager.service";
const UNIT_FOLDERS = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

export interface FindOptions {
  readonly prefix?: string | undefined;
  /** Where it is looked for first when no prefix is given. */
  readonly usual?: string;
  /** Folders of systemd's units, the first of which that has the manager's says where it is. */
  readonly unitFolders?: readonly string[];
}

/**
 * Finds the manager: where it is said to be, else in its usual folder, else where its unit of systemd starts it. Throws
 * TIP_INPUT_INVALID when there is none, saying what was looked for.
 */
export function findInstallation({
  prefix,
  usual = DEFAULT_PREFIX,
  unitFolders = UNIT_FOLDERS,
}: FindOptions = {}): Installation {
  const folder = resolve(prefix ?? foundPrefix(usual, unitFolders));
  const paths = pathsOf(folder);
  if (!isFile(paths.ossecConf)) throw new TiplineError("TIP_INPUT_INVALID", notThere(folder, prefix !== undefined));
  return { prefix: folder, version: readVersion(folder, paths), user: managerUser(paths), paths };
}

function foundPrefix(usual: string, unitFolders: readonly string[]): string {
  if (isFile(pathsOf(usual).ossecConf)) return usual;
  return unitFolders.map((folder) => unitPrefix(join(folder, UNIT))).find((found) => found !== undefined) ?? usual;
}

/** `ExecStart=/usr/bin/env /opt/wazuh/bin/wazuh-control start`, as Wazuh's packages write it with their prefix. */
function unitPrefix(unit: string): string | undefined {
  const start = /^ExecStart=[^\n]{0,200}?(\/[^\s"']{1,400})\/bin\/wazuh-control\s+start\b/m.exec(readSmall(unit) ?? "");
  const prefix = start?.[1];
  return prefix !== undefined && isFile(pathsOf(prefix).ossecConf) ? prefix : undefined;
}

/** The paths of a manager below a folder, whether or not they exist. */
export function pathsOf(prefix: string): InstallationPaths {
  const at = (path: string) => join(prefix, path);
  return {
    ossecConf: at("etc/ossec.conf"),
    localRules: at("etc/rules"),
    stockRules: at("ruleset/rules"),
    localDecoders: at("etc/decoders"),
    integrations: at("integrations"),
    queueSocket: at("queue/sockets/queue"),
    analysisSocket: at("queue/sockets/analysis"),
    logtestSocket: at("queue/sockets/logtest"),
    alertsJson: at("logs/alerts/alerts.json"),
    alertsDir: at("logs/alerts"),
    archivesJson: at("logs/archives/archives.json"),
    analysisState: at("var/run/wazuh-analysisd.state"),
    ossecLog: at("logs/ossec.log"),
    clientKeys: at("etc/client.keys"),
    analysisdBinary: at("bin/wazuh-analysisd"),
    controlBinary: at("bin/wazuh-control"),
    sharedDir: at("etc/shared"),
  };
}

/** `4.14.7`, `v4.14.7`, `Wazuh v4.14.7`: the first such number of a text. */
export function parseVersion(text: string): WazuhVersion | undefined {
  const found = /(\d{1,3})\.(\d{1,3})\.(\d{1,3})/.exec(text.slice(0, 4096));
  return found ? { major: Number(found[1]), minor: Number(found[2]), patch: Number(found[3]) } : undefined;
}

export function formatVersion({ major, minor, patch }: WazuhVersion): string {
  return `${major}.${minor}.${patch}`;
}

/** Two names of one folder: `/var/ossec` may be a link. */
export function samePlace(one: string, other: string): boolean {
  try {
    return one === other || realpathSync(one) === realpathSync(other);
  } catch {
    return false;
  }
}

/** True from this minor version of Wazuh 4 on. */
export function since(version: WazuhVersion, minor: number): boolean {
  return version.major > 4 || (version.major === 4 && version.minor >= minor);
}

/** From 4.12 the prefix has VERSION.json; before, the control script carries `VERSION="v4.7.0"`. */
function readVersion(prefix: string, { controlBinary }: InstallationPaths): WazuhVersion | undefined {
  const json = readSmall(join(prefix, "VERSION.json"));
  const fromJson = json === undefined ? undefined : /"version"\s{0,8}:\s{0,8}"v?([\d.]{5,11})"/.exec(json)?.[1];
  if (fromJson !== undefined) return parseVersion(fromJson);
  const script = readSmall(controlBinary);
  const fromScript = script === undefined ? undefined : /^VERSION="?v?([\d.]{5,11})"?$/m.exec(script)?.[1];
  return fromScript === undefined ? undefined : parseVersion(fromScript);
}

/** By what only the manager makes or what the packages give it: its socket first. */
function managerUser({ queueSocket, localRules, ossecConf }: InstallationPaths): Installation["user"] {
  for (const path of [queueSocket, join(localRules, "local_rules.xml"), localRules, ossecConf]) {
    try {
      const { uid, gid } = statSync(path);
      return { uid, gid };
    } catch {
      // The next one may be there.
    }
  }
  return undefined;
}

const SMALL = 256 * 1024;

function readSmall(path: string): string | undefined {
  try {
    const stat = statSync(path);
    return stat.isFile() && stat.size <= SMALL ? readFileSync(path, "utf8") : undefined;
  } catch {
    return undefined;
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Packages give the manager's folder to root and its group, 0750: nobody else sees what is in it. */
function isHidden(path: string): boolean {
  try {
    statSync(path);
    return false;
  } catch (error) {
    return systemCode(error) === "EACCES";
  }
}

function notThere(folder: string, given: boolean): string {
  if (isHidden(pathsOf(folder).ossecConf))
    return `expected a Wazuh manager in ${folder}, but this user may not look into it: run it as root (sudo)`;
  if (!given && isFile(join(WAZUH_5_PREFIX, "etc/wazuh-manager.conf")))
    return `expected a Wazuh 4 manager in ${folder}, found Wazuh 5 in ${WAZUH_5_PREFIX}, which Tipline does not support yet`;
  const where = given ? "" : " (another folder, or a container's volumes: --prefix DIR)";
  return `expected a Wazuh manager in ${folder}, but cannot find its etc/ossec.conf${where}`;
}
