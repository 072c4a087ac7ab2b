import type { Log } from "../lib/log.ts";
import type { JsonObject } from "../model/json.ts";
import { instantiateKernel, type Kernel, loadKernel } from "./gate-kernel.ts";
import { AREA_FOUND, AREA_LINES, AREA_RESULTS, AREA_TEXT, MAX_TEXT } from "./gate-layout.ts";
import { claimArea, controlOf, enterSlot, GateMemory, type GateTables, leaveSlot, releaseArea } from "./gate-memory.ts";
import type { WasmMemory } from "./gate-wasm.ts";
import type { IndicatorIndex } from "./generation.ts";

/** Lines of a chunk, and which of them may match. */
export interface FlaggedLines {
  /** Lines seen, empty ones included; text behind the last line feed is a line. */
  readonly lines: number;
  /** Pairs of offsets into the chunk: beginning and end (line feed excluded) of each line that may match, in order. */
  readonly ranges: Uint32Array;
}

/**
 * Tells which lines of NDJSON may hold an indicator. Law: a line in which the reference matcher finds something is always
 * flagged. So is a line that is no JSON object in braces, for whoever parses to complain about.
 */
export interface LineGate {
  /** `kernel`, or `reference` where the gate parses each line itself. */
  readonly kind: "kernel" | "reference";
  /** `chunk[start, end)`; a line that goes on in the next chunk is the caller's business. Not reentrant. */
  flags(chunk: Uint8Array, start: number, end: number): FlaggedLines;
  /**
   * Room of this thread in the kernel's memory, for reading files into: a chunk that lies in it is not copied. Shared by all gates of
   * the thread over the same memory; undefined where there is no kernel.
   */
  readonly room?: Uint8Array;
  /** Gives the thread's part of the memory back. */
  close(): void;
}

/** Who is told that the fast way is closed. */
export type GateLog = Pick<Log, "warn">;

const saidSo = new WeakSet<GateLog>();

/** Says that there is no kernel, once to each log. */
export function sayRefused(reason: string, log: GateLog): void {
  if (saidSo.has(log)) return;
  saidSo.add(log);
  log.warn("the fast gate cannot run here: every alert is parsed", { reason });
}

function fallBack(index: Pick<IndicatorIndex, "nominates">, reason: string, log: GateLog | undefined): LineGate {
  if (log !== undefined) sayRefused(reason, log);
  return referenceGate(index);
}

/**
 * The gate of one generation, for this thread alone: the kernel where it can run, else the reference matcher, which is said once
 * in the log. `memory` keeps the tables; worker threads get them by {@link openGate}.
 */
export function createGate(
  index: Pick<IndicatorIndex, "nominates" | "gates">,
  { memory = new GateMemory(), log }: { readonly memory?: GateMemory; readonly log?: GateLog } = {},
): LineGate {
  const placed = placeGate(index, memory);
  if ("refused" in placed) return fallBack(index, placed.refused, log);
  return openGate(placed, index, log);
}

/** Puts an index into the shared memory: what to post to the threads, or why they must do without. */
export function placeGate(
  index: Pick<IndicatorIndex, "gates">,
  memory: GateMemory,
): GateTables | { readonly refused: string } {
  const kernel = loadKernel();
  if ("absent" in kernel) return { refused: kernel.absent };
  if (index.gates === undefined) return { refused: "this index has no tables for it" };
  return memory.place(index.gates);
}

interface Station {
  readonly kernel: Kernel;
  readonly area: number;
  users: number;
}
/** One a thread and memory. */
const stations = new WeakMap<WasmMemory, Station>();

/** A gate over tables that were placed by any thread; where that cannot be, the reference matcher over `index`. */
export function openGate(tables: GateTables, index: Pick<IndicatorIndex, "nominates">, log?: GateLog): LineGate {
  const loaded = loadKernel();
  if ("absent" in loaded) return fallBack(index, loaded.absent, log);
  let station = stations.get(tables.memory);
  if (station === undefined) {
    const area = claimArea(tables.memory);
    if (area === undefined) return fallBack(index, "more threads than the gate has room for", log);
    station = { kernel: instantiateKernel(loaded, tables.memory), area, users: 0 };
    stations.set(tables.memory, station);
  }
  return new KernelGate(tables, station);
}

/** Text is copied into the kernel's memory in parts of this size, which stay in the processor's cache. */
const WINDOW = 256 * 1024;

class KernelGate implements LineGate {
  readonly kind = "kernel";
  readonly room: Uint8Array;
  readonly #tables: GateTables;
  readonly #station: Station;
  readonly #control: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #text: number;
  #open = true;

  constructor(tables: GateTables, station: Station) {
    this.#tables = tables;
    this.#station = station;
    this.#control = controlOf(tables.memory);
    this.#bytes = new Uint8Array(tables.memory.buffer);
    this.#words = new Uint32Array(tables.memory.buffer);
    this.#text = station.area + AREA_TEXT;
    this.room = this.#bytes.subarray(this.#text, this.#text + MAX_TEXT);
    station.users++;
  }

  flags(chunk: Uint8Array, start: number, end: number): FlaggedLines {
    const found = new Ranges();
    // A generation that is gone flags everything: slow, never wrong.
    if (!enterSlot(this.#control, this.#tables)) return everyLine(chunk, start, end);
    try {
      if (this.#isInRoom(chunk)) this.#scan(chunk.byteOffset + start, end - start, start, found);
      else for (let at = start; at < end; ) at = this.#window(chunk, at, end, found);
    } finally {
      leaveSlot(this.#control, this.#tables.slot);
    }
    return found.result();
  }

  #isInRoom({ buffer, byteOffset, byteLength }: Uint8Array): boolean {
    const from = byteOffset - this.#text;
    return buffer === this.#bytes.buffer && from >= 0 && from + byteLength <= MAX_TEXT;
  }

  /** Scans whole lines from `at` on, as many as a window holds; where the next begin. */
  #window(chunk: Uint8Array, at: number, end: number, found: Ranges): number {
    let to = Math.min(end, at + WINDOW);
    if (to < end) {
      const last = chunk.lastIndexOf(10, to - 1);
      if (last >= at) to = last + 1;
      else {
        const next = chunk.indexOf(10, to);
        to = next < 0 || next >= end ? end : next + 1;
        if (to - at > MAX_TEXT) {
          found.push(at, to === end && chunk[to - 1] !== 10 ? to : to - 1, 1);
          return to;
        }
      }
    }
    // Copying into shared memory is several times faster between places of the same alignment.
    const text = this.#text + ((chunk.byteOffset + at) & 7);
    this.#bytes.set(chunk.subarray(at, to), text);
    this.#scan(text, to - at, at, found);
    return to;
  }

  #scan(text: number, length: number, base: number, found: Ranges): void {
    const { kernel, area } = this.#station;
    const to = text + length;
    for (let from = text; from < to; ) {
      const next = kernel.scan(this.#tables.address, area, from, to) >>> 0;
      const count = this.#words[(area + AREA_FOUND) / 4] as number;
      const first = (area + AREA_RESULTS) / 4;
      found.add(this.#words.subarray(first, first + count * 2), base + from - text);
      found.lines += this.#words[(area + AREA_LINES) / 4] as number;
      from = next;
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    if (--this.#station.users === 0) {
      releaseArea(this.#tables.memory, this.#station.area);
      stations.delete(this.#tables.memory);
    }
  }
}

/** Grows without objects: one flagged line is two numbers. */
class Ranges {
  #items = new Uint32Array(64);
  #length = 0;
  lines = 0;

  push(from: number, to: number, lines = 0): void {
    this.#room(2);
    this.#items[this.#length++] = from;
    this.#items[this.#length++] = to;
    this.lines += lines;
  }

  add(ranges: Uint32Array, base: number): void {
    this.#room(ranges.length);
    for (let i = 0; i < ranges.length; i++) this.#items[this.#length++] = base + (ranges[i] as number);
  }

  #room(more: number): void {
    if (this.#length + more <= this.#items.length) return;
    const grown = new Uint32Array(Math.max(this.#items.length * 2, this.#length + more));
    grown.set(this.#items.subarray(0, this.#length));
    this.#items = grown;
  }

  result(): FlaggedLines {
    return { lines: this.lines, ranges: this.#items.subarray(0, this.#length) };
  }
}

function everyLine(chunk: Uint8Array, start: number, end: number): FlaggedLines {
  const found = new Ranges();
  for (const [from, to] of linesOf(chunk, start, end)) found.push(from, to, 1);
  return found.result();
}

function* linesOf(chunk: Uint8Array, start: number, end: number): Generator<readonly [number, number]> {
  for (let from = start; from < end; ) {
    const next = chunk.indexOf(10, from);
    const to = next < 0 || next > end ? end : next;
    yield [from, to];
    from = to + 1;
  }
}

/** The gate without a kernel: every line is parsed and shown to the index. */
export function referenceGate(index: Pick<IndicatorIndex, "nominates">): LineGate {
  return {
    kind: "reference",
    flags(chunk, start, end) {
      const found = new Ranges();
      for (const [from, to] of linesOf(chunk, start, end)) {
        found.lines++;
        if (mayMatch(index, Buffer.from(chunk.buffer, chunk.byteOffset + from, to - from))) found.push(from, to);
      }
      return found.result();
    },
    close: () => undefined,
  };
}

function mayMatch(index: Pick<IndicatorIndex, "nominates">, line: Buffer): boolean {
  const text = line.toString("utf8");
  if (text.trim() === "") return false;
  try {
    const event: unknown = JSON.parse(text);
    if (typeof event !== "object" || event === null || Array.isArray(event)) return true;
    return index.nominates(event as JsonObject);
  } catch {
    return true;
  }
}
