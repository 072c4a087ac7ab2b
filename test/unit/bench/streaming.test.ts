import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { writeBulk } from "../../../bench/bulk.ts";
import { writeAlerts } from "../../../bench/context.ts";
import { parseOptions } from "../../../bench/options.ts";
import { rangesOf, streamLines } from "../../../bench/stream/lines.ts";
import { tempDir } from "../../support/temp.ts";

test("ranges cut a file at line feeds and cover it; streaming hands every line over once", (t) => {
  const path = join(tempDir(t), "lines");
  const text = Array.from({ length: 500 }, (_, n) => `${n}:${"x".repeat((n * 37) % 90)}\n`).join("");
  writeFileSync(path, text);
  for (const count of [1, 2, 3, 7]) {
    const fd = openSync(path, "r");
    const buffer = Buffer.alloc(128);
    let seen = "";
    for (const range of rangesOf(path, count)) {
      streamLines(fd, range, buffer, (end) => {
        assert.equal(buffer[end - 1], 10);
        seen += buffer.toString("latin1", 0, end);
      });
      assert.ok(seen.endsWith("\n"));
    }
    closeSync(fd);
    assert.equal(seen, text);
  }
});

test("a line that does not fit the buffer is an error, not a hang", (t) => {
  const path = join(tempDir(t), "long");
  writeFileSync(path, `${"x".repeat(300)}\n`);
  const fd = openSync(path, "r");
  assert.throws(() => streamLines(fd, { from: 0, to: 301 }, Buffer.alloc(128), () => undefined), /longer/);
  closeSync(fd);
});

test("bulk repeats a block with other ids, whole blocks, at least as many bytes as asked for", (t) => {
  const folder = tempDir(t);
  const [block, bulk] = [join(folder, "block"), join(folder, "bulk")];
  writeAlerts(block, 20, {});
  const size = statSync(block).size;
  assert.equal(writeBulk(block, bulk, size * 2 + 10), size * 3);
  const lines = readFileSync(bulk, "utf8").trim().split("\n");
  const ids = lines.map((line) => (JSON.parse(line) as { id: string }).id);
  assert.equal(lines.length, 60);
  assert.equal(new Set(ids).size, 60);
  assert.equal(readFileSync(bulk, "utf8").slice(0, size), readFileSync(block, "utf8"));
  assert.equal(writeBulk(block, bulk, 1), size);
});

test("options: parts and sizes, and what is wrong with them", () => {
  const parts = ["match", "index"];
  const read = (...args: string[]) => parseOptions(args, parts);
  const all = read();
  assert.ok(typeof all === "object");
  assert.deepEqual([all.parts, all.indicators, all.bytes], [parts, [1_000_000, 8_500_000, 10_000_000], 4e9]);
  const some = read("index", "--indicators", "200000,100000", "--gigabytes", "0.2", "--out", "/x/y.md");
  assert.ok(typeof some === "object");
  assert.deepEqual(some.parts, ["index"]);
  assert.deepEqual(some.indicators, [100_000, 200_000]);
  assert.deepEqual([some.bytes, some.chart, some.trial], [2e8, "/x/y.svg", true]);
  for (const wrong of [["nothing"], ["--indicators", "x"], ["--gigabytes", "0"], ["--rounds", "1.5"], ["--what"]])
    assert.equal(typeof read(...wrong), "string", wrong.join(" "));
});
