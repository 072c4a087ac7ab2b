import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openToOthers, secretFrom, secretText } from "../../../src/lib/secret-schema.ts";
import { asNobody } from "../../support/nobody.ts";
import { tempDir } from "../../support/temp.ts";

test("a secret's file is for its owner alone", (t) => {
  const file = join(tempDir(t), "key");
  writeFileSync(file, "s3cret\n");
  for (const [mode, open] of [
    [0o600, false],
    [0o400, false],
    [0o640, true],
    [0o604, true],
    [0o644, true],
  ] as const) {
    chmodSync(file, mode);
    assert.equal(openToOthers(file), open, mode.toString(8));
  }
  assert.equal(openToOthers(join(file, "nothing")), false);
  assert.equal(secretFrom(file, undefined)?.reveal(), "s3cret");
});

test("of a secret's file that cannot be read it is said why", (t) => {
  const dir = tempDir(t);
  assert.throws(() => secretFrom(join(dir, "none"), undefined), /secret, \S+none is not: it is not there$/);
  assert.throws(() => secretFrom(dir, undefined), /is not: it is a folder$/);
  const file = join(dir, "key");
  writeFileSync(file, "s3cret\n");
  asNobody(dir, () => assert.throws(() => secretFrom(file, undefined), /is not: this user may not read it$/));
});

test("a blank secret is none", () => {
  assert.equal(secretText("").parse(" s3cret\n").reveal(), "s3cret");
  for (const blank of ["", "  ", "\t\n"]) assert.equal(secretText("").safeParse(blank).success, false);
});
