import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable } from "../contract/fields.ts";
import { get, isJsonObject, type JsonValue, text } from "../model/json.ts";

function peer(data: JsonValue | undefined, side: "orig" | "resp"): string | undefined {
  return text(data, "id", `${side}_h`) ?? text(data, `id.${side}_h`) ?? text(data, `id_${side}_h`);
}

/** Zeek logs as JSON: conn, dns, http, ssl, x509, files, smtp, notice. */
export default defineExtractor({
  name: "zeek",
  fields: fieldTable(
    ["value", ["ip"], "source", "orig_h id_orig_h tx_hosts"],
    ["value", ["ip"], "destination", "resp_h id_resp_h rx_hosts"],
    ["value", ["domain", "ip"], "query", "query"],
    ["list", ["ip", "domain"], "answer", "answers"],
    ["value", ["domain", "ip"], "server", "server_name"],
    ["value", ["email"], "sender", "mailfrom"],
    ["list", ["email"], "recipient", "rcptto"],
    ["list", ["filename"], "file", "resp_filenames orig_filenames"],
    ["list", ["x509"], "certificate", "cert_chain_fps client_cert_chain_fps"],
    [
      "skip",
      [],
      "text",
      "fuid fuids orig_fuids resp_fuids conn_uids cert_chain_fuids resp_cert_chain_fuids history conn_state",
    ],
  ),
  applies: (event) => peer(get(event, "data"), "orig") !== undefined,
  derive(event, emit) {
    const data = get(event, "data");
    const host = text(data, "host");
    const path = text(data, "uri");
    if (host === undefined || path?.startsWith("/") !== true || !isJsonObject(data)) return;
    const port = text(data, "id", "resp_p") ?? text(data, "id.resp_p") ?? "80";
    const beside = port === "80" || port === "443" || host.includes(":") ? "" : `:${port}`;
    emit("url", `http://${host}${beside}${path}`, "request", "data.uri");
  },
  view(event): EventView {
    const data = get(event, "data");
    return { facts: factsFrom({ src: peer(data, "orig"), dst: peer(data, "resp") }) };
  },
});
