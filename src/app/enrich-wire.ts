import type { DeadLetter } from "../contract/journal.ts";
import type { GateTables } from "../intel/gate-memory.ts";
import type { Judging } from "./judging.ts";
import type { SharedGeneration } from "./match-wire.ts";

/** Which findings are wanted, and as what. */
export interface Wanted {
  readonly minScore: number;
  /** Known-benign findings as well. */
  readonly benign: boolean;
  /** Enriched alerts, or findings as JSON. */
  readonly as: "alerts" | "findings";
}

/** What a thread is started with. */
export interface EnrichSetup {
  readonly key: Uint8Array;
  readonly generation: SharedGeneration;
  readonly judging: Judging;
  /** Absent where the kernel cannot run. */
  readonly tables: GateTables | undefined;
  readonly wanted: Wanted;
}

/** Lines to be matched. */
export type EnrichJob = {
  readonly path: string;
  /** Epoch milliseconds. */
  readonly receivedAt: number;
} & (
  | {
      /** The lines of an open file that begin in `[from, to)`; the file's descriptor is good in every thread. */
      readonly kind: "range";
      readonly fd: number;
      readonly from: number;
      readonly to: number;
      /** A line begins at `from`. */
      readonly whole: boolean;
    }
  | {
      /** Whole lines, only the last one's end may be missing, that begin at offset `at`. Shared memory: whoever asks may go on using it. */
      readonly kind: "piece";
      readonly at: number;
      readonly bytes: Uint8Array<SharedArrayBuffer>;
    }
);

/** What a job came to, in the order of its lines. */
export interface EnrichResult {
  readonly alerts: number;
  /** Bytes of content that were taken. */
  readonly bytes: number;
  readonly findings: number;
  readonly benign: number;
  readonly letters: readonly DeadLetter[];
  /** What is wanted of the findings, a line each. */
  readonly ndjson: Uint8Array<ArrayBuffer>;
  /** So much came of it that the rest is another job: the offset of its first line. */
  readonly rest?: number;
  /** The file could not be read on after `offset`; a letter says so. */
  readonly failure?: { readonly offset: number; readonly message: string };
}

/** To a thread, answered one after the other; from it `ready` first. */
export interface EnrichRequestMessage {
  readonly id: number;
  readonly job: EnrichJob;
}
export type EnrichReply =
  | { readonly kind: "ready" }
  | { readonly kind: "done"; readonly id: number; readonly result: EnrichResult };
