import assert from "node:assert/strict";
import { test } from "node:test";
import { judged, median, type Row, told } from "../../../bench/figures.ts";
import { quotedRows } from "../../../bench/parts/elsewhere.ts";
import { updateResults } from "../../../bench/results.ts";

const ORDER = ["First", "Second"];
const section = (title: string, rows: readonly Row[], more?: string) => ({
  title,
  how: `How ${title} was measured.`,
  made: "2026-11-22 · a machine · commit abc1234",
  rows,
  ...(more === undefined ? {} : { more }),
});
const line = (text: string, start: string) => text.split("\n").find((each) => each.includes(start));

test("a section replaces the one of its title and leaves the others as they are, in the order given", () => {
  const second = updateResults("", [section("Second", [told("b", "2")])], { order: ORDER });
  const both = updateResults(second, [section("First", [told("a", "1")], "| x |\n|---|\n| y |")], { order: ORDER });
  assert.deepEqual(both.match(/^## .*$/gm), ["## The numbers to hold", "## First", "## Second"]);
  const again = updateResults(both, [section("Second", [told("b", "3")])], { order: ORDER });
  assert.equal(line(again, "| b |"), "| b | 3 |  |  |");
  assert.equal(line(again, "| a |"), "| a | 1 |  |  |");
  assert.match(again, /\| y \|/);
  assert.equal(again.match(/^# /gm)?.length, 1);
  assert.equal(updateResults(again, [section("Second", [told("b", "3")])], { order: ORDER }), again);
});

test("sections of other titles stay behind the others; a whole run drops them", () => {
  const before = "# Benchmark results\n\n## 1,000,000 indicators\nold\n";
  const part = updateResults(before, [section("First", [])], { order: ORDER });
  assert.deepEqual(part.match(/^## .*$/gm), ["## The numbers to hold", "## First", "## 1,000,000 indicators"]);
  const all = updateResults(part, [section("First", [])], { order: ORDER, whole: true });
  assert.doesNotMatch(all, /1,000,000/);
});

test("the first table takes what was measured now, keeps what stood there, and names what was not measured", () => {
  const first = updateResults("", [section("First", [judged("hook", 0.4, { least: 0.33 }, "hook")])], { order: ORDER });
  assert.equal(line(first, "| hook ÷ `/bin/true`"), "| hook ÷ `/bin/true`, runs/s: ≥ 0.33 × | 0.40 × | held | First |");
  assert.match(line(first, "| reading `.gz`") ?? "", /not measured here/);
  const next = updateResults(first, [section("Second", [judged("gz", 0.7, { least: 0.8 }, "gzip")])], { order: ORDER });
  assert.match(line(next, "| hook ÷ `/bin/true`") ?? "", /0\.40 × \| held \| First/);
  assert.match(line(next, "| reading `.gz`") ?? "", /0\.70 × \| \*\*missed\*\* \| Second/);
});

test("a cell cannot end its line or its cell", () => {
  const text = updateResults("", [section("First", [told("a|b\nc", "1")])], { order: ORDER });
  assert.equal(line(text, "a\\|b"), "| a\\|b c | 1 |  |  |");
});

test("bounds hold at the bound", () => {
  assert.equal(judged("x", 3, { least: 3 }).held, true);
  assert.equal(judged("x", 2.99, { least: 3 }).held, false);
  assert.equal(judged("x", 3, { most: 3 }).held, true);
  assert.equal(judged("x", Number.NaN, { most: 3 }).held, false);
});

test("the median is the middle, or the mean of the two", () => {
  assert.equal(median([9, 1, 5]), 5);
  assert.equal(median([4, 1, 3, 2]), 2.5);
});

test("rows of another results file are read with their verdicts", () => {
  const text = [
    "# Other",
    "| figure | measured | target | |",
    "|---|---|---|---|",
    "| with the recorded delays ÷ curl | 0.97 × | ≤ 1.3 × | held |",
    "| without delays | 3.5 × | ≤ 3 × | **missed** |",
    "| for scale | 1 s | | |",
  ].join("\n");
  assert.deepEqual(quotedRows(text, [["with the recorded", "sync-delayed"]]), [
    {
      name: "with the recorded delays ÷ curl",
      value: "0.97 ×",
      target: "≤ 1.3 ×",
      held: true,
      design: "sync-delayed",
    },
    { name: "without delays", value: "3.5 ×", target: "≤ 3 ×", held: false },
    { name: "for scale", value: "1 s", target: "", held: undefined },
  ]);
});
