import { readFileSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Socket } from "node:net";
import type { TlsOptions } from "node:tls";
import { asError, TiplineError } from "./errors.ts";
import type { SparseLog } from "./sparse-log.ts";

/** Files of a listener's certificate, and of the authority whose client certificates are asked for. */
export interface TlsFiles {
  readonly cert_file: string;
  readonly key_file: string;
  readonly client_ca_file?: string | undefined;
}

/** What a listener with TLS needs; throws TIP_CONFIG_INVALID naming the file and `key`. */
export function tlsOptions(files: TlsFiles, key: string): TlsOptions {
  const read = (file: string, name: string) => {
    try {
      return readFileSync(file);
    } catch (cause) {
      throw new TiplineError(
        "TIP_CONFIG_INVALID",
        `${key}.${name}: expected a readable PEM file, ${file} is not (${asError(cause).message})`,
        { cause },
      );
    }
  };
  const { cert_file, key_file, client_ca_file } = files;
  return {
    cert: read(cert_file, "cert_file"),
    key: read(key_file, "key_file"),
    minVersion: "TLSv1.2",
    handshakeTimeout: 10_000,
    ...(client_ca_file === undefined
      ? {}
      : { ca: read(client_ca_file, "client_ca_file"), requestCert: true, rejectUnauthorized: true }),
  };
}

/** Makes something of key and certificate; a pair that does not fit is the configuration's fault. */
export function withCertificate<T>(make: () => T, key: string): T {
  try {
    return make();
  } catch (cause) {
    if (cause instanceof TiplineError) throw cause;
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      `${key}: expected a PEM certificate, its private key and PEM authorities, found: ${asError(cause).message}`,
      { cause },
    );
  }
}

const MOST_CONNECTIONS = 512;
/** Of one address, so that one client (or one attacker) cannot keep all others out. */
const MOST_OF_ONE = 128;
const MOST_HEADER_BYTES = 16 * 1024;
const HEADERS_MS = 10_000;
/** A whole request with its body: 16 MiB at 140 KiB a second. */
const REQUEST_MS = 120_000;
const KEEP_ALIVE_MS = 65_000;
/** Silence on a connection, also while an answer is awaited. */
const IDLE_MS = 150_000;

export interface ServerOptions {
  readonly tls?: TlsFiles | undefined;
  readonly sparse: SparseLog;
  /** Longest time for the headers of a request; default 10,000 ms. */
  readonly headersMs?: number | undefined;
}

/** A server with bounds on everything that a client decides. */
export function boundedServer(
  listener: RequestListener,
  { tls, sparse, headersMs = HEADERS_MS }: ServerOptions,
): Server {
  const options = {
    maxHeaderSize: MOST_HEADER_BYTES,
    headersTimeout: headersMs,
    requestTimeout: REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: Math.min(2_000, headersMs),
  };
  const server: Server =
    tls === undefined
      ? createServer(options, listener)
      : withCertificate(() => createTlsServer({ ...options, ...tlsOptions(tls, "http.tls") }, listener), "http.tls");
  server.maxConnections = MOST_CONNECTIONS;
  server.setTimeout(IDLE_MS);
  const byAddress = new Map<string, number>();
  server.on("connection", (socket: Socket) => {
    const address = socket.remoteAddress ?? "";
    const count = (byAddress.get(address) ?? 0) + 1;
    byAddress.set(address, count);
    socket.once("close", () => {
      const left = (byAddress.get(address) ?? 1) - 1;
      if (left > 0) byAddress.set(address, left);
      else byAddress.delete(address);
    });
    if (count <= MOST_OF_ONE) return;
    sparse.warn(`many ${address}`, "too many connections from one address; the newest is closed", { from: address });
    socket.destroy();
  });
  server.on("drop", () =>
    sparse.warn("drop", "too many connections; the newest is closed", { most: MOST_CONNECTIONS }),
  );
  server.on("tlsClientError", (error: Error, socket: Socket) => {
    sparse.warn(`tls ${error.message}`, "a client could not agree on TLS", {
      from: socket.remoteAddress,
      reason: error.message,
    });
  });
  // A process short of descriptors cannot accept, and must not end over that.
  server.on("error", () => undefined);
  return server;
}
