import type { Clock } from "../lib/clock.ts";
import { RemoteError } from "../lib/remote-error.ts";
import { get, isJsonObject, type JsonValue, text } from "../model/json.ts";
import { createHttp, type Http, type HttpOptions, type HttpResponse, headOf, wholeBody } from "./http.ts";
import { basic, type Login, type Token, tokenFrom } from "./wazuh-api-token.ts";

/** The API refuses more events in one request. */
export const MAX_EVENTS = 100;
/** The API refuses more requests to `/events` in a minute, from all clients together; it cannot be configured. */
export const MAX_REQUESTS_PER_MINUTE = 30;
/** The API's own limit of an event: with its header `1:API-Webhook:` it must fit into a datagram. */
export const MAX_EVENT_BYTES = 65_535 - "1:API-Webhook:".length;
/** `max_upload_size` is 10 MiB unless configured; a smaller request always fits. */
export const MAX_REQUEST_BYTES = 8 * 1024 * 1024;
/** Where a login is refused, `max_login_attempts` (50) of them lock the address out for `block_time` (300 s). */
export const REFUSED_LOGIN_WAIT_MS = 60_000;
/** The API's minute is its own, begins with the first request after the last one, and refuses to the end. */
const LIMITED_WAIT_MS = 10_000;
/** The answer repeats every event. */
const MOST_ANSWER = 32 * 1024 * 1024;

export interface WazuhApiOptions
  extends Login,
    Pick<HttpOptions, "caFile" | "ca" | "insecure" | "timeoutMs" | "proxy"> {
  /** `https://manager:55000`, also below a path. */
  readonly url: string;
  readonly clock: Clock;
}

/** What became of the events of one request. */
export interface Ingested {
  /** Events that analysisd did not get, with the server's words; empty when it has all. */
  readonly failed: ReadonlyMap<string, FailedEvent>;
}

export interface FailedEvent {
  readonly code: number | undefined;
  readonly message: string;
}

/** The server API of Wazuh 4.6 to 4.14, as far as Tipline needs it. */
export interface WazuhApi {
  /**
   * `POST /events`, at most `MAX_EVENTS` of at most `MAX_EVENT_BYTES`; logs in when it must. Throws RemoteError for all but a
   * verdict on the events: `refused` when the server finds fault with the request itself.
   */
  ingest(events: readonly string[], signal: AbortSignal): Promise<Ingested>;
  /**
   * Whether the user's roles allow `POST /events`; nothing is sent but a login. Undefined where the server does not tell. Throws
   * RemoteError when it refuses the login or cannot be reached.
   */
  mayIngest(signal: AbortSignal): Promise<boolean | undefined>;
  close(): Promise<void>;
}

export function createWazuhApi({ url, user, password, clock, ...connection }: WazuhApiOptions): WazuhApi {
  const http = createHttp({ ...connection, clock, retries: 0, connections: 1, maxAnswerMs: connection.timeoutMs * 3 });
  return new Client(http, url.replace(/\/+$/, ""), { user, password }, clock);
}

class Client implements WazuhApi {
  readonly #http: Http;
  readonly #url: string;
  readonly #login: Login;
  readonly #clock: Clock;
  #token: Token | undefined;
  constructor(http: Http, url: string, login: Login, clock: Clock) {
    this.#http = http;
    this.#url = url;
    this.#login = login;
    this.#clock = clock;
  }

  async ingest(events: readonly string[], signal: AbortSignal): Promise<Ingested> {
    const body = JSON.stringify({ events });
    let response = await this.#send("POST", "/events", await this.#bearer(signal), body, signal);
    if (response.status === 401) {
      // Revoked, or a restarted server with another key: one more login tells.
      response.cancel();
      this.#token = undefined;
      response = await this.#send("POST", "/events", await this.#bearer(signal), body, signal);
    }
    if (response.status !== 200) throw await this.#refusal(response, "POST /events");
    return verdictOf(await jsonOf(response), events, (said) => this.#masked(said));
  }

  async mayIngest(signal: AbortSignal): Promise<boolean | undefined> {
    const path = "/security/users/me/policies";
    const response = await this.#send("GET", path, await this.#bearer(signal), undefined, signal);
    if (response.status === 200) return allowsIngest(await jsonOf(response));
    response.cancel();
    return undefined;
  }

  close(): Promise<void> {
    return this.#http.close();
  }

  async #bearer(signal: AbortSignal): Promise<string> {
    if (this.#token === undefined || this.#clock.now() >= this.#token.renewAt) {
      const response = await this.#send("POST", "/security/user/authenticate", basic(this.#login), undefined, signal);
      if (response.status !== 200) throw await this.#refusal(response, "the login");
      this.#token = tokenFrom(await jsonOf(response), this.#clock);
    }
    return `Bearer ${this.#token.bearer}`;
  }

  async #send(
    method: "GET" | "POST",
    path: string,
    authorization: string,
    body: string | undefined,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const headers = { authorization, accept: "application/json", "content-type": "application/json" };
    try {
      return await this.#http.send(
        {
          url: `${this.#url}${path}`,
          method,
          headers,
          maxBytes: MOST_ANSWER,
          ...(body !== undefined && { body }),
        },
        signal,
      );
    } catch (thrown) {
      throw thrown instanceof RemoteError ? this.#shown(thrown) : thrown;
    }
  }

  /** The same error without what nobody may read; a server that repeats what it was sent is not trusted with that. */
  #shown(error: RemoteError): RemoteError {
    const { kind, status, retryAfterMs } = error;
    const options = { ...(status !== undefined && { status }), ...(retryAfterMs !== undefined && { retryAfterMs }) };
    if (kind === "rate-limited")
      return new RemoteError(
        kind,
        `${this.#url} takes no more requests in this minute: ${MAX_REQUESTS_PER_MINUTE} to /events from all clients together (fixed), and max_request_per_minute in all (api.yaml)`,
        { ...options, retryAfterMs: retryAfterMs ?? LIMITED_WAIT_MS },
      );
    return kind === "server" ? new RemoteError(kind, this.#masked(error.message), options) : error;
  }

  #masked(said: string): string {
    const secrets = [this.#login.password.reveal(), basic(this.#login).slice("Basic ".length), this.#token?.bearer];
    return secrets.reduce<string>(
      (shown, secret) => (secret === undefined || secret === "" ? shown : shown.replaceAll(secret, "[secret]")),
      said,
    );
  }

  async #refusal(response: HttpResponse, what: string): Promise<RemoteError> {
    const { status } = response;
    const said = saidIn(await headOf(response.body, 65_536), (text) => this.#masked(text));
    response.cancel();
    const where = `${this.#url} answered ${what} with ${status}${said === "" ? "" : ` (${said})`}`;
    const options = { status };
    if (status === 401) {
      this.#token = undefined;
      return new RemoteError("auth", `${where}: check user and password_file`, {
        status,
        retryAfterMs: REFUSED_LOGIN_WAIT_MS,
      });
    }
    if (status === 403) {
      const advice =
        what === "POST /events"
          ? "give the user a role with the policy event:ingest"
          : "after too many refused logins it takes none for five minutes (block_time)";
      return new RemoteError("forbidden", `${where}: ${advice}`, { status, retryAfterMs: REFUSED_LOGIN_WAIT_MS });
    }
    if (status === 404 || status === 405)
      return new RemoteError("not-found", `${where}: expected the server API of Wazuh 4.6 or newer there`, options);
    if (status === 400 || status === 413) return new RemoteError("refused", where, options);
    return new RemoteError("unexpected", `${where}: expected 200 from the Wazuh server API`, options);
  }
}

/** `{ACTION: {RESOURCE: effect}, rbac_mode}`: what is not named is denied where the mode is `white`, allowed where it is `black`. */
function allowsIngest(answer: JsonValue): boolean | undefined {
  const mode = get(answer, "data", "rbac_mode");
  if (mode !== "white" && mode !== "black") return undefined;
  const resources = get(answer, "data", "event:ingest");
  const effects = isJsonObject(resources) ? Object.values(resources) : [];
  return mode === "white" ? effects.includes("allow") : !effects.includes("deny");
}

async function jsonOf(response: HttpResponse): Promise<JsonValue> {
  const bytes = await wholeBody(response);
  try {
    return JSON.parse(bytes.toString("utf8")) as JsonValue;
  } catch (cause) {
    throw new RemoteError(
      "unexpected",
      "expected JSON from the Wazuh server API, found something else: check url, and a proxy on the way",
      { cause },
    );
  }
}

/**
 * A 200 may still say that some events (`error: 2`) or none (`error: 1`) reached analysisd, with the events themselves as ids.
 * What says neither is no verdict.
 */
function verdictOf(answer: JsonValue, events: readonly string[], masked: (said: string) => string): Ingested {
  const data = get(answer, "data");
  const error = get(answer, "error");
  const failed = new Map<string, FailedEvent>();
  const items = get(data, "failed_items");
  for (const item of Array.isArray(items) ? items : []) {
    const code = Number(get(item, "error", "code"));
    const message = masked(text(item, "error", "message") ?? "no reason given").slice(0, 200);
    const ids = get(item, "id");
    for (const id of Array.isArray(ids) ? ids : [])
      if (typeof id === "string") failed.set(id, { code: Number.isFinite(code) ? code : undefined, message });
  }
  const named = events.filter((event) => failed.has(event)).length;
  if (!isJsonObject(data) || (error !== 0 && named === 0) || Number(get(data, "total_failed_items") ?? 0) > named)
    throw new RemoteError(
      "server",
      `the Wazuh server API answered 200 without saying which events analysisd got (${saidIn(JSON.stringify(answer), masked) || "nothing readable"})`,
    );
  return { failed };
}

/** The server's own words: `title` and `detail` of a problem, or `message`. */
function saidIn(body: string, masked: (said: string) => string): string {
  let words: string;
  try {
    const answer = JSON.parse(body) as JsonValue;
    words = [text(answer, "title"), text(answer, "detail") ?? text(answer, "message")].filter(Boolean).join(": ");
  } catch {
    words = body.replace(/<[^>]{0,200}>/g, " ");
  }
  return masked(words).replace(/\s+/g, " ").trim().slice(0, 200);
}
