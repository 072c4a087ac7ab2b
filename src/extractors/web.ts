import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable } from "../contract/fields.ts";
import { canonicalHost } from "../intel/canonical-host.ts";
import { get, type JsonObject, text } from "../model/json.ts";

/** `… "GET /x HTTP/1.1" 200 123 "referer" "agent"`: the end of a line in the combined log format. */
const COMBINED =
  /" (\d{3}) (?:\d{1,15}|-) "([^"\\]{0,4096}(?:\\.[^"\\]{0,4096}){0,64})" "([^"\\]{0,4096}(?:\\.[^"\\]{0,4096}){0,64})"/;

/** A header of a request that was logged whole; line ends are often escaped. */
const HEADER = /User-Agent: ([^\r\n\\"]{1,2048})/i;

/** Web servers, proxies and content delivery: combined logs, IIS, squid, nginx, Cloudflare, ModSecurity. */
export default defineExtractor({
  name: "web",
  fields: fieldTable(
    [
      "value",
      ["user-agent"],
      "user-agent",
      "user_agent useragent http_user_agent user_agent_original ua cs_user_agent clientrequestuseragent agent_string browser_agent",
    ],
    [
      "value",
      ["url"],
      "referrer",
      "referer referrer http_refer http_referer http_referrer cs_referer clientrequestreferer request_referrer",
    ],
    ["value", ["ip", "domain"], "client", "clientip client_ip client_address clientaddr c_ip"],
    ["value", ["ip", "domain"], "server", "server_ip serverip originip s_ip cs_host clientrequesthost http_host"],
    [
      "list",
      ["ip"],
      "forwarded",
      "x_forwarded_for xff forwarded_for http_x_forwarded_for x_real_ip true_client_ip httpxforwardedfor",
    ],
    [
      "value",
      ["url"],
      "request",
      "url uri request_url request_uri full_url url_full url_original http_url target_url clientrequesturi cs_uri",
    ],
    ["skip", [], "text", "rayid"],
  ),
  applies: (event) => isWeb(event),
  derive(event, emit) {
    const line = text(event, "full_log");
    if (line !== undefined) {
      const header = HEADER.exec(line.slice(0, 16_384))?.[1];
      if (header !== undefined) emit("user-agent", header, "user-agent", "full_log");
      const match = COMBINED.exec(line.slice(0, 16_384));
      if (match !== null) {
        emit("user-agent", match[3]!, "user-agent", "full_log");
        emit("url", match[2]!, "referrer", "full_log");
      }
    }
    const host = text(event, "data", "ClientRequestHost");
    const path = text(event, "data", "ClientRequestURI");
    if (host !== undefined && path?.startsWith("/") === true && canonicalHost(host) !== undefined) {
      const scheme = text(event, "data", "ClientRequestScheme") ?? "http";
      emit("url", `${scheme}://${host}${path}`, "request", "data.ClientRequestURI");
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

function isWeb(event: JsonObject): boolean {
  const decoder = text(event, "decoder", "name") ?? "";
  if (/^(?:web-|nginx|apache|squid|HTTPProxyLog|iis)/.test(decoder)) return true;
  if (text(event, "full_log")?.includes("User-Agent:") === true) return true;
  return get(event, "data", "ClientRequestHost") !== undefined || text(event, "data", "user_agent") !== undefined;
}
