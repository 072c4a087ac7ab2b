import assert from "node:assert/strict";
import { test } from "node:test";
import { HeldLines } from "../../../src/pipeline/held-lines.ts";

test("lines come in their order with their marks, however many and long they are", () => {
  const seen: string[] = [];
  const held = new HeldLines<number>((lines) => {
    assert.ok(lines.length > 0 && lines.length <= 64);
    for (const { line, mark } of lines) seen.push(`${mark}:${line.length}:${line[0]}`);
  });
  const wanted: string[] = [];
  const chunk = Buffer.alloc(600_000);
  for (let mark = 0; mark < 300; mark++) {
    const size = mark === 100 ? 500_000 : (mark * 997) % 9_000;
    chunk.fill(mark % 251);
    held.add(chunk, 5, 5 + size, mark);
    wanted.push(`${mark}:${size}:${size === 0 ? undefined : mark % 251}`);
  }
  held.flush();
  held.flush();
  assert.deepEqual(seen, wanted);
});

test("what is held is a copy", () => {
  const seen: string[] = [];
  const held = new HeldLines<undefined>((lines) => {
    for (const { line } of lines) seen.push(line.toString());
  });
  const chunk = Buffer.from("one two");
  held.add(chunk, 4, 7, undefined);
  chunk.fill(0);
  assert.deepEqual(seen, []);
  held.flush();
  assert.deepEqual(seen, ["two"]);
});
