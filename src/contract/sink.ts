import type { Finding } from "../model/finding.ts";
import type { SinkOutbox } from "./outbox.ts";

/** What came of one attempt. A batch is all or nothing for `retry` and `rejected`. */
export type SendResult =
  /** The receiver has every finding (or took it as far as its protocol can say), or the sink's `outbox` has it on disk. */
  | { readonly status: "sent" }
  /** The receiver cannot take it now; the pipeline tries again, not before `afterMs` if given. `taken`: how many of the batch, from its start, did arrive. */
  | {
      readonly status: "retry";
      readonly cause: Error;
      readonly afterMs?: number;
      readonly taken?: number;
      /** Nothing is wrong: the sink keeps to its own rate, and the rest goes out after `afterMs`. */
      readonly paced?: true;
    }
  /** The receiver will never take this batch; the pipeline halves it until the bad finding is alone and dead-letters that. */
  | { readonly status: "rejected"; readonly cause: Error };

/**
 * Delivers findings to one receiver.
 *
 * A sink MUST:
 * - try once per call and answer; never retry, buffer beyond the call (but in a durable `outbox`) or reorder;
 * - answer (not throw) for everything the outside world does; a throw is a bug and is treated as `retry`;
 * - return within its own time-out, and promptly when `signal` aborts;
 * - send the finding's id along, so that the receiver can drop duplicates: delivery is at least once;
 * - write no secret anywhere.
 *
 * A sink whose receiver acknowledges nothing MAY keep a bounded copy of what it sent, and send that again when the connection breaks.
 * TLP is not a sink's business: the pipeline hands it redacted findings above the configured ceiling.
 */
export interface Sink {
  send(findings: readonly Finding[], signal: AbortSignal): Promise<SendResult>;
  /**
   * Present when `sent` is not yet delivered and the receiver's echo comes back through a source (Wazuh): how long to
   * wait for the echo, and how often to send again before the finding is dead-lettered and health fails.
   */
  readonly confirmation?: { readonly timeoutMs: number; readonly resends: number };
  /** Present on a sink that answers `sent` when it has a finding on disk, and delivers it later by itself. */
  readonly outbox?: SinkOutbox;
  /** Findings per send() that suit the receiver; default 100. */
  readonly batchSize?: number;
  /** Findings so far that may be lost without anybody being able to know: the receiver's protocol acknowledges nothing. */
  uncertain?(): number;
  close?(): Promise<void>;
}
