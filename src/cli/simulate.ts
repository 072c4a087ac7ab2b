import type { Command } from "commander";
import type { SimulateAs } from "../app/simulate.ts";
import type { Hop } from "../app/simulate-follow.ts";
import { prepareSimulation } from "../app/simulate-run.ts";
import { createLog } from "../lib/create-log.ts";
import { TiplineError } from "../lib/errors.ts";
import { parseDuration } from "../lib/units.ts";
import { SCENARIOS, scenarioNamed } from "../setup/scenarios/index.ts";
import type { Scenario } from "../setup/scenarios/scenario.ts";
import { EXIT, note, paint, print, printJson, safe, table } from "./output.ts";
import { untilInterrupted } from "./signals.ts";

interface Flags {
  readonly config?: string;
  readonly as?: string;
  readonly append?: string;
  readonly socket?: string;
  readonly value?: string;
  readonly agent?: string;
  readonly wait: string;
  readonly list?: boolean;
  readonly json?: boolean;
  readonly verbose?: boolean;
}

const SHAPES: readonly string[] = ["event", "log", "alert"];
const MOST_WAIT_MS = 3_600_000;

export function addSimulate(program: Command): void {
  program
    .command("simulate")
    .description("Make a typical attack visible without an attacker, and show each hop that it passes.")
    .argument("[scenario]", "which one; --list shows them")
    .option(
      "-c, --config <file>",
      "configuration (default: $TIPLINE_CONFIG, ./tipline.yaml, /etc/tipline/tipline.yaml)",
    )
    .option("--as <shape>", "event (into Wazuh's queue), log (a raw line) or alert (a finished alert)")
    .option("--append <file>", "append the line to this file instead of printing it")
    .option("--socket <path>", "Wazuh's queue socket (default: the configured sink's)")
    .option("--value <value>", "this value instead of a listed one")
    .option("--agent <id:name[:ip]>", "the agent that it happens on (default: the manager)")
    .option("--wait <duration>", "how long to watch in all; 0s: not at all", "60s")
    .option("--list", "list the scenarios")
    .option("--json", "one JSON object a hop (or scenario)")
    .option("-v, --verbose", "log what happens to stderr")
    .addHelpText(
      "after",
      `
Examples:
  tipline simulate --list
  tipline simulate ssh-login
  tipline simulate sysmon-dns --agent 006:DESKTOP-1:10.0.2.31 --value evil.example
  tipline simulate web-access --as log --append /var/log/nginx/access.log
  tipline simulate fim --as alert --append /tmp/alerts.json
  tipline simulate ssh-login --as log --wait 0s            (prints the line)

Run it as the user that runs Tipline: the event is marked with the installation's key, so that its finding has mode
"simulated" and is no sighting. The alert itself is a real one. Exit code 1: the hop at which it stopped is the last one.`,
    )
    .action(async (name: string | undefined, flags: Flags) => {
      if (flags.list) return listScenarios(flags.json === true);
      await simulate(wanted(name), flags);
    });
}

async function listScenarios(json: boolean): Promise<void> {
  if (json) {
    for (const { name, summary, types, log, alerts } of SCENARIOS)
      await printJson({ name, summary, types, shapes: log === undefined ? ["event", "alert"] : SHAPES, ...alerts });
    return;
  }
  await print(
    table(
      SCENARIOS.map(({ name, summary, alerts }) => [
        name,
        summary,
        "rule" in alerts ? `rule ${alerts.rule}` : `needs ${alerts.lacks}`,
      ]),
    ),
  );
}

function wanted(name: string | undefined): Scenario {
  const scenario = name === undefined ? undefined : scenarioNamed(name);
  if (scenario !== undefined) return scenario;
  const names = SCENARIOS.map((one) => one.name).join(", ");
  throw new TiplineError(
    "TIP_USAGE_INVALID",
    `expected one of ${names}${name === undefined ? "" : `, got "${safe(name, 40)}"`}`,
  );
}

async function simulate(scenario: Scenario, flags: Flags): Promise<void> {
  const shape = flags.as;
  if (shape !== undefined && !SHAPES.includes(shape))
    throw new TiplineError("TIP_USAGE_INVALID", `--as: expected ${SHAPES.join(", ")}, got "${safe(shape, 40)}"`);
  if (shape === "event" && flags.append !== undefined)
    throw new TiplineError(
      "TIP_USAGE_INVALID",
      "--append: an event goes into Wazuh's queue; use --as log or --as alert",
    );
  const prepared = await prepareSimulation({
    scenario,
    waitMs: waitMs(flags.wait),
    log: createLog(flags.verbose ? "debug" : "warn"),
    ...(flags.config === undefined ? {} : { config: flags.config }),
    ...(shape === undefined ? {} : { as: shape as SimulateAs }),
    ...(flags.append === undefined ? {} : { file: flags.append }),
    ...(flags.socket === undefined ? {} : { socket: flags.socket }),
    ...(flags.value === undefined ? {} : { value: flags.value }),
    ...(flags.agent === undefined ? {} : { agent: flags.agent }),
  });
  try {
    if (!prepared.goes) {
      await print(prepared.text);
      note(
        `tipline: ${prepared.type} ${safe(prepared.value)}; printed only: ${prepared.as === "log" ? "give it to logcollector with --append FILE" : "append it with --append FILE to a file that a source reads"}`,
      );
      return;
    }
    const { scenario: name, as, type, value, mark } = prepared;
    if (flags.json) await printJson({ scenario: name, as, type, value, mark });
    else await print(`${paint("bold", name)} as ${as}: ${type} ${safe(value)}, marked ${mark}`);
    const last = await show(prepared.run(untilInterrupted()), flags.json === true);
    if (last?.status === "failed" || last === undefined) process.exitCode = EXIT.failed;
  } finally {
    await prepared.close();
  }
}

const STYLE = { ok: "green", failed: "red", unknown: "yellow" } as const;

async function show(hops: AsyncIterable<Hop>, json: boolean): Promise<Hop | undefined> {
  const begun = Date.now();
  let last: Hop | undefined;
  for await (const hop of hops) {
    last = hop;
    const afterMs = Date.now() - begun;
    const { hop: name, status, found, advice, details } = hop;
    if (json) await printJson({ hop: name, status, found, advice, after_ms: afterMs, ...details });
    else {
      const line = `  ${paint(STYLE[status], status.padEnd(7))}  ${name.padEnd(9)}  ${safe(found, 600)}`;
      await print(advice === "" ? line : `${line}\n${" ".repeat(22)}→ ${safe(advice, 400)}`);
    }
  }
  return last;
}

function waitMs(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms <= MOST_WAIT_MS) return ms;
  throw new TiplineError(
    "TIP_USAGE_INVALID",
    `--wait: expected a duration of at most 1h such as 30s, got "${safe(text, 40)}"`,
  );
}
