import type { Command } from "commander";
import { addInstallSystemd } from "./install-systemd.ts";
import { addInstallWazuh } from "./install-wazuh.ts";

/** Every target is a file of its own that adds itself here and in `uninstall`. */
export function addInstall(program: Command): void {
  const install = program
    .command("install")
    .description(
      "Put Tipline's part into Wazuh or systemd: shows what it would do, asks, and takes it back on failure.",
    );
  addInstallWazuh(install);
  addInstallSystemd(install);
}
