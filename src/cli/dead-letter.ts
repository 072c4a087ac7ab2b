import type { Command } from "commander";
import { readDeadLetters, replayDeadLetters, selectIds } from "../app/dead-letters.ts";
import { requireConfig } from "../app/paths.ts";
import { type Config, loadConfig } from "../config/load.ts";
import { createLog } from "../lib/create-log.ts";
import { TiplineError } from "../lib/errors.ts";
import type { DeadLetterReader, StoredDeadLetter } from "../store/dead-letter.ts";
import { wholeNumber } from "./common.ts";
import { EXIT, forTerminal, note, print, printJson, safe, table } from "./output.ts";

interface Flags {
  readonly config?: string;
  readonly component?: string;
  readonly kind?: string;
  readonly all?: boolean;
  readonly json?: boolean;
}

export function addDeadLetter(program: Command): void {
  const command = program
    .command("dead-letter")
    .description("Records that could not be read and findings that could not be delivered: list, look, replay.");
  command
    .command("list")
    .description("Newest first.")
    .option("-c, --config <file>", "configuration")
    .option("--component <name>", "only of this source or sink")
    .option("--kind <kind>", "record or finding")
    .option("--limit <n>", "how many at most", "50")
    .option("--json", "one JSON object a line")
    .addHelpText("after", "\nExample:\n  tipline dead-letter list --component wazuh")
    .action(async (flags: Flags & { readonly limit: string }) => {
      const limit = wholeNumber("--limit", flags.limit, 1, 100_000);
      return withReader(flags, (reader) => list(reader, flags, limit));
    });
  command
    .command("show")
    .description("One dead letter whole.")
    .argument("<id>")
    .option("-c, --config <file>", "configuration")
    .option("--json", "as one JSON line")
    .action(async (id: string, flags: Flags) =>
      withReader(flags, async (reader) => {
        const letter = reader.get(id);
        if (letter === undefined)
          throw new TiplineError(
            "TIP_INPUT_INVALID",
            `no dead letter ${safe(id, 40)}; see \`tipline dead-letter list\``,
          );
        await (flags.json ? printJson(letter) : print(indented(letter)));
      }),
    );
  command
    .command("replay")
    .description("Findings go to their sink again; records are matched again as if just read.")
    .argument("[id...]")
    .option("-c, --config <file>", "configuration")
    .option("--component <name>", "all of this source or sink")
    .option("--all", "all there are")
    .option("--json", "print {replayed, refused}")
    .addHelpText("after", "\nExample:\n  tipline dead-letter replay --component wazuh")
    .action(async (ids: string[], flags: Flags) => {
      const chosen = await withReader(flags, async (reader) => selectIds(reader, ids, flags));
      const result = await replayDeadLetters(await configOf(flags), chosen, createLog("warn"));
      if (flags.json) await printJson(result);
      else {
        await print(`${result.replayed.length} replayed`);
        for (const { id, reason } of result.refused) note(`  ${id}: ${safe(reason, 300)}`);
      }
      if (result.refused.length > 0) process.exitCode = EXIT.failed;
    });
}

/** JSON over several lines; the line ends are ours, what else a terminal would obey is not. */
function indented(letter: StoredDeadLetter): string {
  return JSON.stringify(letter, null, 2).split("\n").map(forTerminal).join("\n");
}

async function configOf({ config }: Flags): Promise<Config> {
  return loadConfig(requireConfig(config));
}

async function withReader<T>(flags: Flags, use: (reader: DeadLetterReader) => Promise<T>): Promise<T> {
  const reader = readDeadLetters((await configOf(flags)).state_dir);
  try {
    return await use(reader);
  } finally {
    await reader.close();
  }
}

async function list(reader: DeadLetterReader, flags: Flags, limit: number): Promise<void> {
  if (flags.kind !== undefined && flags.kind !== "record" && flags.kind !== "finding")
    throw new TiplineError("TIP_USAGE_INVALID", `--kind: expected record or finding, got "${safe(flags.kind, 40)}"`);
  const letters = reader.list({
    limit,
    ...(flags.component === undefined ? {} : { component: flags.component }),
    ...(flags.kind === undefined ? {} : { kind: flags.kind as "record" | "finding" }),
  });
  if (flags.json) for (const letter of letters) await printJson(letter);
  else if (letters.length > 0) await print(table(letters.map(row)));
  const { count, dropped } = reader.counts();
  note(`${count} dead letters${dropped > 0 ? `; ${dropped} older ones had to make room` : ""}`);
}

function row(letter: StoredDeadLetter): string[] {
  const what =
    letter.kind === "finding"
      ? `finding ${letter.finding?.id.slice(0, 12) ?? ""}`
      : `record ${safe(letter.origin ?? "", 60)}`;
  return [
    letter.id,
    new Date(letter.time).toISOString().slice(0, 19),
    safe(letter.component),
    what,
    safe(letter.reason, 120),
  ];
}
