import { dirname } from "node:path";
import { openReader } from "../lib/byte-reader.ts";
import { systemCode } from "../lib/errors.ts";
import { LineFile } from "../lib/line-file.ts";
import { contentHash, FILE_START, type Place } from "../lib/place.ts";
import { headOf } from "./wazuh-log-head.ts";
import { identityOf, type LogFile, type LogTag, listDailyFiles } from "./wazuh-log-tree.ts";

/** `tree`: the daily files that alerts.json is a hard link to · `plain`: the one file alone. */
export type LogMode = "tree" | "plain";

/** How many of the newest daily files alerts.json may be linked to. */
const LIVE_CANDIDATES = 3;
/** How often is looked again while the files change under the look. */
const MOST_LOOKS = 5;

/**
 * Which files hold the log at `path`; undefined while there are none. A tree that alerts.json plainly does not belong to
 * (a copy, another mount) is not taken: the file that the user named is.
 */
export async function chooseMode(path: string, tag: LogTag, from?: string): Promise<LogMode | undefined> {
  let before = await judgeMode(path, tag, from);
  // A rotation between the listing and the look at alerts.json makes them strangers: only what is seen twice is plain.
  for (let look = 0; before.mode === "plain" && look < MOST_LOOKS; look++) {
    const now = await judgeMode(path, tag, from);
    if (now.mode === "plain" && now.seen === before.seen) return "plain";
    before = now;
  }
  return before.mode;
}

/** One look, and what it rests on. */
async function judgeMode(
  path: string,
  tag: LogTag,
  from: string | undefined,
): Promise<{ readonly mode: LogMode | undefined; readonly seen: string }> {
  const daily = await listDailyFiles(dirname(path), tag, from);
  const head = await headOf({ path, packed: false });
  const seen = `${daily.at(-1)?.path} ${await identityOf(path)}`;
  if (daily.length === 0) return { mode: head === undefined ? undefined : "plain", seen };
  if (head === undefined || head.length === 0) return { mode: "tree", seen };
  for (const file of daily.slice(-LIVE_CANDIDATES)) {
    const other = await headOf(file);
    if (other === undefined || other.length === 0) continue;
    const length = Math.min(head.length, other.length);
    if (head.subarray(0, length).equals(other.subarray(0, length))) return { mode: "tree", seen };
  }
  return { mode: "plain", seen };
}

/**
 * Opens a file at a place; undefined when it is not there, is not the file that was listed, or does not fit. Other errors
 * (permissions) are thrown.
 */
export async function openAt(file: LogFile, place: Place, signal: AbortSignal): Promise<LineFile | undefined> {
  try {
    const lines = await LineFile.resume(await openReader(file.path, file.packed), place, signal);
    if (lines === undefined || file.identity === undefined || (await identityOf(file.path)) === file.identity)
      return lines;
    await lines.close();
    return undefined;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    if (file.packed && systemCode(error)?.startsWith("Z_") === true) return undefined;
    throw error;
  }
}

/** Opens files from their starts, all or none: none when one of them is no longer what it was when it was listed. */
export async function openAll(
  files: readonly LogFile[],
  signal: AbortSignal,
): Promise<readonly { file: LogFile; lines: LineFile }[] | undefined> {
  const opened: { file: LogFile; lines: LineFile }[] = [];
  try {
    for (const file of files) {
      const lines = await openAt(file, FILE_START, signal);
      if (lines !== undefined) opened.push({ file, lines });
      else break;
      if (opened.length === files.length) return opened.splice(0);
    }
  } finally {
    for (const { lines } of opened) await lines.close();
  }
  return files.length === 0 ? [] : undefined;
}

/** The first of `candidates` that holds what was read up to `place`, opened there. */
export async function locate(
  place: Place,
  candidates: readonly LogFile[],
  signal: AbortSignal,
): Promise<{ file: LogFile; lines: LineFile } | undefined> {
  for (const file of candidates) {
    if (signal.aborted) return undefined;
    if (!(await headFits(file, place))) continue;
    const lines = await openAt(file, place, signal);
    if (lines !== undefined) return { file, lines };
  }
  return undefined;
}

/** A cheap first look, so that archives are not unpacked in vain. */
export async function headFits(file: LogFile, place: Place): Promise<boolean> {
  const first = place.marks[0];
  if (first === undefined) return true;
  const head = await headOf(file);
  return head !== undefined && head.length >= first[1] && contentHash(head.subarray(0, first[1])) === first[2];
}
