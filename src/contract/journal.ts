import type { Finding } from "../model/finding.ts";
import type { JsonValue } from "../model/json.ts";
import type { StageOutput } from "./stage.ts";

/** A record that could not be handled, or a finding that could not be delivered; replayable. */
export interface DeadLetter {
  readonly kind: "record" | "finding";
  /** Source or sink that it belongs to. */
  readonly component: string;
  /** Epoch milliseconds. */
  readonly time: number;
  readonly reason: string;
  /** For a record: where it was read and its first bytes (base64 when not UTF-8); for a finding: the finding. */
  readonly origin?: string;
  readonly length?: number;
  readonly text?: string;
  readonly base64?: string;
  readonly finding?: Finding;
}

/** A stage that takes the findings of a commit within the commit's own transaction. */
export interface Passage {
  readonly stage: string;
  /** Nobody else uses the stage. From `output()` on it is this passage's until the commit is over. */
  readonly available: boolean;
  /** `output()` was asked for: the stage has taken the findings, and they must not come to it again. */
  readonly begun: boolean;
  /** What the stage makes of the findings; the same whenever it is asked, since a transaction may be tried again. */
  output(): StageOutput;
}

/** What one delivery of a source comes to. Committed whole or not at all. */
export interface Commit {
  readonly source: string;
  readonly range: string;
  /** Of this source's ranges so many are remembered; default: the journal's own number. */
  readonly rangesKept?: number;
  readonly checkpoint: JsonValue;
  readonly findings: readonly Finding[];
  readonly deadLetters: readonly DeadLetter[];
  /** Finding ids of ours that were read back in this delivery: confirmed deliveries. */
  readonly confirmed: readonly string[];
  /** Spares the findings the way over `raw`. Left unused while `raw` holds others for the stage, or the journal has no room. */
  readonly through?: Passage;
}

export interface JournalEntry {
  /** Rises by one per finding of a stream; gaps never occur. */
  readonly seq: number;
  readonly finding: Finding;
}

/** A finding that was sent and not yet seen again. */
export interface Unconfirmed {
  readonly finding: Finding;
  /** How often it was sent. */
  readonly attempts: number;
  /** Epoch milliseconds of the last sending. */
  readonly sentAt: number;
}

/** What became of the findings that a sink is done with. */
export interface SinkOutcome {
  readonly dead: readonly DeadLetter[];
  /** Entries of `out` that were sent and are to be seen again. */
  readonly awaiting: readonly JournalEntry[];
  readonly lazily?: boolean;
}

/** Streams: `raw` (assessed findings) → stage → `out` (what sinks read). */
export type StreamName = "raw" | "out";

/**
 * The durable middle of the pipeline. Every method that changes something resolves when it is on disk (fsync), whole or not
 * at all. One process writes. Readers are named; each has its own cursor in its stream.
 */
export interface Journal {
  checkpoint(source: string): JsonValue | undefined;
  /** False: the range was committed before and nothing was done. Waits (not throws) while required readers hold a full journal. */
  commit(commit: Commit, signal?: AbortSignal): Promise<boolean>;
  /** Up to `limit` entries after the reader's cursor, in order. */
  read(stream: StreamName, reader: string, limit: number): readonly JournalEntry[];
  /** Resolves when the reader has something to read or `signal` aborts. */
  wait(stream: StreamName, reader: string, signal: AbortSignal): Promise<void>;
  /** Input cursor, the stage's own state and its output, together. */
  advanceStage(
    stage: string,
    upTo: number,
    state: ReadonlyMap<string, JsonValue | undefined>,
    out: readonly Finding[],
  ): Promise<void>;
  stageState(stage: string): Iterable<readonly [string, JsonValue]>;
  /**
   * Moves a sink's cursor; `dead` goes to the dead letter and `awaiting` into the sink's unconfirmed table in the same transaction.
   * `lazily`: that may wait some milliseconds for another transaction to go with, which spares an fsync.
   */
  advanceSink(sink: string, upTo: number, outcome: SinkOutcome): Promise<void>;
  unconfirmed(sink: string, limit: number): readonly Unconfirmed[];
  /** Resent at `at`, or given up (goes to the dead letter). */
  updateUnconfirmed(sink: string, resent: readonly string[], at: number, givenUp: readonly DeadLetter[]): Promise<void>;
  backlog(): ReadonlyMap<string, { readonly entries: number; readonly bytes: number; readonly unconfirmed: number }>;
  close(): Promise<void>;
}
