import { setImmediate as nextTurn } from "node:timers/promises";
import type { DeadLetter, Journal } from "../contract/journal.ts";
import type { Delivery, Source, SourceRecord } from "../contract/source.ts";
import { type Backoff, delayMs } from "../lib/backoff.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import type { Finding } from "../model/finding.ts";
import { recordLetter } from "../store/dead-letter.ts";
import { durably, type Surroundings } from "./durably.ts";
import type { Handled } from "./handle.ts";

export type HandleRecord = (record: SourceRecord) => Handled;

/** Asked once per delivery, so that one generation judges all of it. */
export type BeginDelivery = (source: string) => HandleRecord;

export interface PumpOptions extends Surroundings {
  readonly name: string;
  readonly source: Source;
  readonly handle: BeginDelivery;
  readonly journal: Journal;
  /** `throw`: a TiplineError of the source ends the run (finite runs); default `retry`. */
  readonly onFailure?: "retry" | "throw";
}

const REOPEN: Backoff = { firstMs: 500, maxMs: 60_000 };
/** Work on the event loop without a break; sinks and health answers wait that long at most. */
const SLICE_MS = 20;

/** Moves one source's alerts into the journal until it ends or `signal` aborts; a source that fails is opened again. */
export async function pump(options: PumpOptions, signal: AbortSignal): Promise<void> {
  const { name, source, journal, log, events, clock } = options;
  for (let attempt = 1; !signal.aborted; ) {
    try {
      for await (const delivery of source.read(journal.checkpoint(name), signal)) {
        if (!(await take(delivery, options, signal))) return;
        attempt = 1;
      }
      if (!signal.aborted) events.sourceEnded(name);
      return;
    } catch (thrown) {
      if (signal.aborted) return;
      const error = asError(thrown);
      const ends =
        error instanceof TiplineError && (error.code === "TIP_STATE_CORRUPT" || options.onFailure === "throw");
      if (ends) throw error;
      const delay = delayMs(REOPEN, attempt);
      log.error("source failed; it is opened again from its checkpoint", {
        source: name,
        error,
        attempt,
        delayMs: delay,
      });
      events.sourceFailed(name, error, delay);
      attempt += 1;
      await clock.sleep(delay, signal);
    }
  }
}

/** False when stopped before the delivery was durable; it comes again after a restart. */
async function take(delivery: Delivery, options: PumpOptions, signal: AbortSignal): Promise<boolean> {
  const { name, source, journal, events } = options;
  const { findings, deadLetters, confirmed } = await handleAll(delivery, options);
  const { range, checkpoint } = delivery;
  const commit = { source: name, range, checkpoint, findings, deadLetters, confirmed };
  const done = await durably(name, () => journal.commit(commit, signal), options, signal);
  if (done === undefined) return false;
  const fresh = done.value;
  events.committed(name, {
    records: delivery.records.length,
    findings: findings.length,
    deadLetters: deadLetters.length,
    fresh,
  });
  if (fresh) for (const { reason } of deadLetters) events.deadLettered(name, 1, reason);
  await source.committed?.(delivery);
  return true;
}

async function handleAll({ records, rejected }: Delivery, { name, handle, clock, log }: PumpOptions) {
  const findings: Finding[] = [];
  const deadLetters: DeadLetter[] = rejected.map(({ head, length, origin, reason }) =>
    recordLetter({ component: name, time: clock.now(), reason, origin }, head, length),
  );
  const confirmed: string[] = [];
  const one = handle(name);
  let since = performance.now();
  for (const record of records) {
    try {
      const handled = one(record);
      findings.push(...handled.findings);
      deadLetters.push(...handled.deadLetters);
      confirmed.push(...handled.confirmed);
    } catch (thrown) {
      // A fault of ours must not stop the line, and the record must not be lost over it.
      const error = asError(thrown);
      log.error("record could not be handled", { source: name, origin: record.origin, error });
      const reason = `Tipline failed on it: ${error.message.slice(0, 500)}`;
      deadLetters.push(
        recordLetter({ component: name, time: clock.now(), reason, origin: record.origin }, record.bytes),
      );
    }
    if (performance.now() - since > SLICE_MS) {
      await nextTurn();
      since = performance.now();
    }
  }
  return { findings, deadLetters, confirmed };
}
