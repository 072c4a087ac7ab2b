import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable } from "../contract/fields.ts";
import { get, isJsonObject, text } from "../model/json.ts";

const DEFAULT_PORTS = new Set(["80", "443", ""]);

/** Suricata EVE JSON: alerts, dns, http, tls, files, flows. */
export default defineExtractor({
  name: "suricata",
  fields: fieldTable(
    ["value", ["ip", "domain"], "server", "http_hostname"],
    ["value", ["domain", "ip"], "server", "tls_sni"],
    ["value", ["x509"], "certificate", "tls_fingerprint"],
    ["value", ["ja3"], "fingerprint", "tls_ja3_hash tls_ja3s_hash ja3_hash ja3s_hash"],
    ["value", ["path", "filename"], "file", "fileinfo_filename"],
    ["text", [], "certificate", "tls_subject tls_issuerdn tls_subjectaltname"],
    [
      "skip",
      [],
      "text",
      "tls_ja3_string tls_ja3s_string ja3_string ja3s_string tls_serial flow_id tls_notbefore tls_notafter tls_chain tls_certificate community_id",
    ],
  ),
  applies: (event) => text(event, "data", "event_type") !== undefined && text(event, "data", "src_ip") !== undefined,
  derive(event, emit) {
    const http = get(event, "data", "http");
    if (!isJsonObject(http)) return;
    const host = text(http, "hostname");
    const path = text(http, "url");
    if (host === undefined || !/[.:]/.test(host) || path?.startsWith("/") !== true) return;
    // The port of the Host header; the port of the flow may be a proxy's.
    const port = text(http, "http_port") ?? "";
    const beside = DEFAULT_PORTS.has(port) || host.includes(":") ? "" : `:${port}`;
    const scheme =
      text(event, "data", "app_proto") === "https" || isJsonObject(get(event, "data", "tls")) ? "https" : "http";
    emit("url", `${scheme}://${host}${beside}${path}`, "request", "data.http.url");
  },
  view(event): EventView {
    const action = text(event, "data", "alert", "action");
    return {
      ...(action === "blocked"
        ? { outcome: "denied" as const }
        : action === "allowed"
          ? { outcome: "allowed" as const }
          : {}),
      facts: factsFrom({ src: text(event, "data", "src_ip"), dst: text(event, "data", "dest_ip") }),
      ...(entityOf(text(event, "data", "src_ip"), text(event, "data", "dest_ip")) ?? {}),
    };
  },
});

/** The sensor is not the affected machine: the internal side of the flow is. */
function entityOf(src: string | undefined, dst: string | undefined): Pick<EventView, "entity"> | undefined {
  const inside = [src, dst].find(
    (address) => address !== undefined && /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|f[cd])/i.test(address),
  );
  return inside === undefined ? undefined : { entity: { kind: "ip", name: inside } };
}
