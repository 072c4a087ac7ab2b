import type {
  Commit,
  DeadLetter,
  Journal,
  JournalEntry,
  SinkOutcome,
  StreamName,
  Unconfirmed,
} from "../contract/journal.ts";
import type { StageOutput } from "../contract/stage.ts";
import { type Clock, systemClock } from "../lib/clock.ts";
import { TiplineError } from "../lib/errors.ts";
import { type Log, silentLog } from "../lib/log.ts";
import type { Finding } from "../model/finding.ts";
import type { JsonValue } from "../model/json.ts";
import {
  addDeadLetters,
  DEFAULT_DEAD_LETTER_BOUNDS,
  type DeadLetterBounds,
  type DeadLetterReader,
  deadLetterReader,
  getDeadLetter,
  removeDeadLetter,
  roomForLetters,
} from "./dead-letter.ts";
import { EarlyEchoes } from "./early-echoes.ts";
import { openEnvironment } from "./environment.ts";
import { FindingCache, roomForFindings } from "./finding-cache.ts";
import { registerReaders } from "./journal-readers.ts";
import { type ReplayedRecord, replayFindings, replayRecord } from "./journal-replay.ts";
import { type JournalReader, makeRoom, mayHaveRoom, roomForCommit, roomForStaged, type Spill } from "./journal-room.ts";
import {
  advance,
  append,
  bytesAfter,
  cursorOf,
  liveBytes,
  newEntry,
  readAfter,
  sizeOf,
  streamMeta,
  trim,
} from "./journal-streams.ts";
import { type JournalTables, openTables } from "./journal-tables.ts";
import { addUnconfirmed, overflow, removeUnconfirmed, resent, unconfirmedRows } from "./journal-unconfirmed.ts";
import { checkCheckpoint } from "./source-rows.ts";
import { Waiters } from "./waiters.ts";
import { Writer } from "./writer.ts";

export type { ReplayedRecord } from "./journal-replay.ts";
export type { JournalReader, Spill } from "./journal-room.ts";

export interface JournalOptions {
  /** Folder of its own; created (0700) when absent. */
  readonly dir: string;
  readonly readers: readonly JournalReader[];
  /** Limit of the bytes of findings that some reader still has to read; default 1 GiB. The file takes up to about twice that and never shrinks. */
  readonly maxBytes?: number;
  /** Limit of the findings of one sink that were sent and not seen again; beyond it the oldest go to the dead letter. Default: `maxBytes`. */
  readonly maxUnconfirmedBytes?: number;
  readonly deadLetters?: DeadLetterBounds;
  /** Ranges remembered per source; default 1,024. */
  readonly rangesKept?: number;
  readonly clock?: Clock;
  readonly log?: Log;
  readonly onSpill?: (spill: Spill) => void;
  /** A source waits for required sinks. */
  readonly onHold?: (source: string) => void;
  /** Dead letters that made room for newer ones. */
  readonly onDrop?: (count: number) => void;
}

/** The journal with what commands and metrics need beside the pipeline's contract. */
export interface StoredJournal extends Journal {
  readonly deadLetters: DeadLetterReader;
  /** Puts dead findings back for their sink only (`sink`: another one). Gives the ids put back; others are absent, no findings, or of a sink that is not configured. */
  replayFindings(ids: readonly string[], sink?: string): Promise<readonly string[]>;
  /** Replaces a dead record by what it comes to now, in one transaction; false when it is gone. */
  replayRecord(id: string, outcome: ReplayedRecord): Promise<boolean>;
  /** Removes a dead letter and gives it. */
  takeDeadLetter(id: string): Promise<DeadLetter | undefined>;
  /** Sources that wait because the journal is full. */
  holding(): readonly string[];
  stats(): { readonly liveBytes: number; readonly maxBytes: number };
}

/** Opens the journal; `TIP_STATE_CORRUPT` says what to do when it cannot be read. */
export async function openJournal(options: JournalOptions): Promise<StoredJournal> {
  const environment = openEnvironment(options.dir);
  const journal = new LmdbJournal(openTables(environment), options);
  try {
    await journal.open();
  } catch (thrown) {
    await environment.close();
    throw thrown;
  }
  return journal;
}

const READ_BYTES = 8 * 2 ** 20;
/** Shorter than anybody waits for a finding; after a crash, what was sent in this time is sent again. */
const LAZY_MS = 50;

class LmdbJournal implements StoredJournal {
  readonly deadLetters: DeadLetterReader;
  readonly #tables: JournalTables;
  readonly #writer: Writer;
  readonly #waiters = new Waiters();
  readonly #cache = new FindingCache();
  readonly #options: JournalOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #maxBytes: number;
  readonly #bounds: DeadLetterBounds;
  readonly #holding = new Set<string>();
  readonly #earlyEchoes = new EarlyEchoes();
  #closed = false;

  constructor(tables: JournalTables, options: JournalOptions) {
    this.#tables = tables;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLog;
    this.#maxBytes = options.maxBytes ?? 2 ** 30;
    this.#bounds = options.deadLetters ?? DEFAULT_DEAD_LETTER_BOUNDS;
    this.#writer = new Writer(tables.environment, () => this.#written());
    this.deadLetters = deadLetterReader(tables);
  }

  async open(): Promise<void> {
    const { readers } = this.#options;
    const now = this.#clock.now();
    const { retired, dropped } = await this.#write(() => registerReaders(this.#tables, readers, this.#bounds, now));
    for (const { sink, count } of retired)
      this.#log.warn("sink is no longer configured; what it had not received is in the dead letter", { sink, count });
    this.#report({ dropped });
  }

  checkpoint(source: string): JsonValue | undefined {
    return this.#tables.sources.checkpoint(source);
  }

  async commit(commit: Commit, signal?: AbortSignal): Promise<boolean> {
    checkCheckpoint(commit.source, commit.checkpoint);
    const entries = commit.findings.map((finding) => newEntry(finding));
    const wanted = sizeOf(entries);
    const bytes = roomForCommit(commit);
    try {
      for (;;) {
        const result = await this.#write(() => this.#tryCommit(commit, entries, wanted), { bytes });
        this.#report(result);
        if (result.outcome === "committed") this.#cache.put(result.stream, result.first, result.appended);
        if (result.outcome !== "full") return result.outcome === "committed";
        await this.#hold(commit, wanted, signal);
      }
    } finally {
      this.#holding.delete(commit.source);
    }
  }

  read(stream: StreamName, reader: string, limit: number): readonly JournalEntry[] {
    if (this.#closed) return [];
    const cursor = cursorOf(this.#tables, stream, reader);
    return readAfter(this.#tables, stream, reader, cursor, { limit, maxBytes: READ_BYTES }, this.#cache);
  }

  async wait(stream: StreamName, reader: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#closed) {
      const version = this.#waiters.version;
      if (cursorOf(this.#tables, stream, reader) + 1 < streamMeta(this.#tables, stream).next) return;
      await this.#waiters.changed(version, signal);
    }
  }

  async advanceStage(
    stage: string,
    upTo: number,
    state: ReadonlyMap<string, JsonValue | undefined>,
    out: readonly Finding[],
  ): Promise<void> {
    const bytes = roomForStaged(out, state.size);
    const first = await this.#write(
      () => {
        const put = this.#putStaged(stage, { changed: state, out });
        advance(this.#tables, "raw", stage, upTo);
        trim(this.#tables, "raw", this.#names("raw"));
        return put;
      },
      { bytes },
    );
    this.#cache.put("out", first, out);
  }

  stageState(stage: string): Iterable<readonly [string, JsonValue]> {
    return this.#tables.states.of(stage).entries();
  }

  async advanceSink(sink: string, upTo: number, outcome: SinkOutcome): Promise<void> {
    const isLast = upTo + 1 >= streamMeta(this.#tables, "out").next;
    const lazyMs = isLast && outcome.lazily === true ? LAZY_MS : 0;
    const bytes = roomForLetters(outcome.dead) + roomForFindings(outcome.awaiting.map(({ finding }) => finding));
    const dropped = await this.#write(
      () => {
        const awaited = outcome.awaiting.filter(({ finding }) => !this.#earlyEchoes.has(finding.id));
        addUnconfirmed(this.#tables, sink, awaited, this.#clock.now());
        const { maxUnconfirmedBytes = this.#maxBytes } = this.#options;
        const over = overflow(this.#tables, sink, maxUnconfirmedBytes, this.#clock.now());
        const lost = addDeadLetters(this.#tables, [...outcome.dead, ...over], this.#bounds);
        advance(this.#tables, "out", sink, upTo);
        trim(this.#tables, "out", this.#names("out"));
        return lost;
      },
      { lazyMs, bytes },
    );
    this.#report({ dropped });
  }

  unconfirmed(sink: string, limit: number): readonly Unconfirmed[] {
    return unconfirmedRows(this.#tables, sink, limit);
  }

  async updateUnconfirmed(
    sink: string,
    again: readonly string[],
    at: number,
    givenUp: readonly DeadLetter[],
  ): Promise<void> {
    const dropped = await this.#write(
      () => {
        resent(this.#tables, sink, again, at);
        // Seen again in the meantime: then it is delivered and no dead letter.
        const ids = givenUp.flatMap(({ finding }) => finding?.id ?? []);
        const awaited = new Set(removeUnconfirmed(this.#tables, sink, ids));
        const lost = givenUp.filter(({ finding }) => finding && awaited.has(finding.id));
        return addDeadLetters(this.#tables, lost, this.#bounds);
      },
      { bytes: roomForLetters(givenUp) },
    );
    this.#report({ dropped });
  }

  backlog(): ReadonlyMap<string, { readonly entries: number; readonly bytes: number; readonly unconfirmed: number }> {
    return new Map(
      this.#options.readers.map(({ name, stream }) => {
        const cursor = cursorOf(this.#tables, stream, name);
        return [
          name,
          {
            entries: streamMeta(this.#tables, stream).next - 1 - cursor,
            bytes: bytesAfter(this.#tables, stream, cursor),
            unconfirmed: this.#tables.unconfirmed.counts(name).count,
          },
        ];
      }),
    );
  }

  async replayFindings(ids: readonly string[], sink?: string): Promise<readonly string[]> {
    return this.#write(() => replayFindings(this.#tables, ids, this.#names("out"), sink));
  }

  async replayRecord(id: string, outcome: ReplayedRecord): Promise<boolean> {
    const bytes = roomForCommit({ ...outcome, confirmed: [] });
    return this.#write(() => replayRecord(this.#tables, id, outcome, this.#names("raw"), this.#bounds), { bytes });
  }

  async takeDeadLetter(id: string): Promise<DeadLetter | undefined> {
    return this.#write(() => {
      const letter = getDeadLetter(this.#tables, id);
      removeDeadLetter(this.#tables, id);
      return letter;
    });
  }

  holding(): readonly string[] {
    return [...this.#holding];
  }

  stats(): { readonly liveBytes: number; readonly maxBytes: number } {
    return { liveBytes: liveBytes(this.#tables, "raw") + liveBytes(this.#tables, "out"), maxBytes: this.#maxBytes };
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#writer.flush();
    this.#closed = true;
    this.#waiters.wake();
    await this.#tables.environment.close();
  }

  #tryCommit(commit: Commit, entries: ReturnType<typeof newEntry>[], wanted: number) {
    const nothing = { spills: [], dropped: 0 };
    if (this.#tables.sources.isCommitted(commit.source, commit.range)) return { outcome: "known" as const, ...nothing };
    const through = this.#passageOf(commit);
    const limits = { maxBytes: this.#maxBytes, deadLetters: this.#bounds };
    const { room, spills, dropped } =
      entries.length === 0 || through?.begun
        ? { room: true, ...nothing }
        : makeRoom(this.#tables, this.#options.readers, wanted, limits, this.#clock.now());
    if (!room) return { outcome: "full" as const, spills, dropped };
    const written =
      through === undefined
        ? {
            stream: "raw" as const,
            appended: commit.findings,
            first: append(this.#tables, "raw", entries, this.#names("raw")),
          }
        : this.#putThrough(through.stage, through.output());
    const lost = addDeadLetters(this.#tables, commit.deadLetters, this.#bounds);
    this.#confirm(commit.confirmed);
    const { rangesKept = 1024 } = this.#options;
    this.#tables.sources.put(commit.source, commit.range, commit.checkpoint, commit.rangesKept ?? rangesKept);
    return { outcome: "committed" as const, ...written, spills, dropped: dropped + lost };
  }

  /** A stage that has taken the findings keeps them; else it must have nothing before them to read. */
  #passageOf({ findings, through }: Commit) {
    if (through === undefined || findings.length === 0) return undefined;
    const isNext = cursorOf(this.#tables, "raw", through.stage) + 1 === streamMeta(this.#tables, "raw").next;
    return through.begun || (isNext && through.available) ? through : undefined;
  }

  #putThrough(stage: string, output: StageOutput) {
    return { stream: "out" as const, appended: output.out, first: this.#putStaged(stage, output) };
  }

  /** Within a transaction: a stage's state and output. Gives the first number in `out`. */
  #putStaged(stage: string, { changed, out }: StageOutput) {
    this.#tables.states.of(stage).put(changed);
    const entries = out.map((finding) => newEntry(finding));
    const first = append(this.#tables, "out", entries, this.#names("out"));
    trim(this.#tables, "out", this.#names("out"));
    return first;
  }

  /** Waits until there may be room. What was read back counts at once: the sink that holds may be waiting for just that. */
  async #hold({ source, confirmed }: Commit, wanted: number, signal: AbortSignal | undefined): Promise<void> {
    if (!this.#holding.has(source)) {
      this.#holding.add(source);
      this.#log.warn("journal is full; the source waits for required sinks", { source, maxBytes: this.#maxBytes });
      this.#options.onHold?.(source);
      if (confirmed.length > 0) await this.#write(() => this.#confirm(confirmed));
    }
    // Looking must not write: a transaction of ours would wake ourselves, and every other source that waits.
    while (!this.#closed && !signal?.aborted) {
      const version = this.#waiters.version;
      if (mayHaveRoom(this.#tables, this.#options.readers, wanted, this.#maxBytes)) return;
      await this.#waiters.changed(version, signal);
    }
    if (signal?.aborted)
      throw new TiplineError("TIP_JOURNAL_FULL", `stopped while source ${source} waited for room in the journal`);
  }

  #confirm(ids: readonly string[]): void {
    if (ids.length === 0) return;
    const known = new Set(this.#names("out").flatMap((sink) => removeUnconfirmed(this.#tables, sink, ids)));
    this.#earlyEchoes.add(ids.filter((id) => !known.has(id)));
  }

  #report({ spills = [], dropped }: { readonly spills?: readonly Spill[]; readonly dropped: number }): void {
    for (const spill of spills) {
      this.#log.warn("journal is full; findings of a sink that is not required went to the dead letter", { ...spill });
      this.#options.onSpill?.(spill);
    }
    if (dropped === 0) return;
    this.#log.error("dead letter is full; its oldest entries were dropped", { count: dropped });
    this.#options.onDrop?.(dropped);
  }

  #written(): void {
    for (const stream of ["raw", "out"] as const) this.#cache.drop(stream, streamMeta(this.#tables, stream).trimmed);
    this.#waiters.wake();
  }

  #names(stream: StreamName): string[] {
    return this.#options.readers.filter((reader) => reader.stream === stream).map(({ name }) => name);
  }

  #write<T>(change: () => T, how: { readonly lazyMs?: number; readonly bytes?: number } = {}): Promise<T> {
    if (this.#closed) return Promise.reject(new TiplineError("TIP_INTERNAL", "the journal is closed"));
    return this.#writer.write(change, how);
  }
}
