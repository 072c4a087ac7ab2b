import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { MISP_TYPES, ruleOf } from "../../../src/intel/misp-types.ts";
import { packageRoot } from "../../../src/lib/package-root.ts";
import { renderMispTypes } from "../../support/misp-types-doc.ts";
import { sharedOrSkip } from "../../support/shared.ts";

test("the table knows exactly the types that MISP describes", (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const recording = JSON.parse(
    readFileSync(join(shared, "data/misp/recordings/attributes_describeTypes.json"), "utf8"),
  );
  const body =
    typeof recording.response.body === "string" ? JSON.parse(recording.response.body) : recording.response.body;
  const described: string[] = (body.result ?? body).types;
  assert.ok(described.length > 180);
  assert.deepEqual(Object.keys(MISP_TYPES).sort(), [...described].sort());
});

test("composites: only hash, domain, address and key halves match alone", () => {
  for (const [type, rule] of Object.entries(MISP_TYPES)) {
    if (rule.kind !== "composite") continue;
    for (const half of rule.halves)
      assert.equal(
        half.alone === undefined,
        ["filename", "port"].includes(half.companion) || (half === rule.halves[1] && type === "regkey|value"),
        type,
      );
  }
});

test("a name from the prototype is not a type", () => {
  for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty"]) assert.equal(ruleOf(name), undefined);
});

test("docs/MISP-TYPES.md is made from the table", () => {
  const file = join(packageRoot(), "docs", "MISP-TYPES.md");
  const expected = renderMispTypes();
  if (process.env["TIPLINE_WRITE_DOCS"] === "1") writeFileSync(file, expected);
  assert.equal(readFileSync(file, "utf8"), expected, "stale: run TIPLINE_WRITE_DOCS=1 npm test");
});
