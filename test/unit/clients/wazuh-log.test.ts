import assert from "node:assert/strict";
import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type FollowerOptions, LogFollower } from "../../../src/clients/wazuh-log-follower.ts";
import { listDailyFiles } from "../../../src/clients/wazuh-log-tree.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLog } from "../../../src/lib/log.ts";
import type { JsonValue } from "../../../src/model/json.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { SourceRun } from "../../support/source-run.ts";
import { tempDir } from "../../support/temp.ts";
import { WazuhFiles, type WazuhFilesOptions } from "../../support/wazuh-files.ts";

function world(t: TestContext, options: WazuhFilesOptions = {}) {
  const files = new WazuhFiles(join(tempDir(t), "logs"), options);
  t.after(() => files.close());
  const clock = new ManualClock();
  const follow = (checkpoint?: JsonValue, extra: Partial<FollowerOptions> = {}) => {
    const tag = options.kind === "archives" ? "archive" : "alerts";
    const all = { path: files.path, tag, start: "beginning", clock, log: silentLog, pollMs: 10, ...extra } as const;
    const run = new SourceRun(new LogFollower(all), checkpoint);
    t.after(() => run.stop());
    return run;
  };
  return { files, clock, follow };
}

async function expectLines(run: SourceRun, lines: readonly string[]): Promise<void> {
  await run.until(lines.join(" "), () => run.lines.length >= lines.length);
  assert.deepEqual(run.lines, lines);
}

/** Reads `lines`, stops, and gives the checkpoint. */
async function readUpTo(run: SourceRun, lines: readonly string[]): Promise<JsonValue> {
  await expectLines(run, lines);
  await run.stop();
  return run.checkpoint()!;
}

const troubleOf = (run: SourceRun) => run.source.lag?.().trouble ?? "";

test("daily files come in the order of writing, the plain form before the archive", async (t) => {
  const { files } = world(t, { day: "2025-12-31" });
  files.rotateSize();
  files.rotateSize();
  files.rotateMidnight();
  files.compressDay("2025-12-31");
  files.rotateMidnight(31);
  writeFileSync(`${files.dayFile("2026-01-01")}.gz`, "half an archive");
  const listed = await listDailyFiles(files.root, "alerts");
  assert.deepEqual(
    listed.map(({ path }) => path.slice(files.root.length + 1)),
    [
      "2025/Dec/ossec-alerts-31.json.gz",
      "2025/Dec/ossec-alerts-31-001.json.gz",
      "2025/Dec/ossec-alerts-31-002.json.gz",
      "2026/Jan/ossec-alerts-01.json",
      "2026/Feb/ossec-alerts-01.json",
    ],
  );
  assert.deepEqual((await listDailyFiles(files.root, "alerts", "2026-01-15/000000")).length, 2);
});

test("without a checkpoint it begins at the end, at the beginning or at a day", async (t) => {
  const { files, follow } = world(t);
  files.appendLine("one");
  files.rotateMidnight(2);
  files.appendLine("two");
  files.appendTorn("thr");
  const runs = ["end", "beginning", "2026-11-21", "2026-11-20", "2027-01-01"].map((start) =>
    follow(undefined, { start }),
  );
  await Promise.all(runs.map((run) => run.until("the start", () => run.deliveries.length > 0)));
  files.appendTorn("ee\n");
  files.rotateMidnight();
  files.appendLine("four");
  const [end, beginning, day, dayBefore] = runs;
  await expectLines(end!, ["three", "four"]);
  await expectLines(beginning!, ["one", "two", "three", "four"]);
  await expectLines(day!, ["two", "three", "four"]);
  await expectLines(dayBefore!, ["one", "two", "three", "four"]);
});

test("the place where a start at the end began is kept, also when nothing was read", async (t) => {
  const { files, follow } = world(t);
  files.appendLine("old");
  const run = follow(undefined, { start: "end" });
  await run.until("the start", () => run.deliveries.length === 1);
  await run.stop();
  assert.deepEqual(run.lines, []);
  files.appendLine("while stopped");
  await expectLines(follow(run.checkpoint(), { start: "end" }), ["while stopped"]);
});

test("what is written before the first file is there is new, whatever the start", async (t) => {
  const root = join(tempDir(t), "logs");
  const options = { path: join(root, "alerts.json"), tag: "alerts", start: "end", log: silentLog, pollMs: 10 } as const;
  const run = new SourceRun(new LogFollower({ ...options, clock: new ManualClock() }));
  t.after(() => run.stop());
  await run.until("trouble", () => troubleOf(run).includes("is not there yet"));
  const files = new WazuhFiles(root);
  t.after(() => files.close());
  files.appendLine("first");
  await expectLines(run, ["first"]);
  await run.until("no trouble", () => troubleOf(run) === "");
});

test("a change wakes it: no poll is waited for", async (t) => {
  const { files, follow } = world(t);
  files.appendLine("one");
  const run = follow(undefined, { clock: systemClock, pollMs: 3_600_000 });
  await expectLines(run, ["one"]);
  files.appendLine("two");
  await expectLines(run, ["one", "two"]);
  files.rotateMidnight(30);
  files.appendLine("three");
  await expectLines(run, ["one", "two", "three"]);
  files.appendLine("four");
  await expectLines(run, ["one", "two", "three", "four"]);
});

test("late lines are read: while the file is open, after that, and when they were compressed meanwhile", async (t) => {
  const { files, clock, follow } = world(t);
  files.appendLine("one");
  const run = follow();
  await expectLines(run, ["one"]);
  files.rotateMidnight();
  files.appendLine("new day");
  await expectLines(run, ["one", "new day"]);
  files.appendLate("late 1");
  await expectLines(run, ["one", "new day", "late 1"]);
  clock.advance(61_000);
  files.appendLine("a minute on");
  await expectLines(run, ["one", "new day", "late 1", "a minute on"]);
  files.appendLate("late 2");
  const checkpoint = await readUpTo(run, ["one", "new day", "late 1", "a minute on", "late 2"]);
  files.appendLate("late 3");
  files.compressDay("2026-11-20");
  await expectLines(follow(checkpoint), ["late 3"]);
});

test("a line written to a file that is unlinked already is read through the open descriptor", async (t) => {
  const { files, follow } = world(t);
  files.appendLine("one");
  const run = follow();
  await expectLines(run, ["one"]);
  files.rotateMidnight();
  files.compressDay("2026-11-20");
  files.appendLate("too late for the archive");
  files.appendLine("two");
  await run.until("both", () => run.lines.length === 3);
  assert.deepEqual(new Set(run.lines), new Set(["one", "too late for the archive", "two"]));
});

test("a gap of several days is closed from archives, files of a size rotation included", async (t) => {
  const { files, follow } = world(t);
  files.appendLine("one");
  const checkpoint = await readUpTo(follow(), ["one"]);
  const lines: string[] = [];
  for (let day = 0; day < 5; day += 1) {
    for (const part of ["a", "b", "c"]) {
      lines.push(`day ${day}${part}`);
      files.appendLine(lines.at(-1)!);
      if (part !== "c") files.rotateSize();
    }
    const ended = files.day;
    files.rotateMidnight();
    files.compressDay(ended);
  }
  files.appendLine("today");
  await expectLines(follow(checkpoint), [...lines, "today"]);
});

test("a renamed copy is recognised by its content", async (t) => {
  const { files, follow } = world(t);
  for (const line of ["one", "two"]) files.appendLine(line);
  const checkpoint = await readUpTo(follow(), ["one", "two"]);
  files.appendLine("three");
  renameSync(files.current, files.dayFile("2026-11-19"));
  rmSync(files.path);
  files.rotateMidnight();
  files.appendLine("four");
  const run = follow(checkpoint);
  await expectLines(run, ["three", "four"]);
});

test("a file that is gone is said and the next one is read", async (t) => {
  const { files, follow } = world(t);
  files.appendLine("one");
  const checkpoint = await readUpTo(follow(), ["one"]);
  unlinkSync(files.current);
  files.rotateMidnight();
  files.appendLine("two");
  const run = follow(checkpoint);
  await expectLines(run, ["two"]);
  assert.match(troubleOf(run), /what followed byte 4 of 2026-11-20\/000000 is lost/);
});

test("an emptied file is read from its start, and what can be lost is said", async (t) => {
  const { files, follow } = world(t);
  files.appendLine("one");
  const run = follow();
  await expectLines(run, ["one"]);
  files.truncate();
  files.appendLine("a much longer line than the one before");
  await expectLines(run, ["one", "a much longer line than the one before"]);
  assert.match(troubleOf(run), /was emptied after byte 4; lines written after that and before the emptying are lost/);
  const checkpoint = run.checkpoint()!;
  await run.stop();
  files.truncate();
  files.appendLine("another");
  const again = follow(checkpoint);
  await expectLines(again, ["another"]);
  assert.match(troubleOf(again), /may be lost: it no longer holds what was read/);
});

test("copytruncate: the copy gives what was not read yet", async (t) => {
  const { files, follow } = world(t, { plain: true });
  files.appendLine("one");
  const checkpoint = await readUpTo(follow(), ["one"]);
  files.appendLine("two");
  copyFileSync(files.path, `${files.path}.1`);
  files.truncate();
  files.appendLine("three");
  await expectLines(follow(checkpoint), ["two", "three"]);
});

/** A line with a time in it: what tells the order of files whose own times say nothing. */
function at(name: string): string {
  const minute = ["one", "two", "three", "four", "five"].indexOf(name);
  return JSON.stringify({ timestamp: `2026-11-20T11:0${minute}:00.000+0000`, name });
}

test("a plain log is followed through renames, several at once and compressed ones, running or not", async (t) => {
  const { files, follow } = world(t, { plain: true });
  files.appendLine(at("one"));
  const run = follow();
  await expectLines(run, [at("one")]);
  files.rotateByRename();
  files.appendLine(at("two"));
  files.appendLate("late one");
  await run.until("three lines", () => run.lines.length === 3);
  const checkpoint = run.checkpoint()!;
  await run.stop();
  files.appendLine(at("three"));
  const old = files.rotateByRename();
  files.appendLine(at("four"));
  files.rotateByRename();
  files.appendLine(at("five"));
  writeFileSync(`${old}.gz`, gzipSync(readFileSync(old)));
  unlinkSync(old);
  const later = follow(checkpoint);
  await later.until("three lines", () => later.lines.length >= 3);
  assert.deepEqual(new Set(later.lines), new Set(["three", "four", "five"].map(at)));
});

test("an alerts.json that its folder's daily files do not belong to is followed alone", async (t) => {
  const { files, follow } = world(t);
  files.appendLine("of the tree");
  rmSync(files.path);
  writeFileSync(files.path, "of its own\n");
  await expectLines(follow(), ["of its own"]);
});

test("a damaged archive is noted, what it still gives is read, and the next file too", async (t) => {
  const { files, follow } = world(t);
  const lines = Array.from({ length: 3_000 }, (_, n) => `${n}:${Math.sin(n)}`);
  for (const line of lines) files.appendLine(line);
  const day = files.day;
  files.rotateMidnight();
  files.compressDay(day);
  const archive = `${files.dayFile(day)}.gz`;
  truncateSync(archive, readFileSync(archive).length >> 1);
  files.appendLine("next day");
  const run = follow();
  await run.until("the next day", () => run.lines.includes("next day"));
  assert.ok(run.lines.length > 1_000, `${run.lines.length} lines`);
  assert.deepEqual(run.lines.slice(0, -1), lines.slice(0, run.lines.length - 1));
  assert.match(run.rejected[0]!.reason, /found damage after byte \d+ of its content/);
});

test("a last line without its end counts when it is whole JSON, else it is rejected", async (t) => {
  const { files, clock, follow } = world(t);
  files.appendTorn('{"n":1}');
  files.rotateMidnight();
  files.appendTorn('{"n":');
  files.rotateMidnight();
  files.appendLine('{"n":3}');
  const run = follow();
  await run.until("the live line", () => run.lines.length === 1);
  clock.advance(61_000);
  await run.until("the torn ones", () => run.rejected.length === 1 && run.lines.length === 2);
  assert.deepEqual(run.lines.sort(), ['{"n":1}', '{"n":3}']);
  assert.match(run.rejected[0]!.reason, /expected a line end/);
  assert.equal(run.rejected[0]!.head.toString(), '{"n":');
});

test("a clock that was set back: the older file is read on, or read if it never was", async (t) => {
  const { files, follow } = world(t);
  files.appendLine("today");
  const run = follow();
  await expectLines(run, ["today"]);
  files.setDay("2027-01-01");
  files.appendLine("wrong year");
  await expectLines(run, ["today", "wrong year"]);
  files.setDay("2026-11-20");
  files.appendLine("today again");
  await expectLines(run, ["today", "wrong year", "today again"]);
  files.setDay("2026-11-22");
  files.appendLine("the day after");
  await expectLines(run, ["today", "wrong year", "today again", "the day after"]);
});

test("an unreadable file is said, waited for, and read once it can be", async (t) => {
  const { files, follow } = world(t);
  files.appendLine("one");
  // A folder in the file's place cannot be read as one, whoever tries: root reads what no one else may.
  const run = follow();
  await expectLines(run, ["one"]);
  const next = files.dayFile("2026-11-21");
  mkdirSync(next, { recursive: true });
  await run.until("trouble", () => troubleOf(run) !== "");
  assert.match(troubleOf(run), /EISDIR|illegal operation/);
  rmSync(next, { recursive: true });
  files.rotateMidnight();
  files.appendLine("two");
  await expectLines(run, ["one", "two"]);
  await run.until("no trouble", () => troubleOf(run) === "");
});

test("lag says bytes and the age of the last alert read", async (t) => {
  const { files, clock } = world(t);
  const line = (time: string) => JSON.stringify({ timestamp: time, pad: "x".repeat(900) });
  for (let n = 0; n < 3_000; n += 1) files.appendLine(line("2026-11-20T11:59:00.000+0000"));
  const follower = new LogFollower({ path: files.path, tag: "alerts", start: "beginning", clock, log: silentLog });
  const deliveries = follower.read(undefined, new AbortController().signal);
  await deliveries.next();
  clock.advance(1_000);
  await deliveries.next();
  const { bytes, seconds } = follower.lag();
  assert.equal(bytes, 2_000 * (line("2026-11-20T11:59:00.000+0000").length + 1));
  assert.equal(seconds, 61);
  await deliveries.return();
});

test("a checkpoint that is none is refused with what was found", async (t) => {
  const { files } = world(t);
  const follower = new LogFollower({
    path: files.path,
    tag: "alerts",
    start: "end",
    clock: systemClock,
    log: silentLog,
  });
  const signal = new AbortController().signal;
  for (const bad of [
    {},
    [],
    "x",
    7,
    { version: 2 },
    { version: 1, frontier: "", generations: 0, open: [{}], passed: [] },
  ]) {
    await assert.rejects(follower.read(bad, signal).next(), { code: "TIP_STATE_CORRUPT" });
  }
});
