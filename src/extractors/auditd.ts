import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable } from "../contract/fields.ts";
import { get, isJsonObject, type JsonValue, text } from "../model/json.ts";

const MAX_ARGUMENTS = 64;
const ARGUMENTS = Array.from({ length: MAX_ARGUMENTS }, (_, i) => `a${i}`);

/** Linux audit: system calls, programs, files. */
export default defineExtractor({
  name: "auditd",
  fields: fieldTable(
    ["value", ["path"], "image", "audit_exe"],
    ["value", ["path", "filename"], "file", "audit_file_name audit_file_path"],
    [
      "command",
      [],
      "command",
      `${ARGUMENTS.map((name) => `audit_execve_${name}`).join(" ")} audit_proctitle audit_command`,
    ],
    ["skip", [], "text", "audit_cwd audit_directory_name audit_tty audit_key audit_id audit_subj audit_session"],
  ),
  applies: (event) => isJsonObject(get(event, "data", "audit")),
  view(event): EventView {
    const audit = get(event, "data", "audit");
    const success = text(audit, "success");
    const type = text(audit, "type");
    return {
      ...(success === "no"
        ? { outcome: "failure" as const }
        : type === "SYSCALL" || type === "EXECVE"
          ? { outcome: "executed" as const }
          : {}),
      facts: factsFrom({
        user: text(audit, "auid"),
        image: text(audit, "exe"),
        commandLine: argumentsOf(get(audit, "execve")) ?? text(audit, "command"),
      }),
    };
  },
});

/** `a0 a1 a2 …` as one line. */
function argumentsOf(execve: JsonValue | undefined): string | undefined {
  const words: string[] = [];
  for (const name of ARGUMENTS) {
    const word = text(execve, name);
    if (word === undefined) break;
    words.push(word);
  }
  return words.length === 0 ? undefined : words.join(" ");
}
