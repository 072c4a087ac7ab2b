import type { Command } from "commander";
import { reloadRuleset } from "../clients/wazuh-analysis.ts";
import { TiplineError } from "../lib/errors.ts";
import { isHookName } from "../setup/wazuh/hook.ts";
import { install, type RunRequest, type RunWorld, uninstall } from "../setup/wazuh/install.ts";
import { runCommand, splitCommand } from "../setup/wazuh/install-command.ts";
import { nextSteps } from "../setup/wazuh/install-plan.ts";
import { systemAccounts } from "../setup/wazuh/install-user.ts";
import { collect, wholeNumber } from "./common.ts";
import { type AgreeFlags, agreeTo, printOutcome } from "./install-plan-render.ts";
import { EXIT, note, safeLines } from "./output.ts";
import { untilInterrupted } from "./signals.ts";

interface CommonFlags extends AgreeFlags {
  readonly prefix?: string;
  readonly exec?: string;
  readonly execPrefix?: string;
}

interface InstallFlags extends CommonFlags {
  readonly ruleBlock?: string;
  readonly api?: boolean;
  readonly hook?: boolean;
  readonly hookName?: readonly string[];
  readonly visibility?: boolean;
  readonly replace?: readonly string[] | true;
  readonly agentGroup?: readonly string[];
  readonly user?: boolean;
  readonly configFile?: string;
  readonly mispUrl?: string;
}

function commonOptions(command: Command): Command {
  return command
    .option(
      "--prefix <dir>",
      "the manager's folder, or where a container's volumes are mounted (default: /var/ossec, else as its systemd unit says)",
    )
    .option("--exec <command>", "words to put before the manager's programs, such as: docker exec wazuh.manager")
    .option("--exec-prefix <dir>", "the manager's folder where --exec runs (default: /var/ossec)")
    .option("--no-reload", "leave the manager as it runs; the changes count from its next start")
    .option("--dry-run", "show what would be done, and do nothing")
    .option("-y, --yes", "do not ask")
    .option("--json", "one JSON object with what was or would be done; wants --yes or --dry-run");
}

export function addInstallWazuh(parent: Command): void {
  const command = parent
    .command("wazuh")
    .description("Rules, user and configuration beside a Wazuh manager (4.3 to 4.14); verified by it, or put back.");
  commonOptions(command)
    .option("--rule-block <id>", "first id of Tipline's own rules beside 100620-100622 (default: 100623)")
    .option("--hook", "install the hook, by which integratord hands alerts over (else alerts.json is followed)")
    .option("--no-hook", "take the hook away again")
    .option(
      "--hook-name <name>",
      "the hook also under this name, as custom-misp.py: an <integration> of it stays and is the hook's then",
      collect,
    )
    .option(
      "--replace [name...]",
      "the hook takes the place, and the filters, of these integrations (default: every MISP lookup, as custom-misp.py)",
    )
    .option("--visibility", "rules and a decoder for what a stock manager does not alert on: Sysmon, Packetbeat")
    .option("--no-visibility", "take them away again")
    .option("--agent-group <group>", "put what agents must send into this group's agent.conf; may be repeated", collect)
    .option("--api", "accept findings that come in by the server API as well")
    .option("--no-api", "only those by the queue socket")
    .option("--no-user", "no user tipline: Tipline runs as somebody else, or elsewhere")
    .option("--user", "set up user tipline in group wazuh (default)")
    .option("--config-file <file>", "configuration to write if there is none (default: /etc/tipline/tipline.yaml)")
    .option("--misp-url <url>", "put into that configuration")
    .addHelpText(
      "after",
      `
Examples:
  tipline install wazuh --dry-run
  tipline install wazuh --yes --misp-url https://misp.example.org
  tipline install wazuh --visibility --agent-group default
  tipline install wazuh --replace custom-misp.py
  tipline install wazuh --hook-name custom-misp.py
  tipline install wazuh --prefix /srv/wazuh/ossec --exec "docker exec wazuh.manager"

Run it again after an upgrade: it changes only what is not as it should be, and keeps what was asked for before.
What it finds is copied to PREFIX/backup/tipline first. When wazuh-analysisd -t or the reload does not accept the result,
or on Ctrl-C, everything is put back. From Wazuh 4.13 on rules are reloaded without a restart; ossec.conf always needs one.`,
    )
    .action((flags: InstallFlags) => runInstall(flags));
}

export function addUninstallWazuh(parent: Command): void {
  const command = parent
    .command("wazuh")
    .description(
      "Take out what `install wazuh` put in: files become what they were, but for what others changed since.",
    );
  commonOptions(command)
    .option("--purge", "also the user, the configuration if it is untouched, and the backups")
    .addHelpText(
      "after",
      `
Examples:
  tipline uninstall wazuh --dry-run
  tipline uninstall wazuh --yes --purge`,
    )
    .action((flags: CommonFlags & { readonly purge?: boolean }) => runUninstall(flags));
}

async function runInstall(flags: InstallFlags): Promise<void> {
  const options = {
    ruleBlock:
      flags.ruleBlock === undefined ? undefined : wholeNumber("--rule-block", flags.ruleBlock, 100_000, 999_999),
    api: flags.api,
    hook: flags.hook,
    hookNames: flags.hookName,
    visibility: flags.visibility,
    replace: flags.replace,
    agentGroups: flags.agentGroup,
    user: flags.user,
    configFile: flags.configFile,
    mispUrl: flags.mispUrl === undefined ? undefined : checkedUrl(flags.mispUrl),
  };
  if (flags.replace !== undefined && flags.hook === false)
    throw new TiplineError(
      "TIP_USAGE_INVALID",
      "--replace: puts the hook in their place, so --no-hook cannot go with it",
    );
  checkHookNames(flags);
  const world = worldOf(flags);
  const outcome = await install(requestOf(flags), options, world);
  await finish(outcome, flags, "installed");
  if (outcome.status !== "done" || flags.json) return;
  const steps = await nextSteps(outcome, world.accounts);
  note(`next:\n${steps.map((step) => `  ${step}`).join("\n")}`);
}

function checkHookNames({ hook, hookName, replace }: InstallFlags): void {
  if (hookName === undefined) return;
  const expected = (what: string) => new TiplineError("TIP_USAGE_INVALID", `--hook-name: ${what}`);
  const wrong = hookName.find((name) => !isHookName(name));
  if (wrong !== undefined)
    throw expected(
      `expected a name that integratord runs, custom- and letters, digits, dots, - or _, found ${JSON.stringify(wrong.slice(0, 100))}`,
    );
  if (hook === false) throw expected("it installs the hook, so --no-hook cannot go with it");
  if (replace !== undefined)
    throw expected("it leaves the <integration> where it is, and --replace takes it out: one of them");
}

async function runUninstall(flags: CommonFlags & { readonly purge?: boolean }): Promise<void> {
  const outcome = await uninstall({ ...requestOf(flags), purge: flags.purge === true }, worldOf(flags));
  await finish(outcome, flags, "uninstalled");
}

async function finish(outcome: Parameters<typeof printOutcome>[0], flags: CommonFlags, done: string): Promise<void> {
  if (flags.json) await printOutcome(outcome);
  else if (outcome.status === "unchanged") note(`nothing to do in ${outcome.prefix}`);
  else if (outcome.status === "planned") note("nothing was changed; without --dry-run it would be");
  else if (outcome.status === "refused") note("nothing was changed");
  else note(done);
  if (outcome.status === "refused") process.exitCode = EXIT.failed;
}

function requestOf(flags: CommonFlags): RunRequest {
  if (flags.execPrefix !== undefined && flags.exec === undefined)
    throw new TiplineError("TIP_USAGE_INVALID", "--exec-prefix: expected --exec as well");
  const exec = flags.exec === undefined ? undefined : splitCommand(flags.exec);
  return {
    prefix: flags.prefix,
    access: { exec, execPrefix: flags.execPrefix },
    reload: flags.reload,
    dryRun: flags.dryRun === true,
  };
}

function worldOf(flags: CommonFlags): RunWorld {
  const signal = untilInterrupted(() => note("tipline: interrupted; putting back what was done"));
  return {
    run: runCommand,
    accounts: systemAccounts(runCommand),
    hotReload: reloadRuleset,
    signal,
    say: (line) => note(safeLines(line)),
    agree: (plan, prefix) => agreeTo(plan, prefix, flags, signal),
    now: Date.now,
  };
}

function checkedUrl(text: string): string {
  const url = URL.canParse(text) && !/[\s#"'\\]/.test(text) ? new URL(text) : undefined;
  if (url && ["http:", "https:"].includes(url.protocol) && url.username === "" && url.password === "") return text;
  throw new TiplineError("TIP_USAGE_INVALID", "--misp-url: expected an http(s) address without a password");
}
