import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { lookupValue } from "../../../src/pipeline/lookup.ts";
import { aGeneration } from "../../support/generation.ts";
import { anIndicator } from "../../support/make.ts";

const generation = aGeneration([anIndicator("domain", "bad.com"), anIndicator("url", "http://bad.com/drop")]);

describe("lookup", () => {
  it("falls back to the host of a URL, as alerts are matched", () => {
    for (const [given, type, canonical] of [
      ["http://bad.com/drop", "url", "http://bad.com/drop"],
      ["hxxps://bad[.]com:8443/else", "domain", "bad.com"],
      ["bad.com/else", "domain", "bad.com"],
    ] as const) {
      const result = lookupValue(given, generation);
      assert.equal(result.indicators.length, 1, given);
      assert.deepEqual([result.type, result.canonical], [type, canonical]);
    }
  });

  it("names the URL where neither is known", () => {
    const result = lookupValue("http://good.com/x", generation);
    assert.deepEqual([result.indicators.length, result.type], [0, "url"]);
  });
});
