import { randomUUID } from "node:crypto";
import { type AddressInfo, type BlockList, createServer, isIP, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { Clock } from "../lib/clock.ts";
import { asError } from "../lib/errors.ts";
import type { ListenAddress } from "../lib/http-front-listen.ts";
import { type TlsFiles, tlsOptions, withCertificate } from "../lib/http-front-server.ts";
import type { Log } from "../lib/log.ts";
import { SparseLog } from "../lib/sparse-log.ts";
import { Wakeup } from "../lib/wakeup.ts";
import { type IntakePart, MOST_BYTES, MOST_RECORDS } from "./http-intake-parts.ts";
import { TcpConnection } from "./tcp-connection.ts";

export interface TcpIntakeOptions {
  readonly address: ListenAddress;
  /** For messages: `sources.raw`. */
  readonly owner: string;
  readonly tls?: TlsFiles | undefined;
  /** Networks whose addresses may connect; undefined: any. */
  readonly allowFrom?: BlockList | undefined;
  readonly maxConnections: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface TcpDelivery extends IntakePart {
  readonly checkpoint: { readonly version: 1 };
}

const CHECKPOINT = { version: 1 } as const;
const LISTEN_AGAIN_MS = 1_000;
const LOOK_MS = 5_000;
const MOST_LINES = 20_000;
/** How long after a stop bytes that are on their way are still read. */
const LAST_BYTES_MS = 200;

/**
 * Lines over TCP. It listens only while it is read, and what waits in it is bounded: then nothing is read from any connection
 * until the pipeline has taken some. Nothing is acknowledged, so a stop closes the door, reads what has arrived and hands that on.
 */
export class TcpIntake {
  readonly #options: TcpIntakeOptions;
  readonly #sparse: SparseLog;
  readonly #wakeup: Wakeup;
  readonly #connections = new Set<TcpConnection>();
  readonly #session = randomUUID();
  #deliveries = 0;
  #trouble: string | undefined;
  #port: number | undefined;

  constructor(options: TcpIntakeOptions) {
    this.#options = options;
    this.#sparse = new SparseLog(options.log, options.clock);
    this.#wakeup = new Wakeup(options.clock);
  }

  /** Where it listens; undefined while it does not. */
  get port(): number | undefined {
    return this.#port;
  }

  lag(): { readonly bytes: number; readonly seconds: number; readonly trouble?: string } {
    const now = this.#options.clock.now();
    const waiting = [...this.#connections].filter(({ bytes }) => bytes > 0);
    return {
      bytes: waiting.reduce((sum, { bytes }) => sum + bytes, 0),
      seconds: waiting.reduce((most, { since }) => Math.max(most, (now - since) / 1000), 0),
      ...(this.#trouble === undefined ? {} : { trouble: this.#trouble }),
    };
  }

  async *read(signal: AbortSignal): AsyncGenerator<TcpDelivery, void, undefined> {
    const wake = () => this.#wakeup.wake();
    signal.addEventListener("abort", wake, { once: true });
    let server: Server | undefined;
    try {
      server = await this.#listen(signal);
      while (!signal.aborted) {
        const part = this.#take();
        if (part !== undefined) yield part;
        else await this.#wakeup.wait(LOOK_MS);
        this.#forgetStuck();
      }
      yield* this.#last(server);
    } finally {
      signal.removeEventListener("abort", wake);
      for (const connection of this.#connections) connection.destroy();
      server?.close();
      this.#port = undefined;
    }
  }

  async *#last(server: Server | undefined): AsyncGenerator<TcpDelivery, void, undefined> {
    server?.close();
    for (const connection of this.#connections) connection.end();
    if (this.#connections.size > 0) await this.#options.clock.sleep(LAST_BYTES_MS);
    for (const connection of this.#connections) connection.destroy();
    for (let part = this.#take(); part !== undefined; part = this.#take()) yield part;
  }

  async #listen(signal: AbortSignal): Promise<Server | undefined> {
    const { address, owner, tls, clock, log } = this.#options;
    const key = `${owner}.tls`;
    const accept = (socket: Socket) => this.#accept(socket);
    while (!signal.aborted) {
      const server =
        tls === undefined
          ? createServer(accept)
          : withCertificate(() => createTlsServer(tlsOptions(tls, key), accept), key);
      const failure = await this.#open(server);
      if (failure === undefined) {
        this.#trouble = undefined;
        this.#port = (server.address() as AddressInfo).port;
        log.info("listening", { host: address.host, port: this.#port, tls: tls !== undefined });
        return server;
      }
      const text = `cannot listen on ${address.host}:${address.port}: ${failure.message}`;
      if (this.#trouble !== text) log.error("cannot listen; trying again", { error: failure });
      this.#trouble = text;
      await clock.sleep(LISTEN_AGAIN_MS, signal);
    }
    return undefined;
  }

  #open(server: Server): Promise<Error | undefined> {
    const { address, maxConnections } = this.#options;
    server.maxConnections = maxConnections;
    server.on("drop", () =>
      this.#sparse.warn("drop", "too many connections; the newest is closed", { maxConnections }),
    );
    server.on("tlsClientError", (error: Error, socket: Socket) =>
      this.#sparse.warn(`tls ${error.message}`, "a client could not agree on TLS", {
        from: socket.remoteAddress,
        reason: error.message,
      }),
    );
    return new Promise((resolve) => {
      server.once("error", (thrown) => resolve(asError(thrown)));
      server.listen(address.port, address.host, () => {
        // A process short of descriptors cannot accept, and must not end over that.
        server.on("error", () => undefined);
        resolve(undefined);
      });
    });
  }

  #accept(socket: Socket): void {
    const { allowFrom, clock, log } = this.#options;
    const from = (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, "");
    if (allowFrom !== undefined && !allowFrom.check(from, isIP(from) === 6 ? "ipv6" : "ipv4")) {
      this.#sparse.warn(`from ${from}`, "a connection from an address that allow_from does not have was closed", {
        from,
      });
      socket.on("error", () => undefined);
      socket.destroy();
      return;
    }
    const connection = new TcpConnection(socket, `${from}:${socket.remotePort ?? 0}`, clock, (what) => {
      if (what === "closed" && connection.bytes === 0) this.#connections.delete(connection);
      if (what === "data" && this.#isFull()) for (const each of this.#connections) each.pause();
      this.#wakeup.wake();
    });
    this.#connections.add(connection);
    log.debug("a connection was opened", { from });
  }

  /** Lines as well as bytes: a line of one byte takes a hundred in memory, and a record's work. */
  #isFull(): boolean {
    let bytes = 0;
    let lines = 0;
    for (const connection of this.#connections) {
      bytes += connection.bytes;
      lines += connection.waiting;
    }
    return bytes >= MOST_BYTES || lines >= MOST_LINES;
  }

  /** What waits, in turn from each connection, at most one delivery; undefined when nothing does. */
  #take(): TcpDelivery | undefined {
    const records: { bytes: Buffer; origin: string }[] = [];
    const rejected: IntakePart["rejected"][number][] = [];
    let bytes = 0;
    for (const connection of [...this.#connections]) {
      const room = { records: MOST_RECORDS - records.length - rejected.length, bytes: MOST_BYTES - bytes };
      if (room.records <= 0 || room.bytes <= 0) break;
      const taken = connection.take(room, records.length + rejected.length === 0);
      records.push(...taken.records);
      rejected.push(...taken.rejected);
      bytes += taken.bytes;
      // To the end of the line, so that each has its turn.
      this.#connections.delete(connection);
      if (!connection.closed || connection.bytes > 0) this.#connections.add(connection);
    }
    if (!this.#isFull()) for (const each of this.#connections) each.resume();
    if (records.length + rejected.length === 0) return undefined;
    this.#deliveries += 1;
    return { records, rejected, range: `tcp:${this.#session}:${this.#deliveries}`, checkpoint: CHECKPOINT };
  }

  #forgetStuck(): void {
    for (const connection of this.#connections)
      if (connection.isStuck()) {
        this.#sparse.warn(`stuck ${connection.name}`, "a connection that left a line unfinished was closed", {
          from: connection.name,
        });
        connection.destroy();
      }
  }
}
