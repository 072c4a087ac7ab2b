import { randomBytes } from "node:crypto";
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { isAbsolute, relative } from "node:path";
import { asError, systemCode, TiplineError } from "../../lib/errors.ts";
import { syncFolder } from "../../lib/write-whole.ts";

/**
 * A file or folder below a folder that is trusted. What is between the two is walked without following a link, from one open
 * folder to the next: Wazuh's own user may write to `etc`, and must not be able to send root elsewhere.
 */
export interface Place {
  /** Absolute, with its links resolved. */
  readonly anchor: string;
  /** Absolute, below the anchor. */
  readonly path: string;
}

export interface Owner {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface FileState extends Owner {
  readonly bytes: Buffer;
}

const MAX_FILE_BYTES = 16 * 1024 * 1024;
const FOLDER = constants.O_RDONLY | constants.O_DIRECTORY;

/** The file, or undefined when there is none. Throws TIP_INPUT_INVALID for anything but a regular file of bounded size. */
export function readState(place: Place): FileState | undefined {
  return inFolder(place, undefined, (folder, name) => {
    let fd: number;
    try {
      fd = openSync(`${folder}/${name}`, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (cause) {
      if (systemCode(cause) === "ENOENT") return undefined;
      if (["ELOOP", "ENXIO"].includes(systemCode(cause) ?? "")) throw odd(place, "a regular file");
      throw failed(place, "read", cause);
    }
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile()) throw odd(place, "a regular file");
      if (stat.size > MAX_FILE_BYTES)
        throw new TiplineError("TIP_INPUT_INVALID", `${place.path}: larger than ${MAX_FILE_BYTES} bytes`);
      return { bytes: readFileSync(fd), mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid };
    } finally {
      closeSync(fd);
    }
  });
}

/** Puts the file there: whole or not at all, whatever stood there by that name. */
export function writeState(place: Place, { bytes, mode, uid, gid }: FileState): void {
  inFolder(place, missing(place), (folder, name) => {
    const part = `${folder}/.${name}.${randomBytes(6).toString("hex")}.tipline`;
    try {
      refuseOdd(place, `${folder}/${name}`, "isFile");
      const fd = openSync(part, "wx", 0o600);
      try {
        for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
        give(fd, { mode, uid, gid });
        fsyncSync(fd);
      } finally {
        closeSync(fd);
      }
      renameSync(part, `${folder}/${name}`);
      syncFolder(folder);
    } catch (cause) {
      rmSync(part, { force: true });
      throw failed(place, "written", cause);
    }
  });
}

/** No error when it is gone already. */
export function removeFile(place: Place): void {
  inFolder(place, undefined, (folder, name) => {
    try {
      if (isGone(`${folder}/${name}`)) return;
      refuseOdd(place, `${folder}/${name}`, "isFile");
      unlinkSync(`${folder}/${name}`);
      syncFolder(folder);
    } catch (cause) {
      if (systemCode(cause) !== "ENOENT") throw failed(place, "removed", cause);
    }
  });
}

/** Owner and mode of a folder, or undefined when there is none. */
export function folderOwner(place: Place): Owner | undefined {
  return inFolder(place, undefined, (folder, name) => {
    const fd = openFolder(folder, name, place);
    if (fd === undefined) return undefined;
    const { mode, uid, gid } = fstatSync(fd);
    closeSync(fd);
    return { mode: mode & 0o7777, uid, gid };
  });
}

/** Makes one folder; false when it is there already. */
export function makeFolder(place: Place, owner: Owner): boolean {
  return inFolder(place, missing(place), (folder, name) => {
    try {
      mkdirSync(`${folder}/${name}`, 0o700);
    } catch (cause) {
      if (systemCode(cause) === "EEXIST" && folderOwner(place) !== undefined) return false;
      throw failed(place, "made", cause);
    }
    const fd = openFolder(folder, name, place);
    if (fd === undefined) throw missing(place);
    try {
      give(fd, owner);
    } catch (cause) {
      rmdirSync(`${folder}/${name}`);
      throw failed(place, "made", cause);
    } finally {
      closeSync(fd);
    }
    return true;
  });
}

/** Removes an empty folder; false when it is not empty or not there. */
export function removeFolder(place: Place): boolean {
  return (
    inFolder(place, undefined, (folder, name) => {
      try {
        if (isGone(`${folder}/${name}`)) return false;
        rmdirSync(`${folder}/${name}`);
        return true;
      } catch (cause) {
        if (["ENOENT", "ENOTEMPTY", "EEXIST", "ENOTDIR"].includes(systemCode(cause) ?? "")) return false;
        throw failed(place, "removed", cause);
      }
    }) ?? false
  );
}

/** Removes a folder of ours and all in it; links in it are removed, not followed. */
export function removeTree(place: Place): void {
  inFolder(place, undefined, (folder, name) => {
    const fd = openFolder(folder, name, place);
    if (fd === undefined) return;
    closeSync(fd);
    rmSync(`${folder}/${name}`, { recursive: true, force: true });
  });
}

/** Names in a folder, sorted; none when it is not there. */
export function listFolder(place: Place): readonly string[] {
  const names = inFolder(place, undefined, (folder, name) => {
    const fd = openFolder(folder, name, place);
    if (fd === undefined) return [];
    try {
      return readdirSync(`/proc/self/fd/${fd}`).sort();
    } finally {
      closeSync(fd);
    }
  });
  return names ?? [];
}

export function sameState(a: FileState | undefined, b: FileState | undefined): boolean {
  if (!a || !b) return a === b;
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.bytes.equals(b.bytes);
}

/**
 * Runs with the open folder that the place is in, under a name that stands for that very folder. Without the folder it throws
 * `absent`, or gives undefined when there is no such error.
 */
function inFolder<T>(place: Place, absent: TiplineError, run: (folder: string, name: string) => T): T;
function inFolder<T>(place: Place, absent: undefined, run: (folder: string, name: string) => T): T | undefined;
function inFolder<T>(
  place: Place,
  absent: TiplineError | undefined,
  run: (folder: string, name: string) => T,
): T | undefined {
  const below = relative(place.anchor, place.path);
  if (below === "" || isAbsolute(below) || below.split("/").includes(".."))
    throw new TiplineError("TIP_INTERNAL", `expected a place below ${place.anchor}, found ${place.path}`);
  const names = below.split("/");
  let fd: number | undefined = openSync(place.anchor, FOLDER);
  try {
    for (const name of names.slice(0, -1)) {
      const next = openFolder(`/proc/self/fd/${fd}`, name, place);
      closeSync(fd);
      fd = next;
      if (fd === undefined) {
        if (absent) throw absent;
        return undefined;
      }
      if (process.geteuid?.() === 0 && (fstatSync(fd).mode & 0o1002) === 0o002)
        throw new TiplineError(
          "TIP_INPUT_INVALID",
          `${place.path}: everyone may write to folder ${name}: chmod o-w it, then try again`,
        );
    }
    return run(`/proc/self/fd/${fd}`, names.at(-1) ?? "");
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function openFolder(folder: string, name: string, place: Place): number | undefined {
  try {
    return openSync(`${folder}/${name}`, FOLDER | constants.O_NOFOLLOW);
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return undefined;
    if (["ELOOP", "ENOTDIR"].includes(systemCode(cause) ?? ""))
      throw new TiplineError("TIP_INPUT_INVALID", `${place.path}: expected a folder, found something else at ${name}`);
    throw failed(place, "reached", cause);
  }
}

/** Asked first: on a read-only file system removing nothing is an error as well. */
function isGone(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) === undefined;
}

function refuseOdd(place: Place, path: string, kind: "isFile"): void {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat && !stat[kind]()) throw odd(place, "a regular file");
}

/** Owner first: giving a file away takes set-user-ID bits from its mode. */
function give(fd: number, { mode, uid, gid }: Owner): void {
  const is = fstatSync(fd);
  if (is.uid !== uid || is.gid !== gid) fchownSync(fd, uid, gid);
  fchmodSync(fd, mode);
}

function missing(place: Place): TiplineError {
  return new TiplineError("TIP_INPUT_INVALID", `${place.path}: its folder is not there`);
}

function odd(place: Place, expected: string): TiplineError {
  return new TiplineError("TIP_INPUT_INVALID", `${place.path}: expected ${expected}, found a link or something odd`);
}

const HINTS: ReadonlyMap<string, string> = new Map([
  ["EPERM", " (run as root)"],
  ["EACCES", " (run as root)"],
  ["EBUSY", " (it is mounted by itself, as by a container: change the file that is mounted there)"],
  ["EROFS", " (its file system is read-only)"],
]);

function failed(place: Place, what: string, cause: unknown): TiplineError {
  if (cause instanceof TiplineError) return cause;
  const why = systemCode(cause) ?? asError(cause).message;
  return new TiplineError("TIP_INPUT_INVALID", `${place.path} cannot be ${what}: ${why}${HINTS.get(why) ?? ""}`, {
    cause,
  });
}
