import type { Journal } from "../contract/journal.ts";
import type { SendResult, Sink } from "../contract/sink.ts";
import type { Backoff } from "../lib/backoff.ts";
import { asError } from "../lib/errors.ts";
import type { Finding } from "../model/finding.ts";
import type { Surroundings } from "./durably.ts";

export interface DeliverOptions extends Surroundings {
  readonly name: string;
  readonly sink: Sink;
  readonly journal: Journal;
  /** What this sink gets of a finding (TLP redaction), or undefined to leave it out (minimum score). Default: the finding. */
  readonly prepare?: (finding: Finding) => Finding | undefined;
  /** How far the sources that would read the echo are behind, in ms; echoes are not overdue before they could be read. */
  readonly echoLagMs?: () => number;
  readonly backoff?: Backoff;
}

/** One attempt; what a sink throws is a bug in it and counts as `retry`. */
export async function attemptSend(
  { name, sink, log }: DeliverOptions,
  batch: readonly Finding[],
  signal: AbortSignal,
): Promise<SendResult> {
  try {
    return await sink.send(batch, signal);
  } catch (thrown) {
    const cause = asError(thrown);
    if (!signal.aborted) log.error("sink threw instead of answering", { sink: name, error: cause });
    return { status: "retry", cause };
  }
}
