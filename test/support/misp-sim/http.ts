import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { tlsFixture } from "../http-server.ts";
import type { SimRequest } from "./request.ts";
import type { SimResponse } from "./respond.ts";
import type { MispSim } from "./sim.ts";

export interface ServeOptions {
  /** With the certificate of the test authority. */
  readonly tls?: boolean;
  /** Milliseconds before the first byte of an answer; `recordedDelay` is what the recorded server took. */
  readonly delay?: (request: SimRequest, response: SimResponse) => number;
  /** May answer (or destroy the socket) instead; returns true when it did. Asked before the simulator. */
  readonly interfere?: (request: SimRequest, response: ServerResponse) => boolean | Promise<boolean>;
}

/** The simulator on a port of loopback; its URL. Gone when the test is over. */
export async function serveMispSim(
  t: Pick<TestContext, "after">,
  sim: MispSim,
  options: ServeOptions = {},
): Promise<string> {
  const listener = (incoming: IncomingMessage, response: ServerResponse) => {
    const pieces: Buffer[] = [];
    incoming.on("data", (piece: Buffer) => pieces.push(piece));
    incoming.on("end", () => void reply(sim, options, toRequest(incoming, Buffer.concat(pieces)), response));
  };
  const server = options.tls
    ? createTlsServer(
        { cert: readFileSync(tlsFixture("server.pem")), key: readFileSync(tlsFixture("server.key")) },
        listener,
      )
    : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `${options.tls ? "https" : "http"}://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function reply(
  sim: MispSim,
  { delay, interfere }: ServeOptions,
  request: SimRequest,
  response: ServerResponse,
): Promise<void> {
  if (await interfere?.(request, response)) {
    if (sim.requests.at(-1) !== request) sim.requests.push(request);
    return;
  }
  const answer = sim.handle(request);
  if (delay) await sleep(delay(request, answer));
  writeAnswer(response, request.method, answer);
}

/** An answer on the wire, for `interfere` hooks too that change one. */
export function writeAnswer(response: ServerResponse, method: string, { status, headers, body }: SimResponse): void {
  if (response.destroyed) return;
  const bytes = Buffer.from(body);
  response.writeHead(status, { ...headers, ...(status === 304 ? {} : { "Content-Length": String(bytes.length) }) });
  response.end(method === "HEAD" ? undefined : bytes);
}

/**
 * What the recorded server took: 60 ms to check the key, and with each row about 0.033 ms, 0.05 with context or event tags, 0.45
 * with sightings or decay scores. Rows are told from the size of the answer (560 bytes an attribute).
 */
export function recordedDelay({ path, body }: SimRequest, { body: answer }: SimResponse): number {
  const rows = answer.length / 560;
  const asked = body.length < 10_000 ? body.toString() : "";
  if (!/\/restSearch/i.test(path)) return 60 + answer.length / 15_000;
  const perRow = /include(?:Sightings|DecayScore)/.test(asked) ? 0.45 : 0.033;
  return 60 + rows * perRow;
}

function toRequest(incoming: IncomingMessage, body: Buffer): SimRequest {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(incoming.headers))
    headers[name] = Array.isArray(value) ? value.join(", ") : value;
  return {
    method: incoming.method ?? "GET",
    path: incoming.url ?? "/",
    headers,
    body,
    ip: incoming.socket.remoteAddress ?? "127.0.0.1",
  };
}
