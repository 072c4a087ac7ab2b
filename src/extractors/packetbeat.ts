import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable } from "../contract/fields.ts";
import { get, text } from "../model/json.ts";

/** Packetbeat and other ECS documents: `dns.question.name`, `destination.ip`, `url.full`, `process.executable`. */
export default defineExtractor({
  name: "packetbeat",
  fields: fieldTable(
    ["value", ["domain"], "query", "question_name dns_question_name question_registered_domain question_etld_plus_one"],
    ["value", ["ip", "domain"], "answer", "answers_data answers_name dns_answers_name dns_answers_data"],
    ["list", ["ip"], "answer", "resolved_ip dns_resolved_ip"],
    ["value", ["ip", "domain"], "client", "client_domain client_address"],
    ["value", ["ip", "domain"], "server", "server_domain server_address"],
    ["value", ["ip", "domain"], "source", "source_domain source_address"],
    ["value", ["ip", "domain"], "destination", "destination_domain destination_address url_domain"],
    ["value", ["path"], "image", "process_executable"],
    ["value", ["path"], "parent-image", "process_parent_executable parent_executable"],
    ["list", ["ip"], "local", "host_ip"],
    [
      "value",
      ["x509"],
      "certificate",
      "server_hash_md5 server_hash_sha1 server_hash_sha256 client_hash_md5 client_hash_sha1 client_hash_sha256",
    ],
    ["skip", [], "text", "question_class question_type ecs_version network_community_id"],
  ),
  applies: (event) =>
    text(event, "data", "destination", "ip") !== undefined ||
    text(event, "data", "dns", "question", "name") !== undefined,
  view(event): EventView {
    const data = get(event, "data");
    return {
      facts: factsFrom({
        src: text(data, "source", "ip") ?? text(data, "client", "ip"),
        dst: text(data, "dns", "question", "name") ?? text(data, "destination", "ip") ?? text(data, "server", "ip"),
        image: text(data, "process", "executable"),
        user: text(data, "user", "name"),
      }),
    };
  },
});
