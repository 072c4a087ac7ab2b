import type { Command } from "commander";
import { intervalOf } from "../app/components.ts";
import { requireConfig } from "../app/paths.ts";
import { syncJson, syncState } from "../app/sync.ts";
import { loadConfig } from "../config/load.ts";
import { systemClock } from "../lib/clock.ts";
import { createLog } from "../lib/create-log.ts";
import { TiplineError } from "../lib/errors.ts";
import { formatCount, formatDuration } from "../lib/units.ts";
import { type JsonObject, type JsonValue, text } from "../model/json.ts";
import { callControl } from "../store/control.ts";
import { EXIT, note, print, printJson, safe, table } from "./output.ts";
import { Progress } from "./progress.ts";
import { untilInterrupted } from "./signals.ts";
import { boundNursery } from "./small-heap.ts";
import { SyncProgress } from "./sync-progress.ts";

interface Flags {
  readonly config?: string;
  readonly once: boolean;
  readonly full?: boolean;
  readonly compact?: boolean;
  readonly confirmShrink?: string[];
  readonly json?: boolean;
  readonly verbose?: boolean;
}

export function addSync(program: Command): void {
  program
    .command("sync")
    .description(
      "Pull the feeds and make the next generation. A running Tipline is asked to do it; else it is done here.",
    )
    .option("-c, --config <file>", "configuration")
    .option("--once", "pull once and end (the default)", true)
    .option("--no-once", "go on pulling at the configured interval until interrupted")
    .option("--full", "forget what was pulled before: pull everything again")
    .option("--compact", "merge the layers of the index now")
    .option("--confirm-shrink <feed...>", "accept that these feeds lost more than 30% at once")
    .option("--json", "one JSON object a sync")
    .option("-v, --verbose", "log what happens to stderr")
    .addHelpText("after", "\nExamples:\n  tipline sync --config tipline.yaml\n  tipline sync --confirm-shrink misp")
    .action(async (flags: Flags) => {
      const config = await loadConfig(requireConfig(flags.config));
      const unknown = flags.confirmShrink?.filter((name) => !config.feeds.some((feed) => feed.name === name)) ?? [];
      if (unknown.length > 0)
        throw new TiplineError(
          "TIP_USAGE_INVALID",
          `--confirm-shrink: expected ${config.feeds.map(({ name }) => name).join(", ") || "a configured feed"}, got "${unknown.join(", ")}"`,
        );
      const log = createLog(flags.verbose ? "debug" : "silent");
      const signal = untilInterrupted();
      do {
        const asked = await callControl(config.state_dir, "sync", request(flags), { timeoutMs: 3_600_000 });
        const result = asked ?? (await here());
        if (flags.json) await printJson(result);
        else await show(result as JsonObject);
        if (flags.once) break;
        await systemClock.sleep(Math.min(...config.feeds.map((feed) => intervalOf(config, feed))), signal);
      } while (!signal.aborted);

      async function here(): Promise<JsonObject> {
        const release = boundNursery();
        const bar = new Progress();
        const progress = new SyncProgress();
        try {
          const result = await syncState({
            config,
            log,
            signal,
            ...(flags.full ? { full: true } : {}),
            ...(flags.compact ? { compact: true } : {}),
            ...(flags.confirmShrink ? { confirmShrink: flags.confirmShrink } : {}),
            onProgress(feed, state) {
              progress.update(feed, state);
              bar.show((elapsedMs) => progress.render(elapsedMs));
            },
          });
          return syncJson(result);
        } finally {
          release();
          bar.end();
        }
      }
    });
}

function request({ full, compact, confirmShrink }: Flags): JsonObject {
  return { full: full === true, compact: compact === true, confirm_shrink: confirmShrink ?? [] };
}

/** `12,345 -> 12,400 reports (80 new or changed, 25 gone)`. */
function changeOf(feed: JsonObject): string {
  if (feed["status"] === "unchanged") return `${formatCount(Number(feed["reports_after"]))} reports`;
  const [before, after, added] = ["reports_before", "reports_after", "added"].map((key) => Number(feed[key])) as [
    number,
    number,
    number,
  ];
  const gone = Math.max(0, before + added - after);
  const detail = before === 0 ? "" : ` (${formatCount(added)} read, ${formatCount(gone)} taken back)`;
  return `${formatCount(before)} -> ${formatCount(after)} reports${detail}`;
}

/** `misp: 9 warninglists, new: A, B; changed: C` */
function showKnowledge(refresh: JsonObject): void {
  const feed = safe(text(refresh, "feed") ?? "");
  const error = text(refresh, "error");
  if (error !== undefined) {
    note(`  ${feed}: warninglists and the like not refreshed, what is held stays: ${safe(error, 400)}`);
    process.exitCode = EXIT.failed;
    return;
  }
  const lists = Number(refresh["warninglists"]);
  const parts = [`${lists} ${lists === 1 ? "warninglist" : "warninglists"}`];
  for (const [key, word] of [
    ["added", "new"],
    ["updated", "changed"],
    ["removed", "gone"],
  ] as const) {
    const names = ((refresh[key] ?? []) as readonly JsonObject[]).map((piece) => nameOf(piece));
    if (names.length > 0) parts.push(`${word}: ${names.slice(0, 5).join(", ")}${more(names.length - 5)}`);
  }
  if (refresh["status"] === "unchanged") parts.push("unchanged");
  note(`  ${feed}: ${parts.join("; ")}`);
}

function nameOf(piece: JsonObject): string {
  const kind = text(piece, "kind") ?? "";
  const name = safe(text(piece, "name") ?? "", 80);
  if (kind === "warninglist") return `"${name}"`;
  return kind === "false-positives" || kind === "sightings"
    ? kind.replace("-", " ")
    : `${kind.replace("-", " ")} ${name}`;
}

function more(count: number): string {
  return count > 0 ? ` and ${count} more` : "";
}

async function show(result: JsonObject): Promise<void> {
  const feeds = result["feeds"] as readonly JsonObject[];
  await print(
    table(
      feeds.map((feed) => [
        safe(text(feed, "feed") ?? ""),
        text(feed, "status") ?? "",
        changeOf(feed),
        Number(feed["quarantined"]) > 0 ? `${feed["quarantined"]} quarantined` : "",
      ]),
    ),
  );
  for (const feed of feeds) {
    const skipped = Object.entries((feed["skipped"] ?? {}) as Record<string, JsonValue>);
    for (const [reason, count] of skipped)
      note(`  ${safe(text(feed, "feed") ?? "")}: ${count} left out: ${safe(reason)}`);
    if (feed["status"] === "held")
      note(
        `  ${feed["feed"]}: held, because it lost more than 30% at once; if that is right: tipline sync --confirm-shrink ${feed["feed"]}`,
      );
    const error = text(feed, "error");
    if (error !== undefined) note(`  ${safe(text(feed, "feed") ?? "")}: ${safe(error, 400)}`);
    if (feed["status"] === "failed" || feed["status"] === "held") process.exitCode = EXIT.failed;
  }
  for (const refresh of (result["knowledge"] ?? []) as readonly JsonObject[]) showKnowledge(refresh);
  note(
    `generation ${result["generation"] ?? "none"}${result["changed"] === true ? " (new)" : ""}, ${formatDuration(Number(result["took_ms"]))}`,
  );
}
