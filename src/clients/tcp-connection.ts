import type { Socket } from "node:net";
import type { Clock } from "../lib/clock.ts";
import { type LineRecord, type RejectedLine, sortLines, sortRest } from "../lib/line-records.ts";
import { type Line, LineSplitter } from "../lib/lines.ts";
import { shippedLine } from "./shipped-line.ts";

/** A line may take so long from its first byte to its last, in milliseconds. */
const LINE_MS = 60_000;
const KEEP_ALIVE_MS = 60_000;

/** What was taken of a connection. `bytes`: of the lines as they came. */
export interface TakenLines {
  readonly records: readonly LineRecord[];
  readonly rejected: readonly RejectedLine[];
  readonly bytes: number;
}

/** One client: its lines that wait, and the beginning of the next one. */
export class TcpConnection {
  readonly name: string;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #tell: (what: "data" | "closed") => void;
  readonly #splitter = new LineSplitter();
  #lines: Line[] = [];
  #bytes = 0;
  #rest: Line | undefined;
  #closed = false;
  /** When the oldest line that waits came, epoch milliseconds. */
  #since = 0;
  /** When the last line ended. */
  #lineEndedAt: number;

  constructor(socket: Socket, name: string, clock: Clock, tell: (what: "data" | "closed") => void) {
    this.#socket = socket;
    this.name = name;
    this.#clock = clock;
    this.#tell = tell;
    this.#lineEndedAt = clock.now();
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on("data", (chunk: Buffer) => this.#data(chunk));
    socket.on("error", () => undefined);
    socket.once("close", () => this.#end());
  }

  /** Bytes that wait to be taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Lines that wait to be taken. */
  get waiting(): number {
    return this.#lines.length;
  }

  get since(): number {
    return this.#since;
  }

  get closed(): boolean {
    return this.#closed;
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#closed) this.#socket.resume();
  }

  end(): void {
    this.#socket.resume();
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
    this.#end();
  }

  /** A line was begun and does not come to its end. Not while nothing is read. */
  isStuck(): boolean {
    const { fed, offset } = this.#splitter;
    if (fed === offset || this.#socket.isPaused()) return false;
    return this.#clock.now() - this.#lineEndedAt > LINE_MS;
  }

  /** `first`: one line is given whatever its size. */
  take(room: { readonly records: number; readonly bytes: number }, first: boolean): TakenLines {
    let count = 0;
    let bytes = 0;
    for (const line of this.#lines) {
      const fits = count < room.records && bytes + line.bytes.length <= room.bytes;
      if (!fits && !(first && count === 0)) break;
      count += 1;
      bytes += line.bytes.length;
    }
    const taken = this.#lines.splice(0, count);
    this.#bytes -= bytes;
    this.#since = this.#clock.now();
    const { records, rejected } = sortLines(`tcp ${this.name}`, taken);
    const torn = this.#lines.length === 0 && count < room.records ? this.#takeRest() : undefined;
    return {
      records: [...records, ...(torn?.records ?? [])].map(({ bytes: line, origin }) => ({
        bytes: shippedLine(line),
        origin,
      })),
      rejected: [...rejected, ...(torn?.rejected ?? [])],
      bytes,
    };
  }

  #takeRest() {
    const rest = this.#rest;
    if (rest === undefined) return undefined;
    this.#rest = undefined;
    this.#bytes -= rest.bytes.length;
    return sortRest(`tcp ${this.name}`, rest);
  }

  #data(chunk: Buffer): void {
    if (this.#closed) return;
    const now = this.#clock.now();
    const before = this.#splitter.offset;
    if (this.#splitter.fed === before) this.#lineEndedAt = now;
    this.#splitter.feed(chunk);
    for (let line = this.#splitter.next(); line !== undefined; line = this.#splitter.next()) {
      this.#lineEndedAt = now;
      if (line.length === 0) continue;
      if (this.#bytes === 0) this.#since = now;
      this.#lines.push(line);
      this.#bytes += line.bytes.length;
    }
    if (this.#bytes > 0) this.#tell("data");
  }

  /** The last line may have no end: it counts when it is whole JSON, else it is a rejected record. */
  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    const rest = this.#splitter.rest();
    if (rest !== undefined && rest.length > 0) {
      this.#rest = rest;
      this.#bytes += rest.bytes.length;
    }
    this.#tell("closed");
  }
}
