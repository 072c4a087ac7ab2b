import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { HuntedValue } from "../intel/sketch.ts";
import { writeWhole } from "../lib/write-whole.ts";

/** Indicators that one sync brought, waiting to be hunted. */
export interface Arrival {
  readonly name: string;
  /** Epoch milliseconds at which they came into force. */
  readonly at: number;
  /** Alerts before this were read without them; epoch milliseconds. */
  readonly to: number;
  readonly count: number;
}

/** What the queue knows beside arrivals. */
export interface ArrivalState {
  /** Generation up to which arrivals were noted. */
  readonly generation: string;
  /** Feeds whose first pull belongs to the beginning: it is no arrival. */
  readonly initial: readonly string[];
}

const NAME = /^arrival-(\d{13})-(\d{13})-(\d{1,9})-[0-9a-f]{8}\.ndjson$/;
/** More is not kept: the oldest arrivals go, and it is said. */
const MOST_BYTES = 512 * 2 ** 20;

/** The queue on disk: a file for each sync that brought something, written whole or not at all. One process writes. */
export class ArrivalQueue {
  readonly #dir: string;
  #arrivals: Arrival[] | undefined;

  constructor(dir: string) {
    this.#dir = dir;
  }

  state(): ArrivalState | undefined {
    try {
      const { generation, initial } = JSON.parse(readFileSync(join(this.#dir, "state.json"), "utf8")) as ArrivalState;
      return typeof generation === "string" && Array.isArray(initial) ? { generation, initial } : undefined;
    } catch {
      return undefined;
    }
  }

  setState(state: ArrivalState): void {
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    writeWhole(join(this.#dir, "state.json"), JSON.stringify(state), { durable: true });
  }

  /** Durable when it returns; nothing when there are no values. Gives how many older arrivals had to go. */
  put(values: readonly HuntedValue[], at: number, to: number): number {
    if (values.length === 0) return 0;
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    const time = (ms: number) =>
      String(Math.max(0, Math.floor(ms)))
        .padStart(13, "0")
        .slice(-13);
    const name = `arrival-${time(at)}-${time(to)}-${values.length}-${randomBytes(4).toString("hex")}.ndjson`;
    writeWhole(join(this.#dir, name), rowsOf(values), { durable: true });
    this.#arrivals = undefined;
    return this.#makeRoom();
  }

  /** Oldest first. */
  list(): readonly Arrival[] {
    this.#arrivals ??= this.#names().map((name) => {
      const [, at, to, count] = NAME.exec(name) ?? [];
      return { name, at: Number(at), to: Number(to), count: Number(count) };
    });
    return this.#arrivals;
  }

  *values(arrivals: readonly Arrival[]): Generator<HuntedValue> {
    for (const { name } of arrivals) {
      for (const line of readFileSync(join(this.#dir, name), "utf8").split("\n")) {
        if (line !== "") yield JSON.parse(line) as HuntedValue;
      }
    }
  }

  remove(arrivals: readonly Arrival[]): void {
    for (const { name } of arrivals) rmSync(join(this.#dir, name), { force: true });
    this.#arrivals = undefined;
  }

  #names(): string[] {
    try {
      return readdirSync(this.#dir)
        .filter((name) => NAME.test(name))
        .sort();
    } catch {
      return [];
    }
  }

  #makeRoom(): number {
    // Nobody else writes: what is half-written is of a process that was killed.
    for (const name of readdirSync(this.#dir))
      if (name.endsWith(".tmp")) rmSync(join(this.#dir, name), { force: true });
    const sizes = this.#names().map((name) => ({ name, bytes: statSync(join(this.#dir, name)).size }));
    let bytes = sizes.reduce((sum, file) => sum + file.bytes, 0);
    let gone = 0;
    for (const file of sizes.slice(0, -1)) {
      if (bytes <= MOST_BYTES) break;
      rmSync(join(this.#dir, file.name), { force: true });
      bytes -= file.bytes;
      gone++;
    }
    this.#arrivals = undefined;
    return gone;
  }
}

const PIECE = 10_000;

function* rowsOf(values: readonly HuntedValue[]): Generator<string> {
  for (let from = 0; from < values.length; from += PIECE)
    yield values
      .slice(from, from + PIECE)
      .map((value) => `${JSON.stringify(value)}\n`)
      .join("");
}
