import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { CANONICAL_VERSION } from "../intel/canonical.ts";
import type { Seed } from "../intel/index/hash.ts";
import type { KeyColumn } from "../intel/sketch.ts";
import { asError, systemCode } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { isCount, type Place, parsePlace } from "../lib/place.ts";
import { writeWhole } from "../lib/write-whole.ts";

/** What is known of a stretch of an archive's content. */
export interface Stretch {
  readonly start: Place;
  readonly end: Place;
  readonly lines: number;
  /** Times of its first and last alert, epoch ms; undefined when an alert in it does not say its time. */
  readonly times?: readonly [number, number];
  /** Over its lines; see {@link StretchHash}. */
  readonly hash: string;
  /** Undefined: it would be too large, so the stretch is always read. */
  readonly column?: KeyColumn;
}

/** A file as the system tells it; equal ones are taken for the same content. */
export interface FileMark {
  /** Device and inode. */
  readonly identity: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
}

/** Some stretches of a file that follow each other. */
export interface Segment {
  readonly mark: FileMark;
  readonly stretches: readonly Stretch[];
  /** The content of a packed file ends with the last of them. */
  readonly complete?: true;
  /** Of a file's last: it grew since it was sketched first, and what it held before was not compared whole since. */
  readonly unchecked?: true;
}

/** Where sketches are; with it another thread opens the same ones. */
export interface SketchesPlace {
  readonly dir: string;
  /** Of all files together; the least recently used ones go. */
  readonly maxBytes: number;
  /** What makes observables: sketches of another version are not used. */
  readonly version: string;
}

export interface SketchesOptions extends SketchesPlace {
  readonly log: Log;
}

/** Rises with the layout of the files and with what is put into them. */
const FORMAT = 3;
const SEGMENT_NAME = /^([0-9a-f]{24})-(\d{1,16})\.sketch$/;
const MOST_SEGMENT_BYTES = 64 * 1024 * 1024;
const DAY_MS = 86_400_000;

/** Hash over lines, so that it is the same for a packed copy. */
export class StretchHash {
  #hash = createHash("sha256");

  add(bytes: Buffer): void {
    this.#hash.update(bytes).update("\n");
  }

  /** 128 bits; the next stretch begins. */
  finish(): string {
    const digest = this.#hash.digest("base64url").slice(0, 22);
    this.#hash = createHash("sha256");
    return digest;
  }
}

/**
 * Sketches of archives in a folder of their own. Every file is written whole or not at all, and one that cannot be read is not there:
 * several processes may use the folder, and losing it loses nothing but time.
 */
export class Sketches {
  readonly seed: Seed;
  readonly #options: SketchesOptions;
  readonly #version: string;
  #told = false;

  private constructor(options: SketchesOptions, seed: Seed) {
    this.#options = options;
    this.seed = seed;
    this.#version = `${FORMAT}.${CANONICAL_VERSION}.${options.version}.${seed.a}.${seed.b}`;
  }

  /** Undefined when the folder cannot be used; `log` says so. */
  static open(options: SketchesOptions): Sketches | undefined {
    try {
      mkdirSync(options.dir, { recursive: true, mode: 0o700 });
      return new Sketches(options, seedOf(join(options.dir, "seed")));
    } catch (error) {
      options.log.warn("sketches of archives cannot be kept; every hunt reads everything", {
        dir: options.dir,
        error: asError(error),
      });
      return undefined;
    }
  }

  get place(): SketchesPlace {
    const { dir, maxBytes, version } = this.#options;
    return { dir, maxBytes, version };
  }

  /** Whether there is any of a file, sound or not. */
  has(path: string): boolean {
    return existsSync(join(this.#options.dir, `${nameOf(path)}-0.sketch`));
  }

  /** The stretches known of a file, from its start on. Reading ends where nothing sound follows. */
  *segments(path: string): Generator<Segment> {
    const name = nameOf(path);
    for (let offset = 0; ; ) {
      const segment = this.#read(name, offset);
      const last = segment?.stretches.at(-1);
      if (segment === undefined || last === undefined || last.end.offset <= offset) return;
      yield segment;
      offset = last.end.offset;
    }
  }

  /** Puts a segment in the place of the one that begins at the same offset. A failure, or a crash, costs the sketch only. */
  write(path: string, segment: Segment): void {
    const [first] = segment.stretches;
    if (first === undefined) return;
    const target = join(this.#options.dir, `${nameOf(path)}-${first.start.offset}.sketch`);
    try {
      writeWhole(target, encode(this.#version, segment));
    } catch (error) {
      if (!this.#told) this.#options.log.warn("a sketch could not be written", { path: target, error: asError(error) });
      this.#told = true;
    }
  }

  /** Forgets a file. */
  drop(path: string): void {
    const name = nameOf(path);
    for (const entry of this.#entries())
      if (entry.startsWith(name)) rmSync(join(this.#options.dir, entry), { force: true });
  }

  /** Removes what was not used for longest while all together are too large. */
  prune(): void {
    const { dir, maxBytes } = this.#options;
    const files = this.#entries().flatMap((entry) => {
      const found = statSync(join(dir, entry), { throwIfNoEntry: false });
      return found === undefined ? [] : [{ entry, bytes: found.size, usedAt: found.mtimeMs }];
    });
    let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    for (const file of files.sort((a, b) => a.usedAt - b.usedAt)) {
      if (bytes <= maxBytes) return;
      rmSync(join(dir, file.entry), { force: true });
      bytes -= file.bytes;
    }
  }

  #entries(): readonly string[] {
    try {
      return readdirSync(this.#options.dir).filter((entry) => SEGMENT_NAME.test(entry) || entry.endsWith(".tmp"));
    } catch {
      return [];
    }
  }

  #read(name: string, offset: number): Segment | undefined {
    const path = join(this.#options.dir, `${name}-${offset}.sketch`);
    try {
      const found = statSync(path, { throwIfNoEntry: false });
      if (found === undefined || found.size > MOST_SEGMENT_BYTES) return undefined;
      const segment = decode(this.#version, readFileSync(path));
      if (segment?.stretches[0]?.start.offset !== offset) return undefined;
      if (Date.now() - found.mtimeMs > DAY_MS) utimesSync(path, new Date(), new Date());
      return segment;
    } catch (error) {
      if (systemCode(error) === undefined) throw error;
      return undefined;
    }
  }
}

/** A packed file keeps the name of the plain one. */
function nameOf(path: string): string {
  return createHash("sha256").update(path.replace(/\.gz$/, "")).digest("hex").slice(0, 24);
}

/** A seed of the folder's own: nobody outside can make values that look alike. */
function seedOf(path: string): Seed {
  try {
    writeFileSync(path, randomBytes(8), { flag: "wx", mode: 0o600 });
  } catch (error) {
    if (systemCode(error) !== "EEXIST") throw error;
  }
  const bytes = readFileSync(path);
  if (bytes.length === 8) return { a: bytes.readUInt32LE(0), b: bytes.readUInt32LE(4) };
  rmSync(path, { force: true });
  return seedOf(path);
}

interface StoredStretch {
  readonly start: readonly [number, unknown];
  readonly end: readonly [number, unknown];
  readonly lines: number;
  readonly times?: readonly [number, number];
  readonly hash: string;
  /** `[bits, keys]` */
  readonly column?: readonly [number, number];
}

/** `length of header (u32) · crc32 of all that follows (u32) · header (JSON, padded to 4) · columns`. */
function encode(version: string, { stretches, ...segment }: Segment): Buffer[] {
  const stored = stretches.map(
    ({ start, end, lines, times, hash, column }): StoredStretch => ({
      start: [start.offset, start.marks],
      end: [end.offset, end.marks],
      lines,
      hash,
      ...(times === undefined ? {} : { times }),
      ...(column === undefined ? {} : { column: [column.bits, column.low.length] }),
    }),
  );
  const text = Buffer.from(JSON.stringify({ version, ...segment, stretches: stored }));
  const header = Buffer.alloc(Math.ceil(text.length / 4) * 4, " ");
  text.copy(header);
  const bodies = stretches.flatMap(({ column }) => (column ? [bytesOf(column.starts), bytesOf(column.low)] : []));
  const preamble = Buffer.alloc(8);
  preamble.writeUInt32LE(header.length, 0);
  preamble.writeUInt32LE(
    // Over no bytes at all Node 20's crc32 forgets what came before.
    [header, ...bodies].reduce((crc, piece) => (piece.length === 0 ? crc : crc32(piece, crc)), 0),
    4,
  );
  return [preamble, header, ...bodies];
}

function bytesOf(words: Uint32Array): Buffer {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength);
}

/** Undefined when it is damaged or of another version. */
function decode(version: string, bytes: Buffer): Segment | undefined {
  if (bytes.length < 8 || bytes.readUInt32LE(4) !== crc32(bytes.subarray(8))) return undefined;
  const headerEnd = 8 + bytes.readUInt32LE(0);
  if (headerEnd > bytes.length) return undefined;
  const stored = JSON.parse(bytes.toString("utf8", 8, headerEnd)) as {
    readonly version: string;
    readonly mark: FileMark;
    readonly complete?: true;
    readonly unchecked?: true;
    readonly stretches: readonly StoredStretch[];
  };
  if (stored.version !== version) return undefined;
  // Words must be aligned.
  const body = new Uint8Array(bytes.subarray(headerEnd));
  let at = 0;
  const take = (count: number) => {
    const words = new Uint32Array(body.buffer, at, count);
    at += count * 4;
    return words;
  };
  const stretches: Stretch[] = [];
  for (const { start, end, column, ...rest } of stored.stretches) {
    const [from, to] = [parsePlace(start[0], start[1]), parsePlace(end[0], end[1])];
    if (from === undefined || to === undefined || (column && !column.every(isCount))) return undefined;
    const keys = column && { bits: column[0], starts: take(2 ** column[0] + 1), low: take(column[1]) };
    stretches.push({ ...rest, start: from, end: to, ...(keys ? { column: keys } : {}) });
  }
  const { mark, complete, unchecked } = stored;
  return { mark, stretches, ...(complete ? { complete } : {}), ...(unchecked ? { unchecked } : {}) };
}
