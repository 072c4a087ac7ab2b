import assert from "node:assert/strict";
import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { readCanaryState, writeCanaryState } from "../../../src/store/canary-state.ts";
import { tempDir } from "../../support/temp.ts";

test("what is written is read, by the owner only, and nothing else stays behind", (t) => {
  const dir = tempDir(t);
  assert.equal(readCanaryState(dir), undefined);
  writeCanaryState(dir, { enabled: true, updatedAt: 1, sent: 2, lost: 1, roundTripMs: 1500 });
  writeCanaryState(dir, { enabled: true, updatedAt: 2, sent: 3, lost: 1 });
  assert.deepEqual(readCanaryState(dir), { enabled: true, updatedAt: 2, sent: 3, lost: 1 });
  assert.deepEqual(readdirSync(dir), ["canary.json"]);
  assert.equal(statSync(join(dir, "canary.json")).mode & 0o777, 0o600);
});

test("damage reads as nothing", (t) => {
  const dir = tempDir(t);
  for (const text of ["", "[]", "{}", '{"enabled":1}', "x".repeat(70_000)]) {
    writeFileSync(join(dir, "canary.json"), text);
    assert.equal(readCanaryState(dir), undefined);
  }
  mkdirSync(join(dir, "sub", "canary.json"), { recursive: true });
  assert.equal(readCanaryState(join(dir, "sub")), undefined);
});
