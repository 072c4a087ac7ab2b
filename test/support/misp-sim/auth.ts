import type { SimRequest } from "./request.ts";
import { failure, type SimResponse } from "./respond.ts";
import type { MispState, SimKey, SimOrg, SimRole, SimUser } from "./state.ts";

const BAD_KEY =
  "Authentication failed. Please make sure you pass the API key of an API enabled user along in the Authorization header.";
const BAD_ADDRESS = "It is not possible to use this Auth key from your IP address";

export interface Caller {
  readonly user: SimUser;
  readonly org: SimOrg;
  readonly role: SimRole;
  readonly key: SimKey;
}

/** Who calls, or the refusal. `now` in seconds. */
export function authenticate(state: MispState, request: SimRequest, now: number): Caller | SimResponse {
  const { headers, path, ip = "127.0.0.1" } = request;
  const json = wantsJson(request);
  const key = json === "page" ? undefined : state.keys.get((headers["authorization"] ?? "").trimEnd());
  const user = key && state.users.get(key.userId);
  const role = user && state.roles.get(user.roleId);
  if (json === "page") return headers["accept"] === undefined ? errorPage(BAD_KEY) : loginPage(headers["host"]);
  if (!key || !user || !role || (key.expiration !== undefined && key.expiration <= now))
    return headers["authorization"] === undefined && json === "guess"
      ? errorPage(BAD_KEY)
      : failure(403, BAD_KEY, path);
  if (key.allowedIps && !key.allowedIps.includes(ip)) return failure(403, BAD_ADDRESS, path);
  return { user, role, org: state.org(user.orgId), key: key };
}

/** MISP takes a request for the API's when it names JSON (or says nothing of HTML) or goes to a search. */
function wantsJson({ headers, path, method }: SimRequest): "json" | "guess" | "page" {
  const accept = headers["accept"] ?? "";
  const type = headers["content-type"] ?? "";
  if (accept.includes("json") || accept.includes("xml") || type.includes("json") || /\.json(?:\?|$)/.test(path))
    return "json";
  if (/\/restSearch/i.test(path)) return "guess";
  return accept.includes("text/html") ? "page" : method === "GET" && accept === "" ? "guess" : "json";
}

function errorPage(message: string): SimResponse {
  return {
    status: 403,
    headers: { "Content-Type": "text/html; charset=UTF-8" },
    body: `<!DOCTYPE html>\n<html lang="en">\n<head><title>Errors - MISP</title></head>\n<body><h2>${message}</h2></body>\n</html>\n`,
  };
}

function loginPage(host = "127.0.0.1"): SimResponse {
  return {
    status: 302,
    headers: { "Content-Type": "text/html; charset=UTF-8", Location: `http://${host}/users/login` },
    body: "",
  };
}

interface Window {
  readonly since: number;
  used: number;
}

const WINDOW_S = 900;

/** The rate limit of a role: so many searches in 15 minutes from the first one on. */
export class RateLimits {
  readonly #windows = new Map<number, Window>();

  /** Headers of the answer and whether it is refused; undefined where no limit holds. */
  count({ user, role }: Caller, now: number): { headers: Record<string, string>; refused: boolean } | undefined {
    const limit = role.rateLimit;
    if (limit === undefined) return undefined;
    let window = this.#windows.get(user.id);
    if (window === undefined || now - window.since >= WINDOW_S) {
      window = { since: now, used: 0 };
      this.#windows.set(user.id, window);
    }
    const refused = window.used >= limit;
    if (!refused) window.used++;
    return {
      refused,
      headers: {
        "X-Rate-Limit-Limit": String(limit),
        "X-Rate-Limit-Remaining": String(limit - window.used),
        "X-Rate-Limit-Reset": String(WINDOW_S - (now - window.since)),
      },
    };
  }
}
