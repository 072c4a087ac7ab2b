import type { TestContext } from "node:test";
import { engine, fileSource } from "../../src/app/engine.ts";
import { enrich } from "../../src/app/enrich.ts";
import type { EnrichOutcome, EnrichRequest } from "../../src/app/enrichment.ts";
import { enrichedAlert } from "../../src/clients/enriched-alert.ts";
import type { DeadLetter } from "../../src/contract/journal.ts";
import { type Log, silentLog } from "../../src/lib/log.ts";
import type { ReportedIndicator } from "../../src/model/indicator.ts";
import { handleRecord } from "../../src/pipeline/handle.ts";
import { recordLetter } from "../../src/store/record-letter.ts";
import { listGeneration } from "./list-generation.ts";

const KEY = Buffer.alloc(32, 7);
const RECEIVED = Date.parse("2026-11-21T12:00:00Z");

/** What a command that enriches puts out. */
export interface Enriched {
  readonly text: string;
  readonly letters: readonly DeadLetter[];
  readonly outcome: EnrichOutcome;
  /** Warnings and errors. */
  readonly said: readonly string[];
}

export interface EnrichRig {
  readonly dir: string;
  /** As the product does it. */
  enrich(
    files: readonly string[],
    over?: Partial<Pick<EnrichRequest, "threads" | "wanted" | "tuning" | "emit" | "signal">>,
  ): Promise<Enriched>;
  /** Line by line, every one parsed, by the source that `run` reads finite files with. */
  reference(files: readonly string[]): Promise<Omit<Enriched, "said">>;
}

/** Enriching beside its reference, over one generation. */
export async function enrichRig(t: TestContext, indicators: readonly ReportedIndicator[]): Promise<EnrichRig> {
  const { dir, judging, live } = await listGeneration(t, indicators);
  return {
    dir,
    async enrich(files, { tuning, ...over } = {}) {
      const said: string[] = [];
      const letters: DeadLetter[] = [];
      const parts: Buffer[] = [];
      const log: Log = {
        ...silentLog,
        warn: (words) => void said.push(words),
        error: (words) => void said.push(words),
      };
      const outcome = await enrich({
        files,
        live,
        judging,
        key: KEY,
        threads: 0,
        wanted: { minScore: 0, benign: true, as: "alerts" },
        log,
        emit: (ndjson) => void parts.push(ndjson),
        onDeadLetter: (letter) => void letters.push(letter),
        tuning: { clock: { now: () => RECEIVED }, ready: true, ...tuning },
        ...over,
      });
      return { text: Buffer.concat(parts).toString("utf8"), letters, outcome, said };
    },
    async reference(files) {
      const source = await fileSource(files, silentLog);
      const context = { ...engine(KEY), source: "enrich", mode: "live" as const, receivedAt: RECEIVED };
      const letters: DeadLetter[] = [];
      const lines: string[] = [];
      const counts = { alerts: 0, bytes: 0, findings: 0, benign: 0 };
      for await (const { records, rejected } of source.read(undefined, new AbortController().signal)) {
        for (const record of records) {
          counts.alerts++;
          const { findings, deadLetters } = handleRecord(record, { ...context, generation: live.current() });
          letters.push(...deadLetters);
          for (const finding of findings) {
            counts.findings++;
            if (finding.suppressed) counts.benign++;
            lines.push(`${enrichedAlert(finding)}\n`);
          }
        }
        for (const { head, length, origin, reason } of rejected)
          letters.push(recordLetter({ component: "enrich", time: RECEIVED, reason, origin }, head, length));
      }
      const trouble = source.lag?.().trouble;
      await source.close?.();
      letters.sort((a, b) => place(files, a) - place(files, b));
      return {
        text: lines.join(""),
        letters,
        outcome: { ...counts, troubles: trouble === undefined ? [] : [trouble] },
      };
    },
  };
}

/** Order of the input: the source tells of lines that were too long after the others of a batch. */
function place(files: readonly string[], { origin = "" }: DeadLetter): number {
  const colon = origin.lastIndexOf(":");
  return files.indexOf(origin.slice(0, colon)) * 2 ** 40 + Number(origin.slice(colon + 1));
}
