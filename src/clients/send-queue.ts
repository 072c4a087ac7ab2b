import type { Socket } from "node:net";
import { endianness } from "node:os";

/** Bytes of a TCP connection that its peer's kernel has not acknowledged; undefined where this cannot be known. */
export type Unacknowledged = (socket: Socket) => number | undefined;

/** SIOCOUTQ of Linux. */
const SIOCOUTQ = 0x5411;

let loading: Promise<Unacknowledged> | undefined;

/** Loads what it takes on first use; where that is not there (another system, no native module), nothing is ever known. */
export function loadUnacknowledged(): Promise<Unacknowledged> {
  loading ??= bind().catch(() => () => undefined);
  return loading;
}

async function bind(): Promise<Unacknowledged> {
  if (process.platform !== "linux") return () => undefined;
  const koffi = (await import("koffi")).default;
  const ioctl = koffi.load(null).func("int ioctl(int fd, unsigned long request, void *value)");
  const value = Buffer.alloc(4);
  return (socket) => {
    const fd = descriptor(socket);
    if (fd === undefined || ioctl(fd, SIOCOUTQ, value) !== 0) return undefined;
    return endianness() === "LE" ? value.readInt32LE(0) : value.readInt32BE(0);
  };
}

/** Node keeps the descriptor to itself; without it nothing is known, and nothing else breaks. */
function descriptor(socket: Socket): number | undefined {
  const fd = (socket as unknown as { readonly _handle?: { readonly fd?: unknown } | null })._handle?.fd;
  return typeof fd === "number" && fd >= 0 ? fd : undefined;
}
