import { constants } from "node:fs";
import { type FileHandle, open, rename, stat } from "node:fs/promises";
import { dirname } from "node:path";
import type { Clock } from "./clock.ts";
import { asError, systemCode } from "./errors.ts";
import type { Log } from "./log.ts";
import { freeName, removeOld } from "./rotated-names.ts";
import { tornTail } from "./torn-tail.ts";

export interface AppendFileOptions {
  readonly path: string;
  /** Start a new file before this one would grow beyond; undefined: never. */
  readonly rotateBytes?: number;
  /** Start a new file with the first write of a UTC day. */
  readonly rotateDaily: boolean;
  /** Rotated files to keep; older ones are deleted. */
  readonly keep: number;
  /** fdatasync after each append. */
  readonly sync: boolean;
}

/** How many of the lines, from the first, are whole in the file (and, with `sync`, on the disk); `error` if not all. */
export interface Appended {
  readonly lines: number;
  readonly error?: Error;
}

/** An append-only file of lines. One writer, one call at a time. */
export interface AppendFile {
  append(lines: readonly string[]): Promise<Appended>;
  close(): Promise<void>;
}

/** Nothing is opened before the first append. The file may be moved away at any time: the next append makes a new one. */
export function createAppendFile(options: AppendFileOptions, clock: Clock, log: Log): AppendFile {
  return new RotatingFile(options, clock, log);
}

const FLAGS = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;
const MODE = 0o640;

class RotatingFile implements AppendFile {
  readonly #options: AppendFileOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  #file: FileHandle | undefined;

  constructor(options: AppendFileOptions, clock: Clock, log: Log) {
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
  }

  async append(lines: readonly string[]): Promise<Appended> {
    const buffers = lines.map((line) => Buffer.from(`${line}\n`));
    const bytes = Buffer.concat(buffers);
    try {
      const file = await this.#fileFor(bytes.length);
      return await this.#write(file, bytes, buffers);
    } catch (thrown) {
      await this.close();
      return { lines: 0, error: explain(thrown, this.#options.path) };
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => undefined);
  }

  /** The file at the path, whole up to its end, with room for `bytes` more. */
  async #fileFor(bytes: number): Promise<FileHandle> {
    if (this.#file !== undefined && !(await this.#isStillThere(this.#file))) await this.close();
    this.#file ??= await this.#open();
    if (await this.#isDue(this.#file, bytes)) {
      await this.close();
      await this.#rotate();
      this.#file = await this.#open();
    }
    return this.#file;
  }

  async #write(file: FileHandle, bytes: Buffer, lines: readonly Buffer[]): Promise<Appended> {
    const start = (await file.stat()).size;
    let written = 0;
    try {
      while (written < bytes.length) written += (await file.write(bytes, written)).bytesWritten;
      if (this.#options.sync) await file.datasync();
      return { lines: lines.length };
    } catch (thrown) {
      const error = explain(thrown, this.#options.path);
      const whole = wholeLines(lines, written);
      // After a failed sync nobody knows what is on the disk: then all of it is written again.
      const kept = written < bytes.length && (await this.#keepWhole(file, start + whole.bytes)) ? whole.count : 0;
      await this.close();
      return { lines: kept, error };
    }
  }

  /** Cuts a half-written line off, so that no reader ever sees one; lines before it stay. */
  async #keepWhole(file: FileHandle, size: number): Promise<boolean> {
    try {
      await file.truncate(size);
      if (this.#options.sync) await file.datasync();
      return true;
    } catch {
      return false;
    }
  }

  async #isStillThere(file: FileHandle): Promise<boolean> {
    const [held, found] = await Promise.all([file.stat(), stat(this.#options.path).catch(() => undefined)]);
    return found !== undefined && found.ino === held.ino && found.dev === held.dev;
  }

  async #isDue(file: FileHandle, bytes: number): Promise<boolean> {
    const { size, mtimeMs } = await file.stat();
    if (size === 0) return false;
    const { rotateBytes, rotateDaily } = this.#options;
    if (rotateBytes !== undefined && size + bytes > rotateBytes) return true;
    return rotateDaily && utcDay(mtimeMs) !== utcDay(this.#clock.now());
  }

  async #rotate(): Promise<void> {
    const { path, keep } = this.#options;
    await rename(path, await freeName(path, this.#clock.now()));
    const removed = await removeOld(path, keep);
    this.#log.info("output file rotated", { path, removed });
  }

  async #open(): Promise<FileHandle> {
    const { path } = this.#options;
    const before = await stat(path).catch((thrown) => {
      if (systemCode(thrown) === "ENOENT") return undefined;
      throw thrown;
    });
    // Opening a pipe without a reader would hang, and a device cannot be rotated.
    if (before !== undefined && !before.isFile()) throw new Error(`expected a regular file or none at ${path}`);
    const file = await open(path, FLAGS, MODE);
    try {
      if (before === undefined) await syncFolder(dirname(path));
      else await this.#heal(file);
      return file;
    } catch (thrown) {
      await file.close();
      throw thrown;
    }
  }

  async #heal(file: FileHandle): Promise<void> {
    const tail = await tornTail(file);
    if (tail === undefined) return;
    const { path } = this.#options;
    if (tail.complete) await file.write("\n");
    else await file.truncate(tail.start);
    this.#log.warn("the output file ended within a line; healed", {
      path,
      offset: tail.start,
      by: tail.complete ? "ending the line" : "cutting it off: what it held is written again",
    });
  }
}

function wholeLines(lines: readonly Buffer[], written: number): { readonly count: number; readonly bytes: number } {
  let bytes = 0;
  let count = 0;
  for (const line of lines) {
    if (bytes + line.length > written) break;
    bytes += line.length;
    count += 1;
  }
  return { count, bytes };
}

const utcDay = (time: number): number => Math.floor(time / 86_400_000);

/** Makes the new name durable, where the file system can. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  await handle.sync().catch(() => undefined);
  await handle.close();
}

const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: "no space is left on its disk: free some",
  EDQUOT: "the user's disk quota is used up",
  EACCES: "Tipline's user may not write there: change the owner or the mode of the file or its folder",
  EPERM: "Tipline's user may not write there (or the file is marked append-only or immutable)",
  EROFS: "the file system is mounted read-only",
  ENOENT: "its folder does not exist: create it",
  ENOTDIR: "a part of the path is not a folder",
  EISDIR: "it is a folder; expected a file",
};

function explain(thrown: unknown, path: string): Error {
  const code = systemCode(thrown);
  if (code === undefined) return asError(thrown);
  const advice = Object.hasOwn(ADVICE, code) ? ADVICE[code] : asError(thrown).message;
  return Object.assign(new Error(`${code}: cannot write ${path}: ${advice}`, { cause: thrown }), { code });
}
