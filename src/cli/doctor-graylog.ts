import type { Command } from "commander";
import { systemClock } from "../lib/clock.ts";
import { readState } from "../setup/graylog/install-state.ts";
import { readBack } from "../setup/graylog/read-back.ts";
import { checkLines } from "./doctor-chain.ts";
import { type ConnectionFlags, connectionOptions, withGraylog } from "./graylog-server.ts";
import { EXIT, note, paint, print, printJson, safe } from "./output.ts";

interface Flags extends ConnectionFlags {
  readonly json?: boolean;
}

export function addDoctorGraylog(doctor: Command): void {
  const command = doctor
    .command("graylog")
    .description(
      "A Graylog with Tipline's pack: reachable, stream and inputs run, rules are read, the lookup answers.",
    );
  connectionOptions(command)
    .option("--json", "one JSON object a check")
    .addHelpText(
      "after",
      `
Examples:
  tipline doctor graylog --url https://graylog.example.org:9000 --token-file graylog.token

It only reads. Exit code 1 when something fails; warnings alone are 0.`,
    )
    // The parent has options of the same names, and commander gives them to whichever was asked.
    .action((_: Flags, self: Command) => examine(self.optsWithGlobals<Flags>()));
}

async function examine(flags: Flags): Promise<void> {
  await withGraylog(flags, async (api, signal) => {
    const { version } = await readState(api, signal);
    if (!flags.json) await print(paint("bold", `Graylog ${safe(version)} at ${safe(api.url)}`));
    const checks = await readBack(api, systemClock, signal);
    for (const check of checks)
      if (flags.json) await printJson({ server: api.url, ...check });
      else await print(checkLines(check));
    const bad = checks.filter(({ status }) => status === "fail" || status === "warn");
    if (!flags.json) note(bad.length === 0 ? "all is well" : `${bad.length} to look at`);
    if (bad.some(({ status }) => status === "fail")) process.exitCode = EXIT.failed;
  });
}
