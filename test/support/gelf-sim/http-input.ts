import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { gunzipSync, inflateSync } from "node:zlib";
import { tlsFixture } from "../http-server.ts";

export interface HttpInputOptions {
  /** `max_chunk_size`, of the body as it is unpacked. */
  readonly maxBody?: number;
  readonly header?: { readonly name: string; readonly value: string };
  /** `enable_bulk_receiving`. */
  readonly bulk?: boolean;
  readonly tls?: boolean;
  readonly clientCertificates?: boolean;
}

const MAX_BODY = 65_536;

/** A GELF HTTP input on loopback: it answers 202 before anything is decoded. */
export class HttpInput {
  readonly frames: Buffer[] = [];
  /** Statuses given, in order. */
  readonly answers: number[] = [];
  /** Given instead of an answer of its own. */
  instead: { readonly status: number; readonly headers?: Record<string, string> } | undefined;
  maxBody: number;
  #port = 0;
  readonly #options: HttpInputOptions;
  #server: Server | undefined;

  static async start(t: Pick<TestContext, "after">, options: HttpInputOptions = {}): Promise<HttpInput> {
    const input = new HttpInput(options);
    await input.up();
    t.after(() => input.down());
    return input;
  }

  private constructor(options: HttpInputOptions) {
    this.#options = options;
    this.maxBody = options.maxBody ?? MAX_BODY;
  }

  get url(): string {
    return `${this.#options.tls ? "https" : "http"}://127.0.0.1:${this.#port}/gelf`;
  }

  async up(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = this.#create((request, response) => this.#take(request, response));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(this.#port, "127.0.0.1", resolve);
    });
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    if (server !== undefined) await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #create(listener: (request: IncomingMessage, response: ServerResponse) => void): Server {
    const { tls, clientCertificates } = this.#options;
    if (!tls) return createServer(listener);
    return createTlsServer(
      {
        cert: readFileSync(tlsFixture("server.pem")),
        key: readFileSync(tlsFixture("server.key")),
        ...(clientCertificates
          ? { requestCert: true, rejectUnauthorized: true, ca: readFileSync(tlsFixture("client-ca.pem")) }
          : {}),
      },
      listener,
    );
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const pieces: Buffer[] = [];
    request.on("data", (piece: Buffer) => pieces.push(piece));
    request.on("end", () => {
      const body = unpacked(Buffer.concat(pieces), request.headers["content-encoding"]);
      const status = this.instead?.status ?? this.#status(request, body);
      this.answers.push(status);
      response.writeHead(status, { "content-length": "0", ...this.instead?.headers }).end();
      if (status === 202) this.#keep(body);
    });
  }

  #status({ method, url, headers }: IncomingMessage, body: Buffer): number {
    const { header } = this.#options;
    if (body.length > this.maxBody) return 413;
    if (method !== "POST") return 405;
    if (header !== undefined && headers[header.name.toLowerCase()] !== header.value) return 401;
    return url === "/gelf" ? 202 : 404;
  }

  #keep(body: Buffer): void {
    if (!this.#options.bulk) return void this.frames.push(body);
    for (const line of body.toString().split(/\r?\n/)) if (line !== "") this.frames.push(Buffer.from(line));
  }
}

function unpacked(body: Buffer, encoding: string | undefined): Buffer {
  if (encoding === "gzip") return gunzipSync(body);
  return encoding === "deflate" ? inflateSync(body) : body;
}
