import { setImmediate as nextTurn } from "node:timers/promises";
import type { Commit, DeadLetter, Journal } from "../contract/journal.ts";
import type { Delivery, Source, SourceRecord } from "../contract/source.ts";
import { type Backoff, delayMs } from "../lib/backoff.ts";
import type { Clock } from "../lib/clock.ts";
import { asError, TiplineError } from "../lib/errors.ts";
import type { Finding } from "../model/finding.ts";
import { recordLetter } from "../store/record-letter.ts";
import { durably, type Surroundings } from "./durably.ts";
import type { Handled } from "./handle.ts";
import { LazyCommits } from "./lazy-commit.ts";
import type { OpenPassage } from "./stage-passage.ts";

export type HandleRecord = (record: SourceRecord) => Handled;

/** Asked once per delivery, so that one generation judges all of it. */
export type BeginDelivery = (source: string) => HandleRecord;

/** What the records of a delivery came to, in their order. */
export interface Matched {
  readonly findings: readonly Finding[];
  readonly deadLetters: readonly DeadLetter[];
  readonly confirmed: readonly string[];
}

/** Handles records elsewhere, in other threads say. Never rejects. */
export type MatchRecords = (source: string, records: readonly SourceRecord[]) => Promise<Matched>;

export interface PumpOptions extends Surroundings {
  readonly name: string;
  readonly source: Source;
  readonly handle: BeginDelivery;
  /** Instead of `handle`. Then a source that waits for no answer is read on while a delivery is matched: one ahead, no more. */
  readonly match?: MatchRecords;
  readonly journal: Journal;
  /** A way through the stage for findings that are about to be committed. */
  readonly through?: (findings: readonly Finding[]) => OpenPassage;
  /** `throw`: a TiplineError of the source ends the run (finite runs); default `retry`. */
  readonly onFailure?: "retry" | "throw";
}

const REOPEN: Backoff = { firstMs: 500, maxMs: 60_000 };
/** Work on the event loop without a break; sinks and health answers wait that long at most. */
const SLICE_MS = 20;

/** Moves one source's alerts into the journal until it ends or `signal` aborts; a source that fails is opened again. */
export async function pump(options: PumpOptions, signal: AbortSignal): Promise<void> {
  const { name, source, journal, log, events, clock } = options;
  const lazy = new LazyCommits(options, signal);
  for (let attempt = 1; !signal.aborted; ) {
    try {
      const line = new Line(options, lazy, signal);
      try {
        for await (const delivery of source.read(journal.checkpoint(name), line.reading)) {
          if (!(await line.take(delivery))) return;
          attempt = 1;
        }
      } finally {
        await line.end();
        await lazy.flush();
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

/** Matches deliveries and makes them durable in their order. */
class Line {
  readonly #options: PumpOptions;
  readonly #lazy: LazyCommits;
  readonly #signal: AbortSignal;
  readonly #failed = new AbortController();
  /** Aborts as well when a delivery cannot be made durable: the source may be waiting for its next alert. */
  readonly reading: AbortSignal;
  /** False: stopped before everything up to here was durable. */
  #done: Promise<boolean> = Promise.resolve(true);

  constructor(options: PumpOptions, lazy: LazyCommits, signal: AbortSignal) {
    this.#options = options;
    this.#lazy = lazy;
    this.#signal = signal;
    this.reading = AbortSignal.any([signal, this.#failed.signal]);
  }

  /** False when stopped before what came before was durable; it comes again after a restart. */
  async take(delivery: Delivery): Promise<boolean> {
    const { match, source } = this.#options;
    const matched = matchAll(delivery, this.#options);
    // It may fail while what came before is still being written; it is looked at then.
    matched.catch(() => undefined);
    const before = this.#done;
    this.#done = before.then(
      async (ok) => ok && settle(delivery, await matched, this.#lazy, this.#options, this.#signal),
    );
    this.#done.catch(() => this.#failed.abort());
    return match === undefined || source.committed !== undefined ? this.#done : before;
  }

  async end(): Promise<void> {
    await this.#done;
  }
}

async function matchAll(delivery: Delivery, options: PumpOptions): Promise<Matched> {
  const { name, match, clock } = options;
  if (match === undefined) return handleAll(delivery, options);
  const { findings, deadLetters, confirmed } = await match(name, delivery.records);
  return { findings, deadLetters: [...rejectedLetters(delivery, name, clock), ...deadLetters], confirmed };
}

/** False when stopped before the delivery was durable. */
async function settle(
  delivery: Delivery,
  { findings, deadLetters, confirmed }: Matched,
  lazy: LazyCommits,
  options: PumpOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { name, source, events } = options;
  const isEmpty = findings.length + deadLetters.length + confirmed.length === 0;
  // A source that waits for its deliveries to be durable gets each one's answer; one without alerts is a place that must not be lost.
  if (isEmpty && delivery.records.length > 0 && source.committed === undefined) {
    lazy.add(delivery);
    return true;
  }
  const before = await lazy.supersede();
  const { range, checkpoint } = delivery;
  const commit = { source: name, range, checkpoint, findings, deadLetters, confirmed };
  const fresh = await commitThrough(commit, options, signal);
  if (fresh === undefined) return false;
  events.committed(name, {
    records: before + delivery.records.length,
    findings: findings.length,
    deadLetters: deadLetters.length,
    fresh,
  });
  if (fresh) for (const { reason } of deadLetters) events.deadLettered(name, 1, reason);
  await source.committed?.(delivery);
  return true;
}

/** False: it was committed before. Undefined: stopped before it was durable, or the stage failed, which ends the run. */
async function commitThrough(commit: Commit, options: PumpOptions, signal: AbortSignal): Promise<boolean | undefined> {
  const { name, journal } = options;
  const through = commit.findings.length === 0 ? undefined : options.through?.(commit.findings);
  const whole = through === undefined ? commit : { ...commit, through };
  let done: { readonly value: boolean | undefined } | undefined;
  try {
    const change = () =>
      journal.commit(whole, signal).catch((thrown: unknown) => {
        if (through?.failed) return undefined;
        throw thrown;
      });
    done = await durably(name, change, options, signal);
  } finally {
    through?.end(done !== undefined);
  }
  return done?.value;
}

/** Input that cannot be alerts. */
function rejectedLetters({ rejected }: Delivery, name: string, clock: Clock): DeadLetter[] {
  return rejected.map(({ head, length, origin, reason }) =>
    recordLetter({ component: name, time: clock.now(), reason, origin }, head, length),
  );
}

/** In this thread, with breaks. */
export async function handleRecords(
  records: readonly SourceRecord[],
  one: HandleRecord,
  { name, clock, log }: Pick<PumpOptions, "name" | "clock" | "log">,
): Promise<Matched> {
  const findings: Finding[] = [];
  const deadLetters: DeadLetter[] = [];
  const confirmed: string[] = [];
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

async function handleAll(delivery: Delivery, options: PumpOptions): Promise<Matched> {
  const { name, handle, clock } = options;
  const letters = rejectedLetters(delivery, name, clock);
  const { findings, deadLetters, confirmed } = await handleRecords(delivery.records, handle(name), options);
  return { findings, deadLetters: [...letters, ...deadLetters], confirmed };
}
