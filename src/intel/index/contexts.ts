import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { TiplineError } from "../../lib/errors.ts";
import { checkRecord, MAX_RECORD, RECORD_ALIGN, RECORD_HEADER } from "./records.ts";

const MAGIC = Buffer.from("TIPCTX01\0\0\0\0\0\0\0\0", "latin1");
const CHUNK = 1024 * 1024;
/** Most records fit, so that one read gets head and body. */
const GUESS = 1_024;
/** References are 32 bits of 16-byte units: 64 GiB. */
const MAX_BYTES = 2 ** 32 * RECORD_ALIGN;

/** Appends records to a new contexts file; nothing is held but one buffer. */
export class ContextWriter {
  readonly #fd: number;
  readonly #path: string;
  #buffer = Buffer.alloc(CHUNK);
  #filled = 0;
  #written = 0;
  #closed = false;
  crc = 0;

  constructor(path: string) {
    this.#path = path;
    this.#fd = openSync(path, "wx+", 0o640);
    this.#push(MAGIC);
  }

  /** Bytes so far. */
  get bytes(): number {
    return this.#written + this.#filled;
  }

  /** Appends one record; returns its reference. */
  append(record: Buffer): number {
    const at = this.bytes;
    if (at + record.length + RECORD_ALIGN > MAX_BYTES) {
      throw new TiplineError("TIP_INTERNAL", `${this.#path}: contexts above 64 GiB in one file`);
    }
    this.#push(record);
    const over = record.length % RECORD_ALIGN;
    if (over !== 0) this.#push(PADDING.subarray(over));
    return at / RECORD_ALIGN;
  }

  #push(bytes: Buffer): void {
    if (this.#filled + bytes.length > this.#buffer.length) this.#flush();
    if (bytes.length > this.#buffer.length) {
      this.#write(bytes);
      return;
    }
    bytes.copy(this.#buffer, this.#filled);
    this.#filled += bytes.length;
  }

  #flush(): void {
    this.#write(this.#buffer.subarray(0, this.#filled));
    this.#filled = 0;
  }

  #write(bytes: Buffer): void {
    this.crc = crc32(bytes, this.crc);
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#fd, bytes, done);
    this.#written += bytes.length;
  }

  /** Reads a record back. */
  read(ref: number): Buffer {
    // A record goes to the file in one piece, so one that starts before the buffer also ends before it.
    if (ref * RECORD_ALIGN >= this.#written) this.#flush();
    return readRecord(this.#fd, ref, this.bytes, this.#path);
  }

  /** To the disk. */
  sync(): void {
    this.#flush();
    fsyncSync(this.#fd);
  }

  close(): void {
    if (!this.#closed) closeSync(this.#fd);
    this.#closed = true;
  }
}
const PADDING = Buffer.alloc(RECORD_ALIGN);

/** Reads records of a finished contexts file by reference, or all in their order. */
export class ContextReader {
  readonly #fd: number;
  readonly path: string;
  readonly bytes: number;

  /** Throws TIP_SEGMENT_CORRUPT unless the file has the expected length. */
  constructor(path: string, expectedBytes: number) {
    this.path = path;
    this.#fd = openSync(path, "r");
    this.bytes = fstatSync(this.#fd).size;
    if (this.bytes !== expectedBytes) {
      closeSync(this.#fd);
      throw new TiplineError("TIP_SEGMENT_CORRUPT", `${path}: expected ${expectedBytes} bytes, found ${this.bytes}`);
    }
  }

  record(ref: number): Buffer {
    return readRecord(this.#fd, ref, this.bytes, this.path);
  }

  /** Every record with its reference, in the order of the file. The buffer is only valid until the next one. */
  *records(): Generator<readonly [number, Buffer]> {
    let chunk = Buffer.alloc(CHUNK);
    let start = MAGIC.length;
    let filled = 0;
    for (;;) {
      let at = 0;
      while (filled - at >= RECORD_HEADER) {
        const length = lengthAt(chunk, at, this.path, start + at);
        const padded = Math.ceil(length / RECORD_ALIGN) * RECORD_ALIGN;
        if (padded > filled - at) {
          if (padded > chunk.length) chunk = Buffer.concat([chunk], padded);
          break;
        }
        const record = chunk.subarray(at, at + length);
        checkRecord(record, `${this.path}:${start + at}`);
        yield [(start + at) / RECORD_ALIGN, record];
        at += padded;
      }
      chunk.copyWithin(0, at, filled);
      start += at;
      filled -= at;
      const read = readSync(this.#fd, chunk, filled, chunk.length - filled, start + filled);
      if (read === 0) break;
      filled += read;
    }
    if (filled > 0) throw new TiplineError("TIP_SEGMENT_CORRUPT", `${this.path}: half a record at ${start}`);
  }

  /** Checksum over the whole file. */
  checksum(): number {
    const chunk = Buffer.allocUnsafe(CHUNK);
    let crc = 0;
    for (let at = 0; at < this.bytes; ) {
      const read = readSync(this.#fd, chunk, 0, CHUNK, at);
      if (read === 0) break;
      crc = crc32(chunk.subarray(0, read), crc);
      at += read;
    }
    return crc;
  }

  close(): void {
    closeSync(this.#fd);
  }
}

const guess = Buffer.alloc(GUESS);

function readRecord(fd: number, ref: number, bytes: number, path: string): Buffer {
  const at = ref * RECORD_ALIGN;
  if (at < MAGIC.length || at + RECORD_HEADER > bytes) {
    throw new TiplineError("TIP_SEGMENT_CORRUPT", `${path}: no record at ${at}, the file ends at ${bytes}`);
  }
  const read = readSync(fd, guess, 0, GUESS, at);
  const length = read < RECORD_HEADER ? RECORD_HEADER : lengthAt(guess, 0, path, at);
  // A copy: the next read uses the same memory.
  let record = Buffer.from(guess.subarray(0, Math.min(read, length)));
  if (length > read) {
    record = Buffer.allocUnsafe(length);
    const whole = readSync(fd, record, 0, length, at);
    record = record.subarray(0, whole);
  }
  checkRecord(record, `${path}:${at}`);
  return record;
}

function lengthAt(chunk: Buffer, at: number, path: string, position: number): number {
  const length = chunk.readUInt32LE(at + 4);
  if (length < RECORD_HEADER || length > MAX_RECORD) {
    throw new TiplineError("TIP_SEGMENT_CORRUPT", `${path}:${position}: a record of ${length} bytes`);
  }
  return length;
}
