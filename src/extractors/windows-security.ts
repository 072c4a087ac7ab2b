import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable, pick } from "../contract/fields.ts";
import type { Outcome } from "../model/alert.ts";
import { get, isJsonObject, text } from "../model/json.ts";

const OUTCOMES: ReadonlyMap<string, Outcome> = new Map([
  ["4624", "success"],
  ["4648", "success"],
  ["4672", "success"],
  ["4768", "success"],
  ["4769", "success"],
  ["4625", "failure"],
  ["4771", "failure"],
  ["4776", "success"],
  ["4688", "executed"],
  ["4697", "written"],
  ["4698", "written"],
  ["4660", "deleted"],
  ["5156", "allowed"],
  ["5158", "allowed"],
  ["5152", "denied"],
  ["5157", "denied"],
  ["7045", "written"],
  ["1116", "unknown"],
  ["1117", "denied"],
]);

/** Where a service's or scheduled task's binary ends and its arguments begin. */
const BINARY =
  /^\s*(?:"([^"]{3,1024})"|((?:[a-z]:|%[a-z()0-9]{1,40}%|\\)[^"<>|&*?]{0,1024}?\.(?:exe|dll|sys|com|bat|cmd|ps1|vbs|js))(?=\s|$))/i;

/** Windows event channels other than Sysmon: logons, processes, services, filtering platform, PowerShell, Defender. */
export default defineExtractor({
  name: "windows-security",
  fields: fieldTable(
    [
      "value",
      ["ip", "domain"],
      "source",
      "eventdata_ipaddress eventdata_sourceaddress eventdata_clientaddress eventdata_address",
    ],
    [
      "value",
      ["ip", "domain"],
      "destination",
      "eventdata_destaddress eventdata_targetservername eventdata_targetserver",
    ],
    ["value", ["domain"], "source", "eventdata_workstationname eventdata_workstation eventdata_clientname"],
    [
      "value",
      ["path"],
      "image",
      "eventdata_newprocessname eventdata_processname eventdata_application eventdata_callerprocessname eventdata_process_name",
    ],
    ["value", ["path"], "parent-image", "eventdata_parentprocessname"],
    [
      "value",
      ["path"],
      "file",
      "eventdata_path eventdata_filename eventdata_filepath eventdata_fullfilepath eventdata_file_path",
    ],
    ["value", ["regkey", "path"], "target", "eventdata_objectname"],
    ["command", [], "image", "eventdata_imagepath eventdata_servicefilename eventdata_binarypathname"],
    [
      "command",
      [],
      "command",
      "eventdata_scriptblocktext eventdata_hostapplication eventdata_payload eventdata_taskcontent eventdata_taskcontentnew " +
        "eventdata_contextinfo eventdata_processcommandline eventdata_process_command_line eventdata_detail_sequence",
    ],
    [
      "value",
      ["email"],
      "user",
      "eventdata_targetusername eventdata_subjectusername eventdata_user eventdata_samaccountname eventdata_userprincipalname",
    ],
    [
      "skip",
      [],
      "text",
      "eventdata_sharename eventdata_sharelocalpath eventdata_relativetargetname eventdata_scriptblockid eventdata_objectguid " +
        "eventdata_subcategoryguid eventdata_opcorrelationid eventdata_attributesyntaxoid eventdata_subjectdomainname " +
        "eventdata_targetdomainname eventdata_dsname eventdata_objectdn win_system_computer win_system_providername " +
        "win_system_providerguid win_system_systemtime win_system_channel eventdata_homedirectory eventdata_profilepath " +
        "eventdata_hostversion eventdata_engineversion eventdata_activitytimestamp eventdata_servicename eventdata_packagename",
    ],
  ),
  applies: (event) => isJsonObject(get(event, "data", "win", "eventdata")),
  derive(event, emit) {
    const data = get(event, "data", "win", "eventdata");
    for (const file of (pick(data, "path") ?? "").split("; ").slice(0, 16)) {
      if (/^(?:container)?file:_/.test(file)) emit("path", file, "file", "data.win.eventdata.path");
    }
    for (const name of ["imagePath", "serviceFileName", "binaryPathName"]) {
      const command = pick(data, name);
      const binary = command === undefined ? null : BINARY.exec(command.replaceAll('\\"', '"').slice(0, 2_048));
      const path = binary?.[1] ?? binary?.[2] ?? command;
      if (path !== undefined && (path !== command || !path.includes(" ")))
        emit("path", path, "image", `data.win.eventdata.${name}`);
    }
  },
  view(event): EventView {
    const data = get(event, "data", "win", "eventdata");
    const system = get(event, "data", "win", "system");
    const known = OUTCOMES.get(text(system, "eventID") ?? "");
    const outcome = known === "success" && text(system, "severityValue") === "AUDIT_FAILURE" ? "failure" : known;
    return {
      ...(outcome === undefined ? {} : { outcome }),
      facts: factsFrom({
        user: pick(data, "targetUserName", "subjectUserName", "user"),
        image: pick(data, "newProcessName", "processName", "application"),
        parentImage: pick(data, "parentProcessName"),
        commandLine: pick(data, "commandLine", "imagePath", "scriptBlockText"),
        src: pick(data, "ipAddress", "sourceAddress"),
        dst: pick(data, "destAddress"),
      }),
    };
  },
});
