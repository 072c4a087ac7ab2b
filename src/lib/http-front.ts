import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import { type Clock, systemClock } from "./clock.ts";
import { asError, TiplineError } from "./errors.ts";
import { refusalOf } from "./http-front-access.ts";
import { type Body, type ReadBody, readBody } from "./http-front-body.ts";
import { BodyBudget } from "./http-front-budget.ts";
import { type ListenAddress, parseListenAddress } from "./http-front-listen.ts";
import { boundedServer, type TlsFiles } from "./http-front-server.ts";
import type { Log } from "./log.ts";
import type { Secret } from "./secret.ts";
import { SparseLog } from "./sparse-log.ts";

/** One request, let in. */
export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  /** As sent, without the question mark. */
  readonly query: string;
  readonly remote: string;
  /** Aborts when the client is gone or the front closes. */
  readonly signal: AbortSignal;
  header(name: string): string | undefined;
  /** Reads the body, once; its memory is given back after the answer. Never throws. */
  body(): Promise<Body>;
}

export interface HttpAnswer {
  readonly status: number;
  /** An object goes out as JSON. */
  readonly body?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type HttpHandler = (request: HttpRequest) => Promise<HttpAnswer> | HttpAnswer;

export interface MountOptions {
  /** Whose route it is, as in the configuration: `sources.fluent-bit`. */
  readonly owner: string;
  /** Demanded of every request; without it the front must be on loopback. */
  readonly token?: Secret | undefined;
  /** Default 0: there is no body. */
  readonly maxBodyBytes?: number;
  /** How long a body may wait, unread, for room in memory; default 5,000 ms. */
  readonly waitMs?: number;
  /**
   * The senders throw a body away for good when they are answered 4xx: what a setting on either side can cure (token, path,
   * method) is answered 503, so that nothing is lost until somebody has put it right.
   */
  readonly keepsSender?: boolean;
}

/** Where components offer what they have over HTTP. There is one listener for the whole line. */
export interface HttpFront {
  /** Throws TIP_CONFIG_INVALID when the path is taken or a token is missing. Only before `listen()`. */
  mount(method: "GET" | "POST", path: string, handler: HttpHandler, options: MountOptions): void;
}

export interface HttpFrontOptions {
  /** `host:port`, or `off`. */
  readonly listen: string;
  readonly tls?: TlsFiles | undefined;
  readonly log: Log;
  readonly clock?: Clock;
  /** `route`: the mounted path, or `other`. */
  readonly onAnswer?: (route: string, status: number) => void;
  /** Bytes of bodies in memory at one time; default 64 MiB. */
  readonly budgetBytes?: number;
  /** Longest time for a request's headers; default 10,000 ms. */
  readonly headersMs?: number;
  /** Longest silence within a body; default 15,000 ms. */
  readonly bodyIdleMs?: number;
}

const BUDGET_BYTES = 64 * 1024 * 1024;
const BODY_IDLE_MS = 15_000;
const CLOSE_MS = 3_000;
/** What is skimmed of a body after the answer, so that the connection can go on, or the client at least hear the answer. */
const LINGER_MS = 10_000;
const LINGER_BYTES = 32 * 1024 * 1024;
/** What a sender is told to wait, in seconds, when a setting is wrong. */
const WRONG_SETTING_S = "60";

const SECURITY_HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
} as const;

type Env = { Bindings: HttpBindings };

/** The listener: routes first, then `listen()`, which opens nothing where no route was mounted. */
export class ListeningFront implements HttpFront {
  readonly #options: HttpFrontOptions;
  readonly #address: ListenAddress | undefined;
  readonly #sparse: SparseLog;
  readonly #budget: BodyBudget;
  readonly #app = new Hono<Env>();
  readonly #routes = new Map<string, Set<string>>();
  readonly #requests = new Set<AbortController>();
  #server: Server | undefined;
  #closing = false;

  constructor(options: HttpFrontOptions) {
    this.#options = options;
    this.#address = options.listen === "off" ? undefined : parseListenAddress(options.listen, "http.listen");
    this.#sparse = new SparseLog(options.log, options.clock ?? systemClock);
    this.#budget = new BodyBudget(options.budgetBytes ?? BUDGET_BYTES);
    this.#app.notFound((context) => this.#notMounted(context));
    this.#app.onError((error, context) => this.#failed(context, error));
  }

  mount(method: "GET" | "POST", path: string, handler: HttpHandler, options: MountOptions): void {
    const { owner, token } = options;
    const fault = (text: string) => new TiplineError("TIP_CONFIG_INVALID", `${owner}: ${text}`);
    if (this.#address === undefined)
      throw fault("it is reached over HTTP, and http.listen is off; give an address there such as 127.0.0.1:9628");
    if (this.#routes.get(path)?.has(method))
      throw fault(`another component already serves ${method} ${path}; set a path of its own`);
    if (!this.#address.loopback && token === undefined)
      throw fault(
        `http.listen is ${this.#options.listen}, which other hosts can reach: expected token_file (or token), found none`,
      );
    this.#routes.set(path, new Set([...(this.#routes.get(path) ?? []), method]));
    this.#app.on(method, path, (context) => this.#serve(context, path, handler, options));
  }

  /** Gives the address that it listens on, or undefined where nothing was mounted. */
  async listen(): Promise<string | undefined> {
    if (this.#address === undefined || this.#routes.size === 0) return undefined;
    const { host, port } = this.#address;
    const { tls, listen, headersMs } = this.#options;
    const listener = getRequestListener(this.#app.fetch, {
      overrideGlobalObjects: false,
      autoCleanupIncoming: false,
      hostname: "localhost",
    });
    const server = boundedServer((incoming, outgoing) => void listener(incoming, outgoing), {
      tls,
      sparse: this.#sparse,
      headersMs,
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", (cause) =>
        reject(
          new TiplineError("TIP_CONFIG_INVALID", `http.listen: cannot listen on ${listen}: ${cause.message}`, {
            cause,
          }),
        ),
      );
      server.listen(port, host, resolve);
    });
    this.#server = server;
    const address = server.address() as AddressInfo;
    const shown = address.family === "IPv6" ? `[${address.address}]` : address.address;
    return `${tls === undefined ? "http" : "https"}://${shown}:${address.port}`;
  }

  /** Takes no more requests; those under way are told to come to an end, and cut off after three seconds. */
  async close(): Promise<void> {
    this.#closing = true;
    const server = this.#server;
    if (server === undefined) return;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const request of this.#requests) request.abort();
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), CLOSE_MS);
    await closed;
    clearTimeout(timer);
  }

  async #serve(context: Context<Env>, path: string, handler: HttpHandler, options: MountOptions): Promise<Response> {
    const { incoming, outgoing } = context.env;
    const refusal = refusalOf(incoming, options.token);
    if (refusal !== undefined) return this.#answer(context, path, this.#refused(incoming, path, refusal, options));
    const abort = new AbortController();
    const gone = () => abort.abort();
    outgoing.once("close", gone);
    this.#requests.add(abort);
    if (this.#closing) abort.abort();
    let read: ReadBody | undefined;
    const { maxBodyBytes: maxBytes = 0, waitMs = 5_000 } = options;
    const { bodyIdleMs: idleMs = BODY_IDLE_MS } = this.#options;
    const request: HttpRequest = {
      method: context.req.method,
      path,
      query: queryOf(incoming.url),
      remote: incoming.socket.remoteAddress ?? "",
      signal: abort.signal,
      header: (name) => context.req.header(name),
      body: async () => {
        read ??= await readBody(incoming, { maxBytes, budget: this.#budget, waitMs, idleMs }, abort.signal);
        return read.body;
      },
    };
    try {
      return this.#answer(context, path, await handler(request));
    } catch (thrown) {
      return this.#failed(context, asError(thrown));
    } finally {
      read?.release();
      outgoing.off("close", gone);
      this.#requests.delete(abort);
    }
  }

  #refused(incoming: IncomingMessage, path: string, refusal: string, options: MountOptions): HttpAnswer {
    const { owner, keepsSender = false } = options;
    this.#sparse.warn(`refused ${path} ${refusal}`, "a request was refused", {
      component: owner,
      path,
      reason: refusal,
      from: incoming.socket.remoteAddress,
    });
    if (keepsSender)
      return wrongSetting(`${refusal}; answered 503 and not 401, so that a sender that drops what is refused keeps it`);
    const token = options.token !== undefined;
    return {
      status: token ? 401 : 403,
      body: { error: refusal },
      ...(token ? { headers: { "www-authenticate": 'Bearer realm="tipline"' } } : {}),
    };
  }

  #notMounted(context: Context<Env>): Response {
    const { method, path } = context.req;
    const methods = this.#routes.get(path);
    // A wrong path in the sender's settings must not cost it what it has.
    if (method === "POST" || method === "PUT") {
      this.#sparse.warn("not mounted", "somebody posts to a path that nothing serves", {
        path: path.slice(0, 200),
        from: context.env.incoming.socket.remoteAddress,
      });
      return this.#answer(context, "other", wrongSetting("nothing takes this here: check the path and the method"));
    }
    if (methods === undefined) return this.#answer(context, "other", { status: 404, body: { error: "not here" } });
    const allow = [...methods].join(", ");
    return this.#answer(context, path, { status: 405, body: { error: `expected ${allow}` }, headers: { allow } });
  }

  #failed(context: Context<Env>, error: Error): Response {
    this.#options.log.error("a request could not be answered", { path: context.req.path.slice(0, 200), error });
    return this.#answer(context, "other", { status: 503, body: { error: "a fault of Tipline's; see its log" } });
  }

  #answer(context: Context<Env>, route: string, answer: HttpAnswer): Response {
    this.#options.onAnswer?.(route, answer.status);
    const { incoming, outgoing } = context.env as { incoming: IncomingMessage; outgoing: ServerResponse };
    write(incoming, outgoing, answer, this.#closing);
    return RESPONSE_ALREADY_SENT;
  }
}

function wrongSetting(error: string): HttpAnswer {
  return { status: 503, body: { error }, headers: { "retry-after": WRONG_SETTING_S } };
}

function queryOf(url: string | undefined): string {
  const at = url?.indexOf("?") ?? -1;
  return at < 0 ? "" : (url as string).slice(at + 1);
}

/** A connection that is reset takes the answer with it: what the client has not sent yet is skimmed. */
function write(incoming: IncomingMessage, outgoing: ServerResponse, answer: HttpAnswer, closing: boolean): void {
  if (outgoing.destroyed || outgoing.headersSent) return;
  const { status, body, headers } = answer;
  const text = body === undefined ? "" : typeof body === "string" ? body : `${JSON.stringify(body)}\n`;
  const { "content-length": announced = "0", "transfer-encoding": chunked } = incoming.headers;
  const unread = !incoming.complete && (announced !== "0" || chunked !== undefined);
  outgoing.writeHead(status, {
    ...SECURITY_HEADERS,
    "content-type": typeof body === "string" ? "text/plain; charset=utf-8" : "application/json",
    "content-length": Buffer.byteLength(text),
    ...(closing ? { connection: "close" } : {}),
    ...headers,
  });
  outgoing.end(text);
  if (unread) linger(incoming);
}

function linger(incoming: IncomingMessage): void {
  let skimmed = 0;
  const timer = setTimeout(() => incoming.destroy(), LINGER_MS);
  const stop = () => clearTimeout(timer);
  incoming.on("data", (piece: Buffer) => {
    skimmed += piece.length;
    if (skimmed > LINGER_BYTES) incoming.destroy();
  });
  incoming.once("end", stop).once("close", stop);
  incoming.on("error", () => undefined);
  incoming.resume();
}
