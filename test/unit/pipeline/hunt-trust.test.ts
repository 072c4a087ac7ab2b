import assert from "node:assert/strict";
import { appendFileSync, closeSync, openSync, statSync, utimesSync, writeFileSync, writeSync } from "node:fs";
import { test } from "node:test";
import { alert, HOUR, ScanRig } from "../../support/scan-rig.ts";

/** Writes over what stands there. */
function overwrite(path: string, text: string, at: number): void {
  const file = openSync(path, "r+");
  writeSync(file, text, at);
  closeSync(file);
}

/** Passes the bound under which a growing file is compared whole, in stretches of 32 MiB. */
function writeLarge(path: string, first: string): void {
  const line = `{"x":"${"y".repeat(1000 * 1024)}"}\n`;
  writeFileSync(path, first);
  for (let n = 0; n < 75; n++) appendFileSync(path, line);
  appendFileSync(path, alert(2, "h2.example.com"));
}

test("a file that grew and was changed earlier on is not taken for one that only grew", async (t) => {
  const rig = await ScanRig.create(t);
  for (const written of ["now", "long ago"]) {
    // Neither its start nor its last line.
    const before = `{"x":"${"y".repeat(9000)}"}\n`;
    writeFileSync(rig.path, before + [2, 3].map((n) => alert(n, `h${n}.example.com`)).join(""));
    await rig.scan("x.org");
    assert.equal((await rig.scan("h9.example.com")).lines, 0);
    overwrite(rig.path, alert(2, "h9.example.com"), before.length);
    appendFileSync(rig.path, alert(4, "h4.example.com"));
    const time = new Date(Date.now() - 2 * HOUR);
    if (written === "long ago") utimesSync(rig.path, time, time);
    assert.deepEqual((await rig.scan("h9.example.com", { sketching: false })).found, ["2"], written);
    assert.deepEqual((await rig.scan("h9.example.com")).found, ["2"], written);
    assert.deepEqual((await rig.scan("h4.example.com")).found, ["4"], written);
  }
});

test("a large file that still grows is compared by samples, and whole once it is no longer written to", async (t) => {
  const rig = await ScanRig.create(t);
  writeLarge(rig.path, alert(1, "h1.example.com"));
  await rig.scan("x.org");
  const size = statSync(rig.path).size;
  overwrite(rig.path, "z", 5000);
  appendFileSync(rig.path, alert(3, "h3.example.com"));
  // Between the samples: what a growing file may hide.
  const grown = await rig.scan("h3.example.com");
  assert.deepEqual([grown.found, grown.lines, grown.skipped], [["3"], 1, size]);
  assert.equal((await rig.scan("h9.example.com")).lines, 0);
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 2 * HOUR });
  const later = await rig.scan("h9.example.com");
  assert.equal(later.lines, 78, "it is read again");
  assert.equal((await rig.scan("h9.example.com")).lines, 0);
});

test("a growing file that holds what it held is compared whole once, and its sketch kept", async (t) => {
  const rig = await ScanRig.create(t);
  writeLarge(rig.path, alert(1, "h1.example.com"));
  await rig.scan("x.org");
  appendFileSync(rig.path, alert(3, "h3.example.com"));
  await rig.scan("x.org");
  const last = () => [...rig.sketches().segments(rig.path)].at(-1);
  assert.equal(last()?.unchecked, true);
  t.mock.timers.enable({ apis: ["Date"], now: Date.now() + 2 * HOUR });
  assert.equal((await rig.scan("h9.example.com", { sketching: false })).lines, 78, "it cannot be relied on");
  assert.equal((await rig.scan("h9.example.com")).lines, 0);
  assert.equal(last()?.unchecked, undefined);
  assert.equal((await rig.scan("h9.example.com", { sketching: false })).lines, 0);
});

test("samples of a growing file: its start, and the last line of every stretch", async (t) => {
  const rig = await ScanRig.create(t);
  for (const place of ["start", "stretch"]) {
    writeLarge(rig.path, alert(1, "h1.example.com"));
    await rig.scan("x.org");
    const [first] = [...rig.sketches().segments(rig.path)].flatMap(({ stretches }) => stretches);
    const lastLine = first?.end.marks.at(-1)?.[0] ?? 0;
    overwrite(rig.path, alert(7, "h7.example.com"), place === "start" ? 0 : lastLine);
    appendFileSync(rig.path, alert(3, "h3.example.com"));
    assert.deepEqual((await rig.scan("h7.example.com")).found, ["7"], place);
  }
});
