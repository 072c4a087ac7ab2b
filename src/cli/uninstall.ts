import type { Command } from "commander";
import { addUninstallFluentBit } from "./install-fluent-bit.ts";
import { addUninstallGraylog } from "./install-graylog.ts";
import { addUninstallSystemd } from "./install-systemd.ts";
import { addUninstallWazuh } from "./install-wazuh.ts";

/** The way back of `install`. */
export function addUninstall(program: Command): void {
  const uninstall = program
    .command("uninstall")
    .description("Take back what `install` put in place, and nothing else.");
  addUninstallWazuh(uninstall);
  addUninstallFluentBit(uninstall);
  addUninstallGraylog(uninstall);
  addUninstallSystemd(uninstall);
}
