import { createRequire } from "node:module";
import { asError } from "./errors.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;
const EINTR = 4;

let flock: ((fd: number, operation: number) => number) | undefined;
let errno: (() => number) | undefined;

/**
 * Takes the kernel's exclusive lock on an open file without waiting; false when another process has it. The kernel gives it
 * back when the process ends, however it ends, so that a lock is never stale; Node itself has no call for this.
 */
export function tryLock(fd: number): boolean {
  if (flock === undefined || errno === undefined) load();
  for (let attempt = 0; attempt < 5; attempt++) {
    if (flock?.(fd, LOCK_EX | LOCK_NB) === 0) return true;
    if (errno?.() !== EINTR) return false;
  }
  return false;
}

function load(): void {
  try {
    const koffi = createRequire(import.meta.url)("koffi") as typeof import("koffi");
    // null: the running process itself, which has libc in it whichever it is.
    flock = koffi.load(null).func("int flock(int fd, int operation)");
    errno = () => koffi.errno();
  } catch (thrown) {
    throw new Error(`the kernel's file lock cannot be called: ${asError(thrown).message}`, { cause: thrown });
  }
}
