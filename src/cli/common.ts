import type { Command } from "commander";
import type { OpenOptions } from "../app/intelligence.ts";
import { createLog } from "../lib/create-log.ts";
import { TiplineError } from "../lib/errors.ts";
import { safe } from "./output.ts";
import { Progress } from "./progress.ts";

/** Flags of every command that reads a generation. */
export interface IntelligenceFlags {
  readonly config?: string;
  readonly feed?: readonly string[];
  readonly warninglists?: string;
  readonly verbose?: boolean;
}

/** A flag's whole number within bounds; a wrong one is a usage error, never a silent default. */
export function wholeNumber(flag: string, given: string, least: number, most: number): number {
  const number = /^\d{1,9}$/.test(given) ? Number(given) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new TiplineError(
    "TIP_USAGE_INVALID",
    `${flag}: expected a whole number from ${least} to ${most}, got "${safe(given, 40)}"`,
  );
}

/** More threads than this would wait for the disk, and the gate has room for 64. */
const MOST_THREADS = 60;

/** Of `--threads`; undefined: it was left to us. */
export function threadCount(given: string | undefined): number | undefined {
  return given === undefined ? undefined : wholeNumber("--threads", given, 0, MOST_THREADS);
}

export const collect = (value: string, before: readonly string[] | undefined) => [...(before ?? []), value];

/** Adds the flags that say where indicators come from. */
export function intelligenceOptions(command: Command): Command {
  return command
    .option(
      "-c, --config <file>",
      "configuration whose state to use (default: $TIPLINE_CONFIG, ./tipline.yaml, /etc/tipline/tipline.yaml)",
    )
    .option("-f, --feed <dir|file|url>", "use this feed instead of a configuration; may be repeated", collect)
    .option(
      "--warninglists <dir>",
      "folder of MISP warninglists (default: the configuration's, else a small built-in set)",
    )
    .option("-v, --verbose", "log what happens to stderr");
}

export function openOptions(flags: IntelligenceFlags): OpenOptions {
  const progress = new Progress();
  return {
    ...(flags.config === undefined ? {} : { config: flags.config }),
    feeds: flags.feed ?? [],
    ...(flags.warninglists === undefined ? {} : { warninglists: flags.warninglists }),
    log: createLog(flags.verbose ? "debug" : "warn"),
    onProgress: (feed, state) =>
      progress.update({
        label: `reading ${feed}`,
        done: state.eventsDone,
        ...(state.eventsTotal === undefined ? {} : { total: state.eventsTotal }),
        unit: "events",
        extra: `${state.attributes} attributes`,
      }),
    onProgressEnd: () => progress.end(),
  };
}
