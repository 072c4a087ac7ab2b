import { PlainReader } from "../lib/byte-reader.ts";
import { LineFile } from "../lib/line-file.ts";
import { FILE_START, MARK_BYTES } from "../lib/place.ts";
import type { JsonValue } from "../model/json.ts";
import { formatCheckpoint, type LogCheckpoint, type LogPlace } from "./wazuh-log-checkpoint.ts";
import { alertTime } from "./wazuh-log-head.ts";
import { type LogFile, PLAIN_KEY } from "./wazuh-log-tree.ts";

/** Files held open for late lines. Rotations by size come minutes apart at the least. */
const MAX_LATE = 4;
/** Places remembered of files that were closed. */
const MAX_PASSED = 4;

/** A file being read. */
export interface OpenLog {
  readonly file: LogFile;
  readonly generation: number;
  readonly lines: LineFile;
  /** Device and inode of a plain file: it stays the same whatever the name becomes. */
  readonly identity?: string;
  /** Plain logs: see `LogFile.begins`. */
  readonly begins?: number;
  /** Epoch ms when the next file was opened; from then on only late lines are expected. */
  supersededAt?: number;
  /** No late line is expected any more: it is closed once it is read to its end. */
  expired?: boolean;
}

/** The files a follower has open, oldest first, the places of those before, and the checkpoint of it all. */
export class OpenLogs {
  #open: OpenLog[] = [];
  #passed: LogPlace[] = [];
  #frontier = "";
  #generations = 0;

  get all(): readonly OpenLog[] {
    return this.#open;
  }

  /** The file that was opened last in order of writing, if it is still open. */
  get live(): OpenLog | undefined {
    const last = this.#open.at(-1);
    return last?.supersededAt === undefined ? last : undefined;
  }

  get passed(): readonly LogPlace[] {
    return this.#passed;
  }

  get frontier(): string {
    return this.#frontier;
  }

  restore({ frontier, generations, passed }: Omit<LogCheckpoint, "open">): void {
    this.#frontier = frontier;
    this.#generations = generations;
    this.#passed = [...passed];
  }

  /** For content that is begun anew under a key that was read before. */
  newGeneration(): number {
    this.#generations += 1;
    return this.#generations;
  }

  /** Files up to this key count as read. */
  pass(key: string): void {
    if (key > this.#frontier && key !== PLAIN_KEY) this.#frontier = key;
  }

  /** Opens the newest file: those before it now only wait for late lines. */
  async push(file: LogFile, generation: number, lines: LineFile, now: number): Promise<void> {
    const opened = await this.#describe(file, generation, lines);
    for (const open of this.#open) open.supersededAt ??= now;
    this.#open.push(opened);
    this.pass(file.key);
    for (const open of this.#open.slice(0, -1 - MAX_LATE)) open.expired = true;
  }

  /** Opens an older file once more, for lines that came late. */
  async pushLate(file: LogFile, generation: number, lines: LineFile, now: number): Promise<void> {
    const opened = await this.#describe(file, generation, lines);
    this.#passed = this.#passed.filter((place) => place.key !== file.key);
    this.#open.unshift({ ...opened, supersededAt: now });
  }

  /** The file was emptied: the same descriptor is read from its start. */
  async beginAnew(open: OpenLog): Promise<void> {
    const lines = await LineFile.resume(open.lines.reader, FILE_START);
    if (lines === undefined) return;
    const late = open.supersededAt === undefined ? {} : { supersededAt: open.supersededAt };
    const anew = { ...(await this.#describe(open.file, this.newGeneration(), lines)), ...late };
    this.#open = this.#open.map((other) => (other === open ? anew : other));
  }

  expire(before: number): void {
    for (const open of this.#open)
      if (open.supersededAt !== undefined && open.supersededAt <= before) open.expired = true;
  }

  /** Closes a file; the place where reading ended is kept if more can ever come there. */
  async drop(open: OpenLog, keepPlace: boolean): Promise<void> {
    this.#open = this.#open.filter((other) => other !== open);
    const again =
      open.file.packed || open.file.key === PLAIN_KEY || this.#open.some(({ file }) => file.key === open.file.key);
    if (keepPlace && !again) this.remember(placeOf(open));
    await open.lines.close();
  }

  /** Adds a place to look at for late lines. */
  remember(place: LogPlace): void {
    this.#passed = [...this.#passed.filter((other) => other.key !== place.key), place].slice(-MAX_PASSED);
  }

  identities(): Set<string> {
    return new Set(this.#open.flatMap(({ identity, file }) => identity ?? file.identity ?? []));
  }

  checkpoint(): JsonValue {
    const open = this.#open.map(placeOf);
    return formatCheckpoint({ frontier: this.#frontier, generations: this.#generations, open, passed: this.#passed });
  }

  async close(): Promise<void> {
    for (const open of this.#open.splice(0)) await open.lines.close();
  }

  async #describe(file: LogFile, generation: number, lines: LineFile): Promise<OpenLog> {
    const { reader } = lines;
    const begins = file.begins === undefined ? {} : { begins: file.begins };
    if (!(reader instanceof PlainReader)) return { file, generation, lines, ...begins };
    const { identity, mtimeMs, size } = await reader.stat();
    if (file.key !== PLAIN_KEY) return { file, generation, lines, identity };
    const head = await reader.peek({ at: 0, length: Math.min(MARK_BYTES, size) });
    return { file, generation, lines, identity, begins: (head && alertTime(head)) ?? Math.floor(mtimeMs) };
  }
}

export function placeOf({ file, generation, lines, begins }: OpenLog): LogPlace {
  const place = { key: file.key, generation, ...lines.place() };
  if (file.key !== PLAIN_KEY) return place;
  const time = (lines.lastLine && alertTime(lines.lastLine)) ?? begins;
  return time === undefined ? place : { ...place, time };
}
