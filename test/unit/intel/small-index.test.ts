import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalize } from "../../../src/intel/canonical.ts";
import { indicatorsOf, smallIndex } from "../../../src/intel/small-index.ts";
import type { Indicator, ReportedIndicator } from "../../../src/model/indicator.ts";
import type { CanonicalValue } from "../../../src/model/observable.ts";
import { aReport } from "../../support/make.ts";

const indicator = (
  type: Indicator["type"],
  pattern: Indicator["pattern"],
  value: string,
  feed = "lab",
): ReportedIndicator => ({
  type,
  pattern,
  value: value as CanonicalValue,
  report: aReport({ feed }),
});
const values = (found: readonly Indicator[]) => found.map(({ value }) => value);
const value = (type: Indicator["type"], raw: string) => canonicalize(type, raw) as CanonicalValue;

test("covers names, networks and file names as the large index does", () => {
  const index = smallIndex(
    indicatorsOf([
      indicator("domain", "subdomains", "evil.example"),
      indicator("domain", "exact", "host.evil.example"),
      indicator("ip", "cidr", "45.5.0.0/16"),
      indicator("ip", "cidr", "45.5.200.0/24"),
      indicator("ip", "exact", "45.5.200.1"),
      indicator("filename", "exact", "evil.exe"),
    ]),
  );
  assert.deepEqual(values(index.lookup("domain", value("domain", "a.host.evil.example"))), ["evil.example"]);
  assert.deepEqual(values(index.lookup("domain", value("domain", "host.evil.example"))), [
    "host.evil.example",
    "evil.example",
  ]);
  assert.deepEqual(values(index.lookup("domain", value("domain", "notevil.example"))), []);
  assert.deepEqual(values(index.lookup("ip", value("ip", "45.5.200.1"))), [
    "45.5.200.1",
    "45.5.200.0/24",
    "45.5.0.0/16",
  ]);
  assert.deepEqual(values(index.lookup("ip", "45.5.200.0/20" as CanonicalValue)), ["45.5.0.0/16"]);
  assert.deepEqual(values(index.lookup("path", value("path", "c:\\temp\\Evil.exe"))), ["evil.exe"]);
  assert.equal(index.stats.indicators, 6);
});

test("equal indicators are one, with each report once", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom("one", "two", "three")), (feeds) => {
      const index = smallIndex(indicatorsOf(feeds.map((feed) => indicator("md5", "exact", "ab".repeat(16), feed))));
      const [found] = index.lookup("md5", "ab".repeat(16) as CanonicalValue);
      assert.deepEqual((found?.reports ?? []).map(({ feed }) => feed).sort(), [...new Set(feeds)].sort());
    }),
    { numRuns: 50 },
  );
});
