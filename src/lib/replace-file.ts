import { randomBytes } from "node:crypto";
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { asError, systemCode, TiplineError } from "./errors.ts";

/**
 * Puts `after` in the place of a file that holds `before`: whole or not at all, owner and mode kept, a link followed. Throws
 * TIP_INPUT_INVALID when the file says something else by now or cannot be replaced.
 */
export function replaceFile(path: string, before: string, after: string): void {
  let part: string | undefined;
  try {
    const target = realpathSync(path);
    const { mode, uid, gid } = lstatSync(target);
    part = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.part`);
    const fd = openSync(part, "wx", 0o600);
    try {
      const own = process.getuid?.() === uid && process.getgid?.() === gid;
      if (!own) fchownSync(fd, uid, gid);
      fchmodSync(fd, mode & 0o7777);
      const bytes = Buffer.from(after);
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (readFileSync(target, "utf8") !== before) throw new Error("it was changed meanwhile: try again");
    renameSync(part, target);
    part = undefined;
    const folder = openSync(dirname(target), "r");
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch (cause) {
    const hint = systemCode(cause) === "EPERM" ? " (run as the owner of the file)" : "";
    throw new TiplineError("TIP_INPUT_INVALID", `${path} could not be replaced: ${asError(cause).message}${hint}`, {
      cause,
    });
  } finally {
    if (part !== undefined) rmSync(part, { force: true });
  }
}
