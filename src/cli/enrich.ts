import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import type { Command } from "commander";
import { commandKey } from "../app/engine.ts";
import { enrich } from "../app/enrich.ts";
import type { EnrichOutcome } from "../app/enrichment.ts";
import { openIntelligence } from "../app/intelligence.ts";
import type { DeadLetter } from "../contract/journal.ts";
import { formatBytes } from "../lib/units.ts";
import type { Finding } from "../model/finding.ts";
import { type IntelligenceFlags, intelligenceOptions, openOptions, threadCount, wholeNumber } from "./common.ts";
import { compileLate } from "./late-compiling.ts";
import { EXIT, forTerminal, note, print, printBytes, safe } from "./output.ts";
import { Progress } from "./progress.ts";
import { renderFinding } from "./render.ts";

interface Flags extends IntelligenceFlags {
  readonly minScore: string;
  readonly benign: boolean;
  readonly deadLetter?: string;
  readonly pretty?: boolean;
  readonly threads?: string;
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
    .option(
      "--threads <n>",
      "threads that match (default: one a processor where there is much to read; 0: none beside the main one)",
    )
    .addHelpText(
      "after",
      `
Examples:
  tipline enrich --feed ./misp-feed /var/ossec/logs/alerts/alerts.json > findings.ndjson
  tipline enrich /var/ossec/logs/alerts/2026/Nov/*.json.gz --threads 2 > november.ndjson
  zcat ossec-alerts-01.json.gz | tipline enrich --feed https://feeds.example/misp/ --pretty

Findings come in the order of the alerts. Only alerts that may match are parsed: a broken line within braces that cannot match
counts as an alert; every other line that is none is told.`,
    )
    .action(async (files: string[], flags: Flags) => {
      const minScore = wholeNumber("--min-score", flags.minScore, 0, 100);
      compileLate();
      const threads = threadCount(flags.threads);
      const options = openOptions(flags);
      const intelligence = await openIntelligence(options);
      const letters =
        flags.deadLetter === undefined ? undefined : createWriteStream(flags.deadLetter, { flags: "a", mode: 0o600 });
      const progress = new Progress();
      let noted = 0;
      try {
        const outcome = await enrich({
          files,
          live: intelligence.live,
          judging: intelligence.judging,
          key: commandKey(intelligence.config?.state_dir),
          ...(threads === undefined ? {} : { threads }),
          wanted: { minScore, benign: flags.benign, as: flags.pretty ? "findings" : "alerts" },
          log: options.log,
          emit: (ndjson) => (flags.pretty ? printPretty(ndjson) : printLines(ndjson)),
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
        const none = noted > 0 && noted >= outcome.alerts;
        if (none) note("tipline: no line of the input is an alert: an alert is one line (jq -c . makes it one)");
        if (none || outcome.troubles.length > 0) process.exitCode = EXIT.failed;
      } finally {
        progress.end();
        if (letters) await new Promise<void>((resolve) => letters.end(resolve));
        await intelligence.close();
      }
    });
}

async function printPretty(ndjson: Buffer): Promise<void> {
  for (const line of linesOf(ndjson)) await print(renderFinding(JSON.parse(line) as Finding));
}

async function printLines(ndjson: Buffer): Promise<void> {
  if (process.stdout.isTTY !== true) return printBytes(ndjson);
  for (const line of linesOf(ndjson)) await print(forTerminal(line));
}

function* linesOf(ndjson: Buffer): Generator<string> {
  for (let from = 0; from < ndjson.length; ) {
    const end = ndjson.indexOf(10, from);
    yield ndjson.toString("utf8", from, end);
    from = end + 1;
  }
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
