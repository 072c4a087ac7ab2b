import { randomBytes } from "node:crypto";
import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";

export interface WriteWholeOptions {
  /** On the disk, under its name, when it returns; else a crash of the system may leave the file before it. */
  readonly durable?: boolean;
}

/**
 * Writes a file of our own, mode 0600, whole or not at all: beside its place, then in it. Throws what the file system throws, and
 * leaves nothing behind then.
 */
export function writeWhole(
  path: string,
  pieces: string | Iterable<string | Uint8Array>,
  { durable = false }: WriteWholeOptions = {},
): void {
  const aside = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    const fd = openSync(aside, "wx", 0o600);
    try {
      for (const piece of typeof pieces === "string" ? [pieces] : pieces) {
        const bytes = typeof piece === "string" ? Buffer.from(piece) : piece;
        for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
      }
      if (durable) fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(aside, path);
  } catch (thrown) {
    rmSync(aside, { force: true });
    throw thrown;
  }
  if (durable) syncFolder(dirname(path));
}

/** Puts a folder's names on the disk: what was renamed into it is there after a crash of the system. */
export function syncFolder(folder: string): void {
  const fd = openSync(folder, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
