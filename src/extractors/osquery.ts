import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable } from "../contract/fields.ts";
import { get, isJsonObject, text } from "../model/json.ts";

/** osquery results: `data.osquery.columns.*`. */
export default defineExtractor({
  name: "osquery",
  fields: fieldTable(
    ["value", ["ip", "domain"], "remote", "columns_remote_address columns_remote_ip"],
    ["value", ["ip", "domain"], "local", "columns_local_address"],
    [
      "value",
      ["path", "filename"],
      "file",
      "columns_path columns_target_path columns_on_disk_path columns_fullpath columns_filename",
    ],
    ["value", ["path"], "image", "columns_exe columns_process_path columns_program columns_executable"],
    ["value", ["path"], "parent-image", "columns_parent_path"],
    ["value", ["regkey"], "registry", "columns_key"],
    ["command", [], "command", "columns_cmdline columns_command columns_program_arguments columns_action"],
    ["value", ["domain", "ip"], "server", "columns_hostnames columns_address"],
    [
      "skip",
      [],
      "text",
      "osquery_calendartime osquery_hostidentifier osquery_decorations columns_cwd columns_directory columns_root osquery_name columns_uuid",
    ],
  ),
  applies: (event) => isJsonObject(get(event, "data", "osquery")),
  view(event): EventView {
    const columns = get(event, "data", "osquery", "columns");
    const deleted = text(event, "data", "osquery", "action") === "removed";
    return {
      ...(deleted ? { outcome: "deleted" as const } : {}),
      facts: factsFrom({
        user: text(columns, "username"),
        image: text(columns, "path"),
        commandLine: text(columns, "cmdline"),
        src: text(columns, "local_address"),
        dst: text(columns, "remote_address"),
      }),
    };
  },
});
