import type { Dispatcher } from "undici";
import { type Backoff, delayMs } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { asError } from "../lib/errors.ts";
import { RemoteError } from "../lib/remote-error.ts";
import { boundedBody } from "./http-body.ts";
import { createDispatcher } from "./http-dispatcher.ts";
import { inWords, networkError, type Route, retryAfterMs } from "./http-errors.ts";
import { undici } from "./undici.ts";

/** How to reach and trust a peer. Files are PEM and are read when the client is made. */
export interface HttpOptions {
  readonly clock: Clock;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly certKeyFile?: string | undefined;
  /** Do not verify the peer's certificate. Whoever sets it must say so loudly. */
  readonly insecure?: boolean | undefined;
  /** URL of an HTTP proxy, with user name and password if it wants them; they are shown nowhere. */
  readonly proxy?: string | undefined;
  /** Until the headers are there, and between two pieces of the body. */
  readonly timeoutMs: number;
  /** For one whole answer, however steadily it drips in. Default: ten times `timeoutMs`, at least ten minutes. */
  readonly maxAnswerMs?: number;
  /** Attempts after the first one. */
  readonly retries: number;
  readonly backoff?: Backoff;
  /** Longest wait that a peer may ask for with Retry-After; beyond it the request fails. */
  readonly maxWaitMs?: number;
  /** Told of every wait of five seconds and more before it begins. */
  readonly onWait?: ((ms: number, why: string) => void) | undefined;
  readonly connections?: number;
  /** Certificate authorities in memory, beside `caFile`. */
  readonly ca?: string;
}

export interface HttpRequest {
  readonly url: string;
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Bytes of the decoded body; more is an error. */
  readonly maxBytes: number;
  /** Redirects to follow; the authorization header never leaves the origin. Default 0. */
  readonly redirects?: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** Decoded (gzip, deflate, br) and bounded; throws RemoteError when it breaks off. MUST be read or cancelled. */
  readonly body: AsyncIterable<Buffer>;
  /** Drops the rest of the body. */
  cancel(): void;
}

/** A small HTTP client: TLS verified, bounded. 429 and 5xx are thrown; other statuses are the caller's business. */
export interface Http {
  /** One exchange up to the response headers, tried once: what reads the body as well goes into `retry`. */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpResponse>;
  /** Runs `work` again, with jitter and the peer's own wishes, while it throws a transient RemoteError. */
  retry<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  close(): Promise<void>;
}

const DEFAULT_BACKOFF: Backoff = { firstMs: 500, maxMs: 30_000 };
export const DEFAULT_MAX_WAIT_MS = 120_000;
/** Shorter waits are nobody's business. */
const TOLD_FROM_MS = 5000;

export function createHttp(options: HttpOptions): Http {
  const peer: Peer = {
    dispatcher: createDispatcher(options),
    proxy: options.proxy === undefined ? undefined : shownUrl(options.proxy).replace(/\/$/, ""),
    maxAnswerMs: options.maxAnswerMs ?? Math.max(600_000, options.timeoutMs * 10),
  };
  const retry = async <T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (thrown) {
        const error = thrown instanceof RemoteError ? thrown : undefined;
        if (!error?.transient || error.kind === "paused" || attempt > options.retries || signal.aborted) throw thrown;
        const wish = error.retryAfterMs;
        if (wish !== undefined && wish > (options.maxWaitMs ?? DEFAULT_MAX_WAIT_MS)) throw thrown;
        const jitter = delayMs(options.backoff ?? DEFAULT_BACKOFF, attempt);
        // Not before the peer's own wish, and not everybody at the very moment it named.
        const wait = wish === undefined ? jitter : wish + Math.min(jitter, wish / 10);
        if (wait >= TOLD_FROM_MS) options.onWait?.(wait, asError(thrown).message);
        await options.clock.sleep(wait, signal);
        if (signal.aborted) throw aborted(signal);
      }
    }
  };
  return {
    send: (spec, signal) => follow(peer, spec, signal),
    retry,
    close: () => peer.dispatcher.destroy(),
  };
}

interface Peer {
  readonly dispatcher: Dispatcher;
  /** As it may be shown. */
  readonly proxy: string | undefined;
  readonly maxAnswerMs: number;
}

async function follow(peer: Peer, spec: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
  let at = spec;
  for (let left = spec.redirects ?? 0; ; left--) {
    const response = await exchange(peer, at, signal);
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 308 || response.status === 304 || location === undefined)
      return response;
    if (left <= 0) return response;
    response.cancel();
    const next = new URL(location, at.url);
    if (!/^https?:$/.test(next.protocol) || (next.protocol === "http:" && at.url.startsWith("https:")))
      throw new RemoteError(
        "unexpected",
        `${shownUrl(at.url)} redirects to ${shownUrl(next.href)}, which is not followed`,
      );
    const sameOrigin = next.origin === new URL(at.url).origin;
    at = { ...at, url: next.href, headers: sameOrigin ? (at.headers ?? {}) : withoutCredentials(at.headers ?? {}) };
  }
}

/** Headers that never carry a secret. */
const HARMLESS = /^(?:accept|accept-encoding|content-type|user-agent|if-none-match|if-modified-since)$/i;

function withoutCredentials(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => HARMLESS.test(name) && !/^content-type$/i.test(name)),
  );
}

async function exchange(peer: Peer, spec: HttpRequest, signal: AbortSignal): Promise<HttpResponse> {
  if (signal.aborted) throw aborted(signal);
  const route: Route = { url: spec.url, proxy: peer.proxy };
  const limit = timeLimit(signal, peer.maxAnswerMs);
  let data: Dispatcher.ResponseData;
  try {
    data = await undici().request(spec.url, {
      dispatcher: peer.dispatcher,
      signal: limit.signal,
      method: spec.method ?? "GET",
      headers: { "accept-encoding": "gzip, deflate", "user-agent": "tipline", ...spec.headers },
      ...(spec.body === undefined ? {} : { body: spec.body }),
    });
  } catch (cause) {
    limit.lift();
    throw signal.aborted ? aborted(signal) : networkError(route, cause);
  }
  data.body.once("close", limit.lift);
  const headers = new Map<string, string>();
  for (const [name, value] of Object.entries(data.headers))
    if (value !== undefined) headers.set(name.toLowerCase(), Array.isArray(value) ? value.join(", ") : value);
  const cancel = () => {
    data.body.on("error", () => undefined);
    data.body.destroy();
  };
  if (data.statusCode === 429 || (data.statusCode >= 500 && data.statusCode !== 501)) {
    const text = await headOf(boundedBody(data.body, headers, { ...route, maxBytes: spec.maxBytes }, signal), 600);
    cancel();
    throw statusError(spec.url, data.statusCode, headers, withoutSecrets(text, spec.headers));
  }
  return {
    status: data.statusCode,
    headers,
    body: boundedBody(data.body, headers, { ...route, maxBytes: spec.maxBytes }, signal),
    cancel,
  };
}

/** Aborts with the caller's signal or when the time is up; `lift` lets go of both, so that nothing piles up behind a long-lived signal. */
function timeLimit(outer: AbortSignal, ms: number) {
  const abort = new AbortController();
  const stop = () => abort.abort(outer.reason);
  const timer = setTimeout(() => abort.abort(new DOMException("the time is up", "TimeoutError")), ms);
  timer.unref();
  outer.addEventListener("abort", stop, { once: true });
  return {
    signal: abort.signal,
    lift() {
      clearTimeout(timer);
      outer.removeEventListener("abort", stop);
    },
  };
}

/** An error page may show the request; a key in its headers must not reach a log. */
function withoutSecrets(text: string, headers: HttpRequest["headers"] = {}): string {
  const secrets = Object.entries(headers).filter(([name, value]) => !HARMLESS.test(name) && value.length >= 4);
  return secrets.reduce((shown, [, secret]) => shown.replaceAll(secret, "[secret]"), text);
}

function statusError(url: string, status: number, headers: ReadonlyMap<string, string>, text: string): RemoteError {
  const limited = status === 429;
  const wait = retryAfterMs(headers, limited);
  const when = wait === undefined ? "" : `; it takes requests again in ${inWords(wait)}`;
  const said = text
    .replace(/<[^>]{0,200}>/g, " ")
    .replace(/\s+/g, " ")
    .trim()
    .slice(0, 160);
  const what = limited
    ? `${shownUrl(url)} says too many requests (429); raise the rate limit of the key's role, or sync less often${when}`
    : `${shownUrl(url)} answered ${status}; look into its error log${when}`;
  return new RemoteError(limited ? "rate-limited" : "server", said === "" ? what : `${what} (it said: ${said})`, {
    status,
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  });
}

/** The first `limit` bytes of a body as text; never throws. */
export async function headOf(body: AsyncIterable<Buffer>, limit: number): Promise<string> {
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of body) {
      pieces.push(piece);
      size += piece.length;
      if (size >= limit) break;
    }
  } catch {
    // What has arrived is enough for a message.
  }
  return Buffer.concat(pieces).subarray(0, limit).toString("utf8");
}

/** The whole body as one buffer; bounded by the request's `maxBytes`. */
export async function wholeBody(response: HttpResponse): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of response.body) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** A URL as it may be shown: without credentials and query. */
export function shownUrl(url: string): string {
  try {
    const { origin, pathname } = new URL(url);
    return `${origin}${pathname}`;
  } catch {
    return "(not a URL)";
  }
}

function aborted(signal: AbortSignal): RemoteError {
  return new RemoteError("aborted", "stopped before the answer was read", { cause: signal.reason });
}
