import { resolve } from "node:path";
import type { Command } from "commander";
import { requireConfig } from "../app/paths.ts";
import { runProgram } from "../setup/run-program.ts";
import { applySystemd, planSystemd, removeSystemd, UNIT } from "../setup/systemd.ts";
import { confirm } from "./confirm.ts";
import { EXIT, note, paint, print, safe, safeLines } from "./output.ts";

interface Flags {
  readonly config?: string;
  readonly prefix: string;
  readonly user: string;
  readonly wazuhGroup: string;
  readonly credentials: string;
  readonly unitDir: string;
  readonly start?: boolean;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
}

const UNIT_DIR = "/etc/systemd/system";

export function addInstallSystemd(install: Command): void {
  install
    .command("systemd")
    .description("The service: a unit with the least rights, fitted to this host.")
    .option("-c, --config <file>", "configuration that the service runs (default: as of `run`)")
    .option("--prefix <dir>", "the manager's folder", "/var/ossec")
    .option("--user <name>", "the service's own user", "tipline")
    .option("--wazuh-group <name>", "the manager's group", "wazuh")
    .option("--credentials <dir>", "folder of the secrets' files", "/etc/tipline/credentials")
    .option("--unit-dir <dir>", "where the unit goes", UNIT_DIR)
    .option("--start", "enable and (re)start it as well")
    .option("--dry-run", "only show what would be done")
    .option("-y, --yes", "do not ask")
    .addHelpText(
      "after",
      `
Examples:
  tipline install systemd --dry-run
  tipline install systemd --config /etc/tipline/tipline.yaml --start
  tipline uninstall systemd

Secrets: write key_file: \${CREDENTIALS_DIRECTORY}/misp.key in the configuration and put the key into
/etc/tipline/credentials/misp.key (root's, 0600): only the service gets to see it.
Exit code 1 when something that the service needs is missing; then nothing is changed.`,
    )
    .action((flags: Flags) => installSystemd(flags));
}

async function installSystemd(flags: Flags): Promise<void> {
  const plan = await planSystemd({
    config: resolve(requireConfig(flags.config)),
    prefix: resolve(flags.prefix),
    user: flags.user,
    wazuhGroup: flags.wazuhGroup,
    credentialsDir: resolve(flags.credentials),
    unitDir: flags.unitDir,
    node: process.execPath,
    run: runProgram,
  });
  const bad = plan.checks.filter(({ status }) => status !== "ok");
  for (const { name, status, found, advice } of bad)
    note(
      `${paint(status === "fail" ? "red" : "yellow", status, process.stderr)}  ${name}: ${safe(found, 500)}\n      → ${safe(advice, 500)}`,
    );
  if (plan.diff === "") note(`${plan.place.path} is as it should be`);
  else {
    note(plan.before ? `${plan.place.path} would change:` : `${plan.place.path} would be written:`);
    await print(safeLinesLong(plan.diff));
  }
  if (bad.some(({ status }) => status === "fail")) {
    note("nothing was changed: see above");
    process.exitCode = EXIT.failed;
    return;
  }
  const idle = plan.diff === "" && !flags.start;
  if (flags.dryRun || idle) return;
  if (!flags.yes && !(await confirm(flags.start ? `Write this and start ${UNIT}?` : "Write this?"))) return;
  for (const line of await applySystemd(plan, runProgram, flags.start === true)) note(line);
  if (!plan.live) note("systemd does not run here: the unit is written, and nothing was started");
  else if (!flags.start) note(`next: systemctl enable --now ${UNIT}`);
}

/** Every line made safe; a unit has more lines than a message may have. */
const safeLinesLong = (text: string): string =>
  text
    .split("\n")
    .map((line) => safeLines(line))
    .join("\n");

export function addUninstallSystemd(uninstall: Command): void {
  uninstall
    .command("systemd")
    .description("Stop the service and take its unit away; state, configuration and keys stay.")
    .option("--unit-dir <dir>", "where the unit is", UNIT_DIR)
    .option("-y, --yes", "do not ask")
    .action(async (flags: Pick<Flags, "unitDir" | "yes">) => {
      if (!flags.yes && !(await confirm(`Stop ${UNIT} and remove its unit?`))) return;
      const done = await removeSystemd(flags.unitDir, runProgram);
      for (const line of done) note(line);
      if (done.length === 0) note(`there is no ${UNIT} in ${safe(flags.unitDir)}`);
    });
}
