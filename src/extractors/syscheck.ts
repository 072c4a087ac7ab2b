import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable } from "../contract/fields.ts";
import type { Outcome } from "../model/alert.ts";
import { get, isJsonObject, text } from "../model/json.ts";

const OUTCOMES: ReadonlyMap<string, Outcome> = new Map([
  ["added", "written"],
  ["modified", "written"],
  ["deleted", "deleted"],
]);

/** File integrity monitoring: files and registry, before and after. */
export default defineExtractor({
  name: "syscheck",
  fields: fieldTable(
    ["value", ["md5"], "file", "syscheck_md5_after syscheck_md5"],
    ["value", ["sha1"], "file", "syscheck_sha1_after syscheck_sha1"],
    ["value", ["sha256"], "file", "syscheck_sha256_after syscheck_sha256"],
    ["value", ["md5"], "file-before", "syscheck_md5_before"],
    ["value", ["sha1"], "file-before", "syscheck_sha1_before"],
    ["value", ["sha256"], "file-before", "syscheck_sha256_before"],
    ["value", ["regkey", "path", "filename"], "file", "syscheck_path"],
    ["value", ["path"], "image", "syscheck_audit_process_name syscheck_process_name"],
    ["value", ["path"], "parent-image", "syscheck_audit_process_parent_name syscheck_process_parent_name"],
    ["text", [], "text", "syscheck_diff syscheck_content_changes"],
    [
      "skip",
      [],
      "text",
      "syscheck_audit_process_cwd syscheck_audit_process_parent_cwd syscheck_win_perm_after syscheck_win_perm_before",
    ],
  ),
  applies: (event) => isJsonObject(get(event, "syscheck")),
  derive(event, emit) {
    const path = text(event, "syscheck", "path");
    const value = text(event, "syscheck", "value_name");
    if (path === undefined || value === undefined || value.includes("\\")) return;
    if (path.toLowerCase().startsWith("hkey_")) emit("regkey", `${path}\\${value}`, "registry", "syscheck.value_name");
  },
  view(event): EventView {
    const outcome = OUTCOMES.get(text(event, "syscheck", "event") ?? "");
    return {
      ...(outcome === undefined ? {} : { outcome }),
      facts: factsFrom({
        user: text(event, "syscheck", "audit", "user", "name"),
        image: text(event, "syscheck", "audit", "process", "name"),
        parentImage: text(event, "syscheck", "audit", "process", "parent_name"),
      }),
    };
  },
});
