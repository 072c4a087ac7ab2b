import { constants } from "node:os";
import { asError } from "../lib/errors.ts";
import { AF_UNIX, loadLibc, SOCK_DGRAM_NONBLOCK_CLOEXEC, SUN_PATH_MAX, unixAddress } from "./libc.ts";

/** Whether a daemon listens on a UNIX datagram socket. */
export type QueueProbe =
  | { readonly status: "listening" }
  /** `code`: errno's name (`ENOENT`, `ECONNREFUSED`, `EACCES` …), `ENAMETOOLONG`, or `ENOSYS` where it cannot be asked. */
  | { readonly status: "refused"; readonly code: string };

/** Connects to a datagram socket and leaves, so that nothing is sent: for wazuh-analysisd it never happened. Never throws. */
export async function probeQueue(path: string): Promise<QueueProbe> {
  if (Buffer.byteLength(path) > SUN_PATH_MAX) return { status: "refused", code: "ENAMETOOLONG" };
  try {
    const libc = await loadLibc();
    const fd = libc.socket(AF_UNIX, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
    if (fd < 0) return { status: "refused", code: nameOf(libc.errno()) };
    const address = unixAddress(path);
    const failed = libc.connect(fd, address.bytes, address.length) < 0 ? libc.errno() : 0;
    libc.close(fd);
    return failed === 0 ? { status: "listening" } : { status: "refused", code: nameOf(failed) };
  } catch (thrown) {
    return { status: "refused", code: asError(thrown).name === "TiplineError" ? "ENOSYS" : "EIO" };
  }
}

function nameOf(number: number): string {
  for (const [name, value] of Object.entries(constants.errno)) if (value === number) return name;
  return `errno ${number}`;
}
