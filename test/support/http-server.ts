import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { packageRoot } from "../../src/lib/package-root.ts";

export interface TestRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export type TestHandler = (request: TestRequest, response: ServerResponse) => void | Promise<void>;

/** Certificates of the test authority. */
export function tlsFixture(
  name: "ca.pem" | "server.pem" | "server.key" | "client-ca.pem" | "client.pem" | "client.key",
): string {
  return join(packageRoot(), "test", "fixtures", "tls", name);
}

/** A web server of the test's own on loopback; gone when the test is over. */
export async function serve(
  t: TestContext,
  handler: TestHandler,
  { tls = false, clientCertificates = false } = {},
): Promise<string> {
  const listener = (incoming: IncomingMessage, response: ServerResponse) => {
    const pieces: Buffer[] = [];
    incoming.on("data", (piece: Buffer) => pieces.push(piece));
    incoming.on("end", () => {
      const { method = "", url = "", headers } = incoming;
      void handler({ method, path: url, headers, body: Buffer.concat(pieces).toString() }, response);
    });
  };
  const server = tls
    ? createTlsServer(
        {
          cert: readFileSync(tlsFixture("server.pem")),
          key: readFileSync(tlsFixture("server.key")),
          ...(clientCertificates
            ? { requestCert: true, rejectUnauthorized: true, ca: readFileSync(tlsFixture("client-ca.pem")) }
            : {}),
        },
        listener,
      )
    : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `${tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

export function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { "content-type": "application/json; charset=UTF-8", ...headers });
  response.end(typeof body === "string" ? body : JSON.stringify(body));
}
