import assert from "node:assert/strict";
import { appendFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { LineTail } from "../../../src/lib/line-tail.ts";
import { tempDir } from "../../support/temp.ts";

test("gives whole lines that are appended after the opening", async (t) => {
  const path = join(tempDir(t), "alerts.json");
  writeFileSync(path, "before\n");
  const tail = await LineTail.open(path);
  assert.deepEqual(await tail.lines(), []);
  appendFileSync(path, "one\ntw");
  assert.deepEqual(await tail.lines(), ["one"]);
  const snowman = Buffer.from("o ☃\n");
  appendFileSync(path, snowman.subarray(0, 3));
  assert.deepEqual(await tail.lines(), []);
  appendFileSync(path, snowman.subarray(3));
  assert.deepEqual(await tail.lines(), ["two ☃"]);
});

test("goes on in the file that takes the place of the old one, and in one that is emptied", async (t) => {
  const path = join(tempDir(t), "alerts.json");
  const tail = await LineTail.open(path);
  assert.deepEqual(await tail.lines(), []);
  writeFileSync(path, "one\n");
  assert.deepEqual(await tail.lines(), ["one"]);
  writeFileSync(`${path}.new`, "two\n");
  renameSync(`${path}.new`, path);
  assert.deepEqual(await tail.lines(), ["two"]);
  writeFileSync(path, "3\n");
  assert.deepEqual(await tail.lines(), ["3"]);
});
