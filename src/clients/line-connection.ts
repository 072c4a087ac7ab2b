import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { asError } from "../lib/errors.ts";
import { RemoteError } from "../lib/remote-error.ts";
import type { TlsSettings } from "./http-dispatcher.ts";
import { networkError } from "./http-errors.ts";
import type { Unacknowledged } from "./send-queue.ts";

/** Where a stream goes. */
export interface LineTarget {
  readonly host: string;
  readonly port: number;
  /** Present: TLS, with these settings. */
  readonly tls?: TlsSettings | undefined;
  /** Name in the certificate, where it is not the host's. */
  readonly serverName?: string | undefined;
}

/** What closing a connection showed: the receiver read to the end, or it broke off. */
export type Closing = "read" | "broken";

/**
 * One connection to a receiver that only reads. It is over at the first sign of it: an error, or the receiver's own end, after
 * which nobody reads what is written.
 */
export interface LineConnection {
  /** Why it is over, or undefined while it is not. */
  readonly fault: Error | undefined;
  /** Hands bytes on. Ask `room` before. */
  write(bytes: Buffer): void;
  /** False while so much waits to be taken by the kernel that more would only fill memory. */
  readonly room: boolean;
  /** Bytes written that the receiver's kernel does not have yet, at most (with TLS a little more than there are). */
  unacknowledged(): number;
  /** Says that nothing follows; resolves when the receiver has done the same, or broke off, however late. */
  finish(): Promise<Closing>;
  destroy(): void;
}

/** Bytes that may wait in this process. */
const MAX_WAITING = 256 * 1024;
const KEEP_ALIVE_MS = 15_000;

/** Opens a connection; throws RemoteError. */
export async function openLineConnection(
  target: LineTarget,
  unacknowledged: Unacknowledged,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<LineConnection> {
  const raw = connectTcp({
    host: target.host,
    port: target.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_MS,
  });
  const socket = target.tls === undefined ? raw : secured(raw, target, target.tls);
  const connection = new Connection(socket, raw, unacknowledged, urlOf(target));
  await connection.opened(target.tls === undefined ? "connect" : "secureConnect", timeoutMs, signal);
  return connection;
}

function secured(raw: Socket, { host, serverName }: LineTarget, tls: TlsSettings): TLSSocket {
  const name = serverName ?? host;
  return connectTls({ ...tls, socket: raw, host: name, ...(isIP(name) === 0 ? { servername: name } : {}) });
}

/** For messages; `https` lets them speak of certificates. */
function urlOf({ host, port, tls }: LineTarget): string {
  return `${tls === undefined ? "http" : "https"}://${isIP(host) === 6 ? `[${host}]` : host}:${port}`;
}

class Connection implements LineConnection {
  fault: Error | undefined;
  readonly #socket: Socket;
  readonly #raw: Socket;
  readonly #unacknowledged: Unacknowledged;
  readonly #url: string;
  #waiting = 0;
  #ended = false;
  #finishing = false;
  #over: (() => void) | undefined;

  constructor(socket: Socket, raw: Socket, unacknowledged: Unacknowledged, url: string) {
    this.#socket = socket;
    this.#raw = raw;
    this.#unacknowledged = unacknowledged;
    this.#url = url;
    // A failed handshake can show on either; kept for good, because a peer may break off at any time.
    for (const each of new Set([socket, raw])) each.on("error", (cause) => this.#fail(this.#network(cause)));
    socket.on("end", () => {
      this.#ended = true;
      if (!this.#finishing) this.#fail(new RemoteError("unreachable", `${this.#name} closed the connection`));
    });
    socket.on("close", () => {
      if (!this.#finishing || !this.#ended)
        this.#fail(new RemoteError("unreachable", `${this.#name} closed the connection`));
      this.#over?.();
    });
  }

  opened(event: "connect" | "secureConnect", timeoutMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (done: () => void) => {
        clearTimeout(timer);
        signal.removeEventListener("abort", stop);
        this.#over = undefined;
        done();
      };
      const fail = (error: Error) => {
        this.#fail(error);
        settle(() => reject(error));
      };
      const stop = () => fail(new RemoteError("aborted", "stopped before the connection was there"));
      const late = Object.assign(new Error("no connection in time"), { code: "ETIMEDOUT" });
      const timer = setTimeout(() => fail(this.#network(late)), timeoutMs);
      this.#over = () => fail(this.fault ?? new Error("closed"));
      if (signal.aborted) return stop();
      signal.addEventListener("abort", stop, { once: true });
      this.#socket.once(event, () => {
        // Nothing is ever read, but the end of the stream and a reset show only to a reader.
        this.#socket.resume();
        settle(resolve);
      });
    });
  }

  write(bytes: Buffer): void {
    if (this.fault !== undefined) return;
    this.#waiting += bytes.length;
    this.#socket.write(bytes, (error) => {
      if (!error) this.#waiting -= bytes.length;
    });
  }

  get room(): boolean {
    return this.#waiting < MAX_WAITING;
  }

  unacknowledged(): number {
    return this.#waiting + (this.#unacknowledged(this.#raw) ?? 0);
  }

  async finish(): Promise<Closing> {
    if (this.fault !== undefined) return "broken";
    this.#finishing = true;
    const over = new Promise<void>((resolve) => {
      this.#over = resolve;
    });
    this.#socket.end();
    await over;
    const closing = (this.fault as Error | undefined) === undefined ? "read" : "broken";
    this.#fail(new RemoteError("unreachable", `${this.#name} is closed`));
    return closing;
  }

  destroy(): void {
    this.#fail(new RemoteError("aborted", "the connection was given up"));
  }

  get #name(): string {
    return this.#url.replace(/^https?/, this.#socket === this.#raw ? "tcp" : "tls");
  }

  #network(cause: unknown): RemoteError {
    const error = networkError({ url: this.#url }, cause);
    return new RemoteError(error.kind, error.message.replace(this.#url, this.#name), { cause });
  }

  #fail(error: unknown): void {
    this.fault ??= asError(error);
    this.#socket.destroy();
    this.#raw.destroy();
  }
}
