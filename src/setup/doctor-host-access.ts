import { accessSync, constants, readFileSync, realpathSync, type Stats, statSync } from "node:fs";
import { userInfo } from "node:os";
import { dirname } from "node:path";
import { systemCode } from "../lib/errors.ts";

/** A user as the kernel sees one. */
export interface Identity {
  readonly uid: number;
  readonly gids: ReadonlySet<number>;
  readonly name: string;
  /** Root, for whom modes do not count. */
  readonly privileged: boolean;
  /** The process that asks is this user: the kernel itself can be asked. */
  readonly self: boolean;
}

export type Need = "read" | "write" | "enter";

/** Whether somebody may. `unseen`: the one who asks may not look at the modes. */
export type Access =
  | { readonly status: "yes" }
  | { readonly status: "no"; readonly at: string; readonly need: Need; readonly mode: string; readonly remedy: string }
  | { readonly status: "absent"; readonly at: string }
  | { readonly status: "unseen"; readonly at: string };

const BITS: Readonly<Record<Need, number>> = { read: 4, write: 2, enter: 1 };
const MODES = { read: constants.R_OK, write: constants.W_OK, enter: constants.X_OK } as const;
const MOST_NAMES = 1024 * 1024;

/** Who asks. */
export function ownIdentity(): Identity {
  const uid = process.geteuid?.() ?? -1;
  const gids = new Set([process.getegid?.() ?? -1, ...(process.getgroups?.() ?? [])]);
  return { uid, gids, name: ownName(uid), privileged: uid === 0, self: true };
}

/**
 * A user of `/etc/passwd` with the groups of `/etc/group`, or undefined when there is none of that name (users of a directory
 * service are not looked for).
 */
export function namedIdentity(name: string): Identity | undefined {
  const line = fields("/etc/passwd").find(([user]) => user === name);
  return line === undefined ? undefined : identityOf(Number(line[2]), new Set([Number(line[3])]));
}

/** The user of an id. `gids` are added to those of `/etc/group`. */
export function identityOf(uid: number, gids: ReadonlySet<number>, real = false): Identity {
  const name = userName(uid);
  const listed = fields("/etc/group")
    .filter(([, , , members]) => (members ?? "").split(",").includes(name))
    .map(([, , gid]) => Number(gid));
  const all = new Set([...gids, ...(real ? [] : listed)]);
  return { uid, gids: all, name, privileged: uid === 0, self: uid === process.geteuid?.() };
}

/** A process by what it was started as: in a container the same number is another process. */
const TIPLINE = /(?:tipline|main\.[jt]s)\0(?:.*\0)?run\0/s;

/** User and groups that a running Tipline really has; undefined where it cannot be seen, or is none. */
export function processIdentity(pid: number): Identity | undefined {
  let status: string;
  try {
    if (!TIPLINE.test(readFileSync(`/proc/${pid}/cmdline`, "latin1").slice(0, 4096))) return undefined;
    status = readFileSync(`/proc/${pid}/status`, "latin1");
  } catch {
    return undefined;
  }
  const numbers = (key: string) =>
    (new RegExp(`^${key}:\\s*([0-9\\t ]*)$`, "m").exec(status)?.[1] ?? "")
      .trim()
      .split(/\s+/)
      .filter((word) => word !== "")
      .map(Number);
  const [, uid] = numbers("Uid");
  const [, gid] = numbers("Gid");
  if (uid === undefined || gid === undefined) return undefined;
  return identityOf(uid, new Set([gid, ...numbers("Groups")]), true);
}

/** Whether a user may read (write, enter) what is at a path, by owners and modes along it; access lists are not looked at. */
export function accessOf(path: string, who: Identity, need: Need): Access {
  let real: string;
  try {
    real = realpathSync(path);
  } catch (thrown) {
    return systemCode(thrown) === "EACCES" ? hidden(path, who) : { status: "absent", at: path };
  }
  if (who.self && kernelAllows(real, need)) return { status: "yes" };
  for (const folder of foldersOf(real)) {
    const stat = statOf(folder);
    if (stat === undefined) return hidden(folder, who);
    if (!allows(stat, who, "enter")) return denied(folder, stat, who, "enter");
  }
  const stat = statOf(real);
  if (stat === undefined) return hidden(real, who);
  return allows(stat, who, need) ? { status: "yes" } : denied(real, stat, who, need);
}

/** What the process may not even see; of the asking user itself that is a plain no. */
function hidden(path: string, who: Identity): Access {
  if (!who.self) return { status: "unseen", at: path };
  for (const folder of [...foldersOf(path)]) {
    const stat = statOf(folder);
    if (stat === undefined) break;
    if (!allows(stat, who, "enter")) return denied(folder, stat, who, "enter");
  }
  return { status: "unseen", at: path };
}

function kernelAllows(path: string, need: Need): boolean {
  try {
    accessSync(path, MODES[need]);
    // access() asks for the real user; an injected unprivileged identity must not pass by root's rights.
    return process.geteuid?.() !== 0;
  } catch {
    return false;
  }
}

function allows(stat: Stats, who: Identity, need: Need): boolean {
  if (who.privileged) return true;
  const bit = BITS[need];
  if (stat.uid === who.uid) return (stat.mode & (bit << 6)) !== 0;
  if (who.gids.has(stat.gid)) return (stat.mode & (bit << 3)) !== 0;
  return (stat.mode & bit) !== 0;
}

function denied(at: string, stat: Stats, who: Identity, need: Need): Access {
  const mode = `${userName(stat.uid)}:${groupName(stat.gid)} ${(stat.mode & 0o7777).toString(8)}`;
  return { status: "no", at, need, mode, remedy: remedyFor(at, stat, who, need) };
}

const LETTERS: Readonly<Record<Need, string>> = { read: "r", write: "w", enter: "x" };

/** The smallest change that lets the user in: a group that has the right already, else a bit for who it is. */
function remedyFor(at: string, stat: Stats, who: Identity, need: Need): string {
  const letter = LETTERS[need];
  if (stat.uid === who.uid) return `chmod u+${letter} ${shellWord(at)}`;
  if (who.gids.has(stat.gid)) return `chmod g+${letter} ${shellWord(at)}`;
  const group = groupName(stat.gid);
  if ((stat.mode & (BITS[need] << 3)) !== 0 && stat.gid !== 0) return `usermod -aG ${group} ${who.name}`;
  return `chmod o+${letter} ${shellWord(at)}`;
}

/** `/`, `/var`, `/var/ossec` … without the path itself. */
function foldersOf(path: string): readonly string[] {
  const folders: string[] = [];
  for (let at = dirname(path); ; at = dirname(at)) {
    folders.unshift(at);
    if (at === dirname(at)) return folders;
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function ownName(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    return userName(uid);
  }
}

/** Name of a user id, or the id itself. */
export function userName(uid: number): string {
  return fields("/etc/passwd").find(([, , id]) => Number(id) === uid)?.[0] ?? String(uid);
}

/** Name of a group id, or the id itself. */
export function groupName(gid: number): string {
  return fields("/etc/group").find(([, , id]) => Number(id) === gid)?.[0] ?? String(gid);
}

function fields(path: string): readonly (readonly string[])[] {
  try {
    const text = readFileSync(path, "utf8").slice(0, MOST_NAMES);
    return text.split("\n").map((line) => line.split(":"));
  } catch {
    return [];
  }
}

/** A path as one word of a command line. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_./:@%+,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
