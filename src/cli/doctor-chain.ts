import type { Command } from "commander";
import { doctorChain } from "../app/doctor.ts";
import { findConfig, requireConfig } from "../app/paths.ts";
import type { Check } from "../setup/checks.ts";
import { DEFAULT_PREFIX } from "../setup/wazuh/installation.ts";
import { EXIT, note, paint, print, printJson, safe } from "./output.ts";
import { untilInterrupted } from "./signals.ts";

interface Flags {
  readonly config?: string;
  readonly prefix?: string;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

const CONFIG = "configuration (default: $TIPLINE_CONFIG, ./tipline.yaml, /etc/tipline/tipline.yaml)";

/** `tipline doctor` itself: the whole chain. */
export function wholeChainOptions(doctor: Command): void {
  chainOptions(doctor)
    .addHelpText(
      "after",
      `
Examples:
  tipline doctor
  sudo tipline doctor -v
  tipline doctor --json | jq 'select(.status != "ok")'

It walks from the configuration to the alert in Wazuh and names the hop that is broken, with what mends it. Hops that rest on a
broken one are not looked at. It changes nothing, takes some seconds (Wazuh's counters are read twice), and works for any user:
what that user may not see is said. Where all is well it prints nothing but that, on stderr; -v prints every hop.
Exit code 1 when something fails; warnings alone are 0.`,
    )
    .action((flags: Flags) => show({ config: requireConfig(flags.config), flags, wazuhOnly: false }));
}

/** `tipline doctor wazuh`: the side of Wazuh, with or without a configuration. */
export function addDoctorWazuh(doctor: Command): void {
  const command = doctor
    .command("wazuh")
    .description(
      "The Wazuh manager: alerts written and readable, queue, rules loaded, events of ours sent through wazuh-logtest.",
    );
  chainOptions(command)
    .addHelpText(
      "after",
      `
Examples:
  tipline doctor wazuh
  tipline doctor wazuh --prefix /mnt/wazuh
  tipline doctor wazuh -v

Without a configuration it looks at what a stock installation has. Nothing is written but a session of wazuh-logtest.
Exit code 1 when something fails; warnings alone are 0.`,
    )
    // The parent has options of the same names, and commander gives them to whichever was asked.
    .action((_: Flags, self: Command) => {
      const flags = self.optsWithGlobals<Flags>();
      return show({ config: findConfig(flags.config), flags, wazuhOnly: true });
    });
}

function chainOptions(command: Command): Command {
  return command
    .option("-c, --config <file>", CONFIG)
    .option("--prefix <dir>", `the manager's folder (default: as configured, else ${DEFAULT_PREFIX})`)
    .option("--json", "one JSON object a check, whatever its status")
    .option("-v, --verbose", "print what is well too, and what was not looked at");
}

interface Asked {
  readonly config: string | undefined;
  readonly flags: Flags;
  readonly wazuhOnly: boolean;
}

async function show({ config, flags: { prefix, json, verbose }, wazuhOnly }: Asked): Promise<void> {
  const signal = untilInterrupted();
  const counts = { ok: 0, warn: 0, fail: 0, skip: 0, unseen: 0 };
  const options = { config, wazuhOnly, ...(prefix === undefined ? {} : { prefix }) };
  for await (const check of doctorChain(options, signal)) {
    counts[check.status]++;
    if (json) await printJson(check);
    else if (verbose || check.status === "fail" || check.status === "warn") await print(checkLines(check));
    else if (check.status === "unseen") await print(checkLines(check));
  }
  if (!json) note(summary(counts));
  if (counts.fail > 0 || signal.aborted) process.exitCode = EXIT.failed;
}

function summary({ ok, warn, fail, skip, unseen }: Readonly<Record<Check["status"], number>>): string {
  const parts = [
    fail > 0 ? `${fail} failed` : "",
    warn > 0 ? `${warn} to look at` : "",
    unseen > 0 ? `${unseen} could not be seen` : "",
  ].filter((part) => part !== "");
  if (parts.length === 0) return `all is well (${ok} checks)`;
  return [...parts, `${ok} well`, ...(fail > 0 && skip > 0 ? [`${skip} not looked at`] : [])].join(", ");
}

const STYLE = { ok: "green", warn: "yellow", fail: "red", skip: "dim", unseen: "cyan" } as const;
const WORD = { ok: "ok", warn: "warn", fail: "FAIL", skip: "-", unseen: "?" } as const;
const NAME_WIDTH = 24;
const STATUS_WIDTH = 4;

/** A check in one line, what to do about it in a second. */
export function checkLines({ name, status, found, advice }: Check): string {
  const mark = paint(STYLE[status], WORD[status].padEnd(STATUS_WIDTH));
  const first = `  ${mark}  ${safe(name, 60).padEnd(NAME_WIDTH)}  ${safe(found, 700)}`;
  return advice === "" ? first : `${first}\n${" ".repeat(NAME_WIDTH + STATUS_WIDTH + 6)}→ ${safe(advice, 500)}`;
}
