import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { shellWord } from "./doctor-host-access.ts";
import { DEFAULT_PREFIX, type InstallationPaths, samePlace } from "./wazuh/installation.ts";

const UNIT = "wazuh-manager.service";
const UNIT_DIRS = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/**
 * The command that starts or restarts a manager: systemd's where that runs it (else it would believe it stopped), its own script,
 * or words where only its volumes are here.
 */
export function managerCommand({ controlBinary }: InstallationPaths, what: "start" | "restart"): string {
  if (samePlace(dirname(dirname(controlBinary)), DEFAULT_PREFIX) && hasUnit()) return `systemctl ${what} wazuh-manager`;
  return existsSync(controlBinary) ? `${shellWord(controlBinary)} ${what}` : `${what} the manager (its container)`;
}

function hasUnit(): boolean {
  return existsSync("/run/systemd/system") && UNIT_DIRS.some((folder) => existsSync(join(folder, UNIT)));
}
