import { accessSync, constants as fsConstants, statSync } from "node:fs";
import { constants, userInfo } from "node:os";
import { dirname } from "node:path";
import { systemCode, TiplineError } from "../lib/errors.ts";
import {
  AF_UNIX,
  type Libc,
  loadLibc,
  MSG_DONTWAIT_NOSIGNAL,
  pollWritable,
  SOCK_DGRAM_NONBLOCK_CLOEXEC,
  SUN_PATH_MAX,
  unixAddress,
} from "./libc.ts";

/** What came of one datagram. Only `sent` means that the receiver's queue has it. */
export type DatagramOutcome =
  | { readonly status: "sent" }
  /** The receiver's queue is full: wait with `writable()`. */
  | { readonly status: "full" }
  /** The kernel will never take a datagram of this size (EMSGSIZE). */
  | { readonly status: "too-large" }
  /** Nobody there, or not for us. `cause.message` says what to do; `code` is the errno's name. */
  | { readonly status: "unreachable"; readonly code: string; readonly cause: Error };

/** A sender to one UNIX datagram socket. It never waits except where it says so, and never throws. */
export interface UnixDatagramClient {
  /** Connects if need be and sends. A receiver that was restarted is connected to again within the call. */
  send(datagram: Buffer): DatagramOutcome;
  /**
   * Blocks this thread for so many milliseconds at most, until the receiver may take another datagram; false: it may not yet. For a
   * receiver that is at work: its queue holds few datagrams (net.unix.max_dgram_qlen, often 10), which it takes in less time than
   * the event loop needs to come back.
   */
  writableWithin(ms: number): boolean;
  /** Resolves true as soon as the receiver may take another datagram (or went away), false on time-out, abort or close. */
  writable(timeoutMs: number, signal: AbortSignal): Promise<boolean>;
  close(): void;
}

/** poll() cannot be interrupted: it runs in slices, so that a closed descriptor is given back soon. */
const POLL_SLICE_MS = 200;
const { errno } = constants;

/** Errors that say "no datagram was delivered and this connection is of no use any more". */
const STALE = new Set<number>([
  errno.ECONNREFUSED,
  errno.ENOTCONN,
  errno.EPIPE,
  errno.ECONNRESET,
  errno.EDESTADDRREQ,
  errno.ENOENT,
]);

/** Throws TiplineError for a path that cannot be a socket's, or off Linux; that nobody listens there yet is fine. */
export async function openUnixDatagram(path: string): Promise<UnixDatagramClient> {
  const bytes = Buffer.byteLength(path);
  if (bytes === 0 || bytes > SUN_PATH_MAX || path.includes("\0")) {
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `expected the path of a UNIX socket, 1 to ${SUN_PATH_MAX} bytes without NUL; found ${bytes} bytes: ${JSON.stringify(path.slice(0, 200))}`,
    );
  }
  return new Client(path, await loadLibc());
}

class Client implements UnixDatagramClient {
  readonly #path: string;
  readonly #libc: Libc;
  #fd = -1;
  #closed = false;
  /** The running poll and its descriptor, which must stay open until the poll is over. */
  #polling: { readonly fd: number; readonly done: Promise<number> } | undefined;

  constructor(path: string, libc: Libc) {
    this.#path = path;
    this.#libc = libc;
  }

  send(datagram: Buffer): DatagramOutcome {
    const fresh = this.#fd < 0;
    if (fresh) {
      const failed = this.#connect();
      if (failed !== 0) return this.#unreachable(failed);
    }
    let failed = this.#sendOnce(datagram);
    if (STALE.has(failed) && !fresh) {
      // The receiver restarted: what is refused was not delivered, so one more try cannot duplicate it.
      this.#drop();
      const refused = this.#connect();
      if (refused !== 0) return this.#unreachable(refused);
      failed = this.#sendOnce(datagram);
    }
    return this.#outcome(failed);
  }

  writableWithin(ms: number): boolean {
    if (this.#closed || this.#fd < 0) return false;
    return this.#libc.poll(pollWritable(this.#fd), 1, ms) > 0;
  }

  async writable(timeoutMs: number, signal: AbortSignal): Promise<boolean> {
    const end = performance.now() + timeoutMs;
    while (!this.#closed && !signal.aborted && this.#fd >= 0) {
      const left = end - performance.now();
      if (left <= 0) return false;
      const ready = await untilAbort(this.#poll(Math.min(left, POLL_SLICE_MS)), signal);
      if (ready !== 0) return ready !== undefined && ready > 0;
    }
    return false;
  }

  close(): void {
    this.#closed = true;
    this.#drop();
  }

  /** errno of the failure, or 0. */
  #connect(): number {
    if (this.#closed) return errno.EBADF;
    const fd = this.#libc.socket(AF_UNIX, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
    if (fd < 0) return this.#libc.errno();
    const address = unixAddress(this.#path);
    const failed = this.#libc.connect(fd, address.bytes, address.length) < 0 ? this.#libc.errno() : 0;
    if (failed === 0) this.#fd = fd;
    else this.#libc.close(fd);
    return failed;
  }

  #sendOnce(datagram: Buffer): number {
    const sent = this.#libc.send(this.#fd, datagram, datagram.length, MSG_DONTWAIT_NOSIGNAL);
    return sent < 0 ? this.#libc.errno() : 0;
  }

  #outcome(failed: number): DatagramOutcome {
    if (failed === 0) return { status: "sent" };
    // ENOBUFS and ENOMEM: the kernel is short of memory for a moment, which is back-pressure too. EINTR: try again.
    if (failed === errno.EAGAIN || failed === errno.ENOBUFS || failed === errno.ENOMEM || failed === errno.EINTR) {
      return { status: "full" };
    }
    if (failed === errno.EMSGSIZE) return { status: "too-large" };
    this.#drop();
    return this.#unreachable(failed);
  }

  #unreachable(failed: number): DatagramOutcome {
    const code = errnoName(failed);
    const cause = Object.assign(new Error(`${code}: ${explain(code, this.#path)}`), { code });
    return { status: "unreachable", code, cause };
  }

  #poll(timeoutMs: number): Promise<number> {
    if (this.#polling?.fd === this.#fd) return this.#polling.done;
    const fd = this.#fd;
    const fds = pollWritable(fd);
    const done = new Promise<number>((resolve) => {
      this.#libc.pollAsync(fds, 1, Math.ceil(timeoutMs), (ready) => {
        if (this.#polling?.fd === fd) this.#polling = undefined;
        if (this.#fd !== fd) this.#libc.close(fd);
        resolve(ready);
      });
    });
    this.#polling = { fd, done };
    return done;
  }

  /** Gives the descriptor up; one that is being polled is closed by the poll's end. */
  #drop(): void {
    const fd = this.#fd;
    this.#fd = -1;
    if (fd >= 0 && this.#polling?.fd !== fd) this.#libc.close(fd);
  }
}

/** `undefined` as soon as the signal aborts; the promise itself goes on. */
function untilAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve) => {
    const stop = () => resolve(undefined);
    signal.addEventListener("abort", stop, { once: true });
    void promise.then((value) => {
      signal.removeEventListener("abort", stop);
      resolve(value);
    });
  });
}

/** Linux has two names for some numbers (EAGAIN, EWOULDBLOCK): the first in the table wins. */
function errnoName(number: number): string {
  for (const [name, value] of Object.entries(errno)) if (value === number) return name;
  return `errno ${number}`;
}

function explain(code: string, path: string): string {
  if (code === "ENOENT") return `no socket at ${path}: the receiver is not running, or its socket is elsewhere`;
  if (code === "ECONNREFUSED") return `nobody listens at ${path}: the receiver is stopped or just restarting`;
  if (code === "EPIPE") return `the receiver at ${path} takes no more: it is stopping`;
  if (code === "EACCES") return denied(path);
  if (code === "EPROTOTYPE") return `${path} is a stream socket; expected a datagram socket`;
  if (code === "ENOTDIR" || code === "ELOOP") return `${path} cannot be reached: a part of the path is not a folder`;
  return `sending to ${path} failed`;
}

/** Who we are and who may: that is what has to be changed. */
function denied(path: string): string {
  const us = `user ${userName()} (uid ${process.geteuid?.()}, groups ${process.getgroups?.().join(",")})`;
  try {
    accessSync(dirname(path), fsConstants.X_OK);
    const { uid, gid, mode } = statSync(path);
    return `${us} may not write to ${path}, which belongs to uid ${uid}, gid ${gid}, mode ${(mode & 0o777).toString(8)}: add the user to that group and restart`;
  } catch (thrown) {
    const code = systemCode(thrown) ?? "an error";
    return `${us} may not enter the folder of ${path} (${code}): add the user to the group that owns the folder and restart`;
  }
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return "without a name";
  }
}
