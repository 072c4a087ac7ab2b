import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, lstat, open, opendir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { mapConcurrent } from "../lib/concurrent.ts";
import { asError, systemCode } from "../lib/errors.ts";
import { HEAD_LIMIT, LINE_LIMIT } from "../lib/lines.ts";

/** A file of the spool as the last look found it. */
export interface SpoolEntry {
  readonly name: string;
  readonly path: string;
  /** Short name of exactly this file: another one under the same name has another. */
  readonly identity: string;
  readonly size: number;
  readonly modified: bigint;
  readonly inode: bigint;
}

export interface SpoolLook {
  /** Regular files in the order of their arrival, at most `MOST_ENTRIES`, the oldest. */
  readonly entries: readonly SpoolEntry[];
  /** All files that wait, also those beyond the entries. */
  readonly files: number;
  /** A few names of what is not a regular file: never read, never removed. */
  readonly odd: readonly string[];
  /** The hook refuses alerts because the disk is nearly full. */
  readonly refusing: boolean;
}

/** What one file came to. `later`: it is still being written. `gone`: somebody else took it. */
export type SpoolRead =
  | { readonly kind: "record"; readonly bytes: Buffer }
  | { readonly kind: "rejected"; readonly head: Buffer; readonly length: number; readonly reason: string }
  | { readonly kind: "later" | "gone" }
  | { readonly kind: "unreadable"; readonly error: Error };

/** Entries kept of one look; more wait for the next one. */
const MOST_ENTRIES = 10_000;
const MOST_ODD = 3;
const AT_ONCE = 8;
/** A file that a killed hook left under its dot-name is taken after this time: it may be whole. */
const STRAY_MS = 600_000;
/** A file without an end that is younger may still be written by somebody who does not rename. */
const UNFINISHED_MS = 5_000;
/** The line end after the alert, CR and LF. */
const MOST_END = 2;

/** Lists the spool. Throws what the file system says when it cannot be listed. */
export async function lookInto(folder: string, now: number): Promise<SpoolLook> {
  const { names, files, odd, refusing } = await listNames(folder);
  const entries: SpoolEntry[] = [];
  for await (const entry of mapConcurrent(names, AT_ONCE, (name) => statEntry(folder, name)))
    if (entry !== undefined && (!entry.name.startsWith(".") || ageMs(entry, now) > STRAY_MS)) entries.push(entry);
  return { entries: entries.sort(byArrival), files: files - names.length + entries.length, odd, refusing };
}

/** Reads a file as it stands: never through a link, never anything that is not a regular file. */
export async function readEntry(entry: SpoolEntry, now: number): Promise<SpoolRead> {
  let file: FileHandle;
  try {
    file = await open(entry.path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (thrown) {
    const code = systemCode(thrown);
    // ELOOP: it has become a link since; the next look calls it odd.
    if (code === "ENOENT" || code === "ELOOP") return { kind: "gone" };
    return { kind: "unreadable", error: asError(thrown) };
  }
  try {
    const stat = await file.stat({ bigint: true });
    if (!stat.isFile() || stat.ino !== entry.inode) return { kind: "gone" };
    if (stat.mtimeNs !== entry.modified || Number(stat.size) !== entry.size) return { kind: "later" };
    return await content(file, entry, ageMs(entry, now) < UNFINISHED_MS);
  } catch (thrown) {
    return { kind: "unreadable", error: asError(thrown) };
  } finally {
    await file.close();
  }
}

/** Removes exactly this file; an error is the answer when it is still there. */
export async function removeEntry(entry: SpoolEntry): Promise<Error | undefined> {
  try {
    const stat = await lstat(entry.path, { bigint: true });
    if (identityOf(entry.name, stat) === entry.identity) await unlink(entry.path);
    return undefined;
  } catch (thrown) {
    return systemCode(thrown) === "ENOENT" ? undefined : asError(thrown);
  }
}

export function ageMs({ modified }: SpoolEntry, now: number): number {
  return now - Number(modified / 1_000_000n);
}

/** Names of files, oldest by their name's time when there are too many to look at all. */
async function listNames(folder: string) {
  let names: string[] = [];
  let files = 0;
  let refusing = false;
  const odd: string[] = [];
  for await (const entry of await opendir(folder, { bufferSize: 256 })) {
    const { name } = entry;
    if (name === ".full") refusing = true;
    if (name.startsWith(".") && !isStray(name)) continue;
    // A name that is not UTF-8 cannot be opened by what is shown of it.
    if (!entry.isFile() || name.includes("\ufffd")) {
      if (odd.length < MOST_ODD) odd.push(name);
      continue;
    }
    files += 1;
    names.push(name);
    if (names.length >= 2 * MOST_ENTRIES) names = oldest(names);
  }
  return { names: names.length > MOST_ENTRIES ? oldest(names) : names, files, odd, refusing };
}

/** What the hook copies to: `.<name of integratord's file>.<process id>`. */
function isStray(name: string): boolean {
  return /^\.[^/]{1,200}\.alert\.\d{1,10}$/.test(name);
}

function oldest(names: readonly string[]): string[] {
  const keyed = names.map((name) => ({ name, second: secondOf(name) }));
  keyed.sort((a, b) => a.second - b.second || (a.name < b.name ? -1 : 1));
  return keyed.slice(0, MOST_ENTRIES).map(({ name }) => name);
}

/** integratord's names carry the second: `NAME-<second>-<random, may be negative>.alert`. Others count as oldest. */
function secondOf(name: string): number {
  return Number(/-(\d{9,11})--?\d{1,20}\.alert/.exec(name)?.[1] ?? 0);
}

async function statEntry(folder: string, name: string): Promise<SpoolEntry | undefined> {
  const path = join(folder, name);
  try {
    const stat = await lstat(path, { bigint: true });
    if (!stat.isFile()) return undefined;
    const identity = identityOf(name, stat);
    return { name, path, identity, size: Number(stat.size), modified: stat.mtimeNs, inode: stat.ino };
  } catch {
    // It went between the listing and now.
    return undefined;
  }
}

/** Not the time of change: it moves when integratord removes its own name of a linked file. */
function identityOf(
  name: string,
  { ino, size, mtimeNs }: { readonly ino: bigint; readonly size: bigint; readonly mtimeNs: bigint },
): string {
  return createHash("sha256").update(`${ino} ${size} ${mtimeNs} ${name}`).digest("base64url").slice(0, 11);
}

/** Within one tick of the file system's clock the process id that ends the name tells what came first. */
function byArrival(a: SpoolEntry, b: SpoolEntry): number {
  if (a.modified !== b.modified) return a.modified < b.modified ? -1 : 1;
  return processOf(a.name) - processOf(b.name) || (a.name < b.name ? -1 : 1);
}

function processOf(name: string): number {
  return Number(/\.(\d{1,10})$/.exec(name)?.[1] ?? 0);
}

async function content(file: FileHandle, { size }: SpoolEntry, fresh: boolean): Promise<SpoolRead> {
  const tooLarge = size > LINE_LIMIT + MOST_END;
  const bytes = await readAt(file, 0, tooLarge ? HEAD_LIMIT : size);
  const last = tooLarge ? await readAt(file, size - MOST_END, MOST_END) : bytes.subarray(-MOST_END);
  const ends = lineEndOf(last);
  if (fresh && ends === 0 && last.at(-1) !== CLOSING_BRACE) return { kind: "later" };
  const length = size - ends;
  if (length > LINE_LIMIT) {
    const reason = `expected an alert of at most ${LINE_LIMIT} bytes, found ${length}`;
    return { kind: "rejected", head: bytes.subarray(0, HEAD_LIMIT), length, reason };
  }
  const alert = bytes.subarray(0, length);
  const reason = faultOf(alert);
  if (reason === undefined) return { kind: "record", bytes: alert };
  return { kind: "rejected", head: alert.subarray(0, HEAD_LIMIT), length, reason };
}

const CLOSING_BRACE = 0x7d;

function lineEndOf(last: Buffer): number {
  if (last.at(-1) !== 0x0a) return 0;
  return last.at(-2) === 0x0d ? 2 : 1;
}

/** What can be said better here than by who parses it. */
function faultOf(alert: Buffer): string | undefined {
  if (alert.length === 0) return "expected one alert, found an empty file";
  if (alert.subarray(0, 11).toString("latin1") !== "alertdate='") return undefined;
  return "expected JSON, found integratord's key='value' form: every <integration> of ossec.conf needs <alert_format>json</alert_format>, because the first one that wants an alert decides for all";
}

async function readAt(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return bytes.subarray(0, done);
}
