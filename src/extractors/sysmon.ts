import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable, pick } from "../contract/fields.ts";
import type { Outcome } from "../model/alert.ts";
import { get, type JsonObject, type JsonValue, text } from "../model/json.ts";

/** Event id → what became of it (Sysmon 15 schema). */
const OUTCOMES: ReadonlyMap<string, Outcome> = new Map([
  ["1", "executed"],
  ["2", "written"],
  ["3", "allowed"],
  ["6", "executed"],
  ["7", "executed"],
  ["8", "executed"],
  ["11", "written"],
  ["12", "written"],
  ["13", "written"],
  ["14", "written"],
  ["15", "written"],
  ["20", "written"],
  ["23", "deleted"],
  ["26", "deleted"],
  ["27", "denied"],
  ["28", "denied"],
  ["29", "written"],
]);

function eventData(event: JsonObject): JsonValue | undefined {
  return get(event, "data", "win", "eventdata") ?? get(event, "data", "eventdata") ?? get(event, "data", "EventData");
}

function systemData(event: JsonObject): JsonValue | undefined {
  return get(event, "data", "win", "system") ?? get(event, "data", "system") ?? get(event, "data", "System");
}

/** Sysmon 1–29 on Windows and Linux, both spellings (`destinationIp`, `DestinationIp`). */
export default defineExtractor({
  name: "sysmon",
  fields: fieldTable(
    ["value", ["ip"], "source", "eventdata_sourceip"],
    ["value", ["ip"], "destination", "eventdata_destinationip"],
    ["value", ["domain"], "source", "eventdata_sourcehostname"],
    ["value", ["domain"], "destination", "eventdata_destinationhostname"],
    ["value", ["domain"], "query", "eventdata_queryname"],
    ["list", ["ip", "domain"], "answer", "eventdata_queryresults"],
    ["value", ["path"], "image", "eventdata_image eventdata_sourceimage"],
    ["value", ["path"], "parent-image", "eventdata_parentimage"],
    ["value", ["path"], "target-image", "eventdata_targetimage"],
    ["value", ["path"], "loaded", "eventdata_imageloaded eventdata_startmodule"],
    ["value", ["path", "filename"], "target", "eventdata_targetfilename"],
    ["value", ["filename"], "file", "eventdata_originalfilename"],
    ["value", ["regkey"], "registry", "eventdata_targetobject eventdata_newname"],
    ["hashes", [], "file", "eventdata_hashes eventdata_hash"],
    [
      "command",
      [],
      "command",
      "eventdata_commandline eventdata_parentcommandline eventdata_destination eventdata_details",
    ],
    ["text", [], "text", "eventdata_contents eventdata_query"],
    [
      "skip",
      [],
      "text",
      "eventdata_calltrace eventdata_pipename eventdata_currentdirectory eventdata_fileversion eventdata_description " +
        "eventdata_product eventdata_company eventdata_processguid eventdata_logonguid eventdata_parentprocessguid " +
        "eventdata_sourceprocessguid eventdata_targetprocessguid eventdata_utctime eventdata_creationutctime " +
        "eventdata_previouscreationutctime eventdata_rulename eventdata_device eventdata_integritylevel",
    ],
  ),
  applies(event) {
    if (text(systemData(event), "providerName")?.includes("Sysmon") === true) return true;
    if (pick(systemData(event), "channel")?.includes("Sysmon") === true) return true;
    const data = eventData(event);
    return pick(data, "utcTime") !== undefined && pick(data, "image", "queryName", "sourceImage") !== undefined;
  },
  view(event): EventView {
    const data = eventData(event);
    const id = pick(systemData(event), "eventID", "eventId") ?? "";
    const outcome = OUTCOMES.get(id);
    return {
      ...(outcome === undefined ? {} : { outcome }),
      ...(id === "22" ? { direction: "outbound" as const } : {}),
      facts: factsFrom({
        user: pick(data, "user", "sourceUser"),
        image: pick(data, "image", "sourceImage"),
        parentImage: pick(data, "parentImage"),
        commandLine: pick(data, "commandLine"),
        src: pick(data, "sourceIp"),
        dst: pick(data, "destinationIp", "queryName"),
      }),
    };
  },
});
