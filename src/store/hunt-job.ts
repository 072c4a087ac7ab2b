import { createHash } from "node:crypto";
import {
  closeSync,
  createReadStream,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { asError } from "../lib/errors.ts";
import { tryLock } from "../lib/file-lock.ts";
import { LineSplitter } from "../lib/lines.ts";
import type { Log } from "../lib/log.ts";
import { writeWhole } from "../lib/write-whole.ts";

/** Findings kept for a hunt that goes on; beyond it no further place to go on from is written down. */
const MOST_SPOOL_BYTES = 2 ** 30;
/** Interrupted hunts that nobody went on with for so long are forgotten. */
const FORGOTTEN_MS = 14 * 86_400_000;
const MOST_PROGRESS_BYTES = 512 * 2 ** 20;
const JOB_NAME = /^[0-9a-f]{24}$/;

/**
 * What an interrupted hunt needs to go on as if nothing had happened: `progress.json` (written whole or not at all), and beside it the
 * findings and ids up to the lengths that it names. A folder for each hunt, one process at a time.
 */
export class HuntJob<P> {
  readonly #dir: string;
  readonly #lock: number;
  readonly #findings: Spool;
  readonly #ids: Spool;
  /** Of an earlier process; undefined: this hunt begins. */
  before: P | undefined;

  private constructor(dir: string, lock: number) {
    this.#dir = dir;
    this.#lock = lock;
    const stored = readProgress<P>(join(dir, "progress.json"));
    this.before = stored?.progress;
    this.#findings = new Spool(join(dir, "findings.ndjson"), stored?.findings ?? 0);
    this.#ids = new Spool(join(dir, "ids"), stored?.ids ?? 0);
    if (!this.#findings.sound || !this.#ids.sound) this.startAnew();
  }

  /** `name`: equal for hunts that are the same. Undefined when another process is at it or the folder cannot be used. */
  static open<P>(folder: string, name: string, log: Log): HuntJob<P> | undefined {
    const dir = join(folder, createHash("sha256").update(name).digest("hex").slice(0, 24));
    try {
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      forgetOld(folder);
      mkdirSync(dir, { recursive: true, mode: 0o700 });
      const lock = openSync(join(dir, "lock"), "a", 0o600);
      if (tryLock(lock)) return new HuntJob<P>(dir, lock);
      closeSync(lock);
      log.warn("another process is at the same hunt; this one cannot be gone on with when it is interrupted", {});
    } catch (error) {
      log.warn("this hunt cannot be gone on with when it is interrupted", { dir, error: asError(error) });
    }
    return undefined;
  }

  /** Forgets what an earlier process did. */
  startAnew(): void {
    this.before = undefined;
    rmSync(join(this.#dir, "progress.json"), { force: true });
    this.#findings.truncate();
    this.#ids.truncate();
  }

  addFinding(line: string): void {
    this.#findings.append(`${line}\n`);
  }

  addId(id: string): void {
    this.#ids.append(Buffer.from(id.slice(0, 16), "hex"));
  }

  /** Findings of before, in their order. */
  async *findings(): AsyncGenerator<string> {
    if (this.#findings.bytes === 0) return;
    const lines = new LineSplitter(0, MOST_SPOOL_BYTES);
    for await (const chunk of createReadStream(this.#findings.path, { end: this.#findings.bytes - 1 })) {
      lines.feed(chunk as Buffer);
      for (let line = lines.next(); line !== undefined; line = lines.next()) yield line.bytes.toString("utf8");
    }
  }

  /** Ids of before, as pairs of words. */
  *ids(): Generator<readonly [number, number]> {
    const bytes = this.#ids.read();
    for (let at = 0; at + 8 <= bytes.length; at += 8) yield [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)];
  }

  /** From here a later process can go on. */
  save(progress: P): void {
    if (this.#findings.bytes > MOST_SPOOL_BYTES) return;
    this.#findings.flush();
    this.#ids.flush();
    const stored = { findings: this.#findings.bytes, ids: this.#ids.bytes, progress };
    writeWhole(join(this.#dir, "progress.json"), JSON.stringify(stored));
  }

  /** `done`: there is nothing to go on with. */
  end(done: boolean): void {
    this.#findings.close();
    this.#ids.close();
    if (done) rmSync(this.#dir, { recursive: true, force: true });
    closeSync(this.#lock);
  }
}

const SPOOL_BUFFER = 256 * 1024;

/** A file that is appended to and cut back to what is known to be good. */
class Spool {
  readonly path: string;
  /** The file has at least the bytes it should. */
  readonly sound: boolean;
  readonly #fd: number;
  /** Bytes that were appended, written or not. */
  bytes: number;
  #held: Buffer[] = [];
  #heldBytes = 0;

  constructor(path: string, bytes: number) {
    this.path = path;
    this.#fd = openSync(path, "a", 0o600);
    this.sound = statSync(path).size >= bytes;
    this.bytes = bytes;
    if (this.sound) ftruncateSync(this.#fd, bytes);
  }

  append(data: string | Buffer): void {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    this.bytes += bytes.length;
    // Beyond its bound nothing of it is of use.
    if (this.bytes > MOST_SPOOL_BYTES) return;
    this.#held.push(bytes);
    this.#heldBytes += bytes.length;
    if (this.#heldBytes > SPOOL_BUFFER) this.flush();
  }

  flush(): void {
    const bytes = Buffer.concat(this.#held);
    this.#held = [];
    this.#heldBytes = 0;
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
  }

  read(): Buffer {
    return readFileSync(this.path).subarray(0, this.bytes);
  }

  truncate(): void {
    this.#held = [];
    this.#heldBytes = 0;
    this.bytes = 0;
    ftruncateSync(this.#fd, 0);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

interface Stored<P> {
  readonly findings: number;
  readonly ids: number;
  readonly progress: P;
}

function readProgress<P>(path: string): Stored<P> | undefined {
  try {
    if (statSync(path).size > MOST_PROGRESS_BYTES) return undefined;
    return JSON.parse(readFileSync(path, "utf8")) as Stored<P>;
  } catch {
    return undefined;
  }
}

function forgetOld(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (!JOB_NAME.test(name)) continue;
    const path = join(folder, name);
    const used = Math.max(
      ...[path, join(path, "progress.json")].map((each) => statSync(each, { throwIfNoEntry: false })?.mtimeMs ?? 0),
    );
    if (Date.now() - used > FORGOTTEN_MS) rmSync(path, { recursive: true, force: true });
  }
}
