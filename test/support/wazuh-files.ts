import {
  appendFileSync,
  closeSync,
  existsSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_MS = 86_400_000;

export interface WazuhFilesOptions {
  /** Which of Wazuh's two log trees; default `alerts`. */
  readonly kind?: "alerts" | "archives";
  /** First day as the manager sees it, `YYYY-MM-DD`; default 2026-11-20. */
  readonly day?: string;
  /** True: only the one file, no daily tree (a container mount, a demo). Default false. */
  readonly plain?: boolean;
}

/**
 * Writes log files the way Wazuh does: analysisd appends to `YYYY/Mon/ossec-alerts-DD[-NNN].json`, which `alerts.json` is a
 * hard link to, and re-links at midnight and when a file grows too big; monitord signs and compresses the ended day's files.
 * An old file is never renamed: `-NNN` is the continuation. Everything is synchronous, so that a test knows what is on disk.
 */
export class WazuhFiles {
  /** The path a user would configure: `<root>/alerts.json`. */
  readonly path: string;
  readonly root: string;
  readonly #tag: string;
  readonly #plain: boolean;
  #day: string;
  #seq = 0;
  #fd: number;
  #oldFd: number | undefined;
  #rotations = 0;

  constructor(root: string, options: WazuhFilesOptions = {}) {
    const kind = options.kind ?? "alerts";
    this.root = root;
    this.path = join(root, `${kind}.json`);
    this.#tag = kind === "alerts" ? "alerts" : "archive";
    this.#plain = options.plain ?? false;
    this.#day = options.day ?? "2026-11-20";
    mkdirSync(root, { recursive: true });
    this.#fd = this.#open();
  }

  /** The manager's day, `YYYY-MM-DD`. */
  get day(): string {
    return this.#day;
  }

  /** The file being written, by the name that a rotation leaves it. */
  get current(): string {
    return this.#plain ? this.path : this.dayFile(this.#day, this.#seq);
  }

  dayFile(day: string, seq = 0): string {
    const [year, month, date] = day.split("-");
    const suffix = seq === 0 ? "" : `-${String(seq).padStart(3, "0")}`;
    return join(this.root, String(year), MONTHS[Number(month) - 1]!, `ossec-${this.#tag}-${date}${suffix}.json`);
  }

  /** One whole line; the line end is added. */
  appendLine(line: string | Buffer): void {
    writeSync(this.#fd, Buffer.concat([Buffer.from(line as string), Buffer.from("\n")]));
  }

  /** Bytes as they are: half a line, several lines, a line end. */
  appendTorn(bytes: string | Buffer): void {
    writeSync(this.#fd, Buffer.from(bytes as string));
  }

  /** A line written late to the file before the last rotation, through the descriptor that analysisd still had. */
  appendLate(line: string): void {
    if (this.#oldFd === undefined) throw new Error("there was no rotation yet");
    writeSync(this.#oldFd, `${line}\n`);
  }

  /** The next day that analysisd sees an event in; `days` > 1 leaves days without a file. Nothing is compressed yet. */
  rotateMidnight(days = 1): void {
    this.#day = new Date(Date.parse(`${this.#day}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
    this.#seq = 0;
    this.#switch();
  }

  /** The file grew over `max_output_size`: the next `-NNN` of the day. */
  rotateSize(): void {
    this.#seq += 1;
    this.#switch();
  }

  /** Tests that move the clock of the manager (a step back, too). */
  setDay(day: string, seq = 0): void {
    this.#day = day;
    this.#seq = seq;
    this.#switch();
  }

  /**
   * What monitord does to an ended day: a `.sum`, then each file to `.gz` beside it, then the file is unlinked. With
   * `stopBeforeUnlink` it is caught between the two, its archive half written.
   */
  compressDay(day: string, options: { readonly stopBeforeUnlink?: boolean } = {}): void {
    writeFileSync(`${this.dayFile(day)}.sum`, "Current checksum:\nMD5 (x) = d41d8cd98f00b204e9800998ecf8427e\n");
    for (let seq = 0; existsSync(this.dayFile(day, seq)); seq += 1) {
      const file = this.dayFile(day, seq);
      const packed = gzipSync(readFileSync(file), { level: 1 });
      if (options.stopBeforeUnlink) {
        writeFileSync(`${file}.gz`, packed.subarray(0, packed.length >> 1));
        return;
      }
      writeFileSync(`${file}.gz`, packed);
      unlinkSync(file);
    }
  }

  /** Empties the live file in place, as `copytruncate` or `> alerts.json` does. */
  truncate(): void {
    truncateSync(this.current, 0);
  }

  /** Plain mode: `alerts.json` → `alerts.json.N`, then a new file. Gives the name of the old one. */
  rotateByRename(): string {
    this.#rotations += 1;
    const old = `${this.path}-${20_260_100 + this.#rotations}`;
    renameSync(this.path, old);
    this.#switch();
    return old;
  }

  remove(file: string): void {
    rmSync(file, { force: true });
  }

  close(): void {
    closeSync(this.#fd);
    if (this.#oldFd !== undefined) closeSync(this.#oldFd);
  }

  #switch(): void {
    if (this.#oldFd !== undefined) closeSync(this.#oldFd);
    this.#oldFd = this.#fd;
    this.#fd = this.#open();
  }

  #open(): number {
    const file = this.current;
    mkdirSync(dirname(file), { recursive: true });
    appendFileSync(file, "");
    const fd = openSync(file, "a");
    if (!this.#plain) {
      rmSync(this.path, { force: true });
      linkSync(file, this.path);
    }
    return fd;
  }
}
