import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import { type Entry, fromBufferPromise, type ZipFile } from "yauzl";
import { asError, TiplineError } from "./errors.ts";

/** Entries that are looked at; an archive of more is refused. */
const MOST_ENTRIES = 1_000;
/** Text packs ten to thirty times smaller. More than this, in more than this many bytes, is a bomb. */
const MOST_RATIO = 400;
const RATIO_COUNTS_FROM = 1024 * 1024;
/** Names of entries that are text by their ending; one without an ending counts as well. */
const TEXT_NAME = /\.(?:csv|txt|json|tsv|lst|list|ioc|iocs|ipset|netset)$|^[^.]{1,100}$/i;

/** True when the bytes begin as a zip archive does (an empty or split one included). */
export function isZip(bytes: Buffer): boolean {
  if (bytes.length < 4 || bytes[0] !== 0x50 || bytes[1] !== 0x4b) return false;
  const kind = bytes.readUInt16BE(2);
  return kind === 0x0304 || kind === 0x0506 || kind === 0x0708;
}

/**
 * One entry of a zip archive: the one named `wanted` (its name without folders), else the only one, else the first that is text
 * by its name. Names are only compared, never used as paths. What is encrypted, damaged, packed too well or larger than
 * `maxBytes` is TIP_FEED_INVALID; `name` says in messages what was read.
 */
export async function unzip(bytes: Buffer, name: string, maxBytes: number, wanted?: string): Promise<Buffer> {
  try {
    // Names stay bytes: a name that is no path (`..\x`, `/etc/x`) must not make the archive unreadable, for it is never used as one.
    const zip = await fromBufferPromise(bytes, { lazyEntries: true, decodeStrings: false, validateEntrySizes: true });
    return await contentOf(zip, choose(await entriesOf(zip, name), name, wanted), name, maxBytes);
  } catch (thrown) {
    if (thrown instanceof TiplineError) throw thrown;
    throw invalid(`${name} is not a whole zip archive (${asError(thrown).message.slice(0, 120)})`, thrown);
  }
}

async function entriesOf(zip: ZipFile, name: string): Promise<readonly Entry[]> {
  const entries: Entry[] = [];
  for await (const entry of zip.eachEntry()) {
    if (entries.length >= MOST_ENTRIES)
      throw invalid(`expected at most ${MOST_ENTRIES} entries in the zip archive ${name}, found more`);
    entries.push(entry);
  }
  return entries;
}

function choose(entries: readonly Entry[], name: string, wanted: string | undefined): Entry {
  const files = entries.filter((entry) => !/[/\\]$/.test(pathOf(entry)));
  const found =
    wanted !== undefined
      ? files.find((entry) => baseName(entry) === wanted || pathOf(entry) === wanted)
      : files.length === 1
        ? files[0]
        : files.find((entry) => TEXT_NAME.test(baseName(entry)));
  if (found !== undefined) return found;
  const names = files.slice(0, 10).map((entry) => JSON.stringify(baseName(entry).slice(0, 60)));
  throw invalid(
    `expected ${wanted === undefined ? "a text file" : JSON.stringify(wanted)} in the zip archive ${name}, found ${names.join(", ") || "no file"}`,
  );
}

async function contentOf(zip: ZipFile, entry: Entry, name: string, maxBytes: number): Promise<Buffer> {
  const { uncompressedSize: size, compressedSize: packed } = entry;
  const where = `${JSON.stringify(baseName(entry).slice(0, 60))} in the zip archive ${name}`;
  if (entry.isEncrypted()) throw invalid(`${where} is encrypted: unpack it before it is read`);
  if (!entry.canDecodeFileData())
    throw invalid(`${where} is packed by a method that is not known (${entry.compressionMethod})`);
  if (size > maxBytes) throw invalid(`${where} is larger than the limit of ${maxBytes} bytes`);
  if (size > RATIO_COUNTS_FROM && size > packed * MOST_RATIO)
    throw invalid(`${where} unpacks to more than ${MOST_RATIO} times its size: not a list, but a zip bomb`);
  const pieces: Buffer[] = [];
  let read = 0;
  for await (const piece of await zip.openReadStreamPromise(entry)) {
    read += (piece as Buffer).length;
    if (read > size) throw invalid(`${where} is larger than the archive says`);
    pieces.push(piece as Buffer);
  }
  const content = Buffer.concat(pieces);
  if (crc32(content) !== entry.crc32) throw invalid(`${where} is damaged: its checksum is wrong`);
  return content;
}

/** Name of an entry as it was written; only for comparing and for messages. */
function pathOf(entry: Entry): string {
  return entry.fileNameRaw.toString("utf8");
}

function baseName(entry: Entry): string {
  const path = pathOf(entry);
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}

function invalid(message: string, cause?: unknown): TiplineError {
  return new TiplineError("TIP_FEED_INVALID", message, cause === undefined ? {} : { cause });
}
