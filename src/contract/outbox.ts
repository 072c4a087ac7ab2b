import type { Finding } from "../model/finding.ts";

/** What an outbox has waiting, and what is wrong with its receiver. */
export interface OutboxBacklog {
  /** Messages that wait to be taken; a digest that still gathers is not one. */
  readonly messages: number;
  /** Findings in them and in the digest that gathers. */
  readonly findings: number;
  readonly bytes: number;
  /** Age of the oldest message that waits, in seconds. */
  readonly seconds: number;
  /** The receiver said that it wants nothing any more; nothing is sent until it is enabled. */
  readonly disabled: boolean;
  /** For people, with what to do; undefined when all is well. */
  readonly trouble?: string;
}

/** What came of one attempt to deliver a message of an outbox. */
export type OutboxAttempt = "delivered" | "failed" | "throttled" | "disabled" | "given_up";

/** What the house does for an outbox. */
export interface OutboxHouse {
  /** Puts findings into the dead letter, durably when it resolves, and once however often it is called with the same `lot`. */
  bury(lot: string, findings: readonly Finding[], reason: string): Promise<void>;
  attempted(outcome: OutboxAttempt): void;
}

/**
 * The outbox of a sink whose receiver is tried for hours, or gets many findings in one message (ADR 15). Its sink answers
 * `sent` when a finding is in the outbox, on disk: from then on the outbox answers for it, until the receiver has taken it or it
 * is in the dead letter. A finding is in one message however often it is handed over.
 */
export interface SinkOutbox {
  /** Delivers until `signal` aborts; called once. The sink's close() lets what is due go out, for a few seconds, and ends it as well. */
  run(house: OutboxHouse, signal: AbortSignal): Promise<void>;
  backlog(): OutboxBacklog;
  /** Sends again after the receiver disabled itself, and what waits at once; false when it was not disabled. */
  enable(): Promise<boolean>;
}
