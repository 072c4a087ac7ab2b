import type { Command } from "commander";
import { loadFluentBit } from "../setup/fluent-bit/config-load.ts";
import { doctorFluentBit } from "../setup/fluent-bit/doctor.ts";
import type { Finding } from "../setup/fluent-bit/finding.ts";
import { checkLines } from "./doctor-chain.ts";
import { EXIT, note, print, printJson } from "./output.ts";

interface Flags {
  readonly json?: boolean;
}

/** `tipline doctor fluent-bit FILE`. */
export function addDoctorFluentBit(doctor: Command): void {
  doctor
    .command("fluent-bit")
    .description(
      "A configuration of Fluent Bit: each fault with its line, what comes of it, and what to write instead.",
    )
    .argument("<file>", "classic (.conf) or YAML (.yaml); its includes and parsers files are read too")
    .option("--json", "one JSON object a fault")
    .addHelpText(
      "after",
      `
Examples:
  tipline doctor fluent-bit /etc/fluent-bit/fluent-bit.conf
  tipline doctor fluent-bit /etc/fluent-bit/fluent-bit.yaml --json | jq -r '.id + " line " + (.line | tostring)'

It reads, and starts nothing; run it where Fluent Bit runs, because it looks whether the files that are named are there.
\`fluent-bit --dry-run\` sees little of this: it calls a configuration good whose outputs cannot start.
Secrets are never printed. Exit code 1 when a fault loses alerts, opens a secret or keeps Fluent Bit from starting.`,
    )
    // The parent has options of the same names, and commander gives them to whichever was asked.
    .action((file: string, _: Flags, self: Command) => show(file, self.optsWithGlobals<Flags>()));
}

async function show(file: string, { json }: Flags): Promise<void> {
  const findings = doctorFluentBit(loadFluentBit(file));
  const counts = { fail: 0, warn: 0, unseen: 0 };
  for (const finding of findings) {
    counts[finding.status]++;
    if (json) await printJson(finding);
    else await print(lines(finding));
  }
  if (!json) note(summary(counts));
  if (counts.fail > 0) process.exitCode = EXIT.failed;
}

function lines(finding: Finding): string {
  return checkLines({ ...finding, found: `${finding.found}: ${finding.consequence}  [${finding.id}]` });
}

function summary({ fail, warn, unseen }: Readonly<Record<Finding["status"], number>>): string {
  const parts = [
    fail > 0 ? `${fail} failed` : "",
    warn > 0 ? `${warn} to look at` : "",
    unseen > 0 ? `${unseen} could not be seen` : "",
  ].filter((part) => part !== "");
  return parts.length === 0 ? "all is well" : parts.join(", ");
}
