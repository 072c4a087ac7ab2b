import type { ServerResponse } from "node:http";
import type { TestContext } from "node:test";
import type { Clock } from "../../src/lib/clock.ts";
import { json, serve, type TestRequest } from "./http-server.ts";

export const USER = "tipline";
export const PASSWORD = "Pa55word-of-the-API!";
/** The API's default. */
const TOKEN_LIFE_S = 900;
const MINUTE_MS = 60_000;

/**
 * The server API of Wazuh 4.14 as its source has it: a login by Basic for a token of 900 s; `/events` for 100 strings a request and
 * 30 requests a minute, where the minute begins with the first request after the last one, refused ones count as well, and the
 * count is everybody's; an event that analysisd would cut fails alone; a missing queue fails the request.
 */
export class FakeWazuhApi {
  url = "";
  readonly #clock: Clock;
  /** Events as analysisd got them, header and all. */
  readonly queue: string[] = [];
  readonly requests: TestRequest[] = [];
  logins = 0;
  eventRequests = 0;
  password = PASSWORD;
  /** Of the user's role. */
  mayIngest = true;
  /** Tokens given out before are no good any more. */
  epoch = 0;
  /** What happens to requests: `cut` breaks the connection, `no-queue`: analysisd is down. */
  state: "up" | "cut" | "no-queue" = "up";
  /** Says no to single events as a full socket does. */
  refuses: (event: string) => boolean = () => false;
  /** Answers instead of the API. */
  instead: ((request: TestRequest, response: ServerResponse) => boolean) | undefined;
  #windowAt: number | undefined;
  #inWindow = 0;
  #loginsRefused = 0;

  static async start(t: TestContext, clock: Clock, options: { readonly tls?: boolean } = {}): Promise<FakeWazuhApi> {
    const api = new FakeWazuhApi(clock);
    api.url = await serve(t, (request, response) => void api.#answer(request, response), options);
    return api;
  }

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  #answer(request: TestRequest, response: ServerResponse): unknown {
    this.requests.push(request);
    if (this.state === "cut") {
      return response.destroy();
    }
    if (this.instead?.(request, response)) return undefined;
    if (request.path === "/security/users/me/policies" && request.method === "GET")
      return this.#policies(request, response);
    if (request.method !== "POST") return problem(response, 405, "Method Not Allowed");
    if (request.path === "/security/user/authenticate") return this.#login(request, response);
    if (request.path === "/events") return this.#events(request, response);
    return problem(response, 404, "Not Found", "404: Not Found");
  }

  #login({ headers }: TestRequest, response: ServerResponse): unknown {
    if (this.#loginsRefused >= 50) {
      return problem(response, 403, "Permission Denied", "Limit of login attempts reached.", 6000);
    }
    const given = Buffer.from((headers.authorization ?? "").replace(/^Basic /, ""), "base64").toString("utf8");
    if (given !== `${USER}:${this.password}`) {
      this.#loginsRefused += 1;
      return problem(response, 401, "Unauthorized", "Invalid credentials");
    }
    this.logins += 1;
    const nbf = Math.floor(this.#clock.now() / 1000);
    const claims = { iss: "wazuh", aud: "Wazuh API REST", nbf, exp: nbf + TOKEN_LIFE_S, sub: USER, epoch: this.epoch };
    const token = [{ alg: "ES512", typ: "JWT" }, claims].map((part) =>
      Buffer.from(JSON.stringify(part)).toString("base64url"),
    );
    return json(response, 200, { data: { token: `${token.join(".")}.c2lnbmF0dXJl` }, error: 0 });
  }

  /** What the roles of whoever asks allow; no right is needed to see that. */
  #policies({ headers }: TestRequest, response: ServerResponse): unknown {
    if (!this.#isGood(headers.authorization))
      return problem(response, 401, "Unauthorized", "No authorization token provided");
    const rights = this.mayIngest
      ? { "event:ingest": { "*:*:*": "allow" } }
      : { "agent:read": { "agent:id:*": "allow" } };
    const message = "Current user processed policies information was returned";
    return json(response, 200, { data: { ...rights, rbac_mode: "white" }, message, error: 0 });
  }

  #isLimited(): boolean {
    const now = this.#clock.now();
    this.#windowAt ??= now;
    if (now - MINUTE_MS <= this.#windowAt) this.#inWindow += 1;
    else {
      this.#inWindow = 0;
      this.#windowAt = now;
    }
    return this.#inWindow > 30;
  }

  #events({ headers, body }: TestRequest, response: ServerResponse): unknown {
    this.eventRequests += 1;
    if (this.#isLimited())
      return problem(response, 429, "Too Many Requests", "Maximum number of requests per minute reached", 6005);
    if (!this.#isGood(headers.authorization))
      return problem(response, 401, "Unauthorized", "No authorization token provided");
    if (headers["content-type"] !== "application/json") return problem(response, 400, "Bad Request", "6002", 6002);
    if (Buffer.byteLength(body) > 10_485_760) return problem(response, 413, "Content size exceeded.");
    const { events } = JSON.parse(body) as { readonly events?: unknown };
    if (!Array.isArray(events) || !events.every((event) => typeof event === "string"))
      return problem(response, 400, "Bad Request", "events: expected an array of strings");
    if (events.length > 100)
      return problem(response, 400, "Events bulk size exceeded", "The size of the events bulk is exceeding the limit");
    if (!this.mayIngest)
      return problem(response, 403, "Permission Denied", "Permission denied: Resource type: *:*", 4000);
    if (this.state === "no-queue")
      return problem(response, 500, "Wazuh Internal Error", "Error communicating with socket", 1010);
    return this.#forward(events as string[], response);
  }

  #forward(events: readonly string[], response: ServerResponse): unknown {
    const affected: string[] = [];
    const failed = new Map<number, string[]>();
    for (const event of events) {
      const message = `1:API-Webhook:${event}`;
      const code = Buffer.byteLength(message) > 65_535 ? 1012 : this.refuses(event) ? 1014 : undefined;
      if (code === undefined) {
        affected.push(event);
        this.queue.push(message);
      } else failed.set(code, [...(failed.get(code) ?? []), event]);
    }
    const items = [...failed].map(([code, id]) => ({ error: { code, message: MESSAGES[code] }, id: [...id].sort() }));
    const error = items.length === 0 ? 0 : affected.length === 0 ? 1 : 2;
    return json(response, 200, {
      data: {
        affected_items: affected,
        total_affected_items: affected.length,
        total_failed_items: events.length - affected.length,
        failed_items: items,
      },
      message: `${["All", "No", "Some"][error]} events were forwarded to analisysd`,
      error,
    });
  }

  #isGood(authorization: string | undefined): boolean {
    const claims = /^Bearer [^.]+\.([^.]+)\./.exec(authorization ?? "")?.[1];
    if (claims === undefined) return false;
    const { exp, epoch } = JSON.parse(Buffer.from(claims, "base64url").toString()) as { exp: number; epoch: number };
    return this.#clock.now() / 1000 < exp && epoch === this.epoch;
  }
}

const MESSAGES: Readonly<Record<number, string>> = {
  1012: "Invalid message to queue: The event is too large",
  1014: "Error communicating with socket",
};

function problem(response: ServerResponse, status: number, title: string, detail?: string, error?: number): unknown {
  const body = { title, ...(detail !== undefined && { detail }), ...(error !== undefined && { error }) };
  return json(response, status, body, { "content-type": "application/problem+json; charset=utf-8" });
}
