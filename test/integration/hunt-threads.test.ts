import assert from "node:assert/strict";
import { appendFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as rest } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { LINE_LIMIT } from "../../src/lib/lines.ts";
import type { CanonicalValue } from "../../src/model/observable.ts";
import { type Hunted, type HuntRig, huntRig, sketchFiles } from "../support/hunt-rig.ts";
import { indicatorOf, matchingAlert, quietAlert } from "../support/independent-count-alerts.ts";
import { event, reported } from "../support/indicators.ts";

const START = Date.UTC(2026, 9, 1);
const INDICATORS = 12;
const SMALL = 150_000;

const at = (n: number) => ({ time: START + n * 1000, agent: n % 9 });
const good = (n: number) => matchingAlert(n % INDICATORS, at(n));
const clean = (n: number) => quietAlert(n, at(n));
const mixed = (count: number, share = 10, from = 0) =>
  Array.from({ length: count }, (_, n) => (n % share === 3 ? good(from + n) : clean(from + n)));
const bytesOf = (lines: readonly (string | Buffer)[], end = "\n") =>
  Buffer.concat(lines.flatMap((line) => [Buffer.from(line as string), Buffer.from(end)]));
const padded = (line: string, bytes: number) => `${line.slice(0, -1)},"pad":"${"x".repeat(bytes)}"}`;

function rig(t: TestContext): Promise<HuntRig> {
  return huntRig(
    t,
    Array.from({ length: INDICATORS }, (_, n) =>
      reported({ type: "domain", pattern: "subdomains", value: indicatorOf(n) as CanonicalValue }, "list", event(n), n),
    ),
  );
}

/** Files of every kind, in the order in which they are hunted. */
function writeFiles(dir: string): readonly string[] {
  const letters = [
    ...mixed(30),
    "",
    "\r",
    "not an alert",
    `${good(31)}\r`,
    good(32).slice(0, -5),
    "[1]",
    Buffer.from([0x7b, 0xff, 0x7d]),
    `${padded(good(33), LINE_LIMIT)}`,
    padded(clean(34), 900_000),
    padded(good(35), 300_000),
    `{"x":"${"y".repeat(2.5 * LINE_LIMIT)}"}`,
    good(36),
    "",
    "",
  ];
  const packed = gzipSync(bytesOf(mixed(3000, 10, 1000)));
  const contents: readonly (readonly [string, Buffer | undefined])[] = [
    ["plain.json", bytesOf(mixed(1500))],
    ["packed.json.gz", packed],
    ["letters.json", bytesOf(letters)],
    ["more letters.json.gz", gzipSync(bytesOf([...letters].reverse()))],
    ["torn.json.gz", gzipSync(bytesOf(mixed(4000, 7, 5000))).subarray(0, -3000)],
    ["no gzip at all.json.gz", Buffer.concat([packed.subarray(0, 10), Buffer.alloc(500, 7)])],
    ["missing.json", undefined],
    ["empty.json", Buffer.alloc(0)],
    ["blank.json", Buffer.from("\n".repeat(400_000))],
    ["no end.json", bytesOf(mixed(300, 3, 9000)).subarray(0, -1)],
    ["half a line.json", Buffer.concat([bytesOf(mixed(200, 9, 9500)), Buffer.from('{"a":')])],
    ["a long last line.json", Buffer.concat([bytesOf(mixed(20)), Buffer.from(padded(good(7), 3 * LINE_LIMIT))])],
    ["carriage returns.json", bytesOf(mixed(500, 20, 11_000), "\r\n")],
    ["a mark first.json", Buffer.concat([Buffer.from("\ufeff"), bytesOf(mixed(200, 4, 12_000))])],
    ["blank end.json", Buffer.concat([bytesOf(mixed(100, 8, 13_000)), Buffer.from("\n".repeat(500_000))])],
    // What stands in two files counts once, in the first.
    ["again.json", bytesOf(mixed(1500))],
  ];
  return contents.map(([name, content]) => {
    const path = join(dir, name);
    if (content !== undefined) writeFileSync(path, content);
    return path;
  });
}

/** Of the same hunt; what is said of how it was done may differ. */
function same(found: Hunted, expected: Hunted, what: string, died = false): void {
  assert.equal(found.said.length > 0, died, `${what}: ${found.said.join()}`);
  assert.deepEqual(found.lines, expected.lines, what);
  assert.deepEqual(found.delivered, expected.delivered, what);
  assert.deepEqual(found.rows, expected.rows, what);
  assert.deepEqual(found.counts, expected.counts, what);
}

test("threads give what one thread gives: findings, their order, summary, counts, troubles", async (t) => {
  const line = await rig(t);
  const files = writeFiles(line.dir);
  const expected = await line.hunt(files);
  assert.ok(expected.lines.length > 700, `${expected.lines.length} findings`);
  assert.equal(expected.counts.troubles.length, 3, expected.counts.troubles.join("\n"));
  assert.ok(expected.counts.refused > 8);
  assert.equal(expected.counts.refusals.length, 3);
  for (const threads of [1, 2])
    for (const partBytes of [SMALL, 5_000_000]) {
      const found = await line.hunt(files, { threads, tuning: { partBytes } });
      same(found, expected, `${threads} threads, parts of ${partBytes}`);
    }
  const narrow = { window: { from: START + 60_000, to: START + 5_400_000 }, minScore: 1, benign: false };
  const some = await line.hunt(files, narrow);
  assert.ok(some.lines.length > 0 && some.lines.length < expected.lines.length);
  same(await line.hunt(files, { ...narrow, threads: 2, tuning: { partBytes: SMALL } }), some, "a window");
  const none = await line.hunt(files, { newSince: START + 10 ** 12 });
  same(await line.hunt(files, { newSince: START + 10 ** 12, threads: 2 }), none, "new ones");
});

test("sketches: threads make those that one thread makes, and leave out what it leaves out", async (t) => {
  const line = await rig(t);
  const files = writeFiles(line.dir);
  // One seed for all.
  await line.hunt([], { home: "one" });
  for (const name of ["two", "three"]) cpSync(join(line.dir, "one"), join(line.dir, name), { recursive: true });
  const first = await line.hunt(files, { home: "one" });
  for (const [home, threads] of [
    ["two", 1],
    ["three", 2],
  ] as const) {
    same(await line.hunt(files, { home, threads }), first, `${threads} threads`);
    assert.equal(Object.keys(sketchFiles(join(line.dir, home))).length > 10, true);
  }
  const again = await line.hunt(files, { home: "one" });
  assert.ok(again.counts.skipped > 0, "some of it is ruled out");
  for (const [home, threads] of [
    ["one", 2],
    ["two", 0],
    ["three", 1],
  ] as const)
    same(await line.hunt(files, { home, threads, tuning: { partBytes: SMALL } }), again, `${home}, ${threads} threads`);
  // Files that grew, or came, since: sketches are used and not made.
  appendFileSync(files[0] as string, bytesOf(mixed(300, 4, 20_000)));
  writeFileSync(join(line.dir, "new.json"), bytesOf(mixed(1000, 4, 30_000)));
  const more = [...files, join(line.dir, "new.json")];
  const used = await line.hunt(more, { home: "one", sketching: false });
  same(
    await line.hunt(more, { home: "one", sketching: false, threads: 2, tuning: { partBytes: SMALL } }),
    used,
    "used only",
  );
});

test("the sketches of threads are byte for byte those of one thread", async (t) => {
  const line = await rig(t);
  const files = writeFiles(line.dir);
  // Without checkpoints, at which a sketch is cut.
  const sketchesOf = async (home: string, threads: number) => {
    await line.hunt(files, { home, threads, checkpoints: false });
    return sketchFiles(join(line.dir, home));
  };
  await line.hunt([], { home: "one" });
  cpSync(join(line.dir, "one"), join(line.dir, "two"), { recursive: true });
  const expected = await sketchesOf("one", 0);
  assert.ok(Object.keys(expected).length > 10);
  assert.deepEqual(await sketchesOf("two", 2), expected);
});

test("interrupted and gone on with, again and again, by other numbers of threads", async (t) => {
  const line = await rig(t);
  const files = writeFiles(line.dir);
  const tuning = { partBytes: SMALL };
  for (const sketching of ["neither", true] as const) {
    const whole = await line.hunt(files, { home: `whole ${sketching}`, sketching });
    for (const numbers of [[2], [0, 2, 1]]) {
      const home = `broken off ${sketching} ${numbers.join()}`;
      let interruptions = 0;
      const goOn = () => {
        const threads = numbers[interruptions % numbers.length] as number;
        return line.hunt(files, { home, threads, steps: 4 + (interruptions % 3) * 4, tuning, sketching });
      };
      let found = await goOn();
      for (; found.counts.interrupted && interruptions < 60; interruptions++) found = await goOn();
      assert.ok(interruptions > 2, `${interruptions} interruptions`);
      assert.deepEqual(found.said, []);
      assert.deepEqual(found.lines, whole.lines, home);
      assert.deepEqual(found.rows, whole.rows, home);
      assert.equal(found.counts.delivered, whole.counts.delivered, home);
      assert.equal(found.counts.bytes, whole.counts.bytes, home);
      // What a thread had sketched ahead may be ruled out instead of being read again.
      const { refusals: _, ...counts } = found.counts;
      const { refusals, ...expected } = whole.counts;
      if (sketching === "neither") assert.deepEqual(counts, expected, home);
    }
  }
});

test("what a thread dies over is read all the same, and said", async (t) => {
  const line = await rig(t);
  const files = writeFiles(line.dir);
  const expected = await line.hunt(files);
  const built = import.meta.url.endsWith(".js") ? "js" : "ts";
  for (const name of [`../support/dying-hunt-worker.${built}`, "./there-is-none.js"]) {
    const entry = new URL(name, import.meta.url);
    const found = await line.hunt(files, { threads: 2, tuning: { partBytes: SMALL, entry } });
    same(found, expected, name, true);
    assert.ok(found.said.every((words) => words === "a thread that hunts died; what it read is read in the main one"));
  }
});

test("a thread that is killed in the middle of its work", async (t) => {
  const line = await rig(t);
  const files = writeFiles(line.dir);
  const expected = await line.hunt(files, { home: "whole" });
  const built = import.meta.url.endsWith(".js") ? "js" : "ts";
  const entry = new URL(`../support/killed-hunt-worker.${built}`, import.meta.url);
  for (const over of [{}, { home: "killed" }, { home: "used", sketching: false }]) {
    const found = await line.hunt(files, { ...over, threads: 2, tuning: { partBytes: SMALL, entry } });
    assert.ok(found.said.length > 0);
    assert.deepEqual(found.lines, expected.lines);
    assert.deepEqual(found.rows, expected.rows);
    if (over.home !== "killed") assert.deepEqual(found.counts, expected.counts);
  }
});

test("what is found before its turn is held up to a bound, and who takes slowly holds up everything", async (t) => {
  const line = await rig(t);
  mkdirSync(join(line.dir, "many"));
  const files = Array.from({ length: 8 }, (_, n) => {
    const path = join(line.dir, `many/${n}.json.gz`);
    writeFileSync(path, gzipSync(bytesOf(mixed(2500, 2, n * 10_000))));
    return path;
  });
  const expected = await line.hunt(files);
  let lines = 0;
  const slowly = async () => {
    if (++lines % 500 === 0) await rest(5);
  };
  for (const heldBytes of [1, 300_000])
    same(await line.hunt(files, { threads: 2, tuning: { heldBytes }, onLine: slowly }), expected, `${heldBytes} held`);
});
