/** What happens in the pipeline, told as it happens; metrics, health and the demo's account are made of it. All counts are of findings unless said otherwise. */
export interface PipelineEvents {
  /** A delivery is durable. `records`: alerts in it; `fresh`: false when it had been committed before. */
  committed(
    source: string,
    delivery: {
      readonly records: number;
      readonly findings: number;
      readonly deadLetters: number;
      readonly fresh: boolean;
    },
  ): void;
  /** The source failed and is opened again from its checkpoint after `delayMs`. */
  sourceFailed(source: string, error: Error, delayMs: number): void;
  /** A finite source came to its end. */
  sourceEnded(source: string): void;
  /** The stage turned `taken` findings into `given`. */
  staged(stage: string, taken: number, given: number): void;
  /** The receiver took them (again: see `resent`). */
  delivered(sink: string, count: number): void;
  /** The receiver cannot take them now. `attempt` counts from 1 until it takes one. */
  retried(sink: string, attempt: number, error: Error, delayMs: number): void;
  /** The receiver refused a batch; it is halved until the bad finding is alone. */
  rejected(sink: string, count: number, error: Error): void;
  /** Records or findings that went to the dead letter. */
  deadLettered(component: string, count: number, reason: string): void;
  /** Sent again because the receiver's echo did not come in time. */
  resent(sink: string, count: number): void;
  /** Not seen again after all resendings: in the dead letter, and health should fail. */
  unconfirmed(sink: string, count: number): void;
  /** The journal could not be written (full disk …); the same is tried again after `delayMs`. */
  journalFailed(who: string, error: Error, delayMs: number): void;
}

/** Nobody listens; spread it and replace what is of interest. */
export const noEvents: PipelineEvents = {
  committed: () => undefined,
  sourceFailed: () => undefined,
  sourceEnded: () => undefined,
  staged: () => undefined,
  delivered: () => undefined,
  retried: () => undefined,
  rejected: () => undefined,
  deadLettered: () => undefined,
  resent: () => undefined,
  unconfirmed: () => undefined,
  journalFailed: () => undefined,
};
