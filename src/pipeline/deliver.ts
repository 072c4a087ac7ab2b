import type { DeadLetter, JournalEntry } from "../contract/journal.ts";
import type { SendResult, Sink } from "../contract/sink.ts";
import { type Backoff, delayMs } from "../lib/backoff.ts";
import { resendOverdue } from "./confirm.ts";
import { durably } from "./durably.ts";
import { attemptSend, type DeliverOptions } from "./send.ts";
import { sleepUntil } from "./sleep.ts";

const RETRY: Backoff = { firstMs: 500, maxMs: 60_000 };
const BATCH = 100;
/** How often overdue echoes are looked for. */
const CONFIRM_MS = 1000;
/** A sink that paces itself is not asked more often than this. */
const LEAST_PACE_MS = 50;

/**
 * Delivers a sink's findings in order, at least once. Each part that the receiver took or that is dead-lettered moves the
 * cursor durably before the next is sent. Ends when `finish` aborts and nothing is left, or at once when `signal` aborts.
 */
export async function deliver(options: DeliverOptions, finish: AbortSignal, signal: AbortSignal): Promise<void> {
  const { name, sink, journal, clock } = options;
  const state: State = { finishing: false, attempt: 0, suspectEnd: 0 };
  let startedAt = clock.now();
  let checkedAt = startedAt;
  while (!signal.aborted) {
    // The clock was set back: nothing would be looked for until it is that late again.
    if (clock.now() < checkedAt) {
      checkedAt = clock.now();
      startedAt = Math.min(startedAt, checkedAt);
    }
    const entries = journal.read("out", name, batchLimit(state, sink.batchSize ?? BATCH));
    state.finishing = finish.aborted;
    if (entries.length > 0) await deliverBatch(entries, state, options, signal);
    if (signal.aborted) return;
    // A receiver that takes nothing is tried with what is new, not with both.
    if (clock.now() - checkedAt >= CONFIRM_MS && (state.attempt === 0 || entries.length === 0)) {
      checkedAt = clock.now();
      const failed = await resendOverdue(options, startedAt, signal);
      if (failed?.paced) await clock.sleep(Math.max(LEAST_PACE_MS, failed.afterMs ?? 0), signal);
      else if (failed) await backOff(failed.cause, failed.afterMs, state, options, signal);
      else if (entries.length === 0) state.attempt = 0;
    }
    if (entries.length > 0 || signal.aborted) continue;
    if (finish.aborted) return;
    await sleepUntil((end) => journal.wait("out", name, end), clock, idleMs(sink), [finish, signal]);
  }
}

/** A sink that awaits no echo has nothing to do until something comes. */
function idleMs({ confirmation }: Sink): number {
  return confirmation === undefined ? 3_600_000 : Math.min(CONFIRM_MS, confirmation.timeoutMs);
}

interface State {
  /** Nothing will come any more. */
  finishing: boolean;
  /** Failed attempts since the receiver last took something. */
  attempt: number;
  /** A refused batch ended here: up to it, what is left is halved until the bad finding is alone. 0: none. */
  suspectEnd: number;
  /** Entries of the refused batch that are left to search. */
  suspects?: number;
}

function batchLimit({ suspects }: State, batchSize: number): number {
  return suspects === undefined ? batchSize : Math.max(1, Math.min(batchSize, Math.ceil(suspects / 2)));
}

async function deliverBatch(
  entries: readonly JournalEntry[],
  state: State,
  options: DeliverOptions,
  signal: AbortSignal,
): Promise<void> {
  const { prepare = (finding) => finding } = options;
  const wanted = entries.filter(({ finding }) => prepare(finding) !== undefined);
  const batch = wanted.flatMap(({ finding }) => prepare(finding) ?? []);
  const end = entries.at(-1)?.seq ?? 0;
  const result: SendResult = batch.length === 0 ? { status: "sent" } : await attemptSend(options, batch, signal);
  if (result.status === "sent") {
    await settle(wanted, end, state, options, signal, !state.finishing);
  } else if (result.status === "retry") {
    // Not past the last one taken: what follows it may be left out, but must be looked at again with the rest.
    const taken = wanted.slice(0, Math.max(0, Math.min(result.taken ?? 0, wanted.length)));
    const last = taken.at(-1);
    if (last !== undefined) await settle(taken, last.seq, state, options, signal);
    if (result.paced) await options.clock.sleep(Math.max(LEAST_PACE_MS, result.afterMs ?? 0), signal);
    else await backOff(result.cause, result.afterMs, state, options, signal);
  } else if (batch.length === 1) {
    await bury(wanted, end, result.cause, state, options, signal);
  } else if (!signal.aborted) {
    options.events.rejected(options.name, batch.length, result.cause);
    options.log.warn("sink refused a batch; halving it", {
      sink: options.name,
      count: batch.length,
      error: result.cause,
    });
    state.suspectEnd = end;
    state.suspects = entries.length;
  }
}

/** The receiver has these; the cursor moves to `upTo`. `lazily`: with what comes next, if nothing is there yet. */
async function settle(
  entries: readonly JournalEntry[],
  upTo: number,
  state: State,
  options: DeliverOptions,
  signal: AbortSignal,
  lazily = false,
): Promise<void> {
  const { name, sink, journal, events } = options;
  // A canary that does not come back is told of by its own watch; sending the same one again would prove nothing more.
  const awaiting = sink.confirmation === undefined ? [] : entries.filter(({ finding }) => finding.mode !== "canary");
  // Even when stopping: the receiver has them, and forgetting that would send them twice.
  await durably(name, () => journal.advanceSink(name, upTo, { dead: [], awaiting, lazily }), options, signal);
  if (entries.length > 0) events.delivered(name, entries.length);
  state.attempt = 0;
  narrow(state, entries.length, upTo);
}

async function bury(
  entries: readonly JournalEntry[],
  upTo: number,
  cause: Error,
  state: State,
  options: DeliverOptions,
  signal: AbortSignal,
): Promise<void> {
  const { name, journal, events, clock, log } = options;
  const reason = `refused: ${cause.message.slice(0, 1000)}`;
  const dead = entries.map(
    ({ finding }): DeadLetter => ({ kind: "finding", component: name, time: clock.now(), reason, finding }),
  );
  log.error("sink refused a finding; it is in the dead letter", {
    sink: name,
    id: entries[0]?.finding.id,
    error: cause,
  });
  await durably(name, () => journal.advanceSink(name, upTo, { dead, awaiting: [] }), options, signal);
  events.deadLettered(name, dead.length, reason);
  state.attempt = 0;
  narrow(state, entries.length, upTo);
}

function narrow(state: State, done: number, upTo: number): void {
  if (state.suspects === undefined) return;
  if (upTo >= state.suspectEnd) delete state.suspects;
  else state.suspects = Math.max(1, state.suspects - Math.max(1, done));
}

async function backOff(
  cause: Error,
  afterMs: number | undefined,
  state: State,
  { name, clock, log, events, backoff = RETRY }: DeliverOptions,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) return;
  state.attempt += 1;
  const delay = Math.max(delayMs(backoff, state.attempt), afterMs ?? 0);
  events.retried(name, state.attempt, cause, delay);
  // The first failure and every doubling: a sink that is down for a day must not fill the log.
  if ((state.attempt & (state.attempt - 1)) === 0)
    log.warn("sink cannot take findings now; trying again", {
      sink: name,
      attempt: state.attempt,
      delayMs: delay,
      error: cause,
    });
  await clock.sleep(delay, signal);
}
