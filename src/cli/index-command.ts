import type { Command } from "commander";
import { openIntelligence } from "../app/intelligence.ts";
import { TiplineError } from "../lib/errors.ts";
import { formatBytes, formatDuration } from "../lib/units.ts";
import type { QuarantinedIndicator } from "../model/indicator.ts";
import { type IntelligenceFlags, intelligenceOptions, openOptions } from "./common.ts";
import { print, printJson, safe, table } from "./output.ts";

interface Flags extends IntelligenceFlags {
  readonly json?: boolean;
}

export function addIndex(program: Command): void {
  const index = program.command("index").description("Look into the index of indicators.");
  intelligenceOptions(index.command("stats"))
    .description("Size and make-up of the current generation.")
    .option("--json", "one JSON object")
    .action(async (flags: Flags) => {
      const { store, live, close } = await openIntelligence(openOptions(flags));
      try {
        const partial = store.partialFeeds();
        const { id, createdAt, index: found, warninglists } = live.current();
        const { stats } = found;
        if (flags.json) {
          await printJson({
            generation: id,
            created_at: new Date(createdAt).toISOString(),
            indicators: stats.indicators,
            reports: stats.reports,
            by_type: stats.byType,
            by_feed: stats.byFeed,
            incomplete_feeds: partial,
            overlays: stats.overlays,
            quarantined: stats.quarantined,
            memory_bytes: stats.memoryBytes,
            context_bytes: stats.contextBytes,
            warninglists: { count: warninglists.count, entries: warninglists.entries },
          });
          return;
        }
        const count = (counts: Readonly<Record<string, number | undefined>>) =>
          Object.entries(counts)
            .sort(([, a], [, b]) => (b ?? 0) - (a ?? 0))
            .map(([name, number]) => [`  ${safe(name)}`, String(number)]);
        await print(
          table([
            ["generation", `${id}, ${formatDuration(Date.now() - createdAt)} old`],
            ["indicators", String(stats.indicators)],
            ...count(stats.byType),
            ["reports", String(stats.reports)],
            ...count(stats.byFeed),
            ...partial.map((feed) => [`  ${safe(feed)}`, "not complete: its first sync was interrupted and goes on"]),
            ["overlays", String(stats.overlays)],
            ["quarantined", String(stats.quarantined)],
            ["memory", formatBytes(stats.memoryBytes)],
            ["contexts on disk", formatBytes(stats.contextBytes)],
            ["warninglists", `${warninglists.count} with ${warninglists.entries} entries`],
          ]),
        );
      } finally {
        await close();
      }
    });
  intelligenceOptions(index.command("verify"))
    .description("Read every file of the current generation and check it; exit 1 when one is damaged.")
    .action(async (flags: Flags) => {
      const { store, live, close } = await openIntelligence(openOptions(flags));
      try {
        const faults = store.verify();
        if (faults.length > 0) throw new TiplineError("TIP_SEGMENT_CORRUPT", faults.join("\n"));
        await print(`generation ${live.current().id}: whole`);
      } finally {
        await close();
      }
    });
  intelligenceOptions(index.command("quarantine"))
    .description("List indicators that were refused as dangerous or unusable, with the reason.")
    .option("--json", "one JSON object a line")
    .action(async (flags: Flags) => {
      const { store, close } = await openIntelligence(openOptions(flags));
      try {
        for (const entry of store.quarantine()) {
          if (flags.json) await printJson(quarantineJson(entry));
          else
            await print(
              `${safe(entry.feed)}  event ${safe(entry.eventUuid)}  ${entry.attributeType} ${safe(entry.value, 100)}  ${entry.reason}`,
            );
        }
      } finally {
        await close();
      }
    });
}

function quarantineJson({
  feed,
  eventUuid,
  attributeUuid,
  attributeType,
  value,
  reason,
}: QuarantinedIndicator): object {
  return { feed, event_uuid: eventUuid, attribute_uuid: attributeUuid, type: attributeType, value, reason };
}
