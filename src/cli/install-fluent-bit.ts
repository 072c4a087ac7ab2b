import { resolve } from "node:path";
import type { Command } from "commander";
import { TiplineError } from "../lib/errors.ts";
import { secretFrom } from "../lib/secret-schema.ts";
import { type FluentBitOptions, generate, type Route } from "../setup/fluent-bit/generate.ts";
import { type FluentBitWorld, install, type Outcome, uninstall } from "../setup/fluent-bit/install.ts";
import { unitFolder } from "../setup/fluent-bit/install-plan.ts";
import { type Format, render } from "../setup/fluent-bit/render.ts";
import { UNIT } from "../setup/fluent-bit/unit.ts";
import { runCommand } from "../setup/wazuh/install-command.ts";
import { systemAccounts } from "../setup/wazuh/install-user.ts";
import { wholeNumber } from "./common.ts";
import { type ReceiverFlags, receivers } from "./install-fluent-bit-receivers.ts";
import { agreeTo, printOutcome } from "./install-plan-render.ts";
import { EXIT, note, print, safe, safeLines } from "./output.ts";
import { untilInterrupted } from "./signals.ts";

interface CommonFlags {
  readonly dir: string;
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

interface InstallFlags extends CommonFlags, ReceiverFlags {
  readonly format: string;
  readonly prefix: string;
  readonly wazuhGroup: string;
  readonly state: string;
  readonly limit: string;
  readonly monitorPort: string;
  readonly unit: boolean;
  readonly unitDir?: string;
  readonly program?: string;
  readonly start?: boolean;
  readonly print?: boolean;
}

const DIR = "/etc/fluent-bit";

function commonOptions(command: Command): Command {
  return command
    .option("--dir <dir>", "folder of Fluent Bit's configuration", DIR)
    .option("--dry-run", "show what would be done, and do nothing")
    .option("-y, --yes", "do not ask")
    .option("--json", "one JSON object with what was or would be done; wants --yes or --dry-run");
}

export function addInstallFluentBit(parent: Command): void {
  const command = parent
    .command("fluent-bit")
    .description(
      "A configuration for Fluent Bit on this machine that loses no alert: Wazuh to Tipline, Graylog or both.",
    )
    .option("--route <tipline|graylog|both>", "where alerts go", "tipline")
    .option("--format <classic|yaml>", "the configuration's format", "classic");
  commonOptions(command)
    .option("--prefix <dir>", "the Wazuh manager's folder", "/var/ossec")
    .option("--wazuh-group <name>", "the manager's group, which may read the alerts", "wazuh")
    .option("--tipline <host[:port]>", "Tipline's HTTP listener (default: as the configuration here has it)")
    .option("-c, --config <file>", "Tipline's configuration (default: as of `run`, where there is one)")
    .option("--tipline-tls", "TLS to Tipline (default: except on loopback)")
    .option("--no-tipline-tls", "none; on loopback only")
    .option("--tipline-ca <file>", "authority of its certificate (default: the system's)")
    .option("--cert-file <file>", "client certificate to show to Tipline")
    .option("--key-file <file>", "its key")
    .option(
      "--token-file <file>",
      "the token for Tipline (default: as the configuration here has it); goes into DIR/tipline.env, which only root reads",
    )
    .option("--token-env <name>", "variable that holds it", "TIPLINE_TOKEN")
    .option("--no-token", "send none; on loopback only")
    .option("--graylog <host[:port]>", "Graylog's Raw/Plaintext TCP input (port: 5555)")
    .option("--no-graylog-tls", "its input does no TLS: alerts go there in clear")
    .option("--graylog-ca <file>", "authority of its certificate (default: the system's)")
    .option("--state <dir>", "offsets, and chunks that wait", "/var/lib/fluent-bit-tipline")
    .option("--limit <size>", "disk for what waits, for each receiver", "1G")
    .option("--monitor-port <port|off>", "Fluent Bit's own counters, on loopback", "2020")
    .option("--program <file>", "the fluent-bit to try it with and to run (default: where packages put it)")
    .option("--no-unit", `no ${UNIT}`)
    .option("--unit-dir <dir>", "where the unit goes (default: /etc/systemd/system, if it is there)")
    .option("--start", "enable and (re)start the service as well")
    .option("--print", "only print the configuration, for whatever machine")
    .addHelpText(
      "after",
      `
Examples:
  tipline install fluent-bit --dry-run
  tipline install fluent-bit --token-file /etc/tipline/credentials/alerts.token --start
  tipline install fluent-bit --route both --graylog graylog.example.org --tipline tipline.example.org --yes
  tipline install fluent-bit --route graylog --graylog graylog.example.org:5555 --format yaml --print

It writes DIR/tipline.conf (or .yaml), DIR/tipline.env and a service of its own, ${UNIT}, and leaves what
Fluent Bit does already alone. The secret is never in the configuration. What was there is copied to DIR/backup/tipline first;
where fluent-bit --dry-run or systemd does not accept the result, or on Ctrl-C, everything is put back.
To Tipline alerts go at least once. Graylog's TCP inputs acknowledge nothing: at most once.`,
    )
    .action((flags: InstallFlags) => runInstall(flags));
}

export function addUninstallFluentBit(parent: Command): void {
  const command = parent
    .command("fluent-bit")
    .description("Take out what `install fluent-bit` put in; offsets and chunks that wait stay.");
  commonOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  tipline uninstall fluent-bit --dry-run
  tipline uninstall fluent-bit --yes`,
    )
    .action((flags: CommonFlags) => runUninstall(flags));
}

async function runInstall(flags: InstallFlags): Promise<void> {
  const route = oneOf<Route>("--route", flags.route, ["tipline", "graylog", "both"]);
  const format = oneOf<Format>("--format", flags.format, ["classic", "yaml"]);
  const { tipline, graylog, token } = await receivers(flags, route);
  const options: FluentBitOptions = {
    alerts: `${resolve(flags.prefix)}/logs/alerts/*/*/ossec-alerts-*.json`,
    stateDir: resolve(flags.state),
    limit: flags.limit,
    monitorPort: flags.monitorPort === "off" ? undefined : wholeNumber("--monitor-port", flags.monitorPort, 1, 65_535),
    tipline,
    graylog,
  };
  if (flags.print) {
    await print(render(generate(options), format));
    return;
  }
  const request = {
    dir: resolve(flags.dir),
    format,
    options,
    token: flags.tokenFile === undefined ? token : secretFrom(flags.tokenFile, undefined, "--token-file"),
    unitDir: flags.unit ? (flags.unitDir ?? unitFolder()) : undefined,
    group: flags.wazuhGroup,
    program: flags.program,
    start: flags.start === true,
    dryRun: flags.dryRun === true,
  };
  await finish(await install(request, worldOf(flags, flags.start === true)), flags, "installed");
}

async function runUninstall(flags: CommonFlags): Promise<void> {
  const outcome = await uninstall({ dir: resolve(flags.dir), dryRun: flags.dryRun === true }, worldOf(flags, false));
  await finish(outcome, flags, "uninstalled");
}

async function finish(outcome: Outcome, flags: CommonFlags, done: string): Promise<void> {
  const { status, next, prefix } = outcome;
  if (flags.json) await printOutcome(outcome);
  else if (status === "unchanged") note(`nothing to do in ${safe(prefix)}`);
  else if (status === "planned") note("nothing was changed; without --dry-run it would be");
  else if (status === "refused") note("nothing was changed");
  else note(done);
  if (status === "refused") process.exitCode = EXIT.failed;
  if (status === "done" && !flags.json && next.length > 0)
    note(`next:\n${next.map((step) => `  ${safe(step, 500)}`).join("\n")}`);
}

function worldOf(flags: CommonFlags, start: boolean): FluentBitWorld {
  const signal = untilInterrupted(() => note("tipline: interrupted; putting back what was done"));
  const after = start ? `then ${UNIT} is enabled and started` : "";
  return {
    run: runCommand,
    accounts: systemAccounts(runCommand),
    signal,
    say: (line) => note(safeLines(line)),
    agree: (plan, dir) =>
      agreeTo(plan, dir, { ...flags, reload: true }, signal, { title: `Fluent Bit in ${dir}`, after, whole: true }),
    now: Date.now,
  };
}

function oneOf<T extends string>(flag: string, given: string, known: readonly T[]): T {
  const found = known.find((each) => each === given);
  if (found !== undefined) return found;
  throw new TiplineError(
    "TIP_USAGE_INVALID",
    `${flag}: expected ${known.slice(0, -1).join(", ")} or ${known.at(-1)}, found "${safe(given, 40)}"`,
  );
}
