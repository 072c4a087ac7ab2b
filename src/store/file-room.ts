import { closeSync, fstatSync, openSync, readSync, writeSync } from "node:fs";

/** Layout of the two meta pages of lmdb-js' LMDB (data version 2, little-endian): offsets within the page. */
const META = {
  magic: 24,
  version: 28,
  pageSize: 48,
  freeRoot: 88,
  mainRoot: 136,
  lastPage: 144,
  transaction: 152,
  bytes: 160,
};
const MAGIC = 0xbeefc0de;
/** The root of an empty tree. */
export const NO_PAGE = 2n ** 64n - 1n;

/** What a meta page says of the file. */
export interface Head {
  readonly pageSize: number;
  readonly freeRoot: bigint;
  readonly mainRoot: bigint;
  readonly lastPage: bigint;
  readonly transaction: bigint;
}

/** The head in force; undefined when neither page is one. */
export function newestHead(fd: number): Head | undefined {
  const [first, second] = [readMeta(fd, 0), readMeta(fd, pageSizeOf(fd))];
  if (first === undefined || second === undefined) return first ?? second;
  return first.transaction > second.transaction ? first : second;
}

function pageSizeOf(fd: number): number {
  const head = Buffer.alloc(META.bytes);
  if (readSync(fd, head, 0, META.bytes, 0) < META.bytes) return 4096;
  const size = head.readUInt32LE(META.pageSize);
  return size >= 256 && size <= 65536 && (size & (size - 1)) === 0 ? size : 4096;
}

function readMeta(fd: number, offset: number): Head | undefined {
  const page = Buffer.alloc(META.bytes);
  if (readSync(fd, page, 0, META.bytes, offset) < META.bytes) return undefined;
  if (page.readUInt32LE(META.magic) !== MAGIC) return undefined;
  const pageSize = page.readUInt32LE(META.pageSize);
  if (pageSize < 256 || pageSize > 65536) return undefined;
  return {
    pageSize,
    freeRoot: page.readBigUInt64LE(META.freeRoot),
    mainRoot: page.readBigUInt64LE(META.mainRoot),
    lastPage: page.readBigUInt64LE(META.lastPage),
    transaction: page.readBigUInt64LE(META.transaction),
  };
}

/** For what a transaction copies beside what it writes. */
const LEAST = 512 * 1024;
const PAGE = 4096;
/** A row's own header and key. */
const BESIDE = 256;

/** What a stage writes about a finding, and what taking one out may copy. */
export const ROOM_OF_STATE = 1024;
export const ROOM_OF_REMOVAL = 512;

/**
 * Bytes of the file that a row of so many bytes may take: one of more than half a page has pages of its own, others share pages that are
 * half full at worst.
 */
export function roomFor(rowBytes: number): number {
  return BESIDE + (rowBytes < PAGE / 2 ? 2 * rowBytes : Math.ceil((rowBytes + 128) / PAGE) * PAGE);
}

const ZEROS = Buffer.alloc(256 * 1024);

/**
 * Keeps room at the end of LMDB's file, so that a full disk, a quota or a limit on files is met here, as an error, before a transaction
 * is begun. LMDB must not meet it: lmdb-js (3.5.6) writes more about it than it has memory for, which can end the process. What a
 * transaction takes is an estimate: where it is too low, LMDB meets it all the same.
 */
export class FileRoom {
  #fd: number | undefined;
  #size: number;

  constructor(path: string) {
    const fd = openSync(path, "r+");
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
  }

  /** Throws the system's error when there is no room for a transaction that takes about so many bytes of the file. */
  ensure(bytes: number): void {
    if (this.#fd === undefined) throw new Error("the environment is closed");
    const head = newestHead(this.#fd);
    const used = head === undefined ? 0 : (Number(head.lastPage) + 1) * head.pageSize;
    const wanted = used + LEAST + bytes;
    if (this.#size >= wanted) return;
    // LMDB may have written beyond what was here: never over it.
    this.#size = Math.max(this.#size, fstatSync(this.#fd).size, used);
    while (this.#size < wanted) this.#size += writeSync(this.#fd, ZEROS, 0, ZEROS.length, this.#size);
  }

  close(): void {
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}
