import {
  AREA_BYTES,
  CONTROL_AREAS,
  CONTROL_BYTES,
  CONTROL_EPOCH,
  CONTROL_READERS,
  CONTROL_SLOT_BYTES,
  HAS_ODD_NUMBERS,
  HAS_PLAIN_NUMBERS,
  HAS_PRINTS,
  HAS_SHORT_NAMES,
  HAS_SHORT_PLAIN,
  MAX_AREAS,
  MAX_LAYERS,
  SLOT_ENDS,
  SLOT_FLAGS,
  SLOT_LAYER_LIST,
  SLOT_LAYERS,
  SLOT_LENGTHS,
  SLOT_PREFIX4_LIST,
  SLOT_PREFIX6_LIST,
  SLOT_PREFIXES4,
  SLOT_PREFIXES6,
  SLOT_SEED_A,
  SLOT_SEED_B,
  SLOT_TABLES,
  SLOT_TAILS,
  SLOT_WORDS,
} from "./gate-layout.ts";
import { type WasmMemory, wasm } from "./gate-wasm.ts";
import type { Gate } from "./index/gate-keys.ts";
import { enterTails } from "./index/tails.ts";
import { END_WORDS, LENGTH_BITS } from "./tokens.ts";

/** Tables of one generation in shared memory. Can be posted to worker threads as it is. */
export interface GateTables {
  readonly memory: WasmMemory;
  /** Number of the slot and its address. */
  readonly slot: 0 | 1;
  readonly address: number;
  /** Names what was written into the slot; another epoch there means that these tables are gone. */
  readonly epoch: number;
}

const SLOTS_AT = CONTROL_BYTES + MAX_AREAS * AREA_BYTES;
const PAGE = 65_536;
/** A WebAssembly memory has no more. */
const MOST_BYTES = 4 * 1024 ** 3 - PAGE;
/** Room for growth: a generation half as large again still fits. */
const HEADROOM = 1.5;
const LEAST_SLOT = 1024 * 1024;

const align = (bytes: number, to = 64): number => Math.ceil(bytes / to) * to;

/** Length, in words, of a bitmap of all layers: that of the largest of theirs. */
function bitmapLength(bitmaps: readonly Uint32Array[]): number {
  return bitmaps.reduce((most, { length }) => Math.max(most, length), LEAST_BITMAP);
}
const LEAST_BITMAP = 16;

const wordsOf = (gates: readonly Gate[]): readonly Uint32Array[] => gates.map(({ words }) => words);
const tailsOf = (gates: readonly Gate[]): readonly Uint32Array[] => gates.map(({ tails }) => tails);

/** Bytes of a slot that holds these tables. */
export function slotBytes(gates: readonly Gate[]): number {
  const tables = gates.reduce((sum, { bloom, set }) => sum + align(bloom.byteLength) + align(set.byteLength), 0);
  return SLOT_TABLES + (bitmapLength(wordsOf(gates)) + bitmapLength(tailsOf(gates))) * 4 + tables;
}

/**
 * Owner of the gate's shared memory: two slots, so that a new generation is written while threads still read the old one. The
 * memory is of fixed size; a generation for which a slot is too small gets a new memory. Main thread only.
 */
export class GateMemory {
  readonly #mostBytes: number;
  #memory: WasmMemory | undefined;
  #slotBytes = 0;
  #current: GateTables | undefined;
  #epochs = 0;

  constructor(mostBytes = MOST_BYTES) {
    this.#mostBytes = Math.min(mostBytes, MOST_BYTES);
  }

  /** Bytes of the memory, most of them never touched: areas of threads that do not exist, headroom. */
  get bytes(): number {
    return this.#memory?.buffer.byteLength ?? 0;
  }

  /** Writes the tables of all layers (same seed) into the free slot, or says why they cannot be held. */
  place(gates: readonly Gate[]): GateTables | { readonly refused: string } {
    const needed = slotBytes(gates);
    if (gates.length > MAX_LAYERS) return { refused: `${gates.length} layers, the gate holds at most ${MAX_LAYERS}` };
    if (SLOTS_AT + 2 * needed > this.#mostBytes) {
      return { refused: `${needed} bytes of tables, two of these exceed the gate's limit of ${this.#mostBytes} bytes` };
    }
    const free = this.#current?.slot === 0 ? 1 : 0;
    if (this.#memory === undefined || needed > this.#slotBytes || !this.#vacate(this.#memory, free)) {
      const refused = this.#renew(needed);
      if (refused !== undefined) return { refused };
    }
    const memory = this.#memory as WasmMemory;
    const slot = this.#current?.memory === memory ? free : 0;
    const address = SLOTS_AT + slot * this.#slotBytes;
    writeSlot(memory, address, gates);
    const tables: GateTables = { memory, slot, address, epoch: ++this.#epochs };
    Atomics.store(controlOf(memory), epochWord(slot), tables.epoch);
    this.#current = tables;
    return tables;
  }

  /** Takes the slot from its readers; false when some thread reads it at this moment. */
  #vacate(memory: WasmMemory, slot: number): boolean {
    const control = controlOf(memory);
    const epoch = Atomics.exchange(control, epochWord(slot), 0);
    if (Atomics.load(control, readersWord(slot)) === 0) return true;
    Atomics.store(control, epochWord(slot), epoch);
    return false;
  }

  #renew(needed: number): string | undefined {
    if (wasm === undefined) return "this Node runs without WebAssembly";
    const most = Math.floor((this.#mostBytes - SLOTS_AT) / 2 / PAGE) * PAGE;
    const each = Math.min(most, align(Math.max(needed * HEADROOM, LEAST_SLOT), PAGE));
    const pages = (SLOTS_AT + 2 * each) / PAGE;
    try {
      this.#memory = new wasm.Memory({ initial: pages, maximum: pages, shared: true });
    } catch (error) {
      return `no shared memory of ${pages * PAGE} bytes: ${(error as Error).message}`;
    }
    this.#slotBytes = each;
    this.#current = undefined;
    return undefined;
  }
}

export function controlOf(memory: WasmMemory): Int32Array {
  return new Int32Array(memory.buffer, 0, CONTROL_BYTES / 4);
}
const epochWord = (slot: number): number => (slot * CONTROL_SLOT_BYTES + CONTROL_EPOCH) / 4;
const readersWord = (slot: number): number => (slot * CONTROL_SLOT_BYTES + CONTROL_READERS) / 4;

/** Holds the slot for reading; false: it has been given away, nothing is held. */
export function enterSlot(control: Int32Array, { slot, epoch }: GateTables): boolean {
  Atomics.add(control, readersWord(slot), 1);
  if (Atomics.load(control, epochWord(slot)) === epoch) return true;
  leaveSlot(control, slot);
  return false;
}

export function leaveSlot(control: Int32Array, slot: number): void {
  Atomics.sub(control, readersWord(slot), 1);
}

/** Takes a free area for this thread; its address, or undefined when all are taken. */
export function claimArea(memory: WasmMemory): number | undefined {
  const control = controlOf(memory);
  for (let area = 0; area < MAX_AREAS; area++) {
    if (Atomics.compareExchange(control, CONTROL_AREAS / 4 + area, 0, 1) === 0)
      return CONTROL_BYTES + area * AREA_BYTES;
  }
  return undefined;
}

export function releaseArea(memory: WasmMemory, address: number): void {
  Atomics.store(controlOf(memory), CONTROL_AREAS / 4 + (address - CONTROL_BYTES) / AREA_BYTES, 0);
}

/** Lays a generation's tables out as the kernel reads them. */
export function writeSlot(memory: WasmMemory, address: number, gates: readonly Gate[]): void {
  const words = (at: number, length: number) => new Uint32Array(memory.buffer, address + at, length);
  const ends = words(SLOT_ENDS, END_WORDS).fill(0);
  for (const gate of gates) for (let at = 0; at < END_WORDS; at++) ends[at]! |= gate.ends[at] as number;
  const lengths = ends.subarray(LENGTH_BITS / 32);
  const header = words(0, SLOT_LAYER_LIST / 4).fill(0);
  header[SLOT_SEED_A / 4] = gates[0]?.seed.a ?? 0;
  header[SLOT_SEED_B / 4] = gates[0]?.seed.b ?? 0;
  header[SLOT_LAYERS / 4] = gates.length;
  header.set(lengths, SLOT_LENGTHS / 4);
  const plainNumbers = gates.some((gate) => gate.plainNumbers);
  header[SLOT_FLAGS / 4] =
    (plainNumbers ? HAS_PLAIN_NUMBERS : 0) |
    (plainNumbers || (lengths[0] as number) !== 0 ? HAS_SHORT_PLAIN : 0) |
    (gates.some(({ prints }) => prints) ? HAS_PRINTS : 0) |
    (gates.some(({ oddNumbers }) => oddNumbers) ? HAS_ODD_NUMBERS : 0) |
    (gates.some(({ shortNames }) => shortNames) ? HAS_SHORT_NAMES : 0);
  writePrefixes(words(0, SLOT_LAYER_LIST / 4), gates);
  const list = words(SLOT_LAYER_LIST, MAX_LAYERS * 4);
  let at = SLOT_TABLES;
  for (const [place, bitmaps] of [
    [SLOT_WORDS, wordsOf(gates)],
    [SLOT_TAILS, tailsOf(gates)],
  ] as const) {
    const bitmap = words(at, bitmapLength(bitmaps)).fill(0);
    for (const each of bitmaps) each.length === 0 ? bitmap.fill(0xffffffff) : enterTails(bitmap, each);
    header[place / 4] = address + at;
    header[place / 4 + 1] = 32 - Math.log2(bitmap.length * 32);
    at += bitmap.byteLength;
  }
  gates.forEach(({ bloom, set }, layer) => {
    list[layer * 4] = address + at;
    list[layer * 4 + 1] = bloom.length / 4;
    words(at, bloom.length).set(bloom);
    at += align(bloom.byteLength);
    list[layer * 4 + 2] = address + at;
    list[layer * 4 + 3] = set.length;
    words(at, set.length).set(set);
    at += align(set.byteLength);
  });
}

function writePrefixes(header: Uint32Array, gates: readonly Gate[]): void {
  const bytes = new Uint8Array(header.buffer, header.byteOffset, header.byteLength);
  const all = (of: (gate: Gate) => readonly number[]) => [...new Set(gates.flatMap(of))].sort((a, b) => b - a);
  const prefixes4 = all(({ prefixes4 }) => prefixes4);
  const prefixes6 = all(({ prefixes6 }) => prefixes6);
  header[SLOT_PREFIXES4 / 4] = prefixes4.length;
  header[SLOT_PREFIXES6 / 4] = prefixes6.length;
  bytes.set(prefixes4, SLOT_PREFIX4_LIST);
  bytes.set(prefixes6, SLOT_PREFIX6_LIST);
}
