import assert from "node:assert/strict";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { loadOrCreateKey } from "../../../src/store/key.ts";
import { tempDir } from "../../support/temp.ts";

test("is made once, readable by its owner only, and is the same afterwards", (t) => {
  const dir = join(tempDir(t), "state");
  const key = loadOrCreateKey(join(dir, "key"));
  assert.equal(key.length, 32);
  assert.deepEqual(loadOrCreateKey(join(dir, "key")), key);
  assert.equal(statSync(join(dir, "key")).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(dir), ["key"]);
});

test("a damaged key is refused with advice and never replaced", (t) => {
  const path = join(tempDir(t), "key");
  for (const text of ["", "abc\n", "G".repeat(64)]) {
    writeFileSync(path, text);
    assert.throws(() => loadOrCreateKey(path), { code: "TIP_STATE_CORRUPT", message: /backup/ });
  }
});

test("a key that cannot be made names its path and nothing else", (t) => {
  const file = join(tempDir(t), "file");
  writeFileSync(file, "");
  assert.throws(() => loadOrCreateKey(join(file, "key")), { code: "TIP_CONFIG_INVALID", message: /file\/key/ });
});
