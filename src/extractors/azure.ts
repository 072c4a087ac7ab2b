import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable } from "../contract/fields.ts";
import { get, isJsonObject, type JsonObject, type JsonValue, text } from "../model/json.ts";

function record(event: JsonObject): JsonValue | undefined {
  return get(event, "data", "azure") ?? get(event, "data", "properties");
}

/** Azure: activity log, Entra ID sign-ins, Log Analytics. */
export default defineExtractor({
  name: "azure",
  fields: fieldTable(
    ["value", ["ip"], "source", "calleripaddress azure_ipaddress properties_ipaddress clientipaddress"],
    ["value", ["email"], "user", "azure_caller caller initiatedby_user_userprincipalname"],
    [
      "skip",
      [],
      "text",
      "tenantid subscriptionid resourceid operationid callerobjectid uniquetokenidentifier eventdataid",
    ],
  ),
  applies: (event) => isJsonObject(record(event)),
  view(event): EventView {
    const data = record(event);
    const failed = /fail/i.test(text(data, "resultType") ?? text(data, "ActivityStatus") ?? "");
    return {
      ...(failed ? { outcome: "failure" as const } : {}),
      facts: factsFrom({
        user: text(data, "caller") ?? text(data, "userPrincipalName"),
        src: text(data, "callerIpAddress") ?? text(data, "ipAddress") ?? text(data, "CallerIpAddress"),
      }),
    };
  },
});
