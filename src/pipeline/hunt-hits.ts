import { enrichedAlert } from "../clients/enriched-alert.ts";
import type { Finding } from "../model/finding.ts";
import type { createHuntJudge } from "./hunt-judge.ts";
import type { ScanStep } from "./hunt-step.ts";
import { type HuntTally, tallyOf } from "./hunt-summary.ts";

/** Which findings are wanted, and as what. */
export interface HitsWanted {
  readonly minScore: number;
  /** Known-benign ones as well. */
  readonly benign: boolean;
  /** As enriched alerts; as findings. A summary needs neither. */
  readonly lines: boolean;
  readonly findings: boolean;
}

/** What a hunt needs of a finding; plain data, so that it may come from another thread. */
export interface HuntHit {
  readonly id: string;
  readonly tally: HuntTally;
  readonly line?: string;
  readonly finding?: Finding;
}

/** A step of a scan with what its candidates come to; `refused` counts those as well that turn out to be no alerts. */
export interface JudgedStep extends Omit<ScanStep, "candidates"> {
  readonly hits: readonly HuntHit[];
}

/** A file that is read and judged. */
export interface JudgedScan {
  run(): AsyncGenerator<JudgedStep>;
  /** What is known up to the last step, or further, is on the disk: a later scan can start at that step's place. */
  flush(): void | Promise<void>;
}

/** `readAt` (epoch ms) is the time of alerts that have none. */
export type JudgeStep = (step: ScanStep, readAt: number) => JudgedStep;

export function judgeSteps(judge: ReturnType<typeof createHuntJudge>, wanted: HitsWanted): JudgeStep {
  return ({ candidates, ...step }, readAt) => {
    const hits: HuntHit[] = [];
    let { refused } = step;
    for (const { bytes, origin } of candidates) {
      const found = judge(bytes, origin, readAt);
      if (found === undefined) continue;
      if (typeof found === "string") {
        refused++;
        continue;
      }
      const { finding, verdict } = found;
      if (finding.score < wanted.minScore || (finding.suppressed && !wanted.benign)) continue;
      hits.push({
        id: finding.id,
        tally: tallyOf(finding, verdict),
        ...(wanted.lines ? { line: enrichedAlert(finding) } : {}),
        ...(wanted.findings ? { finding } : {}),
      });
    }
    return { ...step, refused, hits };
  };
}
