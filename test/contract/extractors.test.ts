import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalize } from "../../src/intel/canonical.ts";
import type { JsonObject } from "../../src/model/json.ts";
import { createExtraction } from "../../src/pipeline/extract.ts";
import { allExtractors } from "../support/extractors.ts";
import { testExtractor } from "./extractor.contract.ts";

const all = await allExtractors();
for (const { file, extractor } of all) testExtractor(file.replace(/\.[jt]s$/, ""), extractor);

test("no two extractors claim one field with different rules", () => {
  assert.ok(all.length >= 20);
  createExtraction(all.map(({ extractor }) => extractor));
});

test("every known field in every spelling: never throws, only canonical values", () => {
  const extract = createExtraction(all.map(({ extractor }) => extractor));
  const names = all.flatMap(({ extractor }) => Object.keys(extractor.fields));
  const value = fc.constantFrom(
    "1.2.3.4",
    "evil.com",
    "x@evil.com",
    "C:\\x\\y.exe",
    "MD5=44d88612fea8a8f36de82e1278abb02f",
    "HKLM\\x\\y",
    "hxxp://a[.]b/c",
    "-",
    "%%1842",
    "AS1",
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...names), fc.boolean(), value), { maxLength: 12 }), (members) => {
      const data: Record<string, unknown> = {};
      for (const [name, nested, text] of members) {
        const cut = name.indexOf("_");
        if (nested && cut > 0) data[name.slice(0, cut)] = { [name.slice(cut + 1)]: text };
        else data[name] = text;
      }
      for (const observable of extract({ data } as JsonObject).observables) {
        assert.equal(canonicalize(observable.type, observable.value), observable.value);
        assert.ok(observable.where.startsWith("data."));
      }
    }),
    { numRuns: 300 },
  );
});
