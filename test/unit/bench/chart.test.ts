import assert from "node:assert/strict";
import { test } from "node:test";
import { renderChart } from "../../../bench/chart.ts";

const bars = [
  { name: "Ours", value: 100_000, ours: true },
  { name: "Another way", value: 1_000, ours: false },
  { name: "Slow", value: 0.5, ours: false },
];
const widths = (svg: string) =>
  [...svg.matchAll(/class="(?:ours|other)".*?width="([\d.]+)"/g)].map(([, width]) => Number(width));

test("bars are on a logarithmic scale: equal factors, equal lengths", () => {
  const svg = renderChart({
    title: "t",
    note: "n",
    bars: [10, 100, 1_000].map((value) => ({ name: "x", value, ours: false })),
  });
  const [first = 0, second = 0, third = 0] = widths(svg);
  assert.ok(Math.abs(second - first - (third - second)) < 0.2);
  assert.ok(first > 0);
});

test("every bar lies in the picture, with a label before and a value behind it", () => {
  const svg = renderChart({ title: "Alerts a second", note: "made here", bars });
  const [, width = "0", height = "0"] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg) ?? [];
  for (const [, x = "0", y = "0", wide = "0"] of svg.matchAll(
    /class="(?:ours|other)" x="([\d.]+)" y="([\d.]+)" width="([\d.-]+)"/g,
  )) {
    assert.ok(Number(wide) >= 0 && Number(x) + Number(wide) < Number(width) - 60, `${x} + ${wide}`);
    assert.ok(Number(y) < Number(height));
  }
  for (const text of ["Ours", "Another way", "Slow", "100,000", "1,000", "0.5"])
    assert.match(svg, new RegExp(`>${text}<`));
});

test("it explains itself and follows the reader's scheme", () => {
  const svg = renderChart({ title: "Alerts a second", note: "made here", bars });
  assert.match(svg, /^<svg [^>]*role="img" aria-labelledby="title desc">\n<title id="title">Alerts a second<\/title>/);
  assert.match(svg, /<desc id="desc">Ours: 100,000; Another way: 1,000; Slow: 0\.5<\/desc>/);
  assert.match(svg, /prefers-color-scheme:dark/);
});

test("names are escaped, also what XML cannot hold, and cut where they do not fit", () => {
  const name = `<b>"&'\u0000${"w".repeat(80)}`;
  const svg = renderChart({ title: "<t>", note: "&", bars: [{ name, value: 5, ours: false }] });
  assert.match(svg, /<title id="title">&lt;t&gt;<\/title>/);
  assert.match(svg, /&lt;b&gt;&quot;&amp;&#39;\ufffd/);
  assert.doesNotMatch(svg, /<b>|\u0000/);
  assert.match(svg, /w…<\/text>/);
});

test("what was not measured has no bar", () => {
  const svg = renderChart({ title: "t", note: "n", bars: [...bars, { name: "none", value: 0, ours: false }] });
  assert.equal(widths(svg).length, bars.length);
  assert.match(svg, /not measured/);
});
