import { TiplineError } from "../lib/errors.ts";
import { type SliceOptions, sliceElements } from "../lib/json-slicer.ts";
import { RemoteError } from "../lib/remote-error.ts";
import type { Secret } from "../lib/secret.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../model/json.ts";
import { type CircuitState, circuitOf } from "./circuit.ts";
import {
  createHttp,
  DEFAULT_MAX_WAIT_MS,
  type Http,
  type HttpOptions,
  type HttpResponse,
  headOf,
  wholeBody,
} from "./http.ts";
import { checkCount, checkFilter, type SearchScope } from "./misp-filter.ts";
import { type RateLimit, rateGateOf } from "./misp-limits.ts";
import { refusal, refusedInside } from "./misp-refusal.ts";

export { checkFilter, type SearchScope } from "./misp-filter.ts";

export interface MispOptions extends HttpOptions {
  /** Base URL, with the folder MISP lives in if it has one. */
  readonly url: string;
  readonly key: Secret;
  /** Bytes of one answer, unpacked. */
  readonly maxBytes: number;
  readonly maxElementBytes?: number;
  /** Told when MISP says when the key stops working; once a day. */
  readonly onKeyExpiry?: ((at: number) => void) | undefined;
}

/** A list as MISP answers it, read as it arrives. */
export interface MispRows {
  readonly rows: AsyncIterable<JsonValue>;
  /** The answer as it comes instead, for answers of many megabytes, and how to cut its rows out. */
  readonly chunks: AsyncIterable<Buffer>;
  readonly slices: SliceOptions;
  /** `X-Result-Count`: a total on events, limit + 1 on a full page of attributes; never a reason to stop paging. */
  readonly resultCount: number | undefined;
  /** The server's clock, epoch milliseconds. */
  readonly serverTime: number | undefined;
  /** Bytes of the answer that have been read so far, unpacked. */
  bytes(): number;
}

/** What the answers so far said beside their bodies. Times are epoch milliseconds. */
export interface MispStatus {
  readonly circuit: CircuitState;
  readonly rateLimit: RateLimit;
  /** When the key stops working; undefined when it does not, or nothing was asked yet. */
  readonly keyExpiresAt: number | undefined;
  /** The server's clock minus ours at the last answer; exact to a second at best. */
  readonly clockSkewMs: number | undefined;
}

export interface WriteOptions {
  /**
   * Send it again when the answer did not come or says that MISP failed. Only for what may happen twice: MISP may have done it
   * although the answer got lost.
   */
  readonly retry: boolean;
}

/** MISP's REST API, wire only: what the answers mean is for others to say. Searches and lists are tried once; see `retry`. */
export interface Misp {
  readonly url: string;
  /** One restSearch. `filter` MUST narrow (see `checkFilter`) and carry a limit. */
  search(scope: SearchScope, filter: JsonObject, signal: AbortSignal): Promise<MispRows>;
  /** Every readable event as `{id, uuid, timestamp, published, …}`. */
  eventManifest(signal: AbortSignal): Promise<MispRows>;
  /** How many rows a search would give, without them. MISP reads every one to count it: about 20,000 a second. */
  count(scope: "attributes" | "events", filter: JsonObject, signal: AbortSignal): Promise<number>;
  /** Any GET that answers one JSON object, e.g. `/servers/getVersion`. */
  get(path: string, signal: AbortSignal): Promise<JsonObject>;
  /** The elements of a list below `keys` of any answer, e.g. `("/decayingModel/index", [])`; a POST when there is a body. */
  list(path: string, keys: readonly string[], signal: AbortSignal, body?: JsonObject): Promise<MispRows>;
  /**
   * Any POST that answers one JSON object. An answer that says no (200 or 403 with `saved: false`, 200 with "Could not …") is a
   * RemoteError `refused` with what MISP says by field. Partial success (`errors` beside what was saved) is an answer.
   */
  post(
    path: string,
    body: JsonObject | readonly JsonValue[],
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<JsonObject>;
  status(): MispStatus;
  /** Runs `work` again while it fails in a way that passes. `get`, `count` and `post` do so themselves. */
  retry: Http["retry"];
  close(): Promise<void>;
}

const MAX_ELEMENT = 64 * 1024 * 1024;
const DAY_MS = 86_400_000;
/** Bytes of a refusal that are read for its reasons. */
const MAX_REFUSAL = 64 * 1024;

/** Below the root of the answer. */
const LIST_OF: Readonly<Record<SearchScope, readonly string[]>> = {
  attributes: ["response", "Attribute"],
  events: ["response"],
  objects: ["response"],
  sightings: ["response"],
};

export function createMisp(options: MispOptions): Misp {
  const http = createHttp(options);
  const base = options.url.replace(/\/{1,8}$/, "");
  const circuit = circuitOf(base);
  const gate = rateGateOf(base, options.key);
  const { clock, onWait, maxWaitMs = DEFAULT_MAX_WAIT_MS } = options;
  let keyExpiresAt: number | undefined;
  let tellExpiryAt = 0;
  let clockSkewMs: number | undefined;

  function note(headers: ReadonlyMap<string, string>): void {
    gate.note(headers, clock.now());
    const expires = Date.parse(headers.get("x-auth-key-expiration") ?? "");
    if (Number.isFinite(expires)) {
      keyExpiresAt = expires;
      if (clock.now() >= tellExpiryAt) {
        tellExpiryAt = clock.now() + DAY_MS;
        options.onKeyExpiry?.(expires);
      }
    }
    const date = Date.parse(headers.get("date") ?? "");
    if (Number.isFinite(date)) clockSkewMs = date - clock.now();
  }

  async function ask(
    method: "GET" | "POST",
    path: string,
    body: JsonObject | readonly JsonValue[] | undefined,
    signal: AbortSignal,
    accepted = /^application\/json\b/i,
  ): Promise<HttpResponse> {
    const request = {
      url: `${base}${path}`,
      method,
      maxBytes: options.maxBytes,
      headers: {
        authorization: options.key.reveal(),
        accept: "application/json",
        "content-type": "application/json",
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
    if (LIMITED.test(path)) await gate.wait({ name: base, clock, maxWaitMs, onWait }, signal);
    let response: HttpResponse;
    try {
      response = await circuit.run(
        () => http.send(request, signal),
        () => clock.now(),
      );
    } catch (thrown) {
      if (thrown instanceof RemoteError && thrown.kind === "rate-limited" && thrown.retryAfterMs !== undefined)
        gate.block(clock.now() + thrown.retryAfterMs);
      throw thrown;
    }
    note(response.headers);
    const type = response.headers.get("content-type") ?? "";
    if (response.status === 200 && accepted.test(type)) return response;
    const head = (await headOf(response.body, MAX_REFUSAL)).replaceAll(options.key.reveal(), "[secret]");
    response.cancel();
    throw refusal({ base, path, status: response.status, headers: response.headers, head });
  }

  async function rows(
    method: "GET" | "POST",
    path: string,
    body: JsonObject | undefined,
    list: readonly string[],
    signal: AbortSignal,
  ) {
    const response = await ask(method, path, body, signal);
    let bytes = 0;
    const counted = async function* () {
      for await (const piece of response.body) {
        bytes += piece.length;
        yield piece;
      }
    };
    const name = `${base}${path}`;
    const slices = { path: list, maxElementBytes: options.maxElementBytes ?? MAX_ELEMENT, name };
    return {
      rows: lazily(() => sliceElements(counted(), slices) as AsyncGenerator<JsonValue>),
      chunks: lazily(counted),
      slices,
      resultCount: numberOf(response.headers.get("x-result-count")),
      serverTime: numberOf(String(Date.parse(response.headers.get("date") ?? ""))),
      bytes: () => bytes,
    };
  }

  async function one(
    method: "GET" | "POST",
    path: string,
    body: JsonObject | readonly JsonValue[] | undefined,
    signal: AbortSignal,
  ): Promise<JsonObject> {
    const response = await ask(method, path, body, signal);
    return parseObject((await wholeBody(response)).toString("utf8"), `${base}${path}`);
  }

  return {
    url: base,
    search(scope, filter, signal) {
      checkFilter(scope, filter);
      return rows("POST", `/${scope}/restSearch`, filter, LIST_OF[scope], signal);
    },
    // By GET: a POST whose body gets lost on the way would be a full index of everything.
    eventManifest: (signal) => rows("GET", "/events/index/minimal:1", undefined, [], signal),
    count(scope, filter, signal) {
      const counting = { ...filter, returnFormat: "count" };
      checkCount(scope, counting);
      return http.retry(async () => {
        const path = `/${scope}/restSearch`;
        const response = await ask("POST", path, counting, signal, /^(?:text\/plain|application\/json)\b/i);
        const body = await headOf(response.body, 64);
        response.cancel();
        if (/^\s{0,8}\d{1,12}\s{0,8}$/.test(body)) return Number(body);
        throw new RemoteError("unexpected", `${base}${path}: expected a count, found ${JSON.stringify(body)}`);
      }, signal);
    },
    list(path, keys, signal, body) {
      checkPath(path);
      return rows(body === undefined ? "GET" : "POST", path, body, keys, signal);
    },
    get(path, signal) {
      checkPath(path);
      return http.retry(() => one("GET", path, undefined, signal), signal);
    },
    async post(path, body, { retry }, signal) {
      checkPath(path);
      const send = () => one("POST", path, body, signal);
      const answer = await (retry ? http.retry(send, signal) : send());
      const no = refusedInside(`${base}${path}`, answer);
      if (no !== undefined) throw no;
      return answer;
    },
    status: () => ({ circuit: circuit.state(clock.now()), rateLimit: gate.state(), keyExpiresAt, clockSkewMs }),
    retry: http.retry,
    close: http.close,
  };
}

/** What MISP counts against the rate limit of the key's role. */
const LIMITED = /^\/(?:attributes|events)\/restSearch/i;

/** Made when it is asked for: of several readings of one body only the one that is wanted begins. */
function lazily<T>(make: () => AsyncGenerator<T>): AsyncIterable<T> {
  return { [Symbol.asyncIterator]: make };
}

/** A path stays below the base URL; and a search without a filter is a dump, so those are for `search` alone. */
function checkPath(path: string): void {
  if (/\/restSearch(?!\/attribute$)/i.test(path))
    throw new TiplineError("TIP_INTERNAL", `a search must go through search(), not to ${path.slice(0, 80)} directly`);
  if (!/^\/[\w-][\w./:?=&%|-]{0,2000}$/.test(path) || /(?:^|\/)\.\.?(?:\/|$)/.test(path))
    throw new TiplineError("TIP_INTERNAL", `expected a path of MISP's API, got ${JSON.stringify(path.slice(0, 80))}`);
}

function parseObject(body: string, name: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch (cause) {
    throw new RemoteError("unexpected", `${name}: expected JSON, found ${JSON.stringify(body.slice(0, 80))}`, {
      cause,
    });
  }
  if (!isJsonObject(value)) throw new RemoteError("unexpected", `${name}: expected a JSON object`);
  return value;
}

function numberOf(word: string | undefined): number | undefined {
  const number = Number(word);
  return word === undefined || word === "" || !Number.isFinite(number) ? undefined : number;
}
