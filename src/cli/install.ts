import type { Command } from "commander";
import { addInstallFluentBit } from "./install-fluent-bit.ts";
import { addInstallGraylog } from "./install-graylog.ts";
import { addInstallSystemd } from "./install-systemd.ts";
import { addInstallWazuh } from "./install-wazuh.ts";

/** Every target is a file of its own that adds itself here and in `uninstall`. */
export function addInstall(program: Command): void {
  const install = program
    .command("install")
    .description(
      "Put Tipline's part into Wazuh, Fluent Bit, Graylog or systemd: shows what it would do, asks, and takes it back on failure.",
    );
  addInstallWazuh(install);
  addInstallFluentBit(install);
  addInstallGraylog(install);
  addInstallSystemd(install);
}
