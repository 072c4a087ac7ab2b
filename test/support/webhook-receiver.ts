import { createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import { serve, type TestRequest } from "./http-server.ts";

export const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
export const OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

const TOLERANCE_SECONDS = 300;

/** What a receiver does by the text of Standard Webhooks 1.0; the reason it would refuse, or undefined. */
export function refusal(
  headers: IncomingMessage["headers"],
  body: string,
  secret: string,
  nowSeconds: number,
): string | undefined {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  const signatures = headers["webhook-signature"];
  if (typeof id !== "string" || typeof timestamp !== "string" || typeof signatures !== "string")
    return "a header is missing";
  if (id === "" || id.includes(".")) return "the id is empty or has a dot";
  if (!/^\d+$/.test(timestamp) || Math.abs(Number(timestamp) - nowSeconds) > TOLERANCE_SECONDS)
    return "the time is off";
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.${body}`).digest();
  for (const item of signatures.split(" ")) {
    const [version, signature = ""] = item.split(",", 2);
    const given = Buffer.from(signature, "base64");
    if (version === "v1" && given.length === expected.length && timingSafeEqual(given, expected)) return undefined;
  }
  return "no signature fits";
}

export interface Received {
  readonly id: string;
  readonly timestamp: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  readonly refused: string | undefined;
}

/** Answers one request; default 204. */
export type Behaviour = (response: ServerResponse, request: TestRequest, nth: number) => void;

export class WebhookReceiver {
  url = "";
  readonly requests: Received[] = [];
  behave: Behaviour = (response) => void response.writeHead(204).end();

  static async start(
    t: TestContext,
    {
      tls = false,
      secret = SECRET,
      now = () => Date.now(),
    }: { tls?: boolean; secret?: string; now?: () => number } = {},
  ): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver();
    const base = await serve(
      t,
      (request, response) => {
        const { headers, body } = request;
        receiver.requests.push({
          id: String(headers["webhook-id"]),
          timestamp: String(headers["webhook-timestamp"]),
          headers,
          body,
          refused: refusal(headers, body, secret, now() / 1000),
        });
        receiver.behave(response, request, receiver.requests.length);
      },
      { tls },
    );
    receiver.url = `${base}/hooks/T0000/SECRETPATH`;
    return receiver;
  }

  /** Requests that were taken: distinct messages, in the order of their arrival. */
  get bodies(): unknown[] {
    const first = new Map(this.requests.map((request) => [request.id, request.body]));
    return [...first.values()].map((body) => JSON.parse(body));
  }
}

/** Ways to misbehave. */
export const badly = {
  status:
    (status: number, headers: Record<string, string> = {}, body = ""): Behaviour =>
    (response) =>
      void response.writeHead(status, headers).end(body),
  reset: ((response) => void response.socket?.destroy()) as Behaviour,
  /** Headers never come. */
  silent: (() => undefined) as Behaviour,
  /** 200, and then bytes without end. */
  endless: ((response) => {
    response.writeHead(200);
    const piece = Buffer.alloc(65_536, 120);
    const more = () => {
      if (response.destroyed) return;
      if (response.write(piece)) setImmediate(more);
      else response.once("drain", more);
    };
    more();
  }) as Behaviour,
};
