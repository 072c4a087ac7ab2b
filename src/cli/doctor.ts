import type { Command } from "commander";
import { connectServer, findServers, type ServerSettings } from "../app/live-servers.ts";
import { systemClock } from "../lib/clock.ts";
import { createLog } from "../lib/create-log.ts";
import { silentLog } from "../lib/log.ts";
import type { Check } from "../setup/checks.ts";
import { doctorMisp } from "../setup/doctor-misp.ts";
import { addDoctorWazuh, checkLines, wholeChainOptions } from "./doctor-chain.ts";
import { addDoctorFluentBit } from "./doctor-fluent-bit.ts";
import { addDoctorGraylog } from "./doctor-graylog.ts";
import { serverOptions } from "./lookup-live.ts";
import { EXIT, note, paint, print, printJson, safe } from "./output.ts";
import { untilInterrupted } from "./signals.ts";

export function addDoctor(program: Command): void {
  const doctor = program
    .command("doctor")
    .description("Walk the whole chain from MISP to the alert in Wazuh, name what is broken, and say what to do.");
  wholeChainOptions(doctor);
  addMisp(doctor);
  addDoctorWazuh(doctor);
  addDoctorGraylog(doctor);
  addDoctorFluentBit(doctor);
}

interface Flags {
  readonly config?: string;
  readonly feedName?: readonly string[];
  readonly server?: string;
  readonly keyFile?: string;
  readonly caFile?: string;
  readonly proxy?: string;
  readonly insecure?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

function addMisp(doctor: Command): void {
  const command = doctor
    .command("misp")
    .description("Every MISP server of the configuration: reachable, key and its rights, clock, content, filters.")
    .option(
      "-c, --config <file>",
      "configuration (default: $TIPLINE_CONFIG, ./tipline.yaml, /etc/tipline/tipline.yaml)",
    );
  serverOptions(command)
    .option("--json", "one JSON object a check")
    .option("-v, --verbose", "log what happens to stderr")
    .addHelpText(
      "after",
      `
Examples:
  tipline doctor misp
  tipline doctor misp --server https://misp.example.org --key-file misp.key
  tipline doctor misp --json | jq 'select(.status != "ok")'

It only reads. MISP counts about 20,000 attributes a second; above 300,000 a sample of events stands for all.
Exit code 1 when something fails; warnings alone are 0.`,
    )
    // The parent has options of the same names, and commander gives them to whichever was asked.
    .action((_: Flags, self: Command) => examine(self.optsWithGlobals<Flags>()));
}

async function examine(flags: Flags): Promise<void> {
  const { servers } = await findServers({ ...flags, feedNames: flags.feedName ?? [] });
  const signal = untilInterrupted();
  let failed = 0;
  let warned = 0;
  for (const server of servers) {
    if (!flags.json) await print(paint("bold", `${safe(server.name)}  ${safe(server.connection.url)}`));
    for await (const check of checksOf(server, flags, signal)) {
      if (check.status === "fail") failed++;
      if (check.status === "warn") warned++;
      if (flags.json) await printJson({ server: server.name, ...check });
      else await print(checkLines(check));
    }
  }
  if (!flags.json) note(failed + warned === 0 ? "all is well" : `${failed} failed, ${warned} to look at`);
  if (failed > 0) process.exitCode = EXIT.failed;
}

async function* checksOf(server: ServerSettings, flags: Flags, signal: AbortSignal): AsyncGenerator<Check> {
  const log = flags.verbose ? createLog("debug") : silentLog;
  const { misp } = connectServer(server, { clock: systemClock, log, cacheDir: undefined, patient: true });
  try {
    const { connection, toIdsOnly, publishedOnly, filters, pageSize, sightings, zmq } = server;
    const subject = {
      connection,
      misp,
      toIdsOnly,
      publishedOnly,
      filters,
      pageSize,
      sightings,
      zmq,
      now: systemClock.now,
    };
    yield* doctorMisp(subject, signal);
  } finally {
    await misp.close();
  }
}
