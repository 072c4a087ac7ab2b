import type { Command } from "commander";
import { openIntelligence } from "../app/intelligence.ts";
import { TiplineError } from "../lib/errors.ts";
import type { QuarantinedIndicator } from "../model/indicator.ts";
import { indicatorsOfEvent, type LookupResult, lookupValue } from "../pipeline/lookup.ts";
import { type IntelligenceFlags, intelligenceOptions, openOptions } from "./common.ts";
import { paint, print, printJson, safe } from "./output.ts";
import { indicatorJson } from "./render.ts";

interface Flags extends IntelligenceFlags {
  readonly event?: string;
  readonly json?: boolean;
}

export function addLookup(program: Command): void {
  intelligenceOptions(program.command("lookup"))
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
  tipline lookup --event 241`,
    )
    .action(async (values: string[], flags: Flags) => {
      if (values.length === 0 && flags.event === undefined)
        throw new TiplineError("TIP_USAGE_INVALID", "expected at least one VALUE or --event ID");
      const intelligence = await openIntelligence(openOptions(flags));
      try {
        const generation = intelligence.live.current();
        const refused = refusedBy(() => intelligence.store.quarantine());
        for (const value of await expand(values)) {
          const result = lookupValue(value, generation);
          await show(result, result.indicators.length > 0 ? [] : refused(result), generation.id, flags);
        }
        if (flags.event !== undefined) await showEvent(flags.event, indicatorsOfEvent(flags.event, generation), flags);
      } finally {
        await intelligence.close();
      }
    });
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

async function show(
  result: LookupResult,
  refused: readonly QuarantinedIndicator[],
  generation: string,
  { json }: Flags,
): Promise<void> {
  if (json) {
    await printJson({
      value: result.value,
      found: result.indicators.length > 0,
      type: result.type ?? null,
      canonical: result.canonical ?? null,
      indicators: result.indicators.map(indicatorJson),
      refused: refused.map((entry) => ({
        feed: entry.feed,
        event_uuid: entry.eventUuid,
        attribute_uuid: entry.attributeUuid,
        type: entry.attributeType,
        value: entry.value,
        reason: entry.reason,
      })),
      warninglists: result.warninglists,
      not_looked_up: result.notLookedUp ?? null,
      generation,
    });
    return;
  }
  const shown =
    result.canonical !== undefined && result.canonical !== result.value
      ? ` = ${result.type} ${safe(result.canonical)}`
      : result.type === undefined
        ? ""
        : ` (${result.type})`;
  const head = `${safe(result.value)}${shown}`;
  const state = refused.length > 0 ? "refused, not matched against" : "not known";
  const lines = [result.indicators.length > 0 ? paint("bold", head) : `${head}: ${state}`];
  for (const { feed, eventUuid, attributeType, reason } of refused)
    lines.push(`  ${safe(feed)}: event ${safe(eventUuid)} · ${safe(attributeType)} · ${safe(reason)}`);
  if (result.notLookedUp !== undefined) lines.push(`  alerts are not matched against it: ${result.notLookedUp}`);
  for (const list of result.warninglists) lines.push(`  on warninglist "${safe(list.name)}" (${list.action})`);
  for (const indicator of result.indicators) {
    lines.push(
      `  ${indicator.pattern === "exact" ? "" : `${indicator.pattern} `}${indicator.type} ${safe(indicator.value)}`,
    );
    for (const report of indicator.reports) lines.push(`    ${reportLine(report)}`);
  }
  await print(lines.join("\n"));
}

function reportLine({
  feed,
  event,
  attributeType,
  attributeValue,
  toIds,
  comment,
  tags,
}: LookupResult["indicators"][number]["reports"][number]): string {
  const all = [...new Set([...event.tags, ...tags])];
  return [
    `${safe(feed)}: event ${safe(event.id ?? event.uuid)} "${safe(event.info, 100)}"`,
    safe([event.orgc, event.date].filter(Boolean).join(" ")),
    `${attributeType} ${safe(attributeValue, 120)}${toIds ? "" : " (not to_ids)"}`,
    comment === undefined ? "" : safe(comment, 100),
    all.length === 0 ? "" : safe(all.slice(0, 6).join(" "), 160),
    event.link === undefined ? "" : safe(event.link),
  ]
    .filter((part) => part !== "")
    .join(" · ");
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
