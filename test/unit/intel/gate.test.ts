import assert from "node:assert/strict";
import { test } from "node:test";
import { createGate, openGate, placeGate } from "../../../src/intel/gate.ts";
import { GateMemory } from "../../../src/intel/gate-memory.ts";
import { GateKeys } from "../../../src/intel/index/gate-keys.ts";
import { createNominator } from "../../../src/intel/nominate.ts";
import type { JsonObject } from "../../../src/model/json.ts";
import type { CanonicalValue } from "../../../src/model/observable.ts";

const SEED = { a: 0x12345678, b: 0x9abcdef0 };

function indexOf(...domains: readonly string[]) {
  return indexOfAll(domains);
}

function indexOfAll(domains: readonly string[]) {
  const keys = new GateKeys(SEED);
  for (const domain of domains) keys.add("domain", "subdomains", domain as CanonicalValue);
  const gates = [keys.build()];
  const nominator = createNominator(gates);
  return { gates, nominates: (event: JsonObject) => nominator.nominates(event) };
}

const lineOf = (text: string): string => `${JSON.stringify({ full_log: text })}\n`;

/** The flagged lines themselves. */
function flagged(gate: ReturnType<typeof createGate>, text: string): readonly string[] {
  const chunk = Buffer.from(text);
  const { ranges } = gate.flags(chunk, 0, chunk.length);
  return Array.from({ length: ranges.length / 2 }, (_, i) => chunk.toString("utf8", ranges[i * 2], ranges[i * 2 + 1]));
}

test("flags the lines that may match, in order, and counts all", () => {
  const gate = createGate(indexOf("evil.example"));
  const text = `${lineOf("fine")}${lineOf("www.evil.example")}\n${lineOf("good.example")}${lineOf("EVIL.example.")}`;
  assert.equal(gate.kind, "kernel");
  assert.deepEqual(
    flagged(gate, text),
    [lineOf("www.evil.example"), lineOf("EVIL.example.")].map((line) => line.trim()),
  );
  assert.equal(gate.flags(Buffer.from(text), 0, Buffer.byteLength(text)).lines, 5);
  gate.close();
});

test("looks at its part of the chunk only; the last line needs no line feed", () => {
  const gate = createGate(indexOf("evil.example"));
  const chunk = Buffer.from(`${lineOf("evil.example")}${lineOf("evil.example").trim()}`);
  const second = chunk.indexOf(10) + 1;
  assert.deepEqual([...gate.flags(chunk, second, chunk.length).ranges], [second, chunk.length]);
  assert.deepEqual(gate.flags(chunk, 5, 5), { lines: 0, ranges: new Uint32Array() });
  gate.close();
});

test("what is no JSON object in braces is flagged for whoever parses it", () => {
  const gate = createGate(indexOf("evil.example"));
  assert.deepEqual(flagged(gate, 'cut off"}\n{"a":1\n  \n{"a":1} \r\n[1]\n'), ['cut off"}', '{"a":1', "[1]"]);
  gate.close();
});

test("chunks larger than a window and lines larger than the memory's text", () => {
  const gate = createGate(indexOf("evil.example"));
  const filler = lineOf("nothing to see here, move along").repeat(20_000);
  const hit = lineOf("evil.example");
  const huge = lineOf("x ".repeat(700_000));
  const chunk = Buffer.from(filler + hit + huge + filler + lineOf("y ".repeat(200_000)) + hit);
  const { lines, ranges } = gate.flags(chunk, 0, chunk.length);
  assert.equal(lines, 40_004);
  const found = Array.from(
    { length: ranges.length / 2 },
    (_, i) => (ranges[i * 2 + 1] as number) - (ranges[i * 2] as number) + 1,
  );
  assert.deepEqual(found, [hit.length, huge.length, hit.length]);
  gate.close();
});

test("a chunk read into the gate's own room is scanned in place", () => {
  const index = indexOf("evil.example");
  const gate = createGate(index);
  const { room } = gate;
  assert.ok(room !== undefined);
  const text = Buffer.from(lineOf("fine") + lineOf("evil.example") + lineOf("fine"));
  room.set(text, 3);
  const inPlace = gate.flags(room.subarray(3), 0, text.length);
  assert.deepEqual(inPlace, gate.flags(text, 0, text.length));
  assert.deepEqual(
    [...inPlace.ranges],
    [lineOf("fine").length, lineOf("fine").length + lineOf("evil.example").length - 1],
  );
  room.fill(120, room.length - text.length);
  room.set(text, room.length - text.length);
  assert.deepEqual([...gate.flags(room, room.length - text.length, room.length).ranges].length, 2);
  gate.close();
});

test("generations alternate between two slots; whoever still holds the one before last is told everything may match", () => {
  const memory = new GateMemory();
  const indexes = ["one.example", "two.example", "three.example"].map((domain) => indexOf(domain));
  const tables = indexes.map((index) => {
    const placed = placeGate(index, memory);
    assert.ok("memory" in placed);
    return placed;
  });
  assert.deepEqual(
    tables.map(({ slot }) => slot),
    [0, 1, 0],
  );
  assert.equal(tables[0]?.memory, tables[2]?.memory);
  const gates = tables.map((each, at) => openGate(each, indexes[at] as (typeof indexes)[number]));
  const text = lineOf("one.example") + lineOf("two.example") + lineOf("three.example") + lineOf("four.example");
  const counts = gates.map((gate) => flagged(gate, text).length);
  assert.deepEqual(counts, [4, 1, 1]);
  for (const gate of gates) gate.close();
});

test("a generation that a slot is too small for gets a memory of its own; one beyond the limit is refused", () => {
  const few = indexOf("evil.example");
  const many = indexOfAll(Array.from({ length: 300_000 }, (_, i) => `d${i}.example`));
  const memory = new GateMemory();
  const small = placeGate(few, memory);
  const large = placeGate(many, memory);
  assert.ok("memory" in small && "memory" in large);
  assert.notEqual(small.memory, large.memory);
  const gate = openGate(large, many);
  assert.deepEqual(flagged(gate, lineOf("d299999.example") + lineOf("d300000.example")).length, 1);
  gate.close();
  const tight = new GateMemory(memory.bytes / 2);
  assert.ok("refused" in placeGate(many, tight));
});

test("without the kernel the reference matcher answers the same, and says so once", () => {
  const said: string[] = [];
  const log = { warn: (message: string, fields?: object) => void said.push(`${message} ${JSON.stringify(fields)}`) };
  const index = indexOf("evil.example");
  const memory = new GateMemory(1_000);
  const slow = [1, 2, 3].map(() => createGate(index, { memory, log }))[0] as ReturnType<typeof createGate>;
  const fast = createGate(index);
  assert.equal(slow.kind, "reference");
  assert.equal(said.length, 1);
  assert.match(said[0] as string, /every alert is parsed.*limit/);
  const text = `${lineOf("www.evil.example")}${lineOf("fine")}\nno json\n${lineOf("evil[.]example")}[]\n`;
  assert.deepEqual(flagged(slow, text), flagged(fast, text));
  fast.close();
});

test("an index without tables, and more threads than areas, fall back too", () => {
  const index = indexOf("evil.example");
  assert.equal(createGate({ nominates: () => true }).kind, "reference");
  const memory = new GateMemory();
  const placed = placeGate(index, memory);
  assert.ok("memory" in placed);
  // As 64 other threads would.
  const control = new Int32Array(placed.memory.buffer);
  control.fill(1, 256, 320);
  assert.equal(openGate(placed, index).kind, "reference");
  control.fill(0, 256, 320);
  const gate = openGate(placed, index);
  assert.equal(gate.kind, "kernel");
  gate.close();
  assert.equal(control[256], 0, "the area is given back");
});
