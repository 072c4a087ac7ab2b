import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { PlainReader } from "../lib/byte-reader.ts";
import type { Clock } from "../lib/clock.ts";
import { asError, systemCode, TiplineError } from "../lib/errors.ts";
import type { LineBatch } from "../lib/line-file.ts";
import { brokenOff, type SortedLines, sortLines, sortRest } from "../lib/line-records.ts";
import type { Log } from "../lib/log.ts";
import { FILE_START } from "../lib/place.ts";
import { FolderWatch, Wakeup } from "../lib/wakeup.ts";
import type { JsonValue } from "../model/json.ts";
import { LogCatalog } from "./wazuh-log-catalog.ts";
import { LagMeter, type LogLag } from "./wazuh-log-lag.ts";
import { openAll, openAt } from "./wazuh-log-locate.ts";
import { type OpenLog, OpenLogs, placeOf } from "./wazuh-log-open.ts";
import { LogStart } from "./wazuh-log-start.ts";
import { dailyPath, type LogFile, type LogTag, PLAIN_KEY } from "./wazuh-log-tree.ts";

export interface FollowerOptions {
  /** alerts.json or archives.json; its daily files are looked for in the folder it is in. */
  readonly path: string;
  readonly tag: LogTag;
  /** Without a checkpoint: `end` as it is now, `beginning` (the oldest file there is), or the first day (`YYYY-MM-DD`). */
  readonly start: string;
  readonly clock: Clock;
  readonly log: Log;
  /** How often is looked without being woken; default 500. */
  readonly pollMs?: number;
  /** How long a file is held open for late lines after the next one appeared; default 60,000. */
  readonly lateMs?: number;
}

/** A busy log is read this often at most: read line by line, the reading would cost more than the matching. */
const GATHER_MS = 4;

/** A batch of a log with the place to go on from. */
export interface LogDelivery extends SortedLines {
  readonly range: string;
  readonly checkpoint: JsonValue;
}

/**
 * Follows a Wazuh log through all its files and never ends by itself. A file is read to its end before the next one is
 * begun; lines that come late to an older file are delivered as they come. One `read()` at a time.
 */
export class LogFollower {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #start: string;
  readonly #pollMs: number;
  readonly #lateMs: number;
  readonly #catalog: LogCatalog;
  readonly #lag: LagMeter;
  readonly #wakeup: Wakeup;
  readonly #watch: FolderWatch;
  #files = new OpenLogs();
  /** Files may have come or gone, not only grown. */
  #lookDue = true;
  #lastLook = Number.NEGATIVE_INFINITY;
  #lastMeasure = Number.NEGATIVE_INFINITY;
  /** Files known to come after the live one. */
  #unread = 0;
  #blockedSince: number | undefined;
  /** By performance.now(). */
  #wokenAt = Number.NEGATIVE_INFINITY;

  constructor(options: FollowerOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#start = options.start;
    this.#pollMs = options.pollMs ?? 500;
    this.#lateMs = options.lateMs ?? 60_000;
    this.#catalog = new LogCatalog(options.path, options.tag);
    this.#lag = new LagMeter(options.clock);
    this.#wakeup = new Wakeup(options.clock);
    this.#watch = new FolderWatch((event) => {
      if (event === "rename") this.#lookDue = true;
      this.#wakeup.wake();
    });
  }

  lag(): LogLag {
    return this.#lag.read();
  }

  async *read(checkpoint: JsonValue | undefined, signal: AbortSignal): AsyncGenerator<LogDelivery, void, undefined> {
    const wake = () => this.#wakeup.wake();
    signal.addEventListener("abort", wake, { once: true });
    try {
      yield* this.#begin(checkpoint, signal);
      while (!signal.aborted) {
        const delivery = await this.#next(signal);
        if (signal.aborted) return;
        if (delivery !== undefined) yield delivery;
        else if (!(await this.#attempt(() => this.#look(signal)))) await this.#idle();
      }
    } finally {
      signal.removeEventListener("abort", wake);
      this.#watch.close();
      await this.#files.close();
    }
  }

  async *#begin(checkpoint: JsonValue | undefined, signal: AbortSignal): AsyncGenerator<LogDelivery, void, undefined> {
    const start = new LogStart(this.#catalog, this.#lag, this.#log, this.#clock);
    while (!signal.aborted) {
      this.#files = new OpenLogs();
      const files = this.#files;
      const begun = await this.#attempt(() =>
        checkpoint === undefined ? start.fresh(files, this.#start, signal) : start.resume(files, checkpoint, signal),
      );
      if (begun) break;
      await files.close();
      await this.#idle();
    }
    if (checkpoint !== undefined || signal.aborted) return;
    // Nothing was read, but the place must become durable: after a restart "the end" would be another one.
    const range = `start:${this.#start}:${this.#files.frontier}:${this.#files.live?.lines.offset ?? 0}`;
    yield { records: [], rejected: [], range, checkpoint: this.#files.checkpoint() };
  }

  // Reading.

  async #next(signal: AbortSignal): Promise<LogDelivery | undefined> {
    for (const open of [...this.#files.all]) {
      try {
        const delivery = await this.#nextOf(open, signal);
        if (delivery !== undefined || signal.aborted) return delivery;
      } catch (error) {
        if (open.file.packed) return await this.#damaged(open, asError(error));
        this.#trouble("read", `${open.file.path} cannot be read: ${asError(error).message}`);
      }
    }
    return undefined;
  }

  async #nextOf(open: OpenLog, signal: AbortSignal): Promise<LogDelivery | undefined> {
    const batch = await open.lines.next(signal);
    if (!(await open.lines.isStillThere())) {
      await this.#emptied(open, signal);
      return await this.#next(signal);
    }
    this.#lag.waiting("read", undefined);
    if (batch !== undefined) return await this.#deliver(open, batch, sortLines(open.file.path, batch.lines));
    if (this.#unread > 0 && open === this.#files.live) this.#lookDue = true;
    if (!open.lines.ended && !open.expired) return undefined;
    this.#lookDue = true;
    const rest = open.lines.rest();
    await this.#files.drop(open, true);
    return rest?.lines[0] === undefined
      ? undefined
      : await this.#deliver(open, rest, sortRest(open.file.path, rest.lines[0]));
  }

  async #deliver(open: OpenLog, { start, end }: LineBatch, sorted: SortedLines): Promise<LogDelivery> {
    this.#lag.delivered(sorted.records.at(-1)?.bytes);
    if (this.#clock.now() - this.#lastMeasure >= this.#pollMs) await this.#attempt(() => this.#measure());
    const { key, generation, marks } = placeOf(open);
    const range = `${key}.${generation}:${start}-${end}#${marks.at(-1)?.[2] ?? ""}`;
    return { ...sorted, range, checkpoint: this.#files.checkpoint() };
  }

  async #damaged(open: OpenLog, error: Error): Promise<LogDelivery> {
    const { offset } = open.lines;
    const rest = open.lines.rest();
    await this.#files.drop(open, false);
    this.#lookDue = true;
    this.#log.error("an archive is damaged; going on with the next file", { path: open.file.path, offset, error });
    this.#lag.gap(`${open.file.path} is damaged after byte ${offset} of its content`);
    const reason = `expected a gzip archive, found damage after byte ${offset} of its content: ${error.message}`;
    const sorted = brokenOff(open.file.path, offset, rest?.lines[0], reason);
    return await this.#deliver(open, { lines: [], start: offset, end: offset }, sorted);
  }

  /** The file was emptied in place (copytruncate). What a copy of it still holds is read from there, then the file anew. */
  async #emptied(open: OpenLog, signal: AbortSignal): Promise<void> {
    const place = open.lines.placeBefore();
    const copy = await this.#catalog.findCopy(open.file.path, place, signal);
    const now = this.#clock.now();
    const what = `${open.file.path} was emptied after byte ${place.offset}`;
    const lost = copy === undefined ? "written after that and before" : "written between the copy and";
    this.#lag.gap(`${what}; lines ${lost} the emptying are lost, if there were any`);
    this.#log.warn("the log was emptied in place; lines not read before that are lost", {
      path: open.file.path,
      offset: place.offset,
      copy: copy?.file.path,
    });
    await this.#files.beginAnew(open);
    if (copy !== undefined) await this.#files.pushLate(copy.file, open.generation, copy.lines, now);
    this.#lookDue = true;
  }

  // Looking for files that came, went or were replaced.

  async #look(signal: AbortSignal): Promise<boolean> {
    const now = this.#clock.now();
    if (!this.#lookDue && now - this.#lastLook < this.#pollMs) return false;
    this.#lookDue = false;
    this.#lastLook = now;
    if ((await this.#catalog.settle()) === undefined) {
      this.#trouble("find", `${this.#catalog.path} is not there yet`);
      return false;
    }
    if (await this.#openNext(signal)) return true;
    this.#files.expire(now - this.#lateMs);
    const reopened = (await this.#lookAtPassed(signal)) || (await this.#lookForStray(signal));
    const unwatched = this.#watchFolders();
    await this.#measure();
    this.#lag.waiting("find", undefined);
    return reopened || unwatched;
  }

  async #openNext(signal: AbortSignal): Promise<boolean> {
    const live = this.#files.live;
    const unread = await this.#catalog.after(this.#files.frontier, live && describeLive(live));
    const first = unread[0];
    if (first === undefined) return false;
    const several = this.#catalog.mode === "plain" && unread.length > 1;
    const opened = several
      ? await this.#openRotated(unread, signal)
      : await this.#openOne(first, live, unread.length === 1, signal);
    this.#unread = several ? 0 : unread.length - 1;
    this.#lookDue = true;
    return opened;
  }

  /** Rotated plain files have no names to go on by: they are opened together, while their order is known. */
  async #openRotated(unread: readonly LogFile[], signal: AbortSignal): Promise<boolean> {
    const opened = (await openAll(unread, signal)) ?? [];
    for (const { file, lines } of opened)
      await this.#files.push(file, this.#files.newGeneration(), lines, this.#clock.now());
    return opened.length > 0;
  }

  async #openOne(file: LogFile, live: OpenLog | undefined, newest: boolean, signal: AbortSignal): Promise<boolean> {
    const now = this.#clock.now();
    try {
      const sameKey = live !== undefined && live.file.key === file.key;
      const place = sameKey ? live.lines.place() : FILE_START;
      const lines = (await openAt(file, place, signal)) ?? (await openAt(file, FILE_START, signal));
      if (lines === undefined) return false;
      await this.#files.push(file, sameKey || file.key === PLAIN_KEY ? this.#files.newGeneration() : 0, lines, now);
    } catch (error) {
      this.#blockedSince ??= now;
      if (newest || now - this.#blockedSince < this.#lateMs) throw error;
      this.#skip(file, asError(error));
    }
    this.#blockedSince = undefined;
    return true;
  }

  /** An older file that cannot be opened must not keep the newer ones from being read; it is tried again later. */
  #skip(file: LogFile, error: Error): void {
    this.#log.error("a log file cannot be opened; going on without it", { path: file.path, error });
    this.#lag.gap(`${file.path} was passed over: ${error.message}`);
    if (file.key === PLAIN_KEY) return;
    this.#files.pass(file.key);
    this.#files.remember({ key: file.key, generation: 0, ...FILE_START });
  }

  async #lookAtPassed(signal: AbortSignal): Promise<boolean> {
    let reopened = false;
    for (const place of this.#files.passed) {
      const path = dailyPath(this.#catalog.root, this.#catalog.tag, place.key);
      const packed = place.offset === 0 && (await sizeOf(path)) === undefined;
      const file = { key: place.key, path: packed ? `${path}.gz` : path, packed };
      const size = await sizeOf(file.path);
      if (size === undefined || size === place.offset) continue;
      reopened = (await this.#reopen(file, place, signal)) || reopened;
    }
    return reopened;
  }

  async #reopen(file: LogFile, place: ReturnType<typeof placeOf>, signal: AbortSignal): Promise<boolean> {
    try {
      const lines = await openAt(file, place, signal);
      const anew = lines ?? (await openAt(file, FILE_START, signal));
      if (anew === undefined) return false;
      const generation = lines === undefined ? this.#files.newGeneration() : place.generation;
      await this.#files.pushLate(file, generation, anew, this.#clock.now());
      return true;
    } catch {
      // Still not readable; it was said when it was passed over.
      return false;
    }
  }

  async #lookForStray(signal: AbortSignal): Promise<boolean> {
    const stray = await this.#catalog.stray(this.#files.identities(), this.#files.frontier);
    if (stray === undefined || this.#files.passed.some(({ key }) => key === stray.key)) return false;
    // Begun anew under the live key since the look for what comes next: the next such look finds it.
    if (stray.key === this.#files.live?.file.key) {
      this.#lookDue = true;
      return false;
    }
    this.#log.warn("alerts are written to an older daily file again: was the clock set back?", { path: stray.path });
    return await this.#reopen(
      stray,
      { key: stray.key, generation: this.#files.newGeneration(), ...FILE_START },
      signal,
    );
  }

  #watchFolders(): boolean {
    const live = this.#files.live;
    return this.#watch.set([
      ...new Set([this.#catalog.root, ...(live === undefined ? [] : [dirname(live.file.path)])]),
    ]);
  }

  async #measure(): Promise<boolean> {
    this.#lastMeasure = this.#clock.now();
    let bytes = 0;
    let unfinished = 0;
    for (const { lines, file } of this.#files.all) {
      const size =
        lines.reader instanceof PlainReader ? (await lines.reader.stat()).size : await this.#catalog.size([file]);
      bytes += Math.max(0, size - lines.offset);
      unfinished += Math.min(lines.torn, Math.max(0, size - lines.offset));
    }
    if (this.#catalog.mode === "tree")
      bytes += await this.#catalog.size(await this.#catalog.after(this.#files.frontier, undefined));
    this.#lag.measured(bytes, unfinished);
    return true;
  }

  async #idle(): Promise<void> {
    if (!(await this.#wakeup.wait(this.#pollMs))) {
      this.#lookDue = true;
      return;
    }
    const rest = this.#wokenAt + GATHER_MS - performance.now();
    if (rest > 0) await sleep(rest);
    this.#wokenAt = performance.now();
  }

  /** What the outside world refuses is said and tried again. */
  async #attempt(action: () => Promise<boolean>): Promise<boolean> {
    try {
      const done = await action();
      if (done) this.#lag.waiting("find", undefined);
      return done;
    } catch (error) {
      if (error instanceof TiplineError || systemCode(error) === undefined) throw error;
      this.#trouble("find", asError(error).message);
      return false;
    }
  }

  #trouble(what: "find" | "read", text: string): void {
    if (this.#lag.waiting(what, text)) this.#log.warn("the log cannot be read now; trying again", { reason: text });
  }
}

function describeLive(live: OpenLog) {
  const { key, time, ...place } = placeOf(live);
  return { key, identity: live.identity, time: time ?? 0, place };
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch {
    return undefined;
  }
}
