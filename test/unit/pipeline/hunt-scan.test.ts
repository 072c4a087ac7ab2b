import assert from "node:assert/strict";
import { appendFileSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { alert, HOUR, ScanRig, START } from "../../support/scan-rig.ts";

test("a second look leaves out what cannot be in the file, and finds what can", async (t) => {
  const rig = await ScanRig.create(t);
  writeFileSync(rig.path, [1, 2, 3].map((n) => alert(n, `h${n}.example.com`)).join(""));
  const first = await rig.scan("h2.example.com");
  assert.deepEqual([first.found, first.lines, first.skipped], [["2"], 3, 0]);
  const size = readFileSync(rig.path).length;
  assert.equal(first.bytes, size);
  const other = await rig.scan("h9.example.com");
  assert.deepEqual([other.found, other.lines, other.skipped, other.bytes], [[], 0, size, size]);
  assert.deepEqual((await rig.scan("example.com")).found, ["1", "2", "3"]);
});

test("a file that grows is read from where its sketch ends", async (t) => {
  const rig = await ScanRig.create(t);
  writeFileSync(rig.path, alert(1, "a.example.com"));
  await rig.scan("x.org");
  appendFileSync(rig.path, alert(2, "b.example.com"));
  const second = await rig.scan("b.example.com");
  assert.deepEqual([second.found, second.lines], [["2"], 1]);
  assert.deepEqual((await rig.scan("b.example.com")).found, ["2"]);
  assert.equal((await rig.scan("c.example.com")).lines, 0);
  // A line on its way is left for later, a whole one without its end is not.
  appendFileSync(rig.path, alert(3, "c.example.com").slice(0, 40));
  assert.deepEqual((await rig.scan("c.example.com")).found, []);
  appendFileSync(rig.path, alert(3, "c.example.com").slice(40).trimEnd());
  assert.deepEqual((await rig.scan("c.example.com")).found, ["3"]);
  appendFileSync(rig.path, `\n${alert(4, "d.example.com")}`);
  assert.deepEqual((await rig.scan("c.example.com")).found, ["3"]);
  assert.deepEqual((await rig.scan("d.example.com")).found, ["4"]);
});

test("a file that grows by a little many times does not get a sketch of crumbs", async (t) => {
  const rig = await ScanRig.create(t);
  for (let n = 0; n < 40; n++) {
    appendFileSync(rig.path, alert(n, `h${n}.example.com`));
    const { found, lines } = await rig.scan(`h${n}.example.com`);
    assert.deepEqual(found, [String(n)]);
    assert.ok(lines <= 41);
  }
  const stretches = [...rig.sketches().segments(rig.path)].flatMap((segment) => segment.stretches);
  assert.ok(stretches.length <= 9, `${stretches.length} stretches`);
  for (const n of [0, 17, 39]) assert.deepEqual((await rig.scan(`h${n}.example.com`)).found, [String(n)]);
});

test("a changed file is never taken for the one that was sketched", async (t) => {
  const rig = await ScanRig.create(t);
  const lines = [1, 2, 3].map((n) => alert(n, `h${n}.example.com`));
  const changes: Record<string, () => void> = {
    "another line of the same length": () =>
      writeFileSync(rig.path, [lines[0], alert(2, "hx.example.com"), lines[2]].join("")),
    "the same length and time": () => {
      const time = new Date(START);
      utimesSync(rig.path, time, time);
      writeFileSync(rig.path, [lines[0], alert(2, "hx.example.com"), lines[2]].join(""));
      utimesSync(rig.path, time, time);
    },
    "emptied and written anew": () => {
      truncateSync(rig.path);
      writeFileSync(rig.path, alert(2, "hx.example.com").repeat(9));
    },
    "another file": () => {
      rmSync(rig.path);
      writeFileSync(rig.path, [...lines, alert(2, "hx.example.com")].join(""));
    },
    shorter: () => writeFileSync(rig.path, alert(2, "hx.example.com")),
  };
  for (const [what, change] of Object.entries(changes)) {
    rmSync(rig.sketchDir, { recursive: true, force: true });
    writeFileSync(rig.path, lines.join(""));
    await rig.scan("x.org");
    assert.equal((await rig.scan("hx.example.com")).lines, 0, what);
    change();
    const { found } = await rig.scan("hx.example.com");
    assert.ok(found.length > 0 && found.every((id) => id === "2"), `${what}: ${found}`);
  }
});

test("compressing a file keeps its sketch", async (t) => {
  const rig = await ScanRig.create(t);
  const content = [1, 2, 3].map((n) => alert(n, `h${n}.example.com`)).join("");
  writeFileSync(rig.path, content);
  await rig.scan("x.org");
  writeFileSync(`${rig.path}.gz`, gzipSync(content));
  rmSync(rig.path);
  const compared = await rig.scan("h9.example.com", { packed: true });
  assert.deepEqual([compared.lines, compared.skipped], [0, content.length]);
  assert.deepEqual((await rig.scan("h3.example.com", { packed: true })).found, ["3"]);
  // Other content under the packed name is noticed.
  writeFileSync(`${rig.path}.gz`, gzipSync(content.replace("h2.ex", "h9.ex")));
  assert.deepEqual((await rig.scan("h9.example.com", { packed: true })).found, ["2"]);
});

test("a stretch in which nothing was seen is left out like any other", async (t) => {
  const rig = await ScanRig.create(t);
  writeFileSync(rig.path, '{"timestamp":"2026-11-20T10:00:00.000+0000","x":1}\n');
  assert.equal((await rig.scan("a.example.com")).lines, 1);
  assert.equal((await rig.scan("a.example.com")).lines, 0);
});

test("stretches of another time are left out; an alert that does not say its time is in every one", async (t) => {
  const rig = await ScanRig.create(t);
  writeFileSync(rig.path, [1, 2].map((n) => alert(n, `h${n}.example.com`)).join(""));
  await rig.scan("x.org");
  assert.equal((await rig.scan("h1.example.com", { to: START })).lines, 0);
  assert.equal((await rig.scan("h1.example.com", { from: START + 3 * HOUR })).lines, 0);
  assert.equal((await rig.scan("h1.example.com", { from: START + HOUR, to: START + 2 * HOUR })).lines, 2);
  appendFileSync(rig.path, '{"id":"9","data":{"dns":{"question":{"name":"h9.example.com"}}}}\n');
  await rig.scan("x.org");
  assert.deepEqual((await rig.scan("h9.example.com", { to: START })).found, ["9"]);
});

test("sketches of another version, damaged ones and an unwritable folder cost time only", async (t) => {
  const rig = await ScanRig.create(t);
  writeFileSync(rig.path, alert(1, "a.example.com"));
  await rig.scan("x.org");
  rig.version = "2";
  assert.equal((await rig.scan("b.example.com")).lines, 1);
  assert.equal((await rig.scan("b.example.com")).lines, 0);
  const { readdirSync } = await import("node:fs");
  for (const name of readdirSync(rig.sketchDir).filter((each) => each.endsWith(".sketch"))) {
    const path = join(rig.sketchDir, name);
    const bytes = readFileSync(path);
    bytes[bytes.length - 3]! ^= 0x40;
    writeFileSync(path, bytes);
  }
  assert.deepEqual((await rig.scan("a.example.com")).found, ["1"]);
  assert.deepEqual((await rig.scan("a.example.com", { sketches: undefined })).found, ["1"]);
});

test("sketches can be used without being made", async (t) => {
  const rig = await ScanRig.create(t);
  writeFileSync(rig.path, alert(1, "a.example.com"));
  assert.equal((await rig.scan("b.example.com", { sketching: false })).lines, 1);
  assert.equal((await rig.scan("b.example.com", { sketching: false })).lines, 1);
  await rig.scan("b.example.com");
  assert.equal((await rig.scan("b.example.com", { sketching: false })).lines, 0);
  appendFileSync(rig.path, alert(2, "b.example.com"));
  assert.deepEqual((await rig.scan("b.example.com", { sketching: false })).found, ["2"]);
  const time = new Date(START);
  utimesSync(rig.path, time, time);
  assert.deepEqual((await rig.scan("a.example.com", { sketching: false })).found, ["1"]);
});

test("a broken archive gives what can be unpacked, then says so, every time", async (t) => {
  const rig = await ScanRig.create(t);
  const content = Array.from({ length: 3000 }, (_, n) => alert(n, `h${n}.example.com`)).join("");
  const packed = gzipSync(content);
  writeFileSync(`${rig.path}.gz`, packed.subarray(0, packed.length - 2000));
  for (let look = 0; look < 2; look++) {
    const { found, error } = await rig.scan("h7.example.com", { packed: true });
    assert.deepEqual(found, ["7"]);
    assert.match(String(error), /unexpected end of file/);
  }
});

test("huge lines and lines that are no alerts are counted, and the others found", async (t) => {
  const rig = await ScanRig.create(t);
  writeFileSync(
    rig.path,
    `${alert(1, "a.example.com")}{"x":"${"y".repeat(3 * 2 ** 20)}"}\nnot json\n\n[1]\n${alert(2, "a.example.com")}`,
  );
  const seen = await rig.scan("a.example.com");
  assert.deepEqual([seen.found, seen.refused, seen.lines], [["1", "2"], 3, 5]);
});

test("a scan goes on from a place, and not where the content before it has changed", async (t) => {
  const rig = await ScanRig.create(t);
  const lines = Array.from({ length: 2500 }, (_, n) => alert(n, `h${n % 7}.example.com`));
  writeFileSync(rig.path, lines.slice(0, 1500).join(""));
  const { place } = await rig.scan("x.org", { sketches: undefined });
  assert.ok(place);
  appendFileSync(rig.path, lines.slice(1500).join(""));
  for (const sketches of [undefined, rig.sketches()]) {
    const rest = await rig.scan("h1.example.com", { start: place, sketches });
    assert.deepEqual([rest.lines, rest.again, rest.found[0]], [1000, false, "1506"]);
  }
  writeFileSync(rig.path, lines.toReversed().join(""));
  const anew = await rig.scan("h1.example.com", { start: place, sketches: undefined });
  assert.deepEqual([anew.again, anew.lines], [true, 2500]);
});
