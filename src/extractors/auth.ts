import { defineExtractor } from "../contract/define.ts";
import type { EventView } from "../contract/extractor.ts";
import { factsFrom, fieldTable } from "../contract/fields.ts";
import type { Outcome } from "../model/alert.ts";
import { text } from "../model/json.ts";

const PROGRAMS = new Set([
  "sshd",
  "su",
  "sudo",
  "pam",
  "login",
  "dropbear",
  "vsftpd",
  "proftpd",
  "dovecot",
  "doas",
  "polkit",
  "gdm",
  "telnetd",
]);
const SUCCESS =
  /\b(?:accepted (?:password|publickey|keyboard|gssapi|none)|session opened|login (?:ok|successful)|logged in|authentication success)/i;
const FAILURE =
  /\b(?:failed|failure|invalid user|illegal user|refused|not allowed|authentication error|did not receive|bad password|disconnected|connection closed|maximum auth|unknown user|incorrect)/i;
const RHOST = /\brhost=([^\s;]{1,253})/;

/** Logins on Unix: sshd, su, sudo, PAM and mail or FTP daemons. */
export default defineExtractor({
  name: "auth",
  fields: fieldTable(
    ["value", ["ip", "domain"], "source", "rhost"],
    ["value", ["email"], "user", "dstuser srcuser ruser logname"],
    ["skip", [], "text", "tty pwd"],
  ),
  applies(event) {
    return (
      PROGRAMS.has(text(event, "decoder", "name") ?? "") ||
      PROGRAMS.has(text(event, "predecoder", "program_name") ?? "")
    );
  },
  derive(event, emit) {
    const rhost = RHOST.exec(text(event, "full_log")?.slice(0, 4_096) ?? "")?.[1];
    if (rhost === undefined) return;
    emit("ip", rhost, "source", "full_log");
    emit("domain", rhost, "source", "full_log");
  },
  view(event): EventView {
    const outcome = outcomeOf(text(event, "full_log")?.slice(0, 4_096) ?? "");
    return {
      ...(outcome === undefined ? {} : { outcome }),
      facts: factsFrom({
        user: text(event, "data", "dstuser") ?? text(event, "data", "srcuser"),
        src: text(event, "data", "srcip"),
        commandLine: text(event, "data", "command"),
      }),
    };
  },
});

function outcomeOf(line: string): Outcome | undefined {
  if (SUCCESS.test(line)) return "success";
  return FAILURE.test(line) ? "failure" : undefined;
}
