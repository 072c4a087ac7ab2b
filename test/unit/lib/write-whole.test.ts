import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { writeWhole } from "../../../src/lib/write-whole.ts";
import { tempDir } from "../../support/temp.ts";

test("a file is there whole, for its owner alone, and takes the place of the one before", (t) => {
  const dir = tempDir(t);
  const path = join(dir, "state.json");
  for (const durable of [false, true]) {
    writeWhole(path, `{"durable":${durable}}`, { durable });
    assert.equal(readFileSync(path, "utf8"), `{"durable":${durable}}`);
  }
  writeWhole(path, ["ü", Buffer.from([0, 255]), "z"]);
  assert.deepEqual([...readFileSync(path)], [0xc3, 0xbc, 0, 255, 0x7a]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(dir), ["state.json"]);
});

test("what fails on the way leaves the file before it, and nothing beside it", (t) => {
  const dir = tempDir(t);
  const path = join(dir, "state.json");
  writeWhole(path, "before");
  function* failing() {
    yield "after";
    throw new Error("out of values");
  }
  assert.throws(() => writeWhole(path, failing()), /out of values/);
  assert.equal(readFileSync(path, "utf8"), "before");
  mkdirSync(join(dir, "folder"));
  assert.throws(() => writeWhole(join(dir, "folder"), "x"), { code: "EISDIR" });
  assert.deepEqual(readdirSync(dir).sort(), ["folder", "state.json"]);
});
