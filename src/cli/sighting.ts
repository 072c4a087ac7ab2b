import { userInfo } from "node:os";
import type { Command } from "commander";
import { openIntelligence } from "../app/intelligence.ts";
import { requireConfig } from "../app/paths.ts";
import {
  listSightings,
  noteSighting,
  refreshKnowledge,
  type SightingsOfReport,
  serverOf,
  type Taken,
  type ToldSighting,
  tellSightings,
} from "../app/sighting.ts";
import { type SightingTargets, sightingTargets } from "../app/sighting-targets.ts";
import { type Config, loadConfig } from "../config/load.ts";
import { systemClock } from "../lib/clock.ts";
import { createLog } from "../lib/create-log.ts";
import { TiplineError } from "../lib/errors.ts";
import type { IndicatorReport } from "../model/indicator.ts";
import { confirm, expectTerminal } from "./confirm.ts";
import { EXIT, note, print, printJson, safe, safeLines, table } from "./output.ts";

interface Flags {
  readonly config?: string;
  readonly feed?: string;
  readonly reason?: string;
  readonly yes?: boolean;
  readonly json?: boolean;
}

const WHAT = "address, name, URL or hash as MISP has it, a finding's id, or an attribute's UUID";
const TYPES = { "false-positive": "1", expiration: "2" } as const;
const WORDS: Readonly<Record<string, string>> = { "0": "seen", "1": "false positive", "2": "expired" };

export function addSighting(program: Command): void {
  const command = program
    .command("sighting")
    .description("Tell MISP what you know of its attributes, and see what others said.");
  telling(command, "false-positive")
    .description("Tell MISP that attributes are false positives. Matches on them count little from then on.")
    .addHelpText(
      "after",
      `
Every attribute that reports the value is told of, on each MISP server that has it. Only what your own organisation says
lowers a score here. To silence a value without telling anybody, see \`tipline allow\`.

Examples:
  tipline sighting false-positive cdn.vendor.example --reason "vendor's CDN, ticket 4711"
  tipline sighting false-positive 198.18.7.7 --feed misp --yes --json`,
    );
  telling(command, "expiration")
    .description("Tell MISP that attributes are no longer bad. It replaces what your organisation said so before.")
    .addHelpText("after", "\nExample:\n  tipline sighting expiration 198.18.7.7 --reason 'address has a new owner'");
  command
    .command("list")
    .description("What your organisation and others said about the attributes that report a value.")
    .argument("<what>", WHAT)
    .option("-c, --config <file>", "configuration")
    .option("--feed <name>", "only on this MISP server")
    .option("--json", "one JSON object a sighting")
    .addHelpText("after", "\nExample:\n  tipline sighting list 198.18.7.7")
    .action(async (what: string, flags: Flags) => {
      const config = await loadConfig(requireConfig(flags.config));
      const targets = await resolve(config, what, flags);
      await show(await listSightings(config, targets.reports, systemClock, new AbortController().signal), flags);
    });
}

function telling(command: Command, kind: keyof typeof TYPES): Command {
  return command
    .command(kind)
    .argument("<what>", WHAT)
    .option("-c, --config <file>", "configuration")
    .option("--feed <name>", "only on this MISP server")
    .option("-r, --reason <text>", "why; kept in the state folder, because MISP has no place for it")
    .option("-y, --yes", "do not ask before telling")
    .option("--json", "one JSON object an attribute")
    .action((what: string, flags: Flags) => tell(kind, what, flags));
}

async function tell(kind: keyof typeof TYPES, what: string, flags: Flags): Promise<void> {
  const config = await loadConfig(requireConfig(flags.config));
  const targets = await resolve(config, what, flags);
  if (!flags.yes && !(await agreed(config, targets, WORDS[TYPES[kind]] ?? kind))) {
    note("nothing was told");
    process.exitCode = EXIT.failed;
    return;
  }
  const signal = new AbortController().signal;
  const told: ToldSighting[] = [];
  for await (const one of tellSightings(config, targets.reports, TYPES[kind], systemClock, signal)) {
    told.push(one);
    await (flags.json ? printJson(toldJson(one, kind)) : print(toldLine(one)));
    if (one.status === "added") keep(config, one, kind, flags);
  }
  await takeEffect(config, told);
  if (told.some(({ status }) => status === "failed" || status === "not-there")) process.exitCode = EXIT.failed;
}

async function resolve(config: Config, what: string, { feed }: Flags): Promise<SightingTargets> {
  const intelligence = await openIntelligence({ feeds: [], loaded: config, log: createLog("warn") });
  try {
    const targets = await sightingTargets(config, intelligence.live.current(), what, feed);
    if (targets.elsewhere.length > 0)
      note(
        `left out: feed ${safe(targets.elsewhere.join(", "))} reports it too, and is ${feed === undefined ? "no MISP server" : "not the one you named"}`,
      );
    if (targets.reports.length === 0)
      throw new TiplineError("TIP_INPUT_INVALID", `no MISP server reports ${safe(targets.what)}`);
    return targets;
  } finally {
    await intelligence.close();
  }
}

/** Shows what would be told to whom, and asks. Where nobody can answer, `--yes` must say so. */
async function agreed(config: Config, { what, reports }: SightingTargets, word: string): Promise<boolean> {
  expectTerminal({ instead: "--yes" });
  note(`${safe(what)}: ${word}, to be told to everybody who may see it:`);
  for (const report of reports) note(`  ${describe(report)} · ${safe(serverOf(config, report.feed))}`);
  return confirm("Tell MISP?");
}

function describe({ feed, event, attributeType, attributeValue, attributeUuid }: IndicatorReport): string {
  return `${safe(feed)}: event ${safe(event.id ?? event.uuid)} "${safe(event.info, 80)}" · ${safe(attributeType)} ${safe(attributeValue, 100)} · ${safe(attributeUuid)}`;
}

const SAID: Readonly<Record<ToldSighting["status"], string>> = {
  added: "told",
  known: "was told before",
  "not-there": "MISP does not know it (any more)",
  failed: "not told",
};

function toldLine({ report, status, error }: ToldSighting): string {
  return `${SAID[status]}: ${describe(report)}${error === undefined ? "" : `\n  ${safeLines(error)}`}`;
}

function toldJson({ report, server, status, error }: ToldSighting, kind: string) {
  return {
    sighting: kind,
    status,
    feed: report.feed,
    server,
    event_uuid: report.event.uuid,
    attribute_uuid: report.attributeUuid,
    type: report.attributeType,
    value: report.attributeValue,
    error: error ?? null,
  };
}

function keep(config: Config, one: ToldSighting, kind: string, { reason }: Flags): void {
  const by = process.env["SUDO_USER"] || userInfo().username;
  const { status: _, error: __, ...said } = toldJson(one, kind);
  const entry = { time: new Date().toISOString(), by, reason: reason?.slice(0, 500) ?? null, ...said };
  if (!noteSighting(config.state_dir, entry) && reason !== undefined)
    note(`the reason could not be kept: ${config.state_dir} is not writable`);
}

const TAKEN: Readonly<Record<Taken, string>> = {
  "in-force": "in force in the running Tipline",
  later: "counts here once Tipline has asked the server again (`tipline sync`)",
  failed: "the running Tipline could not ask the server now; it counts here after its next refresh",
};

async function takeEffect(config: Config, told: readonly ToldSighting[]): Promise<void> {
  const feeds = told.filter(({ status }) => status === "added").map(({ report }) => report.feed);
  if (feeds.length === 0) return;
  note(TAKEN[await refreshKnowledge(config, [...new Set(feeds)])]);
}

async function show(found: readonly SightingsOfReport[], { json }: Flags): Promise<void> {
  for (const { report, server, sightings } of found) {
    if (!json) await print(describe(report));
    for (const { type, time, source, org, own } of sightings) {
      const at =
        Number.isFinite(time) && time > 0 && time < 8.64e12 ? new Date(time * 1000).toISOString() : String(time);
      if (json)
        await printJson({
          sighting: WORDS[type] ?? type,
          time: at,
          org: org ?? null,
          own,
          source,
          feed: report.feed,
          server,
          event_uuid: report.event.uuid,
          attribute_uuid: report.attributeUuid,
        });
      else
        await print(
          table([
            [
              "",
              at.slice(0, 19),
              (WORDS[type] ?? safe(type, 20)).padEnd(14),
              `${safe(org ?? "(not shown)", 40)}${own ? " (own)" : ""}`,
              safe(source, 60),
            ],
          ]),
        );
    }
    if (sightings.length === 0 && !json) await print("  nobody said anything");
  }
}
