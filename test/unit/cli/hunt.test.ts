import assert from "node:assert/strict";
import { test } from "node:test";
import { renderProgress } from "../../../src/cli/hunt-render.ts";
import { parseTime, utc } from "../../../src/cli/hunt-time.ts";

const NOW = Date.UTC(2026, 10, 22, 12);

test("times are ages, UTC days and UTC times; a zone may be given", () => {
  for (const [text, expected] of [
    ["30d", "2026-10-23T12:00:00Z"],
    ["1h30m", "2026-11-22T10:30:00Z"],
    ["999999999d", "1970-01-01T00:00:00Z"],
    ["2026-11-21", "2026-11-21T00:00:00Z"],
    ["2026-11-21T14:00", "2026-11-21T14:00:00Z"],
    ["2026-11-21 14:00:30", "2026-11-21T14:00:30Z"],
    ["2026-11-21T14:00:00Z", "2026-11-21T14:00:00Z"],
    ["2026-11-21T14:00:00+02:00", "2026-11-21T12:00:00Z"],
    ["2026-11-21T14:00:00.000-0330", "2026-11-21T17:30:00Z"],
  ] as const)
    assert.equal(utc(parseTime("--from", text, NOW)), expected, text);
  assert.equal(utc(parseTime("--to", "2026-11-21", NOW, true)), "2026-11-22T00:00:00Z");
  assert.equal(utc(parseTime("--to", "2026-11-21T14:00", NOW, true)), "2026-11-21T14:00:00Z");
  for (const text of [
    "",
    "yesterday",
    "2026",
    "2026-13-01",
    "2026-02-31",
    "21.11.2026",
    "2026-11-21T25:00",
    "-1d",
    "1 year",
  ])
    assert.throws(() => parseTime("--from", text, NOW), { code: "TIP_USAGE_INVALID" }, text);
});

test("progress has bytes, rate and time left; what an earlier run did counts in neither of the last two", () => {
  const state = { done: 3 * 2 ** 30, total: 4 * 2 ** 30, before: 2 ** 30, skipped: 2 ** 20, findings: 1234, file: "x" };
  assert.equal(
    renderProgress(state, 10_000),
    "hunting  [##################......] 75%  3.0 GiB of 4.0 GiB  205 MiB/s  5.0s left  1.0 MiB ruled out  1,234 findings",
  );
  assert.equal(
    renderProgress({ ...state, done: 0, before: 0, skipped: 0, findings: 0, total: 0 }, 0),
    "hunting  [........................] 0%  0 B of 0 B  0 B/s  0 findings",
  );
});
