import assert from "node:assert/strict";
import { appendFileSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { CanonicalValue } from "../../../src/model/observable.ts";
import { appendAllow, readAllow, removeAllow } from "../../../src/store/allow.ts";
import { tempDir } from "../../support/temp.ts";

const entry = (value: string) => ({
  type: "domain" as const,
  value: value as CanonicalValue,
  reason: "ours",
  by: "ann",
  createdAt: 1,
});
const values = (dir: string) => readAllow(dir).map(({ value }) => value);

test("entries are in force until they are taken back; the log keeps every line", (t) => {
  const dir = tempDir(t);
  assert.deepEqual(readAllow(dir), []);
  appendAllow(dir, entry("one.example"));
  appendAllow(dir, entry("two.example"));
  assert.equal(removeAllow(dir, "domain", "one.example", "bob", 2), 1);
  assert.equal(removeAllow(dir, "domain", "one.example", "bob", 2), 0);
  assert.deepEqual(values(dir), ["two.example"]);
  assert.equal(readFileSync(join(dir, "allow.ndjson"), "utf8").split("\n").length, 4);
});

test("a line that was cut off by a crash is not in force, and the next entry does not grow into it", (t) => {
  for (const kept of [1, 20, 60]) {
    const dir = tempDir(t);
    const file = join(dir, "allow.ndjson");
    appendAllow(dir, entry("one.example"));
    const whole = readFileSync(file).length;
    appendAllow(dir, entry("torn.example"));
    truncateSync(file, whole + kept);
    assert.deepEqual(values(dir), ["one.example"]);
    appendAllow(dir, entry("two.example"));
    assert.deepEqual(values(dir), ["one.example", "two.example"]);
  }
});

test("a last line that lacks only its end stays in force", (t) => {
  const dir = tempDir(t);
  const file = join(dir, "allow.ndjson");
  appendAllow(dir, entry("one.example"));
  truncateSync(file, readFileSync(file).length - 1);
  appendAllow(dir, entry("two.example"));
  assert.deepEqual(values(dir), ["one.example", "two.example"]);
});

test("a line in the middle that is no entry is refused with its number", (t) => {
  const dir = tempDir(t);
  appendAllow(dir, entry("one.example"));
  appendFileSync(join(dir, "allow.ndjson"), "what\n");
  appendAllow(dir, entry("two.example"));
  assert.throws(() => readAllow(dir), { code: "TIP_STATE_CORRUPT", message: /allow\.ndjson:2:/ });
});
