import { createHash } from "node:crypto";
import { authenticate, RateLimits } from "./auth.ts";
import { putPeople, type SimPeople } from "./defaults.ts";
import { MispEdits } from "./edits.ts";
import { decodeBody, parseTarget, type SimRequest, type SimRoute, type Target } from "./request.ts";
import { failure, MispException, NO_PERMISSION, pretty, type SimResponse } from "./respond.ts";
import { ROUTES } from "./routes.ts";
import { heartbeat } from "./routes-users.ts";
import { MispState } from "./state.ts";

export interface MispSimOptions extends Partial<SimPeople> {
  /** Epoch milliseconds. Default: a clock that `advance` moves by hand, at 2026-11-21T21:30:00Z. */
  readonly clock?: () => number;
}

/**
 * A MISP 2.5 as far as its REST contract was recorded. `state` are its tables, `edit` changes them as MISP would, `handle`
 * answers a request; `http.ts` puts it on a socket.
 */
export interface MispSim {
  readonly state: MispState;
  readonly edit: MispEdits;
  /** Requests answered so far, newest last; a test may empty it. */
  readonly requests: SimRequest[];
  readonly limits: RateLimits;
  /** Seconds, as MISP's timestamps. */
  now(): number;
  /** Moves the hand-driven clock; throws when the clock was given. */
  advance(seconds: number): void;
  handle(request: SimRequest): SimResponse;
}

const START_MS = Date.UTC(2026, 10, 21, 21, 30);
const NOT_JSON =
  "Invalid JSON input. Make sure that the JSON input is a correctly formatted JSON string. This request has been blocked to avoid an unfiltered request.";

export function createMispSim(options: MispSimOptions = {}): MispSim {
  const state = new MispState();
  putPeople(state, options);
  let handMs = START_MS;
  const nowMs = options.clock ?? (() => handMs);
  const now = () => Math.floor(nowMs() / 1000);
  const requests: SimRequest[] = [];
  const limits = new RateLimits();
  const sim: MispSim = {
    state,
    edit: new MispEdits(state, now),
    requests,
    limits,
    now,
    advance(seconds) {
      if (options.clock) throw new Error("the clock was given: move that one");
      handMs += seconds * 1000;
    },
    handle(request) {
      requests.push(request);
      return withEtag(request, answer(sim, request));
    },
  };
  return sim;
}

const TABLE = new Map<string, SimRoute[]>();
for (const route of ROUTES) {
  const key = route.pattern.toLowerCase();
  TABLE.set(key, [...(TABLE.get(key) ?? []), route]);
}

function answer(sim: MispSim, request: SimRequest): SimResponse {
  const { path } = request;
  const target = parseTarget(path);
  const now = sim.now();
  if (/^users\/heartbeat$/i.test(target.segments.join("/"))) return heartbeat();
  const caller = authenticate(sim.state, request, now);
  if ("status" in caller) return caller;
  const extra: Record<string, string> = {};
  if (caller.key.expiration !== undefined)
    extra["X-Auth-Key-Expiration"] = new Date(caller.key.expiration * 1000).toISOString().replace(".000Z", "+00:00");
  const route = find(request.method, target);
  if (route === undefined) return failure(404, "Not Found", path);
  if (/^(?:attributes|events)\/restSearch$/.test(route.pattern)) {
    const limit = sim.limits.count(caller, now);
    Object.assign(extra, limit?.headers);
    if (limit?.refused) {
      const message = "Rate limit exceeded.";
      return pretty({ name: message, message, url: path }, 429, extra);
    }
  }
  const response = run(sim, route, request, target, caller);
  return { ...response, headers: { ...response.headers, ...extra } };
}

function run(
  sim: MispSim,
  route: FoundRoute,
  request: SimRequest,
  { named, query }: Target,
  caller: Exclude<ReturnType<typeof authenticate>, SimResponse>,
): SimResponse {
  const { method, path } = request;
  let body: unknown;
  try {
    body = decodeBody(request);
  } catch {
    return failure(405, NOT_JSON, path);
  }
  try {
    if (route.route.needs && (caller.key.readOnly === true || !caller.role[route.route.needs]))
      throw new MispException(403, NO_PERMISSION);
    return route.route.handle({
      ...caller,
      sim,
      method,
      url: path,
      host: request.headers["host"] ?? "127.0.0.1",
      args: route.args,
      named,
      query,
      body,
    });
  } catch (error) {
    if (error instanceof MispException) return failure(error.status, error.message, path, error.extra);
    throw error;
  }
}

interface FoundRoute {
  readonly route: SimRoute;
  readonly pattern: string;
  readonly args: readonly string[];
}

const ID = /^(?:\d+|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i;

/** `/events/view/1` by controller and action; else `/events/1` by controller alone. */
function find(method: string, { segments }: Target): FoundRoute | undefined {
  const verb = method === "HEAD" ? "GET" : method;
  for (const length of segments[1] === undefined || ID.test(segments[1]) ? [2, 1] : [2]) {
    const key = segments.slice(0, length).join("/").toLowerCase();
    const route = TABLE.get(key)?.find((each) => each.method === "*" || each.method === verb);
    if (route) return { route, pattern: route.pattern, args: segments.slice(length) };
  }
  return undefined;
}

/** An answer carries an ETag only when one is asked about. */
function withEtag({ headers }: SimRequest, response: SimResponse): SimResponse {
  const asked = headers["if-none-match"];
  if (asked === undefined || response.status !== 200) return response;
  const etag = `"${createHash("sha1").update(response.body).digest("hex")}"`;
  return etag === asked
    ? { status: 304, headers: {}, body: "" }
    : { ...response, headers: { ...response.headers, ETag: etag } };
}
