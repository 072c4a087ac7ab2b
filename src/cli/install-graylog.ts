import type { Command } from "commander";
import { systemClock } from "../lib/clock.ts";
import { TiplineError } from "../lib/errors.ts";
import { secretFrom } from "../lib/secret-schema.ts";
import type { Check } from "../setup/checks.ts";
import { planInstall, planUninstall, type Step } from "../setup/graylog/install.ts";
import { readState } from "../setup/graylog/install-state.ts";
import { DEFAULT_OPTIONS, optionsIn, type PackOptions } from "../setup/graylog/options.ts";
import { makePack } from "../setup/graylog/pack.ts";
import { type Tokens, values } from "../setup/graylog/parameters.ts";
import { readBack } from "../setup/graylog/read-back.ts";
import { confirm } from "./confirm.ts";
import { checkLines } from "./doctor-chain.ts";
import { completed, type OptionFlags, optionsOf, packOptions } from "./graylog-options.ts";
import { writePack } from "./graylog-pack-file.ts";
import { type ConnectionFlags, connectionOptions, fromEnvironment, withGraylog } from "./graylog-server.ts";
import { EXIT, note, paint, print, printJson, safe } from "./output.ts";

interface ServerFlags extends ConnectionFlags {
  readonly dryRun?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

interface InstallFlags extends ServerFlags, OptionFlags {
  readonly write?: string;
  readonly lookupTokenFile?: string;
  readonly notifyTokenFile?: string;
}

function serverOptions(command: Command): Command {
  return connectionOptions(command)
    .option("--dry-run", "show what would be done, and do nothing")
    .option("-y, --yes", "do not ask")
    .option("--json", "one JSON object with what was or would be done; wants --yes or --dry-run");
}

export function addInstallGraylog(parent: Command): void {
  const command = parent
    .command("graylog")
    .description("A content pack for Graylog 6.0 and newer: inputs, parsing, lookup, events, dashboard.")
    .option("--write <file>", "write the pack, for an upload by hand, instead of installing it; - is standard output");
  serverOptions(command)
    .option("--lookup-token-file <file>", "token of Tipline's lookup (else: $TIPLINE_LOOKUP_TOKEN)")
    .option("--notify-token-file <file>", "token of Tipline's source graylog (else: $TIPLINE_NOTIFY_TOKEN)");
  packOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  tipline install graylog --write tipline-pack.json
  tipline install graylog --url https://graylog.example.org:9000 --token-file graylog.token --dry-run
  tipline install graylog --url https://graylog.example.org --token-file graylog.token --ca-file ca.pem --yes \\
    --tipline-url https://tipline.example.org:9628 --lookup-token-file lookup.token --notify-token-file notify.token
  tipline uninstall graylog --url https://graylog.example.org:9000 --token-file graylog.token

Run it again after an upgrade or with other options: it changes only what is not so already, and keeps what was asked for before,
tokens included. A new revision takes the place of the
old one; when Graylog refuses it, the old one is put back. Tokens are never written into the pack: Graylog asks for them when it
is installed by hand. docs/graylog.md goes from nothing to a dashboard.`,
    )
    .action((flags: InstallFlags) => runInstall(flags));
}

export function addUninstallGraylog(parent: Command): void {
  serverOptions(
    parent.command("graylog").description("Take out of Graylog what `install graylog` made; messages stay."),
  )
    .addHelpText(
      "after",
      `
Examples:
  tipline uninstall graylog --url https://graylog.example.org:9000 --token-file graylog.token --dry-run`,
    )
    .action((flags: ServerFlags) => runUninstall(flags));
}

async function runInstall(flags: InstallFlags): Promise<void> {
  const given = optionsOf(flags);
  if ((flags.write === undefined) === (flags.url === undefined))
    throw new TiplineError("TIP_USAGE_INVALID", "expected either --write FILE or --url URL");
  if (flags.write !== undefined)
    return writePack(flags.write, makePack(completed({}, given), { allowlist: true }), flags);
  const tokens = tokensOf(flags);
  await withGraylog(flags, async (api, signal) => {
    const state = await readState(api, signal);
    const [before] = state.installed;
    const options = completed(optionsIn(before?.comment), given);
    const request = { api, pack: makePack(options), options, values: values(options, tokens, before?.parameters) };
    const steps = await planInstall(request, state, signal);
    const status = await carryOut(steps, `Graylog ${state.version} at ${api.url}`, flags, signal);
    const look = status === "done" || status === "unchanged";
    const checks = look ? await readBack(api, systemClock, signal) : [];
    await finish({ url: api.url, version: state.version, status, steps, checks }, flags);
    if (look && !flags.json) note(nextSteps(options, tokens));
  });
}

async function runUninstall(flags: ServerFlags): Promise<void> {
  await withGraylog(flags, async (api, signal) => {
    const state = await readState(api, signal);
    const steps = planUninstall({ api, options: DEFAULT_OPTIONS }, state);
    const status = await carryOut(steps, `Graylog ${state.version} at ${api.url}`, flags, signal);
    await finish({ url: api.url, version: state.version, status, steps, checks: [] }, flags);
  });
}

type Status = "planned" | "done" | "unchanged" | "refused";

async function carryOut(
  steps: readonly Step[],
  where: string,
  flags: ServerFlags,
  signal: AbortSignal,
): Promise<Status> {
  if (steps.length === 0) return "unchanged";
  if (!flags.json) {
    await print(paint("bold", safe(where)));
    for (const { what, why } of steps) await print(`  ${safe(what, 400)}\n          ${safe(why, 400)}`);
  }
  if (flags.dryRun) return "planned";
  if (!flags.yes && flags.json)
    throw new TiplineError("TIP_USAGE_INVALID", "expected --yes or --dry-run with --json: nobody can be asked");
  if (!flags.yes && !(await confirm("Go on?"))) return "refused";
  for (const { what, run } of steps) {
    await run(signal);
    if (!flags.json) note(`done: ${safe(what, 400)}`);
  }
  return "done";
}

interface Outcome {
  readonly url: string;
  readonly version: string;
  readonly status: Status;
  readonly steps: readonly Step[];
  readonly checks: readonly Check[];
}

async function finish({ url, version, status, steps, checks }: Outcome, flags: ServerFlags): Promise<void> {
  if (flags.json)
    await printJson({ url, version, status, steps: steps.map(({ what, why }) => ({ what, why })), checks });
  else {
    for (const check of checks) await print(checkLines(check));
    if (status === "unchanged") note("nothing to do: everything is as it should be");
    if (status === "planned") note("nothing was changed; without --dry-run it would be");
    if (status === "refused") note("nothing was changed");
  }
  if (status === "refused" || checks.some((check) => check.status === "fail")) process.exitCode = EXIT.failed;
}

function nextSteps(options: PackOptions, tokens: Tokens): string {
  const secured = options.inputTls === undefined ? "" : ", tls";
  const lines = [
    ...(options.inputs.includes("gelf")
      ? [
          `in tipline.yaml a sink of type gelf: address is this Graylog's, port ${options.gelfPort}, transport: tcp${secured}`,
        ]
      : []),
    ...(options.inputs.includes("raw")
      ? [
          `for all of Wazuh's alerts: tipline install fluent-bit, or a sink of type tcp-lines, to port ${options.rawPort}`,
        ]
      : []),
    `lookup: and a source of type graylog in tipline.yaml${tokens.lookup === undefined ? ", with tokens unless Graylog is on this host" : ""}`,
    "see it: Dashboards → Tipline: findings; docs/graylog.md says what to look at when nothing arrives",
  ];
  return `next:\n${lines.map((line) => `  ${line}`).join("\n")}`;
}

function tokensOf({ lookupTokenFile, notifyTokenFile }: InstallFlags): Tokens {
  const lookup = secretFrom(lookupTokenFile, fromEnvironment("TIPLINE_LOOKUP_TOKEN"), "--lookup-token-file");
  const notify = secretFrom(notifyTokenFile, fromEnvironment("TIPLINE_NOTIFY_TOKEN"), "--notify-token-file");
  return { lookup: lookup?.reveal(), notify: notify?.reveal() };
}
