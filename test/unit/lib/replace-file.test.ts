import assert from "node:assert/strict";
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TiplineError } from "../../../src/lib/errors.ts";
import { replaceFile } from "../../../src/lib/replace-file.ts";
import { tempDir } from "../../support/temp.ts";

test("the file is replaced whole, keeps mode and owner, and a link to it stays a link", (t) => {
  const dir = tempDir(t);
  const file = join(dir, "real");
  writeFileSync(file, "old");
  chmodSync(file, 0o604);
  const { uid, gid } = statSync(file);
  symlinkSync("real", join(dir, "link"));
  linkSync(file, join(dir, "copy"));
  replaceFile(join(dir, "link"), "old", "new");
  assert.equal(readFileSync(file, "utf8"), "new");
  assert.equal(readFileSync(join(dir, "copy"), "utf8"), "old");
  assert.ok(lstatSync(join(dir, "link")).isSymbolicLink());
  assert.deepEqual([statSync(file).mode & 0o777, statSync(file).uid, statSync(file).gid], [0o604, uid, gid]);
  assert.deepEqual(readdirSync(dir).sort(), ["copy", "link", "real"]);
});

test("a file that says something else by now, or cannot be replaced, stays as it is", (t) => {
  const dir = tempDir(t);
  const file = join(dir, "real");
  writeFileSync(file, "other");
  const isRefused = (error: unknown) => error instanceof TiplineError && error.code === "TIP_INPUT_INVALID";
  assert.throws(() => replaceFile(file, "old", "new"), isRefused);
  assert.throws(() => replaceFile(join(dir, "absent"), "", "new"), isRefused);
  mkdirSync(join(dir, "folder"));
  assert.throws(() => replaceFile(join(dir, "folder"), "", "new"), isRefused);
  assert.equal(readFileSync(file, "utf8"), "other");
  assert.deepEqual(readdirSync(dir).sort(), ["folder", "real"]);
});
