import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { asError, TiplineError } from "../lib/errors.ts";
import { tryLock } from "../lib/file-lock.ts";

/** Held by the one process that may change the state folder. */
export interface StateLock {
  release(): void;
}

/**
 * Locks a state folder (created 0700 when absent) for this process. `TIP_STATE_LOCKED` names the process that has it. The lock
 * is the kernel's, not the file's presence: it ends with the process, kill -9 included, and the file stays.
 */
export function lockState(dir: string): StateLock {
  const path = join(dir, "lock");
  let fd: number;
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    fd = openSync(path, "a+", 0o600);
  } catch (cause) {
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `expected a state folder that can be written at ${dir}: ${asError(cause).message}`,
      { cause },
    );
  }
  try {
    if (!tryLock(fd)) throw locked(dir, path);
    ftruncateSync(fd, 0);
    writeSync(fd, `${process.pid}\n`);
  } catch (thrown) {
    closeSync(fd);
    if (thrown instanceof TiplineError) throw thrown;
    throw new TiplineError("TIP_INTERNAL", `${path} could not be locked: ${asError(thrown).message}`, {
      cause: thrown,
    });
  }
  let held = true;
  return {
    release() {
      if (held) closeSync(fd);
      held = false;
    },
  };
}

function locked(dir: string, path: string): TiplineError {
  const text = readFileSync(path, "latin1").slice(0, 32).trim();
  const holder = /^[0-9]{1,10}$/.test(text) ? `process ${text}` : "another process";
  return new TiplineError(
    "TIP_STATE_LOCKED",
    `expected ${dir} to be free, found it in use by ${holder}: a running Tipline; stop it, or use a state_dir of its own`,
  );
}
