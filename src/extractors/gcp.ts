import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable } from "../contract/fields.ts";
import { get, isJsonObject, text } from "../model/json.ts";

/** Google Cloud: audit logs, VPC flows, firewall rules, Cloud DNS. */
export default defineExtractor({
  name: "gcp",
  fields: fieldTable(
    ["value", ["ip"], "source", "callerip connection_src_ip jsonpayload_sourceip"],
    ["value", ["ip"], "destination", "connection_dest_ip"],
    ["value", ["domain"], "query", "jsonpayload_queryname"],
    ["text", [], "answer", "jsonpayload_rdata"],
    ["value", ["user-agent"], "user-agent", "callersupplieduseragent"],
    ["value", ["email"], "user", "principalemail principalsubject"],
    ["skip", [], "text", "insertid gcp_protopayload_methodname "],
  ),
  applies: (event) => isJsonObject(get(event, "data", "gcp")),
  view(event): EventView {
    const gcp = get(event, "data", "gcp");
    const disposition = text(gcp, "jsonPayload", "disposition");
    return {
      ...(disposition === "DENIED"
        ? { outcome: "denied" as const }
        : disposition === "ALLOWED"
          ? { outcome: "allowed" as const }
          : {}),
      facts: factsFrom({
        user: text(gcp, "protoPayload", "authenticationInfo", "principalEmail"),
        src:
          text(gcp, "protoPayload", "requestMetadata", "callerIp") ?? text(gcp, "jsonPayload", "connection", "src_ip"),
        dst: text(gcp, "jsonPayload", "connection", "dest_ip") ?? text(gcp, "jsonPayload", "queryName"),
      }),
    };
  },
});
