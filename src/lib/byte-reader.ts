import { fstatSync, readSync } from "node:fs";
import { type FileHandle, open, statfs } from "node:fs/promises";
import { Readable } from "node:stream";
import { createGunzip, type Gunzip } from "node:zlib";
import { systemCode } from "./errors.ts";

/** Bytes per read, packed or not. */
export const CHUNK_BYTES = 1024 * 1024;
/** A smaller read is copied out, so that a few held bytes do not pin a whole chunk. */
const COPY_BELOW = CHUNK_BYTES / 4;

/** A stretch of a file. */
export interface Region {
  readonly at: number;
  readonly length: number;
}

/** Reads one file's content from its start on, a packed one as if it were not. */
export interface ByteReader {
  /** Offset in the content of the next byte that `read()` gives. */
  readonly position: number;
  /** Whether `undefined` from `read()` is final. */
  readonly ends: boolean;
  /** The last `read()` reached the end as it was then: another one would most likely give nothing. */
  readonly drained: boolean;
  /** The next bytes, at most CHUNK_BYTES; undefined at the end as it is now. The caller may keep them. */
  read(): Promise<Buffer | undefined>;
  /**
   * Goes forward to `offset` and gives the bytes of `regions`, all of which lie before it; undefined when the content
   * is shorter. Call it once, before the first `read()`.
   */
  seek(offset: number, regions: readonly Region[], signal?: AbortSignal): Promise<readonly Buffer[] | undefined>;
  close(): Promise<void>;
}

/** File systems of this machine, by their magic numbers: ext, XFS, Btrfs, tmpfs, overlayfs, ZFS, F2FS. Others may wait for a network. */
const LOCAL = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630, 0x2fc12fc1, 0xf2f52010]);

/** A file as it is on disk; it may grow while it is read, and goes on being read when its name is gone. */
export class PlainReader implements ByteReader {
  readonly ends = false;
  drained = false;
  readonly #handle: FileHandle;
  readonly #isLocal: boolean;
  #position = 0;
  #scratch = Buffer.allocUnsafeSlow(CHUNK_BYTES);

  private constructor(handle: FileHandle, isLocal: boolean) {
    this.#handle = handle;
    this.#isLocal = isLocal;
  }

  static async open(path: string): Promise<PlainReader> {
    const handle = await open(path, "r");
    const { type } = await statfs(path).catch(() => ({ type: 0 }));
    return new PlainReader(handle, LOCAL.has(type));
  }

  get position(): number {
    return this.#position;
  }

  /** The file's descriptor, good in every thread until `close()`. */
  get fd(): number {
    return this.#handle.fd;
  }

  async read(): Promise<Buffer | undefined> {
    const scratch = this.#scratch;
    const bytesRead = await this.#readAt(scratch, 0, this.#position);
    this.drained = bytesRead < scratch.length;
    if (bytesRead === 0) return undefined;
    this.#position += bytesRead;
    if (bytesRead < COPY_BELOW) return Buffer.from(scratch.subarray(0, bytesRead));
    this.#scratch = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    return scratch.subarray(0, bytesRead);
  }

  async seek(offset: number, regions: readonly Region[]): Promise<readonly Buffer[] | undefined> {
    if ((await this.stat()).size < offset) return undefined;
    const found: Buffer[] = [];
    for (const region of regions) {
      const bytes = await this.peek(region);
      if (bytes === undefined) return undefined;
      found.push(bytes);
    }
    this.#position = offset;
    return found;
  }

  /** Offset after the last line feed, at most `within` bytes before the end; 0 when the file has none at all. */
  async lastLineEnd(within: number): Promise<number> {
    const { size } = await this.stat();
    for (let end = size; end > 0 && size - end < within; end -= COPY_BELOW) {
      const at = Math.max(0, end - COPY_BELOW);
      const bytes = await this.peek({ at, length: end - at });
      const found = bytes === undefined ? -1 : bytes.lastIndexOf(10);
      if (found >= 0) return at + found + 1;
      if (at === 0) return 0;
    }
    return size;
  }

  /** The bytes of a region without moving on; undefined when the file is shorter. */
  async peek(region: Region): Promise<Buffer | undefined> {
    const bytes = Buffer.alloc(region.length);
    let done = 0;
    while (done < region.length) {
      const bytesRead = await this.#readAt(bytes, done, region.at + done);
      if (bytesRead === 0) return undefined;
      done += bytesRead;
    }
    return bytes;
  }

  async stat(): Promise<FileStat> {
    const { size, mtimeMs, dev, ino } = this.#isAtHand ? fstatSync(this.#handle.fd) : await this.#handle.stat();
    return { size, mtimeMs, identity: `${dev}:${ino}` };
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  /**
   * A log that is followed to its end was written just now and is in memory: to ask for it in another thread, four times for every few
   * lines, takes longer than to read it, and much longer where threads wait for a processor.
   */
  get #isAtHand(): boolean {
    return this.#isLocal && this.drained;
  }

  /** Into `bytes` from `offset` on, as many as there is room for. Gives how many. */
  async #readAt(bytes: Buffer, offset: number, at: number): Promise<number> {
    const length = bytes.length - offset;
    if (this.#isAtHand) return readSync(this.#handle.fd, bytes, offset, length, at);
    return (await this.#handle.read(bytes, offset, length, at)).bytesRead;
  }
}

export interface FileStat {
  readonly size: number;
  readonly mtimeMs: number;
  /** The same for two names of one file while either exists. */
  readonly identity: string;
}

/** Opens a packed input from its start once more; from `fineFrom` on it comes in pieces of `piece` bytes. */
type Reopen = (fineFrom: number, piece: number) => Readable;

/** Unpacking gives nothing of the piece of input that it fails at: what is before the damage is looked for in smaller ones. */
const FINER_PIECES = [1024, 1];

/**
 * The content of a gzip file or stream. `read()` throws when it is damaged, but not before all that could be unpacked
 * was given (of a stream all but the end of it): an async iterator would drop what is still buffered.
 */
export class PackedReader implements ByteReader {
  readonly ends = true;
  readonly drained = false;
  #input: Readable;
  #gunzip: Gunzip;
  readonly #reopen: Reopen | undefined;
  readonly #finer = [...FINER_PIECES];
  #position = 0;
  /** Bytes unpacked, and how many of them are unpacked once more. */
  #unpacked = 0;
  #again = 0;
  #unread: Buffer | undefined;
  #failure: Error | undefined;
  /** The first failure. */
  #damage: Error | undefined;
  #over = false;
  #closed = false;
  #wake: () => void = () => undefined;

  constructor(input: Readable, reopen?: Reopen) {
    this.#input = input;
    this.#reopen = reopen;
    this.#gunzip = this.#unpack(input);
  }

  static async open(path: string): Promise<PackedReader> {
    const handle = await open(path, "r");
    return new PackedReader(handle.createReadStream({ highWaterMark: CHUNK_BYTES }), (fineFrom, piece) =>
      Readable.from(piecesOf(path, fineFrom, piece), { objectMode: false }),
    );
  }

  get position(): number {
    return this.#position;
  }

  async read(): Promise<Buffer | undefined> {
    const chunk = await this.#next();
    if (chunk !== undefined) this.#position += chunk.length;
    return chunk;
  }

  async seek(offset: number, regions: readonly Region[], signal?: AbortSignal): Promise<readonly Buffer[] | undefined> {
    const found = regions.map((region) => Buffer.alloc(region.length));
    while (this.#position < offset) {
      const chunk = await this.#next();
      if (chunk === undefined || signal?.aborted) return undefined;
      const start = this.#position;
      for (const [index, { at, length }] of regions.entries()) {
        const from = Math.max(at, start);
        const to = Math.min(at + length, start + chunk.length);
        if (from < to) chunk.copy(found[index]!, from - at, from - start, to - start);
      }
      const used = Math.min(chunk.length, offset - start);
      this.#position += used;
      if (used < chunk.length) this.#unread = chunk.subarray(used);
    }
    return found;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#end();
    this.#input.destroy();
    this.#gunzip.destroy();
  }

  #unpack(input: Readable): Gunzip {
    const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
    input.on("error", (error) => gunzip.destroy(error));
    gunzip.on("readable", () => this.#wake());
    gunzip.on("end", () => this.#end());
    gunzip.on("error", (error) => {
      this.#failure = error;
      this.#end();
    });
    gunzip.on("close", () => this.#end());
    return input.pipe(gunzip);
  }

  #end(): void {
    this.#over = true;
    this.#wake();
  }

  async #next(): Promise<Buffer | undefined> {
    const unread = this.#unread;
    this.#unread = undefined;
    if (unread !== undefined) return unread;
    for (;;) {
      const chunk: Buffer | null = this.#gunzip.read();
      if (chunk !== null) {
        const known = Math.min(this.#again, chunk.length);
        this.#again -= known;
        this.#unpacked += chunk.length - known;
        if (known < chunk.length) return chunk.subarray(known);
        continue;
      }
      if (this.#failure !== undefined && !this.#unpackFiner()) throw this.#damage ?? this.#failure;
      if (this.#over) return undefined;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #unpackFiner(): boolean {
    if (this.#reopen === undefined || this.#closed || systemCode(this.#failure) !== "Z_DATA_ERROR") return false;
    const piece = this.#finer.shift();
    if (piece === undefined) return false;
    const input = this.#reopen(this.#gunzip.bytesWritten, piece);
    this.#input.destroy();
    this.#gunzip.removeAllListeners().on("error", () => undefined);
    this.#again = this.#unpacked;
    this.#damage ??= this.#failure;
    this.#failure = undefined;
    this.#over = false;
    this.#input = input;
    this.#gunzip = this.#unpack(input);
    return true;
  }
}

async function* piecesOf(path: string, fineFrom: number, piece: number): AsyncGenerator<Buffer> {
  const handle = await open(path, "r");
  try {
    for (let at = 0; ; ) {
      const bytes = Buffer.allocUnsafe(at < fineFrom ? Math.min(CHUNK_BYTES, fineFrom - at) : piece);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, at);
      if (bytesRead === 0) return;
      at += bytesRead;
      yield bytes.subarray(0, bytesRead);
    }
  } finally {
    await handle.close();
  }
}

/** A stream that is not packed, such as standard input. */
export class StreamReader implements ByteReader {
  readonly ends = true;
  readonly drained = false;
  readonly #input: Readable;
  readonly #chunks: AsyncIterator<Buffer>;
  #position = 0;

  constructor(input: Readable) {
    this.#input = input;
    this.#chunks = input[Symbol.asyncIterator]();
  }

  get position(): number {
    return this.#position;
  }

  async read(): Promise<Buffer | undefined> {
    const { value, done } = await this.#chunks.next();
    if (done === true) return undefined;
    this.#position += (value as Buffer).length;
    return value as Buffer;
  }

  /** A stream has no place to go back to: it is always at its start. */
  async seek(offset: number): Promise<readonly Buffer[] | undefined> {
    return offset === 0 ? [] : undefined;
  }

  async close(): Promise<void> {
    this.#input.destroy();
  }
}

/** Length of what a gzip file holds, from its trailer: exact for one member under 4 GiB, else a hint. */
export async function unpackedSize(path: string): Promise<number> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, "r");
    const { size } = await handle.stat();
    const trailer = Buffer.alloc(4);
    if (size >= 18) await handle.read(trailer, 0, 4, size - 4);
    return trailer.readUInt32LE(0);
  } finally {
    await handle?.close();
  }
}

/** Opens a file; `packed` is gzip. */
export async function openReader(path: string, packed: boolean): Promise<ByteReader> {
  return packed ? await PackedReader.open(path) : await PlainReader.open(path);
}
