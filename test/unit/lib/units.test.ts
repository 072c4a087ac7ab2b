import assert from "node:assert/strict";
import { it } from "node:test";
import { formatBytes, formatDuration, parseDuration, parseSize } from "../../../src/lib/units.ts";

it("reads durations and refuses what is none", () => {
  assert.equal(parseDuration("90s"), 90_000);
  assert.equal(parseDuration("1h30m"), 5_400_000);
  assert.equal(parseDuration("1.5 h"), 5_400_000);
  assert.equal(parseDuration("250ms"), 250);
  for (const bad of ["", "5", "5 apples", "-5s", "1h foo", "s"]) assert.equal(parseDuration(bad), undefined, bad);
});

it("reads sizes and refuses what is none", () => {
  assert.equal(parseSize("1GiB"), 2 ** 30);
  assert.equal(parseSize("1 GB"), 1e9);
  assert.equal(parseSize("512"), 512);
  for (const bad of ["", "GB", "1XB", "-1MB"]) assert.equal(parseSize(bad), undefined, bad);
});

it("writes both for people", () => {
  assert.equal(formatBytes(312), "312 B");
  assert.equal(formatBytes(1536), "1.5 KiB");
  assert.equal(formatDuration(400), "0.4s");
  assert.equal(formatDuration(3 * 86_400_000 + 4 * 3_600_000 + 5000), "3d 4h");
});
