import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import type { Clock } from "./clock.ts";
import { TiplineError } from "./errors.ts";
import { tryLock } from "./file-lock.ts";

/** Between two tries. */
const PAUSE_MS = 100;

/**
 * Waits for the kernel's lock on a file (made on demand, never removed: a lock on a file that others can no longer see is none) and
 * gives the function that lets go of it. TIP_STATE_LOCKED after `patienceMs`.
 */
export async function waitForLock(
  path: string,
  clock: Clock,
  patienceMs: number,
  onWait: () => void,
): Promise<() => void> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const fd = openSync(path, "a", 0o600);
  try {
    let told = false;
    for (const since = clock.now(); !tryLock(fd); ) {
      if (!told) onWait();
      told = true;
      if (clock.now() - since > patienceMs)
        throw new TiplineError(
          "TIP_STATE_LOCKED",
          `expected ${path} to be free, found it locked by another process for long`,
        );
      await clock.sleep(PAUSE_MS);
    }
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
  let held = true;
  return () => {
    if (held) closeSync(fd);
    held = false;
  };
}
