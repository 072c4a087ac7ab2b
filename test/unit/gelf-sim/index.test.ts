import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeGelf } from "../../support/gelf-sim/decoder.ts";
import { SimIndex } from "../../support/gelf-sim/index.ts";

function indexed(...messages: readonly Record<string, unknown>[]): SimIndex {
  const index = new SimIndex();
  for (const fields of messages) {
    const decoded = decodeGelf(Buffer.from(JSON.stringify({ short_message: "m", host: "h", ...fields })), 1);
    assert.ok("fields" in decoded);
    index.add(decoded);
  }
  return index;
}

test("the first message decides what a field is, and one that does not fit is refused whole", () => {
  assert.equal(indexed({ _a: 1 }, { _a: "x" }).failures.length, 1);
  assert.equal(indexed({ level: 3 }, { level: "warning" }).failures.length, 1);
  assert.equal(indexed({ _a: "x" }, { _a: 1 }).failures.length, 0);
});

test("a text that is a date makes a date field", () => {
  assert.equal(indexed({ _a: "2026-11-21" }, { _a: "reviewed" }).failures.length, 1);
  assert.equal(indexed({ _a: "2026-11-21T10:00:00.000+0000" }, { _a: "2026-11-21T10:00:00.000Z" }).failures.length, 0);
  assert.equal(indexed({ _a: "2026/11/21" }, { _a: "x" }).failures.length, 1);
  assert.equal(indexed({ _a: "20261121" }, { _a: "x" }).failures.length, 0);
  assert.equal(indexed({ _a: "20261122T091548-c6dbfeca" }, { _a: "x" }).failures.length, 0);
});

test("a keyword over 32,766 bytes refuses the message, a long full_message does not", () => {
  assert.equal(indexed({ _a: "x".repeat(32_767) }).failures.length, 1);
  assert.equal(indexed({ _a: "é".repeat(16_384) }).failures.length, 1);
  assert.equal(indexed({ full_message: "x".repeat(100_000) }).failures.length, 0);
});

test("the 1,001st field of an index refuses the message", () => {
  const many = Object.fromEntries(Array.from({ length: 990 }, (_, n) => [`_f${n}`, "x"]));
  const index = indexed(many, Object.fromEntries(Array.from({ length: 10 }, (_, n) => [`_g${n}`, "x"])));
  assert.equal(index.failures.length, 1);
  assert.equal(index.documents.length, 1);
});
