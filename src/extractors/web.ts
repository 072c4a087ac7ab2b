import { defineExtractor } from "../contract/define.ts";
import type { Emit, EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable, pick } from "../contract/fields.ts";
import { canonicalHost } from "../intel/canonical-host.ts";
import { canonicalIp, splitPort } from "../intel/canonical-ip.ts";
import { get, isJsonObject, type JsonObject, type JsonValue, text } from "../model/json.ts";

/** `… "GET /x HTTP/1.1" 200 123 "referer" "agent"`: the end of a line in the combined log format. */
const COMBINED =
  /" (\d{3}) (?:\d{1,15}|-) "([^"\\]{0,4096}(?:\\.[^"\\]{0,4096}){0,64})" "([^"\\]{0,4096}(?:\\.[^"\\]{0,4096}){0,64})"/;

/** A header of a request that was logged whole; line ends are often escaped. */
const HEADER = /User-Agent: ([^\r\n\\"]{1,2048})/i;

/** A request in quotes, after which load balancers and custom formats write the agent in quotes, too. */
const REQUEST = /"[A-Z]{3,16} [^"]{1,8192} HTTP\/\d(?:\.\d)?"/;
const QUOTED = /"([^"]{2,2048})"/g;
/** HAProxy's captured headers before the request: `{host|agent|…} {…} "GET / HTTP/1.1"`. */
const CAPTURED = /\{([^{}]{3,2048})\} (?:\{[^{}]{0,2048}\} )?"(?:[A-Z]{3,16} |<BADREQ>)/;
/** Name and version, as agents begin (`Mozilla/5.0 (…`, `Go-http-client/2.0`). */
const PRODUCT = /^[a-z][a-z0-9 ._!@+-]{1,63}\/[\dv]/i;
/** IIS and other W3C logs: date, time, …, method, path, …; values without blanks. */
const W3C =
  /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [^"\r\n]{0,512}? (?:GET|POST|HEAD|PUT|DELETE|OPTIONS|PATCH|PROPFIND|CONNECT|TRACE|RPC_(?:IN|OUT)_DATA|DEBUG) (\/[^"\r\n]{0,16384})/m;
const W3C_START = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S{1,64} (?:\S{1,64} ){0,3}[A-Z_]{3,16} \//;
const MODSECURITY = /\[hostname "([^"]{3,255})"\] \[uri "([^"]{1,4096})"\]/;
const MAX_LINE = 16_384;

/** Web servers, proxies and content delivery: combined logs, IIS, squid, nginx, Cloudflare, ModSecurity. */
export default defineExtractor({
  name: "web",
  fields: fieldTable(
    [
      "value",
      ["user-agent"],
      "user-agent",
      "user_agent useragent http_user_agent user_agent_original ua cs_user_agent clientrequestuseragent agent_string browser_agent user_agent_string useragentstring user_agent_raw raw_user_agent " +
        "httpuseragent cef_requestclientapplication",
    ],
    [
      "value",
      ["url"],
      "referrer",
      "referer referrer http_refer http_referer http_referrer cs_referer clientrequestreferer request_referrer cef_requestcontext origin_referrer_url",
    ],
    [
      "value",
      ["ip", "domain"],
      "client",
      "clientip client_ip client_address clientaddress clientaddr client_addr client_host clienthost client_hostname c_ip",
    ],
    [
      "value",
      ["ip", "domain"],
      "server",
      "server_ip serverip server_addr serveraddr server_host serverhost server_hostname originip s_ip cs_host clientrequesthost http_host edgeserverip upstream_addr upstream_host",
    ],
    [
      "list",
      ["ip"],
      "forwarded",
      "x_forwarded_for xff forwarded_for http_x_forwarded_for x_real_ip true_client_ip httpxforwardedfor xff_ip xffip forwarded_ip forwarded_client_ip cf_connecting_ip",
    ],
    [
      "value",
      ["url"],
      "request",
      "url uri request_url request_uri full_url url_full url_original http_url target_url clientrequesturi cs_uri requesturi full_request_url effective_url",
    ],
    ["skip", [], "text", "rayid"],
  ),
  applies: (event) => isWeb(event),
  derive(event, emit) {
    const line = text(event, "full_log")?.slice(0, MAX_LINE);
    if (line !== undefined) {
      const header = HEADER.exec(line)?.[1];
      if (header !== undefined) emit("user-agent", header, "user-agent", "full_log");
      const match = COMBINED.exec(line);
      if (match !== null) {
        emit("user-agent", match[3]!, "user-agent", "full_log");
        emit("url", match[2]!, "referrer", "full_log");
      } else {
        const agent = agentIn(line);
        if (agent !== undefined) emit("user-agent", agent, "user-agent", "full_log");
      }
    }
    const [, host, path] = line === undefined ? [] : (MODSECURITY.exec(line) ?? []);
    if (host !== undefined) compose(emit, "http", host, path, "full_log");
    for (const request of requestsIn(get(event, "data"))) {
      const path = PATHS.find((name) => pick(request.owner, name) !== undefined);
      const host = pick(request.owner, ...request.hosts);
      if (path !== undefined)
        compose(emit, request.scheme, host, pick(request.owner, path), `${request.where}.${path}`);
    }
  },
  view(event): EventView {
    const status = Number(text(event, "data", "id") ?? text(event, "data", "status"));
    const denied = status === 401 || status === 403 || status === 407;
    return {
      ...(denied ? { outcome: "denied" as const } : {}),
      facts: factsFrom({
        src: text(event, "data", "srcip") ?? text(event, "data", "ClientIP"),
        dst: text(event, "data", "ClientRequestHost"),
      }),
    };
  },
});

const PATHS = [
  "ClientRequestURI",
  "RequestPath",
  "request_uri",
  "requestUri",
  "uri",
  "url",
  "path",
  "cs_uri_stem",
] as const;
/** Names that say that the host is the requested one; below an object of the request any name of a host does. */
const REQUESTED = ["ClientRequestHost", "RequestHost", "http_host", "cs_host", "vhost"] as const;

/** Where products keep the parts of a request. */
function requestsIn(data: JsonValue | undefined) {
  const scheme = pick(data, "ClientRequestScheme", "RequestScheme", "scheme");
  const inner = ["request", "httpRequest", "http_request"].map((name) => {
    const owner = get(data, name);
    const secure = isJsonObject(get(owner, "tls")) ? "https" : pick(owner, "scheme");
    return { owner, hosts: ["host", "hostname"], scheme: secure, where: `data.${name}` };
  });
  return [{ owner: data, hosts: REQUESTED, scheme, where: "data" }, ...inner];
}

/** The URL of a host and a path that stand apart. */
function compose(
  emit: Emit,
  scheme: string | undefined,
  host: string | undefined,
  path: string | undefined,
  where: string,
): void {
  if (host === undefined || path?.startsWith("/") !== true || path.startsWith("//")) return;
  const name = splitPort(host).host;
  if (canonicalHost(name) === undefined && canonicalIp(name) === undefined) return;
  emit("url", `${scheme?.toLowerCase() === "https" ? "https" : "http"}://${host}${path}`, "request", where);
}

/** The agent in a line of another format than the combined one. */
function agentIn(line: string): string | undefined {
  const request = REQUEST.exec(line);
  if (request !== null) {
    const captured = CAPTURED.exec(line)?.[1]?.split("|", 16);
    const quoted = [...line.slice(request.index + request[0].length).matchAll(QUOTED)].slice(0, 16);
    return [...(captured ?? []), ...quoted.map(([, value]) => value!)].find((value) => PRODUCT.test(value));
  }
  return W3C.exec(line)?.[1]
    ?.split(" ", 64)
    .slice(1)
    .find((word) => PRODUCT.test(word) && !word.startsWith("HTTP/"));
}

function isWeb(event: JsonObject): boolean {
  const decoder = text(event, "decoder", "name") ?? "";
  if (/^(?:web-|nginx|apache|squid|HTTPProxyLog|iis)/.test(decoder)) return true;
  const line = text(event, "full_log");
  if (
    line !== undefined &&
    (line.includes(" HTTP/") || line.includes("User-Agent:") || line.includes("ModSecurity") || W3C_START.test(line))
  )
    return true;
  const data = get(event, "data");
  return (
    pick(data, "ClientRequestHost", "RequestHost", "user_agent") !== undefined || isJsonObject(get(data, "request"))
  );
}
