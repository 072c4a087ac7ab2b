import { readFileSync } from "node:fs";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { createServer as createTlsServer } from "node:tls";
import { tlsFixture } from "../http-server.ts";

export interface TcpInputOptions {
  readonly delimiter?: "\0" | "\n";
  readonly tls?: boolean;
  readonly clientCertificates?: boolean;
  /** `max_message_size`: a longer frame is thrown away. */
  readonly maxFrame?: number;
}

const MAX_FRAME = 2_097_152;

/**
 * A TCP input that cuts the stream into frames as Graylog does, on loopback, gone when the test is over. It can be slow, stop reading,
 * half-close, reset in the middle, or be a program that dies with unread bytes.
 */
export class TcpInput {
  readonly frames: Buffer[] = [];
  /** Frames longer than the limit. */
  dropped = 0;
  connections = 0;
  /** Senders that closed their side. */
  ended = 0;
  /** Resets every connection after so many bytes. */
  resetAfter: number | undefined;
  /** Never closes its side, whatever the sender does. */
  silent = false;
  readonly port: number;
  readonly #options: TcpInputOptions;
  readonly #open = new Set<Socket>();
  /** The connections below TLS: these alone can be reset. */
  readonly #raw = new Set<Socket>();
  #server: Server;
  #stalled = false;
  #activity = 0;

  static async start(t: Pick<TestContext, "after">, options: TcpInputOptions = {}): Promise<TcpInput> {
    const input = new TcpInput(options, 0);
    await input.up();
    t.after(() => input.down());
    return input;
  }

  private constructor(options: TcpInputOptions, port: number) {
    this.#options = options;
    this.port = port;
    this.#server = this.#create();
  }

  /** Connections that are open now. */
  get open(): number {
    return this.#open.size;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async up(): Promise<void> {
    if (this.#server.listening) return;
    this.#server = this.#create();
    this.#server.on("connection", (raw: Socket) => {
      this.#raw.add(raw);
      raw.on("error", () => undefined);
      raw.once("close", () => this.#raw.delete(raw));
    });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.port, "127.0.0.1", resolve);
    });
    (this as { port: number }).port = (this.#server.address() as AddressInfo).port;
  }

  /** The program dies: unread bytes are lost, connections are reset. */
  async down(): Promise<void> {
    this.reset();
    if (!this.#server.listening) return;
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  reset(): void {
    for (const socket of this.#raw) socket.resetAndDestroy();
    for (const socket of this.#open) socket.destroy();
    this.#open.clear();
  }

  /** Ends its own side and reads on. */
  halfClose(): void {
    for (const socket of this.#open) socket.end();
  }

  stall(): void {
    this.#stalled = true;
    for (const socket of this.#open) socket.pause();
  }

  resume(): void {
    this.#stalled = false;
    for (const socket of this.#open) socket.resume();
  }

  /** Resolves when nothing came for some turns of the event loop: what the kernel had is read then. */
  async quiet(): Promise<void> {
    for (let turns = 0, seen = this.#activity; turns < 20; turns += 1) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (seen !== this.#activity) turns = 0;
      seen = this.#activity;
    }
  }

  #create(): Server {
    const { tls, clientCertificates } = this.#options;
    const accept = (socket: Socket) => this.#accept(socket);
    if (!tls) return createServer({ allowHalfOpen: true }, accept);
    return createTlsServer(
      {
        allowHalfOpen: true,
        cert: readFileSync(tlsFixture("server.pem")),
        key: readFileSync(tlsFixture("server.key")),
        ...(clientCertificates
          ? { requestCert: true, rejectUnauthorized: true, ca: readFileSync(tlsFixture("client-ca.pem")) }
          : {}),
      },
      accept,
    );
  }

  #accept(socket: Socket): void {
    this.connections += 1;
    this.#activity += 1;
    this.#open.add(socket);
    if (this.#stalled) socket.pause();
    const delimiter = (this.#options.delimiter ?? "\0").charCodeAt(0);
    let pieces: Buffer[] = [];
    let bytes = 0;
    const frame = () => {
      const whole = Buffer.concat(pieces);
      pieces = [];
      if (whole.length > (this.#options.maxFrame ?? MAX_FRAME)) this.dropped += 1;
      else if (whole.length > 0) this.frames.push(whole);
    };
    socket.on("data", (data: Buffer) => {
      this.#activity += 1;
      bytes += data.length;
      let rest = data;
      for (let at = rest.indexOf(delimiter); at >= 0; at = rest.indexOf(delimiter)) {
        pieces.push(rest.subarray(0, at));
        frame();
        rest = rest.subarray(at + 1);
      }
      if (rest.length > 0) pieces.push(rest);
      if (this.resetAfter !== undefined && bytes > this.resetAfter) this.reset();
    });
    socket.on("end", () => {
      this.#activity += 1;
      this.ended += 1;
      // A last frame without delimiter is taken when the connection closes.
      if (pieces.length > 0) frame();
      if (!this.silent) socket.end();
    });
    socket.on("error", () => undefined);
    socket.on("close", () => {
      this.#activity += 1;
      this.#open.delete(socket);
    });
  }
}
