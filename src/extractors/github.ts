import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable } from "../contract/fields.ts";
import { get, isJsonObject, text } from "../model/json.ts";

/** GitHub audit log. */
export default defineExtractor({
  name: "github",
  fields: fieldTable(
    ["value", ["ip"], "source", "github_actor_ip"],
    ["value", ["url"], "request", "github_config_url github_hook_url config_url"],
    ["value", ["email"], "user", "github_actor github_user github_email external_identity_nameid"],
    ["skip", [], "text", "github_document_id github_hashed_token github_action"],
  ),
  applies: (event) => isJsonObject(get(event, "data", "github")),
  view(event): EventView {
    const record = get(event, "data", "github");
    return { facts: factsFrom({ user: text(record, "actor"), src: text(record, "actor_ip") }) };
  },
});
