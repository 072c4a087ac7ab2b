import { endianness } from "node:os";
import { asError, TiplineError } from "../lib/errors.ts";

/** The C functions that Node does not offer. `-1` means failure; `errno()` must be read before anything else runs. */
export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  connect(fd: number, address: Buffer, length: number): number;
  send(fd: number, bytes: Buffer, length: number, flags: number): number;
  /** Blocks this thread. */
  poll(fds: Buffer, count: number, timeoutMs: number): number;
  /** On a thread of libuv's pool; `fds` must not be touched, nor its descriptors closed, before `done`. */
  pollAsync(fds: Buffer, count: number, timeoutMs: number, done: (ready: number) => void): void;
  close(fd: number): number;
  errno(): number;
}

/** Linux numbers of x86, ARM, RISC-V, POWER and z; the architectures with others (MIPS, SPARC, Alpha) have no Node to run on. */
export const AF_UNIX = 1;
export const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
export const MSG_DONTWAIT_NOSIGNAL = 0x40 | 0x4000;
const POLLOUT = 4;

/** Longest path of a UNIX socket in bytes: sun_path has 108, the last one is NUL. */
export const SUN_PATH_MAX = 107;

let loading: Promise<Libc> | undefined;

/** Binds libc on first use, so that only commands that send ever load the native module. */
export function loadLibc(): Promise<Libc> {
  loading ??= bindLibc();
  return loading;
}

async function bindLibc(): Promise<Libc> {
  if (process.platform !== "linux") {
    throw new TiplineError(
      "TIP_SINK_FAILED",
      `datagrams over a UNIX socket need Linux; this is ${process.platform}. Run Tipline on the host of the receiver.`,
    );
  }
  const koffi = await importKoffi();
  // The process itself already has its libc loaded: asking it, and not a file name, fits glibc and musl alike.
  const lib = koffi.load(null);
  const poll = lib.func("int poll(void *fds, unsigned long count, int timeout)");
  return {
    socket: lib.func("int socket(int domain, int type, int protocol)"),
    connect: lib.func("int connect(int fd, const void *address, unsigned int length)"),
    send: lib.func("long send(int fd, const void *bytes, size_t length, int flags)"),
    poll,
    pollAsync: (fds, count, timeoutMs, done) =>
      poll.async(fds, count, timeoutMs, (error: unknown, ready: number) => done(error ? -1 : ready)),
    close: lib.func("int close(int fd)"),
    errno: () => koffi.errno(),
  };
}

async function importKoffi() {
  try {
    return (await import("koffi")).default;
  } catch (thrown) {
    throw new TiplineError(
      "TIP_SINK_FAILED",
      `the native module koffi does not load on ${process.platform}-${process.arch}: ${asError(thrown).message}`,
      { cause: thrown },
    );
  }
}

/** `struct sockaddr_un` of a path with the length to pass beside it. The caller has checked the path's length. */
export function unixAddress(path: string): { readonly bytes: Buffer; readonly length: number } {
  const bytes = Buffer.alloc(2 + SUN_PATH_MAX + 1);
  if (endianness() === "LE") bytes.writeUInt16LE(AF_UNIX);
  else bytes.writeUInt16BE(AF_UNIX);
  const written = bytes.write(path, 2);
  return { bytes, length: 2 + written + 1 };
}

/** One `struct pollfd` that asks whether `fd` can be written. */
export function pollWritable(fd: number): Buffer {
  const bytes = Buffer.alloc(8);
  if (endianness() === "LE") {
    bytes.writeInt32LE(fd);
    bytes.writeInt16LE(POLLOUT, 4);
  } else {
    bytes.writeInt32BE(fd);
    bytes.writeInt16BE(POLLOUT, 4);
  }
  return bytes;
}
