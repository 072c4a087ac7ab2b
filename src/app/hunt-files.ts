import { existsSync } from "node:fs";
import { open, realpath, stat } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { chooseMode } from "../clients/wazuh-log-locate.ts";
import { describePlain, type LogTag, listDailyFiles, listRenamed } from "../clients/wazuh-log-tree.ts";
import { unpackedSize } from "../lib/byte-reader.ts";
import { asError, systemCode } from "../lib/errors.ts";
import { expandGlob, isGlob } from "../lib/glob.ts";

/** One file of a hunt. */
export interface HuntFile {
  readonly path: string;
  readonly packed: boolean;
  /** `YYYY-MM-DD`, as the manager's clock had it; undefined for files that carry no day. */
  readonly day?: string;
  /** Device and inode. */
  readonly identity: string;
  /** Bytes on disk when it was listed. */
  readonly size: number;
  /** Bytes of content; of a packed file as its last bytes tell it. */
  readonly content: number;
  readonly mtimeMs: number;
}

/** What is to be read, oldest first, and what cannot be. */
export interface HuntFiles {
  readonly files: readonly HuntFile[];
  readonly troubles: readonly string[];
}

/** A log of the manager: `path` is its live file (alerts.json), beside which the folders of years stand. */
export interface HuntLog {
  readonly path: string;
  readonly tag: LogTag;
}

/** Alerts of a time, `from` included, `to` not; epoch milliseconds. */
export interface TimeWindow {
  readonly from?: number;
  readonly to?: number;
}

const HOUR = 3_600_000;
/**
 * A local day begins at most 14 hours before the UTC day of that name, ends at most 12 hours after it, and may have an hour more or
 * less; around midnight a line or two still goes to the old day's file.
 */
const BEFORE = 14 * HOUR;
const AFTER = 13 * HOUR;

/** Whether a file of the manager's local day may hold records of the window. */
export function dayOverlaps(
  day: string,
  { from = Number.NEGATIVE_INFINITY, to = Number.POSITIVE_INFINITY }: TimeWindow,
) {
  const start = Date.parse(`${day}T00:00:00Z`);
  return start - BEFORE < to && start + 24 * HOUR + AFTER > from;
}

/** The files of the manager's logs that may hold records of the window, by day. */
export async function filesOfLogs(logs: readonly HuntLog[], window: TimeWindow): Promise<HuntFiles> {
  const found = new Listing();
  for (const { path, tag } of logs) {
    const root = dirname(path);
    const since = window.from === undefined ? "" : new Date(window.from - 2 * 24 * HOUR).toISOString().slice(0, 10);
    try {
      const inside = `${await realpath(root)}${sep}`;
      let isWhole = true;
      const unread = (folder: string, error: unknown) => {
        isWhole = false;
        found.trouble(folder, error);
      };
      for (const { path: file, key } of await listDailyFiles(root, tag, since, unread)) {
        const day = key.slice(0, 10);
        if (dayOverlaps(day, window)) await found.add(file, { day, order: `${key} ${tag}`, inside, orPacked: true });
      }
      // What alerts.json is a link to may be in what cannot be read; each alert counts once anyway.
      if (!isWhole || (await chooseMode(path, tag, since)) === "plain") await addPlain(found, path, window);
    } catch (error) {
      found.trouble(root, error);
    }
  }
  return found.result();
}

/** A log that is one file, and what a rename rotation made of it. */
async function addPlain(found: Listing, path: string, { from = 0, to = Number.POSITIVE_INFINITY }: TimeWindow) {
  const live = await describePlain(path, false);
  const files = [...(await listRenamed(path)), ...(live === undefined ? [] : [live])];
  for (const [at, file] of files.entries()) {
    // A file ends where the next one begins.
    const end = files[at + 1]?.begins ?? Number.POSITIVE_INFINITY;
    if ((file.begins ?? 0) < to && end >= from)
      await found.add(file.path, { order: `~${String(at).padStart(6, "0")}`, orPacked: file !== live });
  }
}

/** Files that a person named: paths, patterns, folders that hold a log's years. In the order given. */
export async function filesNamed(paths: readonly string[], window: TimeWindow): Promise<HuntFiles> {
  const found = new Listing();
  for (const path of paths) {
    try {
      const names = isGlob(path) ? expandGlob(path) : [path];
      if (names.length === 0) found.trouble(path, new Error("no file matches"));
      for (const name of names) {
        if ((await stat(name)).isDirectory()) await addFolder(found, name, window);
        else await found.add(name, { order: "" });
      }
    } catch (error) {
      found.trouble(path, error);
    }
  }
  return found.result();
}

async function addFolder(found: Listing, folder: string, window: TimeWindow): Promise<void> {
  const inside = `${await realpath(folder)}${sep}`;
  let files = 0;
  const unread = (path: string, error: unknown) => {
    files++;
    found.trouble(path, error);
  };
  for (const tag of ["alerts", "archive"] as const) {
    for (const { path, key } of await listDailyFiles(folder, tag, "", unread)) {
      files++;
      const day = key.slice(0, 10);
      if (dayOverlaps(day, window)) await found.add(path, { day, order: `${key} ${tag}`, inside, orPacked: true });
    }
  }
  if (files === 0)
    throw new Error(
      `expected YYYY/Mon/ossec-alerts-DD.json[.gz] in this folder (for all files: ${join(folder, "**")})`,
    );
}

interface Entry {
  readonly day?: string;
  /** Files of one log sort by it. */
  readonly order: string;
  /** The real folder that the file must lie in. */
  readonly inside?: string;
  /** Where it is empty, or was compressed since it was listed, its packed form beside it is the file. */
  readonly orPacked?: boolean;
}

class Listing {
  readonly #files: { readonly file: HuntFile; readonly order: string; readonly at: number }[] = [];
  readonly #identities = new Set<string>();
  readonly #plain = new Set<string>();
  /** Packed files of no bytes: what was packed has at least a header. */
  readonly #hollow: string[] = [];
  readonly #troubles: string[] = [];

  /** Notes a file; the second name of one that is noted already, or its packed form, is left out. */
  async add(path: string, entry: Entry): Promise<void> {
    for (const form of entry.orPacked ? formsOf(path) : [path]) {
      try {
        if (await this.#note(form, entry)) return;
      } catch (error) {
        // Compressed since it was listed, or there is no packed form.
        const mayBeGone = form !== path || entry.inside !== undefined;
        if (!mayBeGone || systemCode(error) !== "ENOENT") return this.trouble(form, error);
      }
    }
  }

  /** False: there is nothing in it. */
  async #note(path: string, { day, order, inside }: Entry): Promise<boolean> {
    if (inside !== undefined && !(await realpath(path)).startsWith(inside)) {
      this.#troubles.push(
        `${path}: not read: it is a link that leads out of ${inside}; name the file itself if it is meant`,
      );
      return true;
    }
    const found = await stat(path);
    const { dev, ino, size, mtimeMs } = found;
    if (!found.isFile()) throw new Error("expected a file");
    const identity = `${dev}:${ino}`;
    if (this.#identities.has(identity)) return size > 0;
    this.#identities.add(identity);
    if (size === 0) {
      if (path.endsWith(PACKED)) this.#hollow.push(path);
      return false;
    }
    const packed = await isPacked(path);
    if (!packed) this.#plain.add(path);
    const content = packed ? Math.max(size, await unpackedSize(path)) : size;
    const file = { path, packed, identity, size, content, mtimeMs, ...(day === undefined ? {} : { day }) };
    this.#files.push({ file, order, at: this.#files.length });
    return true;
  }

  trouble(path: string, error: unknown): void {
    const text = `${path}: cannot be read: ${asError(error).message}`;
    if (!this.#troubles.includes(text)) this.#troubles.push(text);
  }

  result(): HuntFiles {
    // While it is compressed a file stands there in both forms, of which only the plain one is whole.
    const hasPlain = (path: string) => path.endsWith(PACKED) && this.#plain.has(path.slice(0, -PACKED.length));
    for (const path of this.#hollow)
      if (!hasPlain(path)) this.trouble(path, new Error("expected a packed file, found an empty one"));
    const files = this.#files
      .filter(({ file: { path, packed } }) => !packed || !hasPlain(path))
      .sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : a.at - b.at))
      .map(({ file }) => file);
    return { files, troubles: this.#troubles };
  }
}

const PACKED = ".gz";

/** The plain one is whole while it is being compressed. */
function formsOf(path: string): readonly string[] {
  return path.endsWith(PACKED) ? [path] : [path, `${path}${PACKED}`];
}

/** The packed form of a file that was compressed since it was listed. */
export async function packedSince(file: HuntFile): Promise<HuntFile | undefined> {
  const path = `${file.path}${PACKED}`;
  if (file.packed || existsSync(file.path) || !existsSync(path) || !(await isPacked(path))) return undefined;
  return { ...file, path, packed: true };
}

/** Told by the first bytes, not by the name. */
async function isPacked(path: string): Promise<boolean> {
  const handle = await open(path, "r");
  try {
    const start = Buffer.alloc(2);
    return (await handle.read(start, 0, 2, 0)).bytesRead === 2 && start[0] === 0x1f && start[1] === 0x8b;
  } finally {
    await handle.close();
  }
}
