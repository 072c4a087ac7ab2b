import { TiplineError } from "../lib/errors.ts";
import { RemoteError } from "../lib/remote-error.ts";
import type { Secret } from "../lib/secret.ts";
import { isJsonObject, type JsonObject, type JsonValue, text } from "../model/json.ts";
import { createHttp, type Http, type HttpOptions, type HttpResponse, headOf, wholeBody } from "./http.ts";
import { sliceElements } from "./json-slicer.ts";

export interface MispOptions extends HttpOptions {
  /** Base URL, with the folder MISP lives in if it has one. */
  readonly url: string;
  readonly key: Secret;
  /** Bytes of one answer, unpacked. */
  readonly maxBytes: number;
  readonly maxElementBytes?: number;
}

/** A list as MISP answers it, read as it arrives. */
export interface MispRows {
  readonly rows: AsyncIterable<JsonValue>;
  /** `X-Result-Count`: a total on events, limit + 1 on a full page of attributes; never a reason to stop paging. */
  readonly resultCount: number | undefined;
  /** The server's clock, epoch milliseconds. */
  readonly serverTime: number | undefined;
}

export type SearchScope = "attributes" | "events" | "objects" | "sightings";

/** MISP's REST API, wire only: what the answers mean is for others to say. Searches and lists are tried once; see `retry`. */
export interface Misp {
  readonly url: string;
  /** One restSearch. `filter` MUST narrow (see `checkFilter`) and carry a limit. */
  search(scope: SearchScope, filter: JsonObject, signal: AbortSignal): Promise<MispRows>;
  /** Every readable event as `{id, uuid, timestamp, published, …}`. */
  eventManifest(signal: AbortSignal): Promise<MispRows>;
  /** Any GET that answers one JSON object, e.g. `/servers/getVersion`. */
  get(path: string, signal: AbortSignal): Promise<JsonObject>;
  /** Runs `work` again while it fails in a way that passes. */
  retry: Http["retry"];
  close(): Promise<void>;
}

const MAX_ELEMENT = 64 * 1024 * 1024;

/** Below the root of the answer. */
const LIST_OF: Readonly<Record<SearchScope, readonly string[]>> = {
  attributes: ["response", "Attribute"],
  events: ["response"],
  objects: ["response"],
  sightings: ["response"],
};

/** Parameters that narrow a search; what MISP does not know (`id` on attributes) it ignores, and answers with everything. */
const NARROWING: ReadonlySet<string> = new Set([
  "eventid",
  "uuid",
  "value",
  "timestamp",
  "attribute_timestamp",
  "event_timestamp",
  "publish_timestamp",
  "last",
  "type",
  "tags",
  "org",
]);

export function createMisp(options: MispOptions): Misp {
  const http = createHttp(options);
  const base = options.url.replace(/\/{1,8}$/, "");

  async function ask(
    method: "GET" | "POST",
    path: string,
    body: JsonObject | undefined,
    signal: AbortSignal,
  ): Promise<HttpResponse> {
    const response = await http.send(
      {
        url: `${base}${path}`,
        method,
        maxBytes: options.maxBytes,
        headers: {
          authorization: options.key.reveal(),
          accept: "application/json",
          "content-type": "application/json",
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      },
      signal,
    );
    const type = response.headers.get("content-type") ?? "";
    if (response.status === 200 && /^application\/json\b/i.test(type)) return response;
    const head = await headOf(response.body, 8192);
    response.cancel();
    throw refusal(base, path, response.status, response.headers, head.replaceAll(options.key.reveal(), "[secret]"));
  }

  async function rows(
    method: "GET" | "POST",
    path: string,
    body: JsonObject | undefined,
    list: readonly string[],
    signal: AbortSignal,
  ) {
    const response = await ask(method, path, body, signal);
    const elements = sliceElements(response.body, {
      path: list,
      maxElementBytes: options.maxElementBytes ?? MAX_ELEMENT,
      name: `${base}${path}`,
    });
    return {
      rows: elements as AsyncIterable<JsonValue>,
      resultCount: numberOf(response.headers.get("x-result-count")),
      serverTime: numberOf(String(Date.parse(response.headers.get("date") ?? ""))),
    };
  }

  return {
    url: base,
    search(scope, filter, signal) {
      checkFilter(scope, filter);
      return rows("POST", `/${scope}/restSearch`, filter, LIST_OF[scope], signal);
    },
    // By GET: a POST whose body gets lost on the way would be a full index of everything.
    eventManifest: (signal) => rows("GET", "/events/index/minimal:1", undefined, [], signal),
    get: (path, signal) =>
      http.retry(async () => {
        const response = await ask("GET", path, undefined, signal);
        return parseObject((await wholeBody(response)).toString("utf8"), `${base}${path}`);
      }, signal),
    retry: http.retry,
    close: http.close,
  };
}

/**
 * Refuses a filter that would not filter: no narrowing parameter, an empty value (which MISP takes as "no filter"), an empty
 * string inside a list (matches every row with an empty second half), or no positive limit (dumps and miscounts).
 */
export function checkFilter(scope: SearchScope, filter: JsonObject): void {
  const problem = filterProblem(scope, filter);
  if (problem !== undefined)
    throw new TiplineError("TIP_INTERNAL", `a search was about to ask MISP for everything: ${problem}`);
}

function filterProblem(scope: SearchScope, filter: JsonObject): string | undefined {
  const limit = filter["limit"];
  if (typeof limit !== "number" || !Number.isSafeInteger(limit) || limit < 1) return "expected a positive limit";
  const narrowing = Object.keys(filter).filter((key) => NARROWING.has(key) || (key === "id" && scope === "sightings"));
  if (narrowing.length === 0) return "no parameter narrows it";
  for (const key of narrowing) {
    const value = filter[key];
    const values = Array.isArray(value) ? value : [value];
    if (values.length === 0) return `${key} is an empty list`;
    if (values.some((one) => one === undefined || one === null || (typeof one === "string" && one.trim() === "")))
      return `${key} holds an empty value`;
  }
  return undefined;
}

/** What an answer other than 200 with JSON means, and what to do. */
function refusal(
  base: string,
  path: string,
  status: number,
  headers: ReadonlyMap<string, string>,
  head: string,
): RemoteError {
  const said = messageOf(head);
  const isHtml = /html/i.test(headers.get("content-type") ?? "") || /^\s{0,20}<(?:!doctype|html)/i.test(head);
  if (status === 401 || (status === 403 && /authentication failed|auth key|api key|authkey/i.test(said ?? head)))
    return new RemoteError(
      "auth",
      /from your ip/i.test(said ?? "")
        ? `${base} refuses the key from this address: allow this host's address in the key's settings`
        : `${base} refuses the key (${status}): give the 40 characters of a valid, unexpired authentication key, without Bearer`,
      { status },
    );
  if (status >= 300 && status < 400)
    return new RemoteError(
      "unexpected",
      `${base}${path} redirects (${status}) instead of answering: check the URL (scheme, host, folder); MISP redirects to its login page when it sees no API request`,
      { status },
    );
  if (status === 403)
    return new RemoteError(
      "forbidden",
      `${base}${path} is forbidden for this key's role${said === undefined ? "" : ` (it said: ${said})`}`,
      { status },
    );
  if (isHtml)
    return new RemoteError(
      "unexpected",
      `${base}${path} answered ${status} with a web page, not MISP's API: check the URL and any proxy before it`,
      { status },
    );
  if (status === 404)
    return new RemoteError(
      "not-found",
      `${base}${path} is not there (404)${said === undefined ? "" : `: ${said}`}; check the URL's folder`,
      { status },
    );
  return new RemoteError(
    "unexpected",
    `expected 200 with JSON from ${base}${path}, got ${status}${said === undefined ? "" : ` (it said: ${said})`}`,
    { status },
  );
}

function messageOf(head: string): string | undefined {
  try {
    const body: unknown = JSON.parse(head);
    if (!isJsonObject(body)) return undefined;
    return (text(body, "message") ?? text(body, "name") ?? text(body, "errors"))?.slice(0, 200);
  } catch {
    return undefined;
  }
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
