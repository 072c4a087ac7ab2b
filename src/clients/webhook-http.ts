import type { Dispatcher } from "undici";
import type { Clock } from "../lib/clock.ts";
import { TiplineError } from "../lib/errors.ts";
import type { Secret } from "../lib/secret.ts";
import { tlsSettings } from "./http-dispatcher.ts";
import { networkError, retryAfterMs } from "./http-errors.ts";
import { undici } from "./undici.ts";
import { guardedLookup, literalAddress, type Resolve, requireReach } from "./webhook-address.ts";

export interface WebhookOptions {
  /** The address itself is a secret with most chats: only its origin is ever shown. */
  readonly url: Secret;
  readonly allowPrivate: boolean;
  readonly caFile?: string | undefined;
  readonly proxy?: Secret | undefined;
  /** Never shown, whatever the receiver says; the address is one of itself. */
  readonly hidden?: readonly Secret[];
  /** For the whole exchange. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** For tests: DNS of their own. */
  readonly resolve?: Resolve;
}

/** What the receiver answered. */
export interface WebhookAnswer {
  readonly status: number;
  readonly retryAfterMs?: number;
  /** The first words of its answer, cleaned, without what is in no log: an error page often repeats the address. */
  readonly said: string;
}

export interface WebhookClient {
  /** One POST; throws RemoteError or TiplineError when there was no answer. A redirect is an answer like any other. */
  post(body: string, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<WebhookAnswer>;
  close(): Promise<void>;
}

/** Read of an answer at most; nothing in it matters but for people. */
const MOST_ANSWER = 4096;
const CONNECT_MS = 10_000;

/** Files and addresses are checked now; names when they are used. */
export function createWebhookClient(options: WebhookOptions): WebhookClient {
  const { url, allowPrivate, clock, timeoutMs } = options;
  const address = url.reveal();
  checkUrl(address, allowPrivate);
  const dispatcher = dispatcherFor(options);
  const hidden = hiddenTexts(options);
  return {
    async post(body, headers, signal) {
      const end = new AbortController();
      const stop = () => end.abort();
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
      const done = new AbortController();
      let late = false;
      void clock.sleep(timeoutMs, done.signal).then(() => {
        late = !done.signal.aborted;
        if (late) end.abort();
      });
      try {
        const answer = await undici().request(address, {
          dispatcher,
          method: "POST",
          headers: { "user-agent": "tipline", "content-type": "application/json; charset=utf-8", ...headers },
          body,
          signal: end.signal,
        });
        return await answerOf(answer, hidden);
      } catch (thrown) {
        const refusal = refusalIn(thrown);
        if (refusal !== undefined) throw refusal;
        if (late) throw networkError(routeOf(options), new DOMException("the time is up", "TimeoutError"));
        throw networkError(routeOf(options), thrown);
      } finally {
        done.abort();
        signal.removeEventListener("abort", stop);
      }
    },
    close: () => dispatcher.destroy(),
  };
}

function checkUrl(address: string, allowPrivate: boolean): void {
  if (new URL(address).protocol === "http:" && !allowPrivate)
    throw new TiplineError(
      "TIP_CONFIG_INVALID",
      "url: expected https; http only to a receiver in your own network, with allow_private: true",
    );
  const literal = literalAddress(address);
  if (literal !== undefined) requireReach(literal, literal, allowPrivate);
}

function dispatcherFor({ caFile, proxy, timeoutMs, allowPrivate, resolve }: WebhookOptions): Dispatcher {
  const connectMs = Math.min(timeoutMs, CONNECT_MS);
  const times = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs, connections: 1, keepAliveTimeout: 4000 };
  const tls = { ...tlsSettings({ caFile }), timeout: connectMs };
  if (proxy === undefined)
    return new (undici().Agent)({ ...times, connect: { ...tls, lookup: guardedLookup(allowPrivate, resolve) } });
  const uri = proxy.reveal();
  if (!URL.canParse(uri) || !/^https?:$/.test(new URL(uri).protocol))
    throw new TiplineError("TIP_CONFIG_INVALID", "proxy: expected an http or https URL such as http://proxy:3128");
  return new (undici().ProxyAgent)({ ...times, uri: new URL(uri).href, requestTls: tls, proxyTls: tls });
}

function routeOf({ url, proxy }: WebhookOptions) {
  const { origin } = new URL(url.reveal());
  return { url: origin, ...(proxy === undefined ? {} : { proxy: new URL(proxy.reveal()).origin }) };
}

async function answerOf(answer: Dispatcher.ResponseData, hidden: readonly string[]): Promise<WebhookAnswer> {
  const { statusCode: status, headers, body } = answer;
  const pieces: Buffer[] = [];
  let size = 0;
  try {
    for await (const piece of body) {
      pieces.push(piece as Buffer);
      size += (piece as Buffer).length;
      if (size >= MOST_ANSWER) break;
    }
  } catch {
    // The status is the answer; what else it says is for people.
  } finally {
    body.on("error", () => undefined);
    body.destroy();
  }
  const after = headers["retry-after"];
  const wait = retryAfterMs(new Map(typeof after === "string" ? [["retry-after", after]] : []), false);
  return {
    status,
    said: cleaned(Buffer.concat(pieces), hidden),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  };
}

/** Shorter parts of an address are no secrets, and would be found in any text. */
const LEAST_HIDDEN = 6;

/** The secrets, and the parts of the address that may be ones, as written and as decoded; longest first. */
function hiddenTexts({ url, hidden = [] }: WebhookOptions): readonly string[] {
  const { href, pathname, search, searchParams } = new URL(url.reveal());
  const parts = [href, `${pathname}${search}`, ...pathname.split("/"), ...search.slice(1).split(/[&=]/)];
  const all = [...hidden.map((one) => one.reveal()), ...parts, ...parts.map(decoded), ...searchParams.values()];
  return [...new Set(all)].filter((text) => text.length >= LEAST_HIDDEN).sort((a, b) => b.length - a.length);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Cut last: half a secret is not found, and is one. */
function cleaned(bytes: Buffer, hidden: readonly string[]): string {
  const text = bytes.subarray(0, MOST_ANSWER).toString("utf8");
  return hidden
    .reduce((shown, secret) => shown.replaceAll(secret, "…"), text)
    .replace(/<[^>]{0,200}>/g, " ")
    .replace(/[\p{C}\s]+/gu, " ")
    .trim()
    .slice(0, 160);
}

/** Our own refusal to connect, wherever undici put it. */
function refusalIn(thrown: unknown): TiplineError | undefined {
  let at: unknown = thrown;
  for (let depth = 0; depth < 4 && at !== undefined && at !== null; depth++) {
    if (at instanceof TiplineError) return at;
    const inner = at as { cause?: unknown; errors?: readonly unknown[] };
    at = inner.cause ?? inner.errors?.[0];
  }
  return undefined;
}
