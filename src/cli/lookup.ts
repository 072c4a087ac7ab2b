import type { Command } from "commander";
import { openIntelligence } from "../app/intelligence.ts";
import { TiplineError } from "../lib/errors.ts";
import type { QuarantinedIndicator } from "../model/indicator.ts";
import { indicatorsOfEvent, type LookupResult, lookupValue } from "../pipeline/lookup.ts";
import { type IntelligenceFlags, intelligenceOptions, openOptions } from "./common.ts";
import { type LiveFlags, liveOptions, lookUpLive } from "./lookup-live.ts";
import { resultJson, resultLines } from "./lookup-render.ts";
import { print, printJson, safe } from "./output.ts";
import { indicatorJson, standingAt } from "./render.ts";

interface Flags extends IntelligenceFlags, LiveFlags {
  readonly event?: string;
  readonly json?: boolean;
}

export function addLookup(program: Command): void {
  liveOptions(intelligenceOptions(program.command("lookup")))
    .description("Say what is known of values, in whatever spelling.")
    .argument(
      "[value...]",
      "addresses, names, URLs, hashes, file names …; defanged is fine; `-` reads lines from stdin",
    )
    .option("--event <id>", "list every indicator of one MISP event (id or uuid)")
    .option("--json", "one JSON object a value")
    .addHelpText(
      "after",
      `
Examples:
  tipline lookup 8.8.8.8 hxxps://evil[.]example/x
  tipline lookup --feed ./misp-feed --json d41d8cd98f00b204e9800998ecf8427e
  tipline lookup --event 241
  tipline lookup --live 8.8.8.8                       (asks the MISP servers of the configuration)
  tipline lookup --live --server https://misp.example.org --key-file misp.key - < values.txt

--live is for servers too large to sync. MISP compares whole values: parent domains and the networks around
an address are asked for by name (IPv4 /16 to /31, IPv6 in steps of four bits), and a network that MISP holds
with host bits set, or a path that begins with a variable (%PUBLIC%\\…), is not found. Answers are kept for an
hour, "not known" for 15 minutes, in a file that only you can read; --no-cache asks anew.`,
    )
    .action(async (values: string[], flags: Flags) => {
      if (values.length === 0 && flags.event === undefined)
        throw new TiplineError("TIP_USAGE_INVALID", "expected at least one VALUE or --event ID");
      if (values.some((value) => value.trim() === ""))
        throw new TiplineError("TIP_USAGE_INVALID", "expected a VALUE, found an empty one");
      if (flags.live === true) return lookUpLive(await expand(values), flags);
      refuseWithoutLive(flags);
      const intelligence = await openIntelligence(openOptions(flags));
      try {
        const generation = intelligence.live.current();
        const standing = standingAt(generation.standing, Date.now());
        const refused = refusedBy(() => intelligence.store.quarantine());
        for (const value of await expand(values)) {
          const result = lookupValue(value, generation);
          const no = result.indicators.length > 0 ? [] : refused(result);
          if (flags.json) await printJson({ ...resultJson(result, no, standing), generation: generation.id });
          else await print(resultLines(result, no, standing).join("\n"));
        }
        if (flags.event !== undefined) await showEvent(flags.event, indicatorsOfEvent(flags.event, generation), flags);
      } finally {
        await intelligence.close();
      }
    });
}

/** Flags that would silently do nothing. */
function refuseWithoutLive(flags: Flags): void {
  if (flags.cache === false) throw new TiplineError("TIP_USAGE_INVALID", "--no-cache goes with --live");
  for (const flag of ["server", "keyFile", "caFile", "proxy", "insecure", "feedName", "all"] as const)
    if (flags[flag] !== undefined)
      throw new TiplineError(
        "TIP_USAGE_INVALID",
        `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)} goes with --live`,
      );
}

async function expand(values: readonly string[]): Promise<readonly string[]> {
  if (!values.includes("-")) return values;
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  const lines = Buffer.concat(chunks)
    .toString("utf8")
    .split(/\r?\n/)
    .filter((line) => line !== "");
  return values.flatMap((value) => (value === "-" ? lines : [value]));
}

/** Finds what was refused as dangerous under a value or its canonical spelling; reads the quarantine once, when first asked. */
function refusedBy(quarantine: () => Iterable<QuarantinedIndicator>) {
  let byValue: Map<string, QuarantinedIndicator[]> | undefined;
  return ({ value, canonical }: LookupResult): readonly QuarantinedIndicator[] => {
    if (byValue === undefined) {
      byValue = new Map();
      for (const entry of quarantine()) {
        const key = entry.value.trim().toLowerCase();
        byValue.set(key, [...(byValue.get(key) ?? []), entry]);
      }
    }
    const spellings = new Set([value, canonical ?? value].map((spelling) => spelling.toLowerCase()));
    return [...spellings].flatMap((spelling) => byValue?.get(spelling) ?? []);
  };
}

async function showEvent(
  event: string,
  indicators: Iterable<LookupResult["indicators"][number]>,
  { json }: Flags,
): Promise<void> {
  let count = 0;
  for (const indicator of indicators) {
    count++;
    if (json) await printJson(indicatorJson(indicator));
    else
      await print(
        `${indicator.type} ${safe(indicator.value)}  ${indicator.reports.map((report) => safe(`${report.feed} "${report.event.info}"`, 120)).join("; ")}`,
      );
  }
  if (count === 0)
    throw new TiplineError("TIP_INPUT_INVALID", `no indicator of event ${safe(event)} is in the current generation`);
}
