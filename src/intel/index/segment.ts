import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { crc32 } from "node:zlib";
import { TiplineError } from "../../lib/errors.ts";
import type { IndicatorType } from "../../model/indicator.ts";
import type { Gate } from "./gate-keys.ts";
import type { Seed } from "./hash.ts";

/**
 * An index file: `0` magic · `8` format version · `12` bytes of header · `16` crc32 of header · `20` crc32 of bytes 0 to 20 ·
 * `24` header (JSON) · sections, each padded to 64 bytes, the padding covered by the section's checksum. Little-endian.
 */
const MAGIC = Buffer.from("TIPSEG\r\n", "latin1");
const VERSION = 1;
const PREAMBLE = 24;
const ALIGN = 64;
const MAX_HEADER = 64 * 1024 * 1024;

export const SECTION_NAMES = [
  "exact",
  "gateSet",
  "gateBloom",
  "ends",
  "events",
  "attributes",
  "withdrawnEvents",
  "withdrawnAttributes",
  "words",
  "tails",
] as const;
/** Files of earlier versions lack these. */
const OPTIONAL: ReadonlySet<string> = new Set(["words", "tails"]);
export type SectionName = (typeof SECTION_NAMES)[number];

/**
 * Columns in memory. `exact`: see buildExact · `gateSet`, `gateBloom`: see buildGate · `ends`: see endBit · `events`: rows of
 * (event key 2×u32, reference, reports, feed) sorted by key · `attributes`: keys of every report (overlays only) ·
 * `withdrawnEvents`, `withdrawnAttributes`: keys of what older layers must not show any more · `words`, `tails`: see Tails.
 */
export type Sections = Readonly<Record<SectionName, Uint32Array>>;
export const EVENT_ROW = 5;

export interface SegmentHeader {
  readonly seed: Seed;
  /** Names by the numbers that records carry, and their reports. */
  readonly feeds: readonly { readonly name: string; readonly reports: number }[];
  readonly withdrawnFeeds: readonly string[];
  readonly indicators: number;
  readonly reports: number;
  readonly gateKeys: number;
  readonly byType: Readonly<Partial<Record<IndicatorType, number>>>;
  /** Prefix lengths of networks present, longest first. */
  readonly prefixes4: readonly number[];
  readonly prefixes6: readonly number[];
  /** Some gate key is a plain number, so JSON numbers must be looked at too. */
  readonly plainNumbers: boolean;
  /** See Gate; absent in files of earlier versions, which may have such keys. */
  readonly oddNumbers?: boolean;
  readonly shortNames?: boolean;
  readonly contexts: { readonly bytes: number; readonly crc: number };
}

/** Names of a segment's two files. */
export const indexPath = (path: string): string => `${path}.idx`;
export const contextsPath = (path: string): string => `${path}.ctx`;

interface SectionEntry {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
  readonly crc: number;
}

interface StoredHeader extends SegmentHeader {
  readonly sections: readonly SectionEntry[];
}

export interface Segment {
  readonly header: SegmentHeader;
  readonly sections: Sections;
  /** The whole file, shareable between threads. */
  readonly memory: SharedArrayBuffer;
  /** Bytes of all sections. */
  readonly bytes: number;
}

/** The part that scanners of alerts use. */
export function gateOf({ header, sections }: Segment): Gate {
  const { seed, prefixes4, prefixes6, plainNumbers } = header;
  const { gateSet: set, gateBloom: bloom, ends, words, tails } = sections;
  const prints = (header.byType.x509 ?? 0) > 0;
  const { oddNumbers = true, shortNames = true } = header;
  return { seed, prefixes4, prefixes6, plainNumbers, prints, oddNumbers, shortNames, set, bloom, ends, words, tails };
}

const padded = (bytes: number): number => Math.ceil(bytes / ALIGN) * ALIGN;

/** Writes an index file to the disk, fsync included. Returns its length. */
export function writeSegment(path: string, header: SegmentHeader, sections: Sections): number {
  const bodies = SECTION_NAMES.map((name) => bytesOf(sections[name]));
  let offset = 0;
  const entries = bodies.map((body, i) => {
    const padding = PADDING.subarray(0, padded(body.length) - body.length);
    const crc = crc32(padding, crc32(body));
    const entry: SectionEntry = { name: SECTION_NAMES[i] as string, offset, bytes: body.length, crc };
    offset += padded(body.length);
    return entry;
  });
  const fd = openSync(path, "wx", 0o640);
  try {
    let written = writeAll(fd, head({ ...header, sections: entries }));
    for (const body of bodies) {
      written += writeAll(fd, body);
      written += writeAll(fd, PADDING.subarray(0, padded(body.length) - body.length));
    }
    fsyncSync(fd);
    return written;
  } finally {
    closeSync(fd);
  }
}
const PADDING = Buffer.alloc(ALIGN);

function bytesOf(words: Uint32Array): Buffer {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength);
}

/** Preamble and header, filled up with blanks so that sections start aligned. */
function head(stored: StoredHeader): Buffer {
  const text = JSON.stringify(stored);
  const size = padded(PREAMBLE + Buffer.byteLength(text)) - PREAMBLE;
  const header = Buffer.alloc(size, " ");
  header.write(text);
  const preamble = Buffer.alloc(PREAMBLE);
  MAGIC.copy(preamble);
  preamble.writeUInt32LE(VERSION, 8);
  preamble.writeUInt32LE(size, 12);
  preamble.writeUInt32LE(crc32(header), 16);
  preamble.writeUInt32LE(crc32(preamble.subarray(0, 20)), 20);
  return Buffer.concat([preamble, header]);
}

function writeAll(fd: number, bytes: Buffer): number {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
  return bytes.length;
}

/** Loads an index file into shared memory. Throws TIP_SEGMENT_CORRUPT unless every byte of it is as it was written. */
export function loadSegment(path: string): Segment {
  const memory = readShared(path);
  const bytes = Buffer.from(memory);
  const fail = (what: string): never => {
    throw new TiplineError("TIP_SEGMENT_CORRUPT", `${path}: ${what}`);
  };
  if (bytes.length < PREAMBLE || !bytes.subarray(0, 8).equals(MAGIC)) fail("not an index file of Tipline");
  if (bytes.readUInt32LE(20) !== crc32(bytes.subarray(0, 20))) fail("checksum of the preamble is wrong");
  const version = bytes.readUInt32LE(8);
  if (version !== VERSION) fail(`expected format version ${VERSION}, found ${version}`);
  const size = bytes.readUInt32LE(12);
  if (size > MAX_HEADER || PREAMBLE + size > bytes.length) fail("the header is cut off");
  const header = bytes.subarray(PREAMBLE, PREAMBLE + size);
  if (bytes.readUInt32LE(16) !== crc32(header)) fail("checksum of the header is wrong");
  const stored = JSON.parse(header.toString("utf8")) as StoredHeader;
  const found = new Map<string, Uint32Array>();
  let end = PREAMBLE + size;
  let total = 0;
  for (const section of stored.sections) {
    const from = PREAMBLE + size + section.offset;
    end = from + padded(section.bytes);
    if (end > bytes.length) fail(`section ${section.name} is cut off`);
    if (crc32(bytes.subarray(from, end)) !== section.crc) fail(`checksum of section ${section.name} is wrong`);
    found.set(section.name, new Uint32Array(memory, from, section.bytes / 4));
    total += padded(section.bytes);
  }
  if (end !== bytes.length) fail(`expected ${end} bytes, found ${bytes.length}`);
  for (const name of SECTION_NAMES) {
    if (found.has(name)) continue;
    if (!OPTIONAL.has(name)) fail(`section ${name} is missing`);
    found.set(name, new Uint32Array(memory, 0, 0));
  }
  return { header: stored, sections: Object.fromEntries(found) as Sections, memory, bytes: total };
}

function readShared(path: string): SharedArrayBuffer {
  const fd = openSync(path, "r");
  try {
    const memory = new SharedArrayBuffer(fstatSync(fd).size);
    const view = new Uint8Array(memory);
    for (let at = 0; at < view.length; ) {
      const read = readSync(fd, view, at, view.length - at, at);
      if (read === 0) throw new TiplineError("TIP_SEGMENT_CORRUPT", `${path}: shrank while it was read`);
      at += read;
    }
    return memory;
  } finally {
    closeSync(fd);
  }
}
