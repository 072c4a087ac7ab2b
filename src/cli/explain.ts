import type { Command } from "commander";
import { commandKey, engine, fileSource } from "../app/engine.ts";
import { openIntelligence } from "../app/intelligence.ts";
import { asError } from "../lib/errors.ts";
import { assess } from "../pipeline/assess.ts";
import { generationFor, modeOf } from "../pipeline/canary.ts";
import { toFinding } from "../pipeline/finding.ts";
import { ownFindingId } from "../pipeline/handle.ts";
import { toAlert } from "../pipeline/parse-alert.ts";
import { type IntelligenceFlags, intelligenceOptions, openOptions } from "./common.ts";
import { EXIT, note, OutputError, paint, print, printJson, safe } from "./output.ts";
import { assessmentJson, renderAssessment } from "./render.ts";

interface Flags extends IntelligenceFlags {
  readonly json?: boolean;
  readonly id?: string;
}

/** So many lines that are no alerts are told one by one. */
const TOLD = 10;

export function addExplain(program: Command): void {
  intelligenceOptions(program.command("explain"))
    .description(
      "Say for each alert what was seen in it, what was looked up, what matched, what explains it away and what is sent.",
    )
    .argument("[file...]", "alerts, one JSON object a line; `-` or nothing reads stdin")
    .option("--id <alert-id>", "only alerts with this id")
    .option("--json", "one JSON object an alert")
    .addHelpText(
      "after",
      `
Examples:
  tail -1 /var/ossec/logs/alerts/alerts.json | tipline explain
  tipline explain --id 1795297550.1318 /var/ossec/logs/alerts/alerts.json
  tipline explain --feed ./misp-feed --json alert.json`,
    )
    .action(async (files: string[], flags: Flags) => {
      const { live, config, close } = await openIntelligence(openOptions(flags));
      const source = await fileSource(files, openOptions(flags).log);
      const judge = engine(commandKey(config?.state_dir));
      const generation = live.current();
      let shown = 0;
      let refused = 0;
      const refuse = (origin: string, reason: string) => {
        if (++refused <= TOLD) fail(origin, reason);
      };
      try {
        for await (const { records, rejected } of source.read(undefined, new AbortController().signal)) {
          for (const { origin, reason } of rejected) refuse(origin, reason);
          for (const { bytes, origin } of records) {
            try {
              const alert = toAlert(bytes, "explain", Date.now());
              if (flags.id !== undefined && alert.id !== flags.id) continue;
              shown++;
              if (ownFindingId(alert, judge.isOurs) !== undefined) {
                await print(
                  "this alert is Tipline's own finding come back: it confirms the delivery and is not matched",
                );
                continue;
              }
              const against = generationFor(alert, generation, judge.seals);
              const assessment = assess(alert, judge.extract(alert.event), against);
              const { verdict } = assessment;
              const finding =
                verdict &&
                toFinding(alert, alert.raw, verdict, modeOf(alert, verdict, "live", judge.seals), judge.nameFinding);
              if (flags.json) await printJson(assessmentJson(alert, assessment, generation.id, finding));
              else {
                await print(renderAssessment(alert, assessment, generation.id));
                if (finding)
                  await print(
                    paint("dim", `  sent: ${safe(JSON.stringify({ integration: "misp", misp: finding.misp }), 4000)}`),
                  );
              }
            } catch (error) {
              if (error instanceof OutputError) throw error;
              refuse(origin, asError(error).message);
            }
          }
        }
        const trouble = source.lag?.().trouble;
        if (trouble !== undefined) fail("input", trouble);
        if (refused > TOLD) fail("explain", `${refused} lines are no alerts: one is a line (jq -c . makes it one)`);
        if (shown === 0)
          fail("explain", flags.id === undefined ? "no alert in the input" : `no alert with id ${flags.id}`);
      } finally {
        await close();
      }
    });
}

function fail(origin: string, reason: string): void {
  note(`tipline: ${safe(origin)}: ${safe(reason, 300)}`);
  process.exitCode = EXIT.failed;
}
