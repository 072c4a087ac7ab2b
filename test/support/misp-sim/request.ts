import { gunzipSync } from "node:zlib";
import type { SimResponse } from "./respond.ts";
import type { MispSim } from "./sim.ts";
import type { SimKey, SimOrg, SimRole, SimUser } from "./state.ts";

export interface SimRequest {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
  /** Address of the caller; absent: loopback. */
  readonly ip?: string;
}

export type JsonParameters = Readonly<Record<string, unknown>>;

/** A request after routing and authentication. */
export interface SimCall {
  readonly sim: MispSim;
  readonly method: string;
  /** Path and query as sent. */
  readonly url: string;
  /** As the Host header says. */
  readonly host: string;
  /** Path segments after the route's own, without `name:value` ones. */
  readonly args: readonly string[];
  /** `name:value` path segments. */
  readonly named: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
  /** Decoded body: parsed JSON when sent as JSON, a map when sent as a form, undefined when absent or of another type. */
  readonly body: unknown;
  readonly user: SimUser;
  readonly org: SimOrg;
  readonly role: SimRole;
  readonly key: SimKey;
}

export interface SimRoute {
  /** `*`: any; GET stands for HEAD too. */
  readonly method: string;
  /** `controller/action`, or `controller` for what follows no action; `/events/view/1/x:2` is `events/view`, args `["1"]`, named x=2. */
  readonly pattern: string;
  /** Right of the role without which (or with a read-only key) the call is refused with 403. */
  readonly needs?: "add" | "modify" | "publish" | "tagger" | "tagEditor" | "sighting" | "siteAdmin";
  handle(call: SimCall): SimResponse;
}

/** The parameters of a search: the body without its optional `request` wrapper. */
export function parameters(body: unknown): JsonParameters {
  if (typeof body !== "object" || body === null || Array.isArray(body)) return {};
  const outer = body as JsonParameters;
  const inner = outer["request"];
  return typeof inner === "object" && inner !== null && !Array.isArray(inner) ? (inner as JsonParameters) : outer;
}

export interface Target {
  readonly segments: readonly string[];
  readonly named: ReadonlyMap<string, string>;
  readonly query: URLSearchParams;
}

export function parseTarget(path: string): Target {
  const [bare = "", query = ""] = path.split("?", 2);
  const segments: string[] = [];
  const named = new Map<string, string>();
  for (const raw of bare.replace(/\.json$/, "").split("/")) {
    if (raw === "") continue;
    const segment = decode(raw);
    const colon = segment.indexOf(":");
    if (colon > 0 && segments.length >= 2) named.set(segment.slice(0, colon), segment.slice(colon + 1));
    else segments.push(segment);
  }
  return { segments, named, query: new URLSearchParams(query) };
}

/** Undefined: nothing that MISP reads as data. Throws SyntaxError when JSON is announced and something else is sent. */
export function decodeBody({ headers, body }: SimRequest): unknown {
  if (body.length === 0) return undefined;
  const bytes = headers["content-encoding"] === "gzip" ? gunzipSync(body) : body;
  const type = headers["content-type"] ?? "";
  if (type.startsWith("application/json"))
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  if (type.startsWith("application/x-www-form-urlencoded"))
    return Object.fromEntries(new URLSearchParams(bytes.toString()));
  return undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
