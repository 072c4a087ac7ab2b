import type { Dirent } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { systemCode } from "../lib/errors.ts";
import { alertTime, headOf } from "./wazuh-log-head.ts";

/** Folder names of months; Wazuh writes them in English whatever the locale. */
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** `alerts`: ossec-alerts-DD.json under logs/alerts · `archive`: ossec-archive-DD.json under logs/archives. */
export type LogTag = "alerts" | "archive";

/** One file of a log: a day's, or one of several where Wazuh rotated by size. */
export interface LogFile {
  /** `YYYY-MM-DD/NNN`: sorts in the order of writing. A plain log has the key `log` (see `PLAIN_KEY`). */
  readonly key: string;
  readonly path: string;
  /** True for `.json.gz`. */
  readonly packed: boolean;
  /** Plain logs: which file had this name when it was listed; by the time it is opened it may be another. */
  readonly identity?: string;
  /** Plain logs: time of the first alert, or of the file while it has none; epoch ms. */
  readonly begins?: number;
}

export const PLAIN_KEY = "log";

/** Order of keys, and so of files. */
const byKey = (a: LogFile, b: LogFile): number => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);

/**
 * The daily files of a Wazuh log, oldest first: `<root>/YYYY/Mon/ossec-<tag>-DD[-NNN].json[.gz]`. The plain file comes
 * first in a day, then `-001`, `-002` …: analysisd never renames a file, it goes on in the next. While monitord compresses
 * a file both forms exist, and only the plain one is whole: it wins. Folders are days as the manager's clock has them, so
 * they are listed, never computed. `from`: months before the month of this key are left out. `onUnread` is told of folders of years
 * and months that cannot be read; default: it throws.
 */
export async function listDailyFiles(
  root: string,
  tag: LogTag,
  from = "",
  onUnread?: (folder: string, error: unknown) => void,
): Promise<LogFile[]> {
  const found = new Map<string, LogFile>();
  const namesBelow = async (folder: string, pattern: RegExp) => {
    try {
      return await namesIn(folder, pattern);
    } catch (error) {
      if (onUnread === undefined) throw error;
      onUnread(folder, error);
      return [];
    }
  };
  for (const year of await namesIn(root, /^\d{4}$/)) {
    if (year < from.slice(0, 4)) continue;
    for (const month of await namesBelow(join(root, year), /^[A-Z][a-z]{2}$/)) {
      const number = MONTHS.indexOf(month) + 1;
      const prefix = `${year}-${String(number).padStart(2, "0")}`;
      if (number === 0 || prefix < from.slice(0, 7)) continue;
      const folder = join(root, year, month);
      for (const name of await namesBelow(folder, FILE_NAME)) addFile(found, folder, name, prefix, tag);
    }
  }
  return [...found.values()].sort(byKey);
}

const FILE_NAME = /^ossec-(alerts|archive)-(\d{2})(?:-(\d{3,6}))?\.json(\.gz)?$/;

function addFile(found: Map<string, LogFile>, folder: string, name: string, prefix: string, tag: LogTag): void {
  const [, fileTag, day, counter, packed] = FILE_NAME.exec(name) ?? [];
  if (fileTag !== tag) return;
  const key = `${prefix}-${day}/${(counter ?? "0").padStart(6, "0")}`;
  if (packed !== undefined && found.has(key)) return;
  found.set(key, { key, path: join(folder, name), packed: packed !== undefined });
}

/** Where `listDailyFiles` would find the unpacked file of a key. */
export function dailyPath(root: string, tag: LogTag, key: string): string {
  const [year, month, rest] = [key.slice(0, 4), Number(key.slice(5, 7)), key.slice(8)];
  const [day, counter] = rest.split("/");
  const suffix = Number(counter) === 0 ? "" : `-${String(Number(counter)).padStart(3, "0")}`;
  return join(root, year, MONTHS[month - 1] ?? "", `ossec-${tag}-${day}${suffix}.json`);
}

/**
 * What a rename rotation made of a plain log, oldest first: `alerts.json.1`, `alerts.json-20261121.gz` … An archive beside
 * the plain file it was made from is left out.
 */
export async function listRenamed(path: string): Promise<LogFile[]> {
  const base = basename(path);
  const folder = dirname(path);
  const found: (LogFile & { readonly begins: number })[] = [];
  const names = new Set(await namesIn(folder, /^./));
  for (const name of names) {
    const suffix = name.startsWith(base) ? name.slice(base.length) : "";
    if (!/^[.-]\d[\d.-]{0,30}(\.gz)?$/.test(suffix)) continue;
    const packed = suffix.endsWith(".gz");
    if (packed && names.has(name.slice(0, -3))) continue;
    const file = await describePlain(join(folder, name), packed);
    if (file !== undefined) found.push(file);
  }
  return found.sort((a, b) => a.begins - b.begins || byRotation(a.path, b.path));
}

/** Files without times of their own that were written within one tick of the clock: dates rise, logrotate's counts fall. */
function byRotation(a: string, b: string): number {
  const [countA, countB] = [a, b].map((path) => /\.(\d{1,5})(?:\.gz)?$/.exec(path)?.[1]);
  if (countA !== undefined && countB !== undefined) return Number(countB) - Number(countA);
  return a < b ? -1 : a > b ? 1 : 0;
}

/** One file of a plain log; undefined when it is not there. */
export async function describePlain(path: string, packed: boolean) {
  const identity = await identityOf(path);
  const head = identity === undefined ? undefined : await headOf({ path, packed });
  if (identity === undefined || head === undefined) return undefined;
  // Compressing a file may change its own time.
  const begins = alertTime(head) ?? Math.floor((await stat(path)).mtimeMs);
  return { key: PLAIN_KEY, path, packed, identity, begins };
}

/** Names in a folder that match; none when the folder is not there (or no longer), a throw when it cannot be read. */
async function namesIn(folder: string, pattern: RegExp): Promise<string[]> {
  let entries: Dirent[];
  try {
    entries = await readdir(folder, { withFileTypes: true });
  } catch (error) {
    const code = systemCode(error);
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
  return entries.map((entry) => entry.name).filter((name) => pattern.test(name));
}

/** Device and inode of a path; undefined when it is not there. */
export async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { dev, ino } = await stat(path);
    return `${dev}:${ino}`;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
