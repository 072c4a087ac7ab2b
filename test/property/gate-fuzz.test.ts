import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { instantiateKernel, type Kernel, loadKernel } from "../../src/intel/gate-kernel.ts";
import {
  AREA_FOUND,
  AREA_LINES,
  AREA_RESULTS,
  AREA_TEXT,
  MAX_FOUND,
  SLOT_ENDS,
  SLOT_FLAGS,
  SLOT_LAYER_LIST,
  SLOT_LAYERS,
  SLOT_LENGTHS,
  SLOT_PREFIX4_LIST,
  SLOT_PREFIX6_LIST,
  SLOT_PREFIXES4,
  SLOT_PREFIXES6,
  SLOT_TABLES,
  SLOT_TAILS,
  SLOT_WORDS,
} from "../../src/intel/gate-layout.ts";
import { pick } from "../support/gate-law.ts";
import { fuzzRuns } from "../support/indicators.ts";
import { seeded } from "../support/random.ts";

const PAGE = 65_536;
const SLOT = 4_096;
const TABLES = 16_384;
const AREA = PAGE;
const CANARY = 0xa5;
/** What the kernel may read behind the text: one block and a few bytes more. The memory ends there, so that more is a trap. */
const SLACK = 128;

const CANARIES = Buffer.alloc(4 * PAGE, CANARY);

/** A small memory of its own: a slot of arbitrary tables, an area, and the text at the very end. */
class Rig {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly kernel: Kernel;

  constructor() {
    const loaded = loadKernel();
    assert.ok("module" in loaded);
    const memory = new loaded.api.Memory({ initial: 4, maximum: 4, shared: true });
    this.bytes = new Uint8Array(memory.buffer);
    this.words = new Uint32Array(memory.buffer);
    this.kernel = instantiateKernel(loaded, memory);
  }

  fillSlot(random: () => number): void {
    const header = SLOT / 4;
    const word = () => Math.floor(random() * 2 ** 32);
    for (let at = SLOT; at < SLOT + SLOT_TABLES; at += 4) this.words[at / 4] = 0;
    const density = pick(random, [0, 0.02, 0.5, 1]);
    const fill = (from: number, to: number) => {
      for (let at = from; at < to; at += 4) {
        this.words[at / 4] = density === 1 ? 0xffffffff : random() < density ? word() : 0;
      }
    };
    fill(SLOT + SLOT_ENDS, SLOT + SLOT_TABLES);
    fill(TABLES, TABLES + 8_192);
    const layers = 1 + Math.floor(random() * 3);
    this.words[header] = word();
    this.words[header + 1] = word();
    this.words[header + SLOT_LAYERS / 4] = layers;
    this.words[header + SLOT_FLAGS / 4] = word() & 31;
    for (const bitmap of [SLOT_WORDS, SLOT_TAILS]) this.words.set([TABLES + 6_144, 18], header + bitmap / 4);
    for (let i = 0; i < 8; i++) this.words[header + SLOT_LENGTHS / 4 + i] = word();
    this.words[header + SLOT_PREFIXES4 / 4] = Math.floor(random() * 34);
    this.words[header + SLOT_PREFIXES6 / 4] = Math.floor(random() * 130);
    for (let i = 0; i < 33; i++) this.bytes[SLOT + SLOT_PREFIX4_LIST + i] = 32 - i;
    for (let i = 0; i < 129; i++) this.bytes[SLOT + SLOT_PREFIX6_LIST + i] = 128 - i;
    for (let layer = 0; layer < layers; layer++) {
      const blocks = 1 + Math.floor(random() * 64);
      const slots = 4 + Math.floor(random() * 252);
      this.words.set(
        [TABLES + layer * 2_048, blocks, TABLES + layer * 2_048 + 1_024, slots],
        header + SLOT_LAYER_LIST / 4 + layer * 4,
      );
    }
  }

  /** Scans a text; checks that nothing but the area's results was written, and gives the ranges. */
  scan(text: Uint8Array): { readonly lines: number; readonly ranges: readonly (readonly [number, number])[] } {
    const from = this.bytes.length - SLACK - text.length;
    assert.ok(from >= AREA + AREA_TEXT);
    this.bytes.fill(CANARY, AREA, this.bytes.length);
    this.bytes.set(text, from);
    const slot = this.bytes.slice(0, AREA);
    const ranges: (readonly [number, number])[] = [];
    let lines = 0;
    for (let at = from; at < from + text.length; ) {
      const next = this.kernel.scan(SLOT, AREA, at, from + text.length) >>> 0;
      assert.ok(next > at && next <= from + text.length, "it comes forward and stays inside");
      lines += this.words[(AREA + AREA_LINES) / 4] as number;
      const found = this.words[(AREA + AREA_FOUND) / 4] as number;
      assert.ok(found <= MAX_FOUND);
      for (let i = 0; i < found; i++) {
        const row = (AREA + AREA_RESULTS) / 4 + i * 2;
        ranges.push([at - from + (this.words[row] as number), at - from + (this.words[row + 1] as number)]);
      }
      at = next;
    }
    assert.ok(Buffer.compare(slot, this.bytes.subarray(0, AREA)) === 0, "the slot is only read");
    assert.ok(Buffer.compare(text, this.bytes.subarray(from, from + text.length)) === 0, "the text is only read");
    const guard = (a: number, b: number) =>
      assert.ok(
        Buffer.compare(this.bytes.subarray(a, b), CANARIES.subarray(0, b - a)) === 0,
        "guard bytes are as they were",
      );
    guard(AREA + 256, AREA + AREA_RESULTS);
    guard(AREA + AREA_RESULTS + MAX_FOUND * 8, from);
    guard(from + text.length, this.bytes.length);
    return { lines, ranges };
  }
}

const ALPHABETS: readonly string[] = [
  "abc019.-_",
  "019af:. ",
  '"\\{}[]():,un/ ',
  "%2e41c3a9f ",
  "\u00e4\uff0e\u200b\u00a0\ufffda.",
  "-e nc/=6s4ba",
  '{"rule":{"agent":"x"},\\ }',
  "\n{}a.1",
];

function textOf(random: () => number): Uint8Array {
  const size = Math.floor(random() ** 3 * 4_000);
  if (random() < 0.3) return Uint8Array.from({ length: size }, () => Math.floor(random() * 256));
  const letters = pick(random, ALPHABETS);
  let text = "";
  while (text.length < size) text += random() < 0.02 ? "\n" : pick(random, letters.split(""));
  return Buffer.from(text);
}

test("arbitrary bytes against arbitrary tables: no trap, nothing written outside the results, whole lines only", () => {
  const rig = new Rig();
  fc.assert(
    fc.property(fc.nat(), (number) => {
      const random = seeded(number);
      rig.fillSlot(random);
      for (let times = 0; times < 8; times++) {
        const text = textOf(random);
        const { lines, ranges } = rig.scan(text);
        const ends = [...Buffer.from(text).toString("latin1").matchAll(/\n/g)].map(({ index }) => index);
        if (text.length > 0 && text.at(-1) !== 10) ends.push(text.length);
        assert.equal(lines, ends.length);
        const begins = new Set([0, ...ends.map((end) => end + 1)]);
        for (const [from, to] of ranges) assert.ok(begins.has(from) && ends.includes(to) && from <= to);
      }
    }),
    { numRuns: fuzzRuns(2_500) },
  );
});

test("more flagged lines than one call can report are reported by the next", () => {
  const rig = new Rig();
  rig.fillSlot(seeded(1));
  const text = Buffer.from("x\n".repeat(MAX_FOUND * 3 + 7));
  const { lines, ranges } = rig.scan(text);
  assert.equal(lines, MAX_FOUND * 3 + 7);
  assert.deepEqual(ranges.at(-1), [text.length - 2, text.length - 1]);
  assert.equal(ranges.length, lines);
});

test("hostile texts cost steps in proportion to their length, whatever the tables hold", { timeout: 60_000 }, () => {
  const rig = new Rig();
  const units =
    "a. a-. -. _-. 1.1- 1- a: :: 1: aa: %25 %2f \\u \\\\ \\ (1) [ ( \u00e4 \u00e4. e64 /e -e \\t0 0\\t aa\\t 1:1:: ::1. 0.".split(
      " ",
    );
  for (const density of [1, 2, 3, 4]) {
    rig.fillSlot(seeded(density));
    for (const unit of [...units, "a ", " ", "-e ", "base6 ", '{"rule":{', '{"id":"']) {
      rig.scan(Buffer.from(unit.repeat(Math.floor(80_000 / Buffer.byteLength(unit)))));
    }
  }
});
