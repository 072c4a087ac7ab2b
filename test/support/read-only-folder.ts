/**
 * Preloaded into a process (`--import`): what would write below the folder TIPLINE_TEST_READ_ONLY is refused as a read-only file
 * system refuses it, for tests that may not mount one.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { basename, dirname, join } from "node:path";

const folder = process.env["TIPLINE_TEST_READ_ONLY"];
const WRITES = fs.constants.O_WRONLY | fs.constants.O_RDWR | fs.constants.O_CREAT;

/** Open folders are gone through by their descriptors. */
function real(path: unknown): string {
  const text = String(path);
  try {
    return join(fs.realpathSync(dirname(text)), basename(text));
  } catch {
    return text;
  }
}

function refuse(call: string, path: unknown): void {
  if (folder === undefined || !`${real(path)}/`.startsWith(`${folder}/`)) return;
  throw Object.assign(new Error(`EROFS: read-only file system, ${call} '${path}'`), { code: "EROFS", syscall: call });
}

const writes = (flags: unknown) =>
  typeof flags === "number" ? (flags & WRITES) !== 0 : /[wa+]/.test(String(flags ?? "r"));

const { accessSync, mkdirSync, openSync, renameSync } = fs;
fs.accessSync = (path, mode) => {
  if (((mode ?? 0) & fs.constants.W_OK) !== 0) refuse("access", path);
  accessSync(path, mode);
};
fs.mkdirSync = ((path: string, ...rest: []) => {
  refuse("mkdir", path);
  return mkdirSync(path, ...rest);
}) as typeof mkdirSync;
fs.openSync = ((path: string, flags: string, ...rest: []) => {
  if (writes(flags)) refuse("open", path);
  return openSync(path, flags, ...rest);
}) as typeof openSync;
fs.renameSync = (from, to) => {
  refuse("rename", to);
  renameSync(from, to);
};
syncBuiltinESMExports();
