import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { expandGlob, matchesName } from "../../../src/lib/glob.ts";
import { tempDir } from "../../support/temp.ts";

test("patterns name files as in a shell, and no folders", (t) => {
  const root = tempDir(t);
  for (const folder of ["2026/Nov", "2026/Dec", ".hidden"]) mkdirSync(join(root, folder), { recursive: true });
  for (const file of [
    "a.json",
    "b.json.gz",
    "2026/Nov/x-01.json",
    "2026/Nov/x-02.json",
    "2026/Dec/x-01.json",
    ".hidden/h.json",
    ".dot.json",
  ]) {
    writeFileSync(join(root, file), "");
  }
  symlinkSync(root, join(root, "2026", "round"));
  const expand = (pattern: string) => expandGlob(join(root, pattern)).map((path) => path.slice(root.length + 1));
  assert.deepEqual(expand("*.json"), ["a.json"]);
  assert.deepEqual(expand("*"), ["a.json", "b.json.gz"]);
  assert.deepEqual(expand("2026/*/x-0?.json"), ["2026/Dec/x-01.json", "2026/Nov/x-01.json", "2026/Nov/x-02.json"]);
  assert.deepEqual(expand("**/*-01.json"), ["2026/Dec/x-01.json", "2026/Nov/x-01.json"]);
  assert.deepEqual(expand("**"), [
    "2026/Dec/x-01.json",
    "2026/Nov/x-01.json",
    "2026/Nov/x-02.json",
    "a.json",
    "b.json.gz",
  ]);
  assert.deepEqual(expand("2026/**/Nov/*1*"), ["2026/Nov/x-01.json"]);
  assert.deepEqual(expand("nowhere/*"), []);
  assert.deepEqual(expand(".*.json"), [".dot.json"]);
  assert.deepEqual(expand("2026/Nov/../Dec/*"), ["2026/Dec/x-01.json"]);
});

test("a name matches exactly when the equivalent regular expression says so", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", ".", "+"), maxLength: 8 });
  const pattern = fc.string({ unit: fc.constantFrom("a", "b", ".", "+", "*", "?"), maxLength: 8 });
  fc.assert(
    fc.property(letters, pattern, (name, glob) => {
      const source = glob.replaceAll(/[.+]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
      const hidden = name.startsWith(".") && !glob.startsWith(".");
      assert.equal(matchesName(name, glob), !hidden && new RegExp(`^(?:${source})$`).test(name));
    }),
    { numRuns: 2_000 },
  );
});

test("a hostile pattern costs no more than its length times the name's", () => {
  assert.equal(matchesName("a".repeat(250), `${"a*".repeat(120)}b`), false);
});
