import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, rmSync } from "node:fs";
import { endianness } from "node:os";
import { fileURLToPath } from "node:url";
import koffi from "koffi";
import { AF_UNIX, SOCK_DGRAM_NONBLOCK_CLOEXEC, unixAddress } from "../../src/clients/libc.ts";
import { engineAlert } from "./wazuh-engine.ts";

const libc = koffi.load(null);
const socket = libc.func("int socket(int domain, int type, int protocol)");
const bind = libc.func("int bind(int fd, const void *address, unsigned int length)");
const recv = libc.func("long recv(int fd, void *bytes, size_t length, int flags)");
const poll = libc.func("int poll(void *fds, unsigned long count, int timeout)");
const setsockopt = libc.func("int setsockopt(int fd, int level, int name, const void *value, unsigned int length)");
const shutdown = libc.func("int shutdown(int fd, int how)");
const close = libc.func("int close(int fd)");

const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SHUT_RD = 0;
const POLLIN = 1;
const SLICE_MS = 20;
const PER_TURN = 500;

export interface ReceiverOptions {
  /** SO_RCVBUF. Linux bounds a UNIX datagram queue by net.unix.max_dgram_qlen and the sender's buffer, so this alone changes little. */
  readonly receiveBuffer?: number;
}

/** The daemon's side of a UNIX datagram socket, with the ways in which a daemon fails. */
export class DatagramReceiver {
  readonly path: string;
  readonly #onDatagram: (datagram: Buffer) => void;
  readonly #options: ReceiverOptions;
  readonly #buffer = Buffer.alloc(1 << 18);
  #fd = -1;
  #paused = false;
  #loop: Promise<void> | undefined;

  constructor(path: string, onDatagram: (datagram: Buffer) => void, options: ReceiverOptions = {}) {
    this.path = path;
    this.#onDatagram = onDatagram;
    this.#options = options;
  }

  /** Removes what is at the path, binds and reads. */
  start(): void {
    if (this.#fd >= 0) throw new Error("the receiver runs already");
    rmSync(this.path, { force: true });
    const fd: number = socket(AF_UNIX, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
    const address = unixAddress(this.path);
    if (fd < 0 || bind(fd, address.bytes, address.length) < 0) throw new Error(`bind ${this.path}: ${koffi.errno()}`);
    if (this.#options.receiveBuffer !== undefined) {
      const value = Buffer.alloc(4);
      if (endianness() === "LE") value.writeInt32LE(this.#options.receiveBuffer);
      else value.writeInt32BE(this.#options.receiveBuffer);
      setsockopt(fd, SOL_SOCKET, SO_RCVBUF, value, 4);
    }
    this.#fd = fd;
    this.#loop = this.#run(fd);
  }

  /** Reads now what the kernel has; what a sender was told it sent is there. */
  drain(): void {
    while (this.#fd >= 0 && this.#drain(this.#fd));
  }

  /** Stops reading: the queue fills up. */
  stall(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
  }

  /**
   * Stops; the socket's file stays (`remove` takes it away). With `drain` it first refuses more (EPIPE) and reads what is
   * queued, so that nothing it accepted is lost; without, what is queued is lost, as when a process is killed.
   */
  async stop({ drain = true, remove = false } = {}): Promise<void> {
    const fd = this.#fd;
    if (fd < 0) return;
    if (drain) {
      shutdown(fd, SHUT_RD);
      while (this.#drain(fd));
    }
    this.#fd = -1;
    await this.#loop;
    close(fd);
    if (remove) rmSync(this.path, { force: true });
  }

  async #run(fd: number): Promise<void> {
    const fds = Buffer.alloc(8);
    if (endianness() === "LE") fds.writeInt32LE(fd);
    else fds.writeInt32BE(fd);
    fds.writeInt8(POLLIN, endianness() === "LE" ? 4 : 5);
    while (this.#fd === fd) {
      if (this.#paused) await new Promise((resolve) => setTimeout(resolve, 5));
      else if (this.#drain(fd)) await new Promise((resolve) => setImmediate(resolve));
      else await new Promise((resolve) => poll.async(fds, 1, SLICE_MS, resolve));
    }
  }

  /** True when there may be more. */
  #drain(fd: number): boolean {
    for (let count = 0; count < PER_TURN; count += 1) {
      const length: number = recv(fd, this.#buffer, this.#buffer.length, 0);
      if (length < 0) return false;
      this.#onDatagram(Buffer.from(this.#buffer.subarray(0, length)));
    }
    return true;
  }
}

export interface EngineProcess {
  readonly child: ChildProcess;
  /** Ends it as an orderly stop does; the socket's file stays. */
  stop(): Promise<void>;
}

/**
 * A process that poses as Wazuh's analysis: reads `socketPath` and appends the alerts it raises to `alertsFile`, flushed every
 * `flushMs` (the real one: 1,000). Resolves when it listens. SIGSTOP stalls it, SIGKILL loses what it had not flushed.
 */
export async function spawnEngine(socketPath: string, alertsFile: string, flushMs = 100): Promise<EngineProcess> {
  const args = [...process.execArgv, fileURLToPath(import.meta.url), socketPath, alertsFile, String(flushMs)];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_OPTIONS: "", NODE_TEST_CONTEXT: "" },
  });
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.once("data", () => resolve());
    void gone.then(() => reject(new Error(`the engine process ended at its start: ${child.exitCode}`)));
  });
  return {
    child,
    async stop() {
      child.kill("SIGTERM");
      await gone;
    },
  };
}

function serve(socketPath: string, alertsFile: string, flushMs: number): void {
  let pending = "";
  let offset = 0;
  const flush = () => {
    if (pending !== "") appendFileSync(alertsFile, pending);
    pending = "";
  };
  const receiver = new DatagramReceiver(socketPath, (datagram) => {
    const alert = engineAlert(datagram, { time: Date.now(), offset });
    if (alert === undefined) return;
    const line = `${JSON.stringify(alert)}\n`;
    offset += Buffer.byteLength(line);
    pending += line;
  });
  receiver.start();
  setInterval(flush, flushMs);
  process.on("SIGTERM", () => {
    void receiver.stop().then(() => {
      flush();
      process.exit(0);
    });
  });
  process.stdout.write("ready\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [socketPath, alertsFile, flushMs] = process.argv.slice(2);
  if (socketPath !== undefined && alertsFile !== undefined) serve(socketPath, alertsFile, Number(flushMs ?? 1000));
}
