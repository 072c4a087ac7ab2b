import { stat } from "node:fs/promises";
import { openReader, unpackedSize } from "../lib/byte-reader.ts";
import type { Clock } from "../lib/clock.ts";
import { LineFile } from "../lib/line-file.ts";
import type { Log } from "../lib/log.ts";
import type { JsonValue } from "../model/json.ts";
import type { LogCatalog } from "./wazuh-log-catalog.ts";
import { type LogPlace, parseCheckpoint } from "./wazuh-log-checkpoint.ts";
import type { LagMeter } from "./wazuh-log-lag.ts";
import { locate, openAll, openAt } from "./wazuh-log-locate.ts";
import type { OpenLogs } from "./wazuh-log-open.ts";
import { dailyPath, type LogFile, PLAIN_KEY } from "./wazuh-log-tree.ts";

/** A file was renamed or packed between listing and opening: what was listed is looked at anew. */
class FilesMoved extends Error {}

/** Opens the files that a follower begins with. Both methods are false while there is nothing to begin with. */
export class LogStart {
  readonly #catalog: LogCatalog;
  readonly #lag: LagMeter;
  readonly #log: Log;
  readonly #clock: Clock;

  constructor(catalog: LogCatalog, lag: LagMeter, log: Log, clock: Clock) {
    this.#catalog = catalog;
    this.#lag = lag;
    this.#log = log;
    this.#clock = clock;
  }

  /** Without a checkpoint. When there is no file yet, everything that comes is new, whatever `start` says. */
  async fresh(files: OpenLogs, start: string, signal: AbortSignal): Promise<boolean> {
    if ((await this.#catalog.settle()) === undefined) return true;
    const all = await this.#catalog.list();
    if (start === "end") await this.#atEnd(files, all.at(-1), signal);
    else if (start !== "beginning") {
      const before = all.filter((file) => file.key !== PLAIN_KEY && file.key.slice(0, 10) < start).at(-1);
      if (before !== undefined) files.pass(before.key);
    } else if (this.#catalog.mode === "plain") {
      const opened = await openAll(all, signal);
      if (opened === undefined) return false;
      for (const { file, lines } of opened) await files.push(file, files.newGeneration(), lines, this.#clock.now());
    }
    return true;
  }

  async #atEnd(files: OpenLogs, newest: LogFile | undefined, signal: AbortSignal): Promise<void> {
    if (newest === undefined) return;
    const lines = await LineFile.atEnd(await openReader(newest.path, newest.packed), signal);
    await files.push(newest, 0, lines, this.#clock.now());
  }

  async resume(files: OpenLogs, checkpoint: JsonValue, signal: AbortSignal): Promise<boolean> {
    const saved = parseCheckpoint(checkpoint);
    files.restore(saved);
    if ((await this.#catalog.settle()) === undefined) {
      if (saved.open.length === 0 && saved.passed.length === 0) return true;
      if (this.#lag.waiting("find", `${this.#catalog.path} is not there`)) {
        this.#log.warn("the log that was being read is not there; waiting for it", { path: this.#catalog.path });
      }
      return false;
    }
    try {
      for (const place of saved.open) await this.#reopen(files, place, place === saved.open.at(-1), signal);
      await this.#openRotated(files, signal);
      for (const place of saved.passed) await this.#lateInArchive(files, place, signal);
      return !signal.aborted;
    } catch (error) {
      if (error instanceof FilesMoved) return false;
      throw error;
    }
  }

  /** Goes on from a place, wherever its content is by now. */
  async #reopen(files: OpenLogs, place: LogPlace, live: boolean, signal: AbortSignal): Promise<void> {
    const { same, others } = await this.#catalog.candidates(place.key);
    const found =
      place.offset === 0 && this.#catalog.mode === "plain"
        ? await this.#findUnread(files, place, [...same, ...others].reverse(), signal)
        : await this.#find(place, same, others, signal);
    if (signal.aborted) return await found?.lines.close();
    const now = this.#clock.now();
    if (found !== undefined) return await files.push(found.file, place.generation, found.lines, now);
    files.pass(place.key);
    await this.#beginAnew(files, place, await this.#instead(place, live, same, others), signal);
  }

  /** What to read where nothing holds what was read before: in a plain log every file that began after that. */
  async #instead(place: LogPlace, live: boolean, same: readonly LogFile[], others: readonly LogFile[]) {
    if (this.#catalog.mode === "tree") return same.slice(-1);
    if (!live) return [];
    const later = others.toReversed().filter((file) => (file.begins ?? 0) >= (place.time ?? Number.POSITIVE_INFINITY));
    return [...later, ...same];
  }

  async #beginAnew(files: OpenLogs, place: LogPlace, instead: readonly LogFile[], signal: AbortSignal): Promise<void> {
    const fields = { file: instead[0]?.path ?? place.key, offset: place.offset };
    // Wazuh itself removes a file that is still empty when the next one is begun: that is no loss.
    if (place.offset > 0 && instead.length === 0) {
      this.#lag.gap(
        `what followed byte ${place.offset} of ${place.key} is lost: the file and every copy of it is gone`,
      );
      this.#log.warn("the file that was being read is gone; going on with the next one", fields);
    } else if (place.offset > 0) {
      this.#lag.gap(
        `what followed byte ${place.offset} of ${fields.file} may be lost: it no longer holds what was read`,
      );
      this.#log.warn("the file no longer holds what was read from it; reading it from its start", fields);
    }
    await this.#pushAll(files, instead, signal);
  }

  /** Plain logs: the files between the one that reading stopped in, if it was rotated away since, and the live one. */
  async #openRotated(files: OpenLogs, signal: AbortSignal): Promise<void> {
    const last = files.live;
    if (this.#catalog.mode !== "plain" || last === undefined) return;
    const all = await this.#catalog.list();
    const at = all.findIndex(({ identity }) => identity === last.file.identity);
    if (at < 0) throw new FilesMoved();
    await this.#pushAll(files, all.slice(at + 1), signal);
  }

  async #pushAll(files: OpenLogs, list: readonly LogFile[], signal: AbortSignal): Promise<void> {
    const opened = await openAll(list, signal);
    if (opened === undefined) throw new FilesMoved();
    for (const { file, lines } of opened) await files.push(file, files.newGeneration(), lines, this.#clock.now());
  }

  async #find(place: LogPlace, same: readonly LogFile[], others: readonly LogFile[], signal: AbortSignal) {
    return await locate(place, place.offset > 0 ? [...same, ...others] : same, signal);
  }

  /**
   * Nothing was read of a plain log, so there is no content to know it by, and inodes are used again: only the time it
   * begins is left. Several files may begin in one tick of the clock: each is taken once, the oldest first.
   */
  async #findUnread(files: OpenLogs, place: LogPlace, oldestFirst: readonly LogFile[], signal: AbortSignal) {
    const taken = files.identities();
    const free = oldestFirst.filter(
      ({ begins, identity }) => begins === place.time && !(identity !== undefined && taken.has(identity)),
    );
    return await locate(place, free, signal);
  }

  /** Lines that came late to a file that was closed and has been compressed since. */
  async #lateInArchive(files: OpenLogs, place: LogPlace, signal: AbortSignal): Promise<void> {
    const plain = dailyPath(this.#catalog.root, this.#catalog.tag, place.key);
    const file = { key: place.key, path: `${plain}.gz`, packed: true };
    if (this.#catalog.mode !== "tree" || (await exists(plain)) || !(await exists(file.path))) return;
    if ((await unpackedSize(file.path)) === place.offset % 2 ** 32) return;
    const lines = await openAt(file, place, signal);
    if (lines !== undefined) await files.pushLate(file, place.generation, lines, this.#clock.now());
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
