import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { unpackedSize } from "../lib/byte-reader.ts";
import type { Place } from "../lib/place.ts";
import { chooseMode, headFits, type LogMode, locate } from "./wazuh-log-locate.ts";
import {
  describePlain,
  identityOf,
  type LogFile,
  type LogTag,
  listDailyFiles,
  listRenamed,
  PLAIN_KEY,
} from "./wazuh-log-tree.ts";

/** The live file as the follower has it open. */
export interface LiveFile {
  readonly key: string;
  readonly identity: string | undefined;
  /** Plain logs: what begins before this was read; epoch ms. */
  readonly time: number;
  readonly place: Place;
}

/** Knows which files make up one log and in which order they were written. */
export class LogCatalog {
  readonly path: string;
  readonly root: string;
  readonly tag: LogTag;
  #mode: LogMode | undefined;

  constructor(path: string, tag: LogTag) {
    this.path = path;
    this.root = dirname(path);
    this.tag = tag;
  }

  /** Undefined until there is a file. */
  get mode(): LogMode | undefined {
    return this.#mode;
  }

  async settle(): Promise<LogMode | undefined> {
    this.#mode ??= await chooseMode(this.path, this.tag);
    return this.#mode;
  }

  /** Every file of the log, oldest first. */
  async list(): Promise<LogFile[]> {
    if (this.#mode === "tree") return await listDailyFiles(this.root, this.tag);
    const newest = await describePlain(this.path, false);
    return [...(await listRenamed(this.path)), ...(newest === undefined ? [] : [newest])];
  }

  /** The files where the content of `key` is expected first, and all others, newest first. */
  async candidates(key: string): Promise<{ readonly same: LogFile[]; readonly others: LogFile[] }> {
    const all = this.#mode === "tree" ? [...(await listRenamed(this.path)), ...(await this.list())] : await this.list();
    const isSame = (file: LogFile) => (this.#mode === "tree" ? file.key === key : file.path === this.path);
    return { same: all.filter(isSame), others: all.filter((file) => !isSame(file)).reverse() };
  }

  /** Unread files in order. `live` is what was opened last, `frontier` the greatest key ever opened. */
  async after(frontier: string, live: LiveFile | undefined): Promise<LogFile[]> {
    return this.#mode === "tree" ? await this.#dailyAfter(frontier, live) : await this.#plainAfter(live);
  }

  async #dailyAfter(frontier: string, live: LiveFile | undefined): Promise<LogFile[]> {
    const files = await listDailyFiles(this.root, this.tag, frontier);
    const later = files.filter((file) => file.key > frontier);
    // Wazuh unlinks a file that is still empty and may begin it anew under the same name.
    const same = files.find((file) => file.key === live?.key && !file.packed);
    const replaced = same !== undefined && live?.identity !== undefined && (await this.#differs(same, live.identity));
    return replaced ? [same, ...later] : later;
  }

  /** Looked at before the renamed files: a rename in between is then noticed, because the name has gone over. */
  async #newest(): Promise<LogFile | undefined> {
    const identity = await identityOf(this.path);
    return identity === undefined ? undefined : { key: PLAIN_KEY, path: this.path, packed: false, identity };
  }

  async #plainAfter(live: LiveFile | undefined): Promise<LogFile[]> {
    const newest = await this.#newest();
    if (live === undefined || newest === undefined) return newest === undefined ? [] : [newest];
    if (newest.identity === live.identity) return [];
    const renamed = await listRenamed(this.path);
    const at = renamed.findIndex(({ identity }) => identity === live.identity);
    if (at >= 0) return [...renamed.slice(at + 1), newest];
    const between: LogFile[] = [];
    for (const file of renamed) {
      const own = live.place.offset > 0 && (await headFits(file, live.place));
      if ((file.begins ?? 0) >= live.time && !own) between.push(file);
    }
    return [...between, newest];
  }

  /**
   * Where alerts.json is linked to an older daily file than the newest known one (a clock that was set back), that file;
   * `known`: identities of files that are followed anyway.
   */
  async stray(known: ReadonlySet<string>, frontier: string): Promise<LogFile | undefined> {
    const linked = this.#mode === "tree" ? await identityOf(this.path) : undefined;
    if (linked === undefined || known.has(linked)) return undefined;
    for (const file of (await this.list()).reverse()) {
      if (!file.packed && file.key <= frontier && (await identityOf(file.path)) === linked) return file;
    }
    return undefined;
  }

  /** A copy that holds what was read of a file that was emptied, opened at the place. */
  async findCopy(path: string, place: Place, signal: AbortSignal) {
    if (place.offset === 0) return undefined;
    const copies = path === this.path ? [] : await listRenamed(path);
    return await locate(place, [...(await listRenamed(this.path)), ...copies].reverse(), signal);
  }

  /** Bytes of content of files not opened yet. */
  async size(files: readonly LogFile[]): Promise<number> {
    let bytes = 0;
    for (const file of files) bytes += file.packed ? await unpackedSize(file.path) : (await stat(file.path)).size;
    return bytes;
  }

  async #differs(file: LogFile, identity: string): Promise<boolean> {
    const found = await identityOf(file.path);
    return found !== undefined && found !== identity;
  }
}
