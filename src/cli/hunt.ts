import type { Command } from "commander";
import { openHunt } from "../app/hunt-command.ts";
import { TiplineError } from "../lib/errors.ts";
import { type IntelligenceFlags, intelligenceOptions, openOptions, threadCount, wholeNumber } from "./common.ts";
import { renderAccount, renderProgress, renderSummary, summaryJson } from "./hunt-render.ts";
import { parseTime, utc } from "./hunt-time.ts";
import { compileLate } from "./late-compiling.ts";
import { EXIT, forTerminal, note, print, printJson, safe } from "./output.ts";
import { Progress } from "./progress.ts";
import { untilInterrupted } from "./signals.ts";

interface Flags extends IntelligenceFlags {
  readonly since?: string;
  readonly from?: string;
  readonly to?: string;
  readonly newSince?: string;
  readonly archives?: boolean;
  readonly logs?: string;
  readonly minScore: string;
  readonly benign: boolean;
  readonly findings?: boolean;
  readonly json?: boolean;
  readonly deliver?: boolean;
  readonly restart?: boolean;
  readonly resume?: boolean;
  readonly sketches?: boolean;
  readonly threads?: string;
}

export function addHunt(program: Command): void {
  intelligenceOptions(program.command("hunt"))
    .description(
      "Match the alerts of the past against the indicators of today: which were seen before anybody knew them?",
    )
    .argument(
      "[file...]",
      "files instead of Wazuh's own archives; .gz and globs are fine; a folder with Wazuh's YYYY/Mon below it, too",
    )
    .option("--since <time>", "alerts since then: 30d, or as --from")
    .option("--from <time>", "alerts from this time on, in UTC: 2026-11-21, 2026-11-21T14:00")
    .option("--to <time>", "alerts before this time; a day counts whole")
    .option("--new-since <time>", "only indicators that came or changed since then")
    .option("--archives", "read logs/archives (every event) beside logs/alerts")
    .option("--logs <dir>", "Wazuh's folder of logs (default: the configuration's, else /var/ossec/logs)")
    .option("--min-score <n>", "leave findings below this score out", "0")
    .option("--no-benign", "leave known-benign findings out")
    .option(
      "--findings",
      "print the findings themselves (NDJSON, mode retro) instead of the summary, which goes to stderr",
    )
    .option("--json", "the summary as one JSON object")
    .option(
      "--deliver",
      "send the findings to the configuration's sinks as well; what was sent before is not sent again",
    )
    .option("--resume", "go on with an interrupted hunt even though the indicators have changed since")
    .option("--restart", "begin anew even though the same hunt was interrupted")
    .option(
      "--sketches",
      "keep sketches of what is in the files, so that the next hunt can leave files out (default: of 2 GiB in all at most)",
    )
    .option("--no-sketches", "neither keep nor use them")
    .option(
      "--threads <n>",
      "threads that read, each a file at a time (default: one a processor where there is much to read; 0: none beside the main one)",
    )
    .addHelpText(
      "after",
      `
Examples:
  tipline hunt --since 30d
  tipline hunt --from 2026-10-01 --to 2026-10-31 --archives --json > october.json
  tipline hunt --since 1w --new-since 1d --deliver
  tipline hunt --feed ./misp-feed --findings /mnt/backup/alerts/2026/Oct/*.json.gz > findings.ndjson

Times are UTC. A hunt that was interrupted (Ctrl-C, kill -9) goes on when the same command is given again.
Exit code 1: something could not be read, or the hunt was interrupted; what was found is printed all the same.`,
    )
    .action(async (files: string[], flags: Flags) => {
      const minScore = wholeNumber("--min-score", flags.minScore, 0, 100);
      compileLate();
      const threads = threadCount(flags.threads);
      const now = Date.now();
      const window = windowOf(flags, now);
      if (files.length === 0 && window.from === undefined)
        throw new TiplineError(
          "TIP_USAGE_INVALID",
          "expected --since, --from or files: which alerts are to be hunted?",
        );
      if (flags.resume && flags.restart)
        throw new TiplineError("TIP_USAGE_INVALID", "--resume and --restart exclude each other");
      const newSince = flags.newSince === undefined ? undefined : parseTime("--new-since", flags.newSince, now);
      const signal = untilInterrupted(() => note("tipline: stopping; the same command goes on from here"));
      const options = openOptions(flags);
      const session = await openHunt({
        open: options,
        files,
        window,
        // Times relative to now differ in every run; the words do not.
        words: [flags.since, flags.from, flags.to, flags.newSince],
        newSince,
        archives: flags.archives === true,
        ...(flags.logs === undefined ? {} : { logs: flags.logs }),
        minScore,
        benign: flags.benign,
        findings: flags.findings === true,
        deliver: flags.deliver === true,
        resume: flags.resume === true,
        restart: flags.restart === true,
        sketches: flags.sketches,
        ...(threads === undefined ? {} : { threads }),
        log: options.log,
        signal,
      });
      const progress = new Progress();
      try {
        for (const text of session.notes) note(`tipline: ${safe(text, 400)}`);
        const report = await session.run({
          ...(flags.findings ? { emit: (line: string) => print(forTerminal(line)) } : {}),
          onProgress: (state) => progress.show((elapsedMs) => renderProgress(state, elapsedMs)),
        });
        progress.end();
        const summary = flags.json ? undefined : renderSummary(report);
        if (flags.findings) {
          if (summary !== undefined) note(summary);
          else note(JSON.stringify(summaryJson(report)));
        } else if (summary !== undefined) await print(summary);
        else await printJson(summaryJson(report));
        note(renderAccount(report));
        const { refused, refusals } = report.outcome;
        if (refused > 0) note(`tipline: ${refused} lines are no alerts: ${safe(refusals.join("; "), 400)}`);
        for (const trouble of report.troubles) note(`tipline: ${safe(trouble, 400)}`);
        if (report.outcome.interrupted)
          note("tipline: interrupted: this is only what was found so far; the same command goes on from here");
        if (report.troubles.length > 0 || report.outcome.interrupted) process.exitCode = EXIT.failed;
      } finally {
        progress.end();
        await session.close();
      }
    });
}

function windowOf(flags: Flags, now: number) {
  if (flags.since !== undefined && flags.from !== undefined)
    throw new TiplineError("TIP_USAGE_INVALID", "--since and --from exclude each other");
  const since = flags.since ?? flags.from;
  const from =
    since === undefined ? undefined : parseTime(flags.since === undefined ? "--from" : "--since", since, now);
  const to = flags.to === undefined ? undefined : parseTime("--to", flags.to, now, true);
  if (from !== undefined && to !== undefined && to <= from)
    throw new TiplineError("TIP_USAGE_INVALID", `expected --to after --from, got ${utc(to)} and ${utc(from)}`);
  return { ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) };
}
