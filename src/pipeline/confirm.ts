import type { DeadLetter, Unconfirmed } from "../contract/journal.ts";
import type { SendResult } from "../contract/sink.ts";
import { durably } from "./durably.ts";
import { attemptSend, type DeliverOptions } from "./send.ts";

const BATCH = 100;

/**
 * Sends again what was sent and has not been seen again in time; after the last resending it goes to the dead letter. Time
 * counts from `startedAt` at the earliest (nothing was read before) and stands still while the sources are behind. Gives
 * the receiver's answer when it cannot take findings now.
 */
export async function resendOverdue(
  options: DeliverOptions,
  startedAt: number,
  signal: AbortSignal,
): Promise<Extract<SendResult, { status: "retry" }> | undefined> {
  const { name, sink, journal, clock, echoLagMs = () => 0 } = options;
  if (sink.confirmation === undefined) return undefined;
  const { timeoutMs, resends } = sink.confirmation;
  while (!signal.aborted) {
    const now = clock.now();
    const due = now - timeoutMs - echoLagMs();
    if (!(startedAt <= due)) return undefined;
    // What was sent later than now was sent before the clock was set back.
    const isDue = ({ sentAt }: Unconfirmed) => sentAt <= due || sentAt > now + timeoutMs;
    const overdue = journal.unconfirmed(name, sink.batchSize ?? BATCH).filter(isDue);
    if (overdue.length === 0) return undefined;
    const again = overdue.filter(({ attempts }) => attempts <= resends);
    await giveUp(
      overdue.filter(({ attempts }) => attempts > resends),
      options,
      signal,
    );
    const failed = await resend(again, options, signal);
    if (failed) return failed;
  }
  return undefined;
}

async function giveUp(rows: readonly Unconfirmed[], options: DeliverOptions, signal: AbortSignal): Promise<void> {
  if (rows.length === 0) return;
  const { name, journal, clock, log, events } = options;
  const letters = rows.map(
    ({ finding, attempts }): DeadLetter => ({
      kind: "finding",
      component: name,
      time: clock.now(),
      reason: `sent ${attempts} times and never seen again`,
      finding,
    }),
  );
  const ids = rows.slice(0, 5).map(({ finding }) => finding.id);
  log.error("findings were sent and never seen again; they are in the dead letter", {
    sink: name,
    count: rows.length,
    ids,
  });
  await durably(name, () => journal.updateUnconfirmed(name, [], clock.now(), letters), options, signal);
  events.unconfirmed(name, rows.length);
  events.deadLettered(name, rows.length, "sent and never seen again");
}

async function resend(rows: readonly Unconfirmed[], options: DeliverOptions, signal: AbortSignal) {
  if (rows.length === 0) return undefined;
  const { name, journal, clock, events, log, prepare = (finding) => finding } = options;
  // What the sink no longer takes (min_score was raised) is not sent, but counted, so that it comes to its end as well.
  const unwanted = rows.filter(({ finding }) => prepare(finding) === undefined);
  const wanted = rows.filter((row) => !unwanted.includes(row));
  const batch = wanted.flatMap(({ finding }) => prepare(finding) ?? []);
  const result: SendResult = batch.length === 0 ? { status: "sent" } : await attemptSend(options, batch, signal);
  // A refusal counts as a sending too.
  const sent = [...unwanted, ...(result.status === "retry" ? wanted.slice(0, result.taken ?? 0) : wanted)];
  if (sent.length > 0) {
    const ids = sent.map(({ finding }) => finding.id);
    await durably(name, () => journal.updateUnconfirmed(name, ids, clock.now(), []), options, signal);
    log.warn("findings were not seen again in time; sent once more", { sink: name, count: sent.length });
    events.resent(name, sent.length);
  }
  return result.status === "retry" ? result : undefined;
}
