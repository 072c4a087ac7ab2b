import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import type { Command } from "commander";
import { type EnrichOutcome, enrich } from "../app/enrich.ts";
import { openIntelligence } from "../app/intelligence.ts";
import type { DeadLetter } from "../contract/journal.ts";
import { formatBytes } from "../lib/units.ts";
import { type IntelligenceFlags, intelligenceOptions, openOptions, wholeNumber } from "./common.ts";
import { EXIT, forTerminal, note, print, safe } from "./output.ts";
import { Progress } from "./progress.ts";
import { renderFinding } from "./render.ts";

interface Flags extends IntelligenceFlags {
  readonly minScore: string;
  readonly benign: boolean;
  readonly deadLetter?: string;
  readonly pretty?: boolean;
}

const NOTED_MOST = 10;

export function addEnrich(program: Command): void {
  intelligenceOptions(program.command("enrich"))
    .description("Match alerts from files or stdin and print what matched, enriched, one JSON object a line.")
    .argument("[file...]", "alerts, one JSON object a line; .gz is fine; globs are fine; `-` or nothing reads stdin")
    .option("--min-score <n>", "leave findings below this score out", "0")
    .option("--no-benign", "leave known-benign findings out")
    .option("--dead-letter <file>", "append records that cannot be read to this file (NDJSON)")
    .option("--pretty", "print for people instead of JSON")
    .addHelpText(
      "after",
      `
Examples:
  tipline enrich --feed ./misp-feed /var/ossec/logs/alerts/alerts.json > findings.ndjson
  zcat ossec-alerts-01.json.gz | tipline enrich --feed https://feeds.example/misp/ --pretty`,
    )
    .action(async (files: string[], flags: Flags) => {
      const minScore = wholeNumber("--min-score", flags.minScore, 0, 100);
      const intelligence = await openIntelligence(openOptions(flags));
      const letters =
        flags.deadLetter === undefined ? undefined : createWriteStream(flags.deadLetter, { flags: "a", mode: 0o600 });
      const progress = new Progress();
      let noted = 0;
      try {
        const outcome = await enrich({
          files,
          live: intelligence.live,
          ...(intelligence.config === undefined ? {} : { stateDir: intelligence.config.state_dir }),
          minScore,
          benign: flags.benign,
          log: openOptions(flags).log,
          emit: (finding, line) => print(flags.pretty ? renderFinding(finding) : forTerminal(line)),
          onDeadLetter: async (letter) => {
            if (noted++ < NOTED_MOST) note(`tipline: ${safe(letter.origin ?? "")}: ${safe(letter.reason, 300)}`);
            if (letters) await writeLetter(letters, letter);
          },
          onProgress: (bytes, total) =>
            progress.update({
              label: "matching",
              done: bytes,
              ...(total === undefined ? {} : { total }),
              unit: "bytes",
            }),
        });
        progress.end();
        summarize(outcome, noted, flags);
        if (outcome.troubles.length > 0) process.exitCode = EXIT.failed;
      } finally {
        progress.end();
        if (letters) await new Promise<void>((resolve) => letters.end(resolve));
        await intelligence.close();
      }
    });
}

async function writeLetter(letters: WriteStream, letter: DeadLetter): Promise<void> {
  if (!letters.write(`${JSON.stringify(letter)}\n`)) await once(letters, "drain");
}

function summarize(outcome: EnrichOutcome, dead: number, { deadLetter }: Flags): void {
  note(
    `${outcome.alerts} alerts (${formatBytes(outcome.bytes)}), ${outcome.findings} findings, ${outcome.benign} of them known benign` +
      (dead === 0
        ? ""
        : `; ${dead} records could not be read${deadLetter === undefined ? " (--dead-letter FILE keeps them)" : `, kept in ${deadLetter}`}`),
  );
  for (const trouble of outcome.troubles) note(`tipline: ${safe(trouble, 400)}`);
}
