import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { hunt } from "../../src/app/hunt.ts";
import { filesNamed } from "../../src/app/hunt-files.ts";
import { openSketches } from "../../src/app/hunt-place.ts";
import type { StoredHunt } from "../../src/app/hunt-progress.ts";
import type { HuntOutcome, HuntRequest, HuntThreads } from "../../src/app/hunt-request.ts";
import { type Log, silentLog } from "../../src/lib/log.ts";
import type { Finding } from "../../src/model/finding.ts";
import type { ReportedIndicator } from "../../src/model/indicator.ts";
import { HuntJob } from "../../src/store/hunt-job.ts";
import { listGeneration } from "./list-generation.ts";

export interface HuntOver extends Partial<Pick<HuntRequest, "newSince" | "window" | "minScore" | "benign">> {
  /** 0: all in this thread. */
  readonly threads?: number;
  readonly tuning?: HuntThreads["tuning"];
  /** Folder of sketches and of what can be gone on with; undefined: neither. */
  readonly home?: string;
  /** Make sketches, only use those that are there, or neither. */
  readonly sketching?: boolean | "neither";
  /** Keep no place to go on from. */
  readonly checkpoints?: boolean;
  /** Abort after so many steps. */
  readonly steps?: number;
  /** Called with each finding as it comes. */
  readonly onLine?: (line: string) => Promise<void> | void;
}

/** What a hunt comes to; nothing in it depends on how long it took. */
export interface Hunted {
  readonly lines: readonly string[];
  readonly delivered: readonly string[];
  readonly rows: ReturnType<HuntOutcome["summary"]["rows"]>;
  readonly counts: Omit<HuntOutcome, "summary">;
  /** Warnings and errors. */
  readonly said: readonly string[];
}

export interface HuntRig {
  readonly dir: string;
  hunt(files: readonly string[], over?: HuntOver): Promise<Hunted>;
}

/** Hunts over one generation in which everything is as the product does it. */
export async function huntRig(t: TestContext, indicators: readonly ReportedIndicator[]): Promise<HuntRig> {
  const { dir, judging, live } = await listGeneration(t, indicators);
  const shared = live.shared();
  if (shared === undefined) throw new Error("expected a generation that threads can share");
  return {
    dir,
    async hunt(
      named,
      { threads = 0, tuning, home, sketching = true, steps, onLine, checkpoints = true, ...over } = {},
    ) {
      const said: string[] = [];
      const say = (words: string) => void said.push(words);
      const log: Log = { ...silentLog, warn: say, error: say };
      const { files, troubles } = await filesNamed(named, over.window ?? {});
      const folder = home && join(dir, home);
      const job = checkpoints && folder && HuntJob.open<StoredHunt>(join(folder, "interrupted"), "test", log);
      const stop = new AbortController();
      const lines: string[] = [];
      const delivered: string[] = [];
      let step = 0;
      const outcome = await hunt({
        files,
        generation: live.current(),
        key: Buffer.alloc(32, 7),
        window: {},
        minScore: 0,
        benign: true,
        ...over,
        sketches: folder === undefined || sketching === "neither" ? undefined : openSketches(folder, "test", log),
        sketching: sketching === true,
        job: job || undefined,
        checkpointMs: 0,
        ...(threads === 0
          ? {}
          : { threads: { count: threads, generation: shared.generation, judging, ...(tuning && { tuning }) } }),
        startedAt: 0,
        version: "test",
        async emit(line) {
          lines.push(line);
          await onLine?.(line);
        },
        async deliver(findings: readonly Finding[]) {
          for (const finding of findings) delivered.push(JSON.stringify(finding));
          return findings.length;
        },
        onStep() {
          if (++step === steps) stop.abort();
        },
        log,
        signal: stop.signal,
      });
      if (job) job.end(!outcome.interrupted);
      const { summary, ...counts } = outcome;
      return {
        lines,
        delivered,
        rows: summary.rows(),
        counts: { ...counts, troubles: [...troubles, ...counts.troubles] },
        said,
      };
    },
  };
}

/** Content of all sketches in a hunt's folder, by name. Those of one seed and one content are equal. */
export function sketchFiles(folder: string): Readonly<Record<string, string>> {
  const dir = join(folder, "sketches");
  const names = readdirSync(dir).filter((name) => name.endsWith(".sketch"));
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(join(dir, name)).toString("base64")]));
}
