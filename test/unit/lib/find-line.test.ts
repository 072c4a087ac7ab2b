import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { linesWith } from "../../../src/lib/find-line.ts";
import { tempDir } from "../../support/temp.ts";

async function found(path: string, needle: string): Promise<readonly string[]> {
  const lines: string[] = [];
  for await (const line of linesWith(path, needle)) lines.push(line);
  return lines;
}

test("finds whole lines across reads, at the start, in the middle and without an end", async (t) => {
  const path = join(tempDir(t), "f");
  const filler = `${"x".repeat(999)}\n`;
  const lines = [`needle first`, ...Array<string>(3000).fill(filler.trim()), `a needle needle`, "last needle"];
  writeFileSync(path, lines.join("\n"));
  assert.deepEqual(await found(path, "needle"), ["needle first", "a needle needle", "last needle"]);
  assert.deepEqual(await found(path, "absent"), []);
});

test("a needle on the border of two reads is found", async (t) => {
  const path = join(tempDir(t), "f");
  for (const before of [1_048_570, 1_048_573, 1_048_576]) {
    writeFileSync(path, `${"y".repeat(before)}\nneedle\nrest\n`);
    assert.deepEqual(await found(path, "needle"), ["needle"]);
  }
});

test("passes over a line without an end, and a file that is not there", async (t) => {
  const path = join(tempDir(t), "f");
  writeFileSync(path, `${"z".repeat(6 * 1024 * 1024)} needle\nneedle\n`);
  assert.equal((await found(path, "needle")).at(-1), "needle");
  assert.deepEqual(await found(`${path}.none`, "needle"), []);
});
