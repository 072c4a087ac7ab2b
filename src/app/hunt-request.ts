import type { Generation } from "../intel/generation.ts";
import type { HuntedValue } from "../intel/sketch.ts";
import type { Log } from "../lib/log.ts";
import type { Place } from "../lib/place.ts";
import type { Finding } from "../model/finding.ts";
import type { Indicator } from "../model/indicator.ts";
import type { JudgedStep } from "../pipeline/hunt-hits.ts";
import type { ScanStep, ScanTarget } from "../pipeline/hunt-step.ts";
import type { HuntSummary } from "../pipeline/hunt-summary.ts";
import type { HuntJob } from "../store/hunt-job.ts";
import type { Sketches } from "../store/sketch.ts";
import type { HuntFile, TimeWindow } from "./hunt-files.ts";
import type { StoredHunt } from "./hunt-progress.ts";
import type { Judging } from "./judging.ts";
import type { SharedGeneration } from "./match-wire.ts";

export interface HuntRequest {
  readonly files: readonly HuntFile[];
  readonly generation: Generation;
  /** Only indicators that came or changed since; epoch milliseconds. Default: all. */
  readonly newSince?: number;
  /** Only these. */
  readonly only?: HuntedOnly;
  /** Key of finding ids. */
  readonly key: Buffer;
  readonly window: TimeWindow;
  readonly minScore: number;
  /** Count and give known-benign findings as well. */
  readonly benign: boolean;
  readonly sketches?: Sketches | undefined;
  /** Make sketches of what has none; default: use those that are there. */
  readonly sketching?: boolean;
  /** Scans a file, `start`: from there; default: here. */
  readonly openScan?: (target: ScanTarget, start: Place | undefined) => HuntScan;
  /** Threads that read and judge files ahead; default: none. */
  readonly threads?: HuntThreads;
  /** Lines of a step at most, where this thread must not be held up for long. */
  readonly stepLines?: number;
  /** After each step: a hunt that must not be in the way waits here. `tookMs`: what the step took. */
  readonly pace?: (tookMs: number) => Promise<void>;
  /** Makes the hunt one that can be gone on with. */
  readonly job?: HuntJob<StoredHunt> | undefined;
  /** How often the place to go on from is written down; default 2,000 ms. */
  readonly checkpointMs?: number;
  readonly startedAt: number;
  readonly version: string;
  /** Called in the order of the files, each finding once, those of an interrupted hunt first. */
  readonly emit?: (line: string) => Promise<void> | void;
  /** Durable when it resolves; gives how many were new. */
  readonly deliver?: (findings: readonly Finding[]) => Promise<number>;
  readonly onProgress?: (state: HuntProgressState) => void;
  readonly onStep?: (step: JudgedStep) => void;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** Some indicators: how to tell them, and all of them. */
export interface HuntedOnly {
  readonly wanted: (indicator: Indicator) => boolean;
  readonly values: readonly HuntedValue[];
  /** Alerts from this time on were matched against it when they came; epoch milliseconds. Default: none were. */
  readonly until?: (indicator: Indicator) => number;
}

/** What a hunt needs of `FileScan`. */
export interface HuntScan {
  run(): AsyncGenerator<ScanStep>;
  flush(): void | Promise<void>;
}

export interface HuntThreads {
  /** Default: one a processor where there is enough to read. */
  readonly count?: number;
  /** How they come to the same judgement. */
  readonly generation: SharedGeneration;
  readonly judging: Judging;
  /** For tests: size of parts, another entry, what is held for later. */
  readonly tuning?: { readonly partBytes?: number; readonly entry?: URL; readonly heldBytes?: number };
}

/** Bytes are of content. */
export interface HuntProgressState {
  readonly done: number;
  readonly total: number;
  /** Done by an earlier process. */
  readonly before: number;
  readonly skipped: number;
  readonly findings: number;
  readonly file: string;
}

export interface HuntOutcome {
  readonly summary: HuntSummary;
  readonly files: number;
  /** Of them passed over whole, because their sketches rule them out. */
  readonly ruledOut: number;
  readonly lines: number;
  /** Lines that are no alerts, and the first few of this process with their reasons. */
  readonly refused: number;
  readonly refusals: readonly string[];
  readonly bytes: number;
  readonly skipped: number;
  readonly delivered: number;
  readonly troubles: readonly string[];
  readonly interrupted: boolean;
}
