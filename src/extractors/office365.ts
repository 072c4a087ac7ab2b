import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable } from "../contract/fields.ts";
import { get, isJsonObject, text } from "../model/json.ts";

/** Microsoft 365 audit log and Graph security alerts. */
export default defineExtractor({
  name: "office365",
  fields: fieldTable(
    ["value", ["ip"], "source", "office365_clientip office365_actoripaddress office365_clientipaddress"],
    ["value", ["email"], "user", "office365_userid office365_userkey mailboxownerupn userprincipalname"],
    ["value", ["filename"], "file", "sourcefilename destinationfilename"],
    ["value", ["url"], "request", "siteurl sourcerelativeurl"],
    ["value", ["email", "url"], "text", "office365_objectid"],
    [
      "skip",
      [],
      "text",
      "office365_id office365_intersystemsid office365_intrasystemid office365_organizationid office365_actorcontextid office365_targetcontextid " +
        "office365_applicationid office365_tenant_id correlationid clientappid office365_subscription_name",
    ],
  ),
  applies: (event) => isJsonObject(get(event, "data", "office365")),
  view(event): EventView {
    const record = get(event, "data", "office365");
    const operation = text(record, "Operation") ?? "";
    const status = text(record, "ResultStatus") ?? "";
    const failed = operation.endsWith("Failed") || /fail/i.test(status);
    return {
      ...(failed
        ? { outcome: "failure" as const }
        : /^succe|logged ?in/i.test(`${status}${operation}`)
          ? { outcome: "success" as const }
          : {}),
      facts: factsFrom({
        user: text(record, "UserId"),
        src: text(record, "ClientIP") ?? text(record, "ActorIpAddress"),
      }),
    };
  },
});
