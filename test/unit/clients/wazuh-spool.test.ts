import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { SpoolFollower } from "../../../src/clients/wazuh-spool.ts";
import { lookInto, readEntry, removeEntry } from "../../../src/clients/wazuh-spool-files.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { silentLog } from "../../../src/lib/log.ts";
import type { JsonValue } from "../../../src/model/json.ts";
import { SourceRun } from "../../support/source-run.ts";
import { tempDir } from "../../support/temp.ts";

const NAME = "custom-tipline-1795297550-77.alert";

function start(t: TestContext, source: SpoolFollower, checkpoint?: JsonValue): SourceRun {
  const run = new SourceRun(source, checkpoint);
  t.after(() => run.stop());
  return run;
}

function open(t: TestContext) {
  const path = join(tempDir(t), "spool");
  mkdirSync(path);
  // The time stands, so that a file is as old as it was made, however long the test takes to come to it.
  const now = Date.now();
  const clock = { ...systemClock, now: () => now };
  const follower = () => new SpoolFollower({ path, clock, log: silentLog, pollMs: 5 });
  /** `age` in seconds. */
  const put = (name: string, text: string, age = 0) => {
    const part = join(path, `.part-${name}`);
    writeFileSync(part, text);
    const at = new Date(now - age * 1000);
    utimesSync(part, at, at);
    renameSync(part, join(path, name));
  };
  return { path, now, follower, put, left: () => readdirSync(path).sort() };
}

test("files are removed when their delivery is durable, and not before", async (t) => {
  const { follower, put, left } = open(t);
  put(`${NAME}.1`, '{"n":1}\n');
  const source = follower();
  const run = start(t, source);
  await run.until("the alert", () => run.lines.length === 1);
  assert.deepEqual(left(), [`${NAME}.1`]);
  await source.committed(run.deliveries[0] ?? {});
  assert.deepEqual(left(), []);
  assert.deepEqual(source.lag(), { files: 0, bytes: 0, seconds: 0 });
  await run.stop();
});

test("after a crash between the commit and the removal nothing comes twice, and the file goes", async (t) => {
  const { follower, put, left } = open(t);
  put(`${NAME}.1`, '{"n":1}\n', 2);
  const before = start(t, follower());
  await before.until("the alert", () => before.lines.length === 1);
  await before.stop();
  put(`${NAME}.2`, '{"n":2}\n');
  const after = start(t, follower(), before.checkpoint());
  await after.until("the other alert", () => after.lines.length === 1);
  assert.deepEqual(after.lines, ['{"n":2}']);
  assert.deepEqual(left(), [`${NAME}.2`]);
  await after.stop();
});

test("after a crash before the commit the same delivery comes again under the same range", async (t) => {
  const { follower, put } = open(t);
  for (let n = 0; n < 5; n += 1) put(`${NAME}.${n}`, `{"n":${n}}\n`, 10 - n);
  const first = start(t, follower());
  const again = start(t, follower());
  for (const run of [first, again]) await run.until("all", () => run.lines.length === 5);
  assert.deepEqual(again.deliveries, first.deliveries);
  await first.stop();
  await again.stop();
});

test("another file under a name that was taken is neither removed nor left out", async (t) => {
  const { follower, put, left } = open(t);
  put("a", '{"n":1}\n', 3);
  const source = follower();
  const run = start(t, source);
  await run.until("the first", () => run.lines.length === 1);
  put("a", '{"n":2}\n');
  await source.committed(run.deliveries[0] ?? {});
  assert.deepEqual(left(), ["a"]);
  await run.until("the second", () => run.lines.length === 2);
  assert.deepEqual(run.lines, ['{"n":1}', '{"n":2}']);
  await run.stop();
});

test("order is that of arrival, whatever names and clocks say", async (t) => {
  const { follower, put } = open(t);
  put("z.alert.9", '{"n":2}\n', 100);
  put("a.alert.3", '{"n":3}\n', -3600);
  put("m.alert.1", '{"n":1}\n', 86_400);
  const run = start(t, follower());
  await run.until("all", () => run.lines.length === 3);
  assert.deepEqual(run.lines, ['{"n":1}', '{"n":2}', '{"n":3}']);
  await run.stop();
});

test("what is no alert is rejected with its reason and removed", async (t) => {
  const { follower, put, left } = open(t);
  put("empty.alert.1", "", 60);
  put("newline.alert.2", "\n", 50);
  put("form.alert.3", "alertdate='2026 Nov 21 21:45:50'\nalertlocation='vm->/var/log/auth.log'\nruleid='5710'", 40);
  put("large.alert.4", `${"x".repeat(1024 * 1024)}yz\r\n`, 30);
  put("torn.alert.5", '{"torn":', 20);
  const source = follower();
  const run = start(t, source);
  await run.until("all", () => run.rejected.length === 4 && run.lines.length === 1);
  assert.deepEqual(
    run.rejected.map(({ length, reason }) => [length, reason.slice(0, 60)]),
    [
      [0, "expected one alert, found an empty file"],
      [0, "expected one alert, found an empty file"],
      [84, "expected JSON, found integratord's key='value' form: every <"],
      [1_048_578, "expected an alert of at most 1048576 bytes, found 1048578"],
    ],
  );
  assert.equal(run.rejected[3]?.head.length, 65_536);
  assert.deepEqual(run.lines, ['{"torn":'], "left to whoever parses it: it says best what is wrong");
  for (const delivery of run.deliveries) await source.committed(delivery);
  assert.deepEqual(left(), []);
  await run.stop();
});

test("a file without its end is given a few seconds", async (t) => {
  const { path, now, follower, put } = open(t);
  put("young.alert.1", '{"n":');
  put("whole.alert.2", '{"n":2}');
  const run = start(t, follower());
  await run.until("the whole one", () => run.lines.length === 1);
  const old = new Date(now - 6_000);
  utimesSync(join(path, "young.alert.1"), old, old);
  await run.until("the other", () => run.lines.length === 2);
  assert.deepEqual(run.lines, ['{"n":2}', '{"n":']);
  await run.stop();
});

test("dot-names are not looked at, but what a killed hook left is taken after ten minutes", async (t) => {
  const { follower, put } = open(t);
  put(`.${NAME}.1`, '{"n":1}\n', 599);
  put(`.${NAME}.2`, '{"n":2}\n', 601);
  put(".copy", "", 9_999);
  put(".swp", '{"n":3}', 9_999);
  put("last.alert.1", '{"n":4}\n');
  const run = start(t, follower());
  await run.until("two", () => run.lines.length === 2);
  assert.deepEqual(run.lines, ['{"n":2}', '{"n":4}']);
  await run.stop();
});

test("links, folders and pipes are neither read nor removed, and it says so", async (t) => {
  const { path, follower, put, left } = open(t);
  const secret = join(tempDir(t), "secret");
  writeFileSync(secret, '{"secret":1}\n');
  symlinkSync(secret, join(path, `${NAME}.1`));
  symlinkSync("/dev/zero", join(path, `${NAME}.2`));
  mkdirSync(join(path, `${NAME}.3`));
  assert.equal(spawnSync("mkfifo", [join(path, `${NAME}.4`)]).status, 0);
  put(`${NAME}.5`, '{"n":5}\n');
  const source = follower();
  const run = start(t, source);
  await run.until("the alert", () => run.lines.length === 1);
  await source.committed(run.deliveries[0] ?? {});
  assert.equal(left().length, 4);
  assert.match(source.lag().trouble ?? "", /no regular file and is left alone: "custom-tipline/);
  await run.stop();
});

test("a file that becomes a link or another file between the look and the reading is not read", async (t) => {
  const { path, put } = open(t);
  put("a", '{"n":1}\n');
  const { entries } = await lookInto(path, Date.now());
  const [entry] = entries;
  assert.ok(entry);
  rmSync(entry.path);
  symlinkSync("/etc/passwd", entry.path);
  assert.deepEqual(await readEntry(entry, Date.now()), { kind: "gone" });
  rmSync(entry.path);
  assert.deepEqual(await readEntry(entry, Date.now()), { kind: "gone" });
  put("a", '{"n":2,"longer":true}\n');
  assert.ok(["gone", "later"].includes((await readEntry(entry, Date.now())).kind));
  assert.equal(await removeEntry(entry), undefined);
  assert.deepEqual(readdirSync(path), ["a"]);
});

test("an alert that two integration blocks handed over comes once", async (t) => {
  const { follower, put, left } = open(t);
  put(`${NAME}.100`, '{"n":1}\n', 3);
  put(`${NAME}.101`, '{"n":1}\n', 2);
  put(`${NAME}.205`, '{"n":2}\n', 1);
  const source = follower();
  const run = start(t, source);
  await run.until("both alerts", () => run.lines.length === 2);
  assert.deepEqual(run.lines, ['{"n":1}', '{"n":2}']);
  await source.committed(run.deliveries[0] ?? {});
  assert.deepEqual(left(), []);
  await run.stop();
});

test("the second copy of an alert is known after the first was delivered, and goes too", async (t) => {
  const { follower, put, left } = open(t);
  const source = follower();
  const run = start(t, source);
  put(`${NAME}.100`, '{"n":1}\n');
  await run.until("the first copy", () => run.deliveries.length === 1);
  put(`${NAME}.101`, '{"n":1}\n');
  await run.until("the second copy", () => run.deliveries.length === 2);
  put(`${NAME}.102`, '{"n":2}\n');
  await run.until("another alert under the name", () => run.lines.length >= 2);
  assert.deepEqual(run.lines, ['{"n":1}', '{"n":2}']);
  for (const delivery of run.deliveries) await source.committed(delivery);
  assert.deepEqual(left(), []);
  await run.stop();
});

test("a spool that is not there, comes, goes and comes again", async (t) => {
  const { path, follower, put } = open(t);
  rmSync(path, { recursive: true });
  const source = follower();
  const run = start(t, source);
  for (const n of [1, 2]) {
    await run.until("the trouble", () => /is not there; `tipline install/.test(source.lag().trouble ?? ""));
    mkdirSync(path);
    put(`a${n}`, `{"n":${n}}\n`);
    await run.until("the alert", () => run.lines.length === n);
    assert.equal(source.lag().trouble, undefined);
    rmSync(path, { recursive: true });
  }
  await run.stop();
});

test("files that cannot be removed are said, and removed when they can be", async (t) => {
  const { path, follower, put, left } = open(t);
  put(`${NAME}.1`, '{"n":1}\n');
  const source = follower();
  const run = start(t, source);
  await run.until("the alert", () => run.lines.length === 1);
  // A folder that is a link to itself: nothing in it can be removed, not even by root.
  renameSync(path, `${path}-away`);
  symlinkSync(path, path);
  await source.committed(run.deliveries[0] ?? {});
  assert.match(source.lag().trouble ?? "", /cannot be (removed|read)/);
  rmSync(path);
  renameSync(`${path}-away`, path);
  // A look that fell between comes upon the file once more: known, without a record, and committed like any other.
  let committed = 1;
  await run.until("the removal", () => {
    for (; committed < run.deliveries.length; committed++) void source.committed(run.deliveries[committed] ?? {});
    return left().length === 0;
  });
  await run.until("no trouble", () => source.lag().trouble === undefined);
  assert.equal(run.lines.length, 1);
  await run.stop();
});

test("a file that cannot be read holds nothing back", async (t) => {
  const { path, put } = open(t);
  put("a", '{"n":1}\n');
  const [entry] = (await lookInto(path, Date.now())).entries;
  assert.ok(entry);
  const read = await readEntry({ ...entry, path: join(entry.path, "below-a-file") }, Date.now());
  assert.equal(read.kind, "unreadable");
  assert.ok((await removeEntry({ ...entry, path: join(entry.path, "below-a-file") })) instanceof Error);
});

test("lag: files, their bytes and the age of the oldest, before anything was taken", async (t) => {
  const { follower, put } = open(t);
  for (let n = 0; n < 1_200; n += 1) put(`${NAME}.${n}`, '{"n":1234}\n', 7_200);
  const source = follower();
  const stop = new AbortController();
  for await (const { records } of source.read(undefined, stop.signal)) {
    assert.equal(records.length, 1);
    const { files, bytes, seconds = 0 } = source.lag();
    assert.deepEqual([files, bytes], [200, 200 * 11]);
    assert.ok(seconds >= 7_199 && seconds < 7_300, String(seconds));
    stop.abort();
  }
});

test("a backlog larger than one look goes by the seconds in the names", async (t) => {
  const { path } = open(t);
  for (let n = 0; n < 20_500; n += 1) {
    const second = 1_795_300_000 - Math.floor(n / 100);
    writeFileSync(join(path, `custom-tipline-${second}--${n}.alert.${n}`), "{}");
  }
  const { entries, files } = await lookInto(path, Date.now());
  assert.deepEqual([entries.length, files], [10_000, 20_500]);
  const kept = entries.map(({ name }) => Number(name.split("-")[2]));
  assert.equal(
    kept.reduce((a, b) => Math.max(a, b)),
    1_795_300_000 - 205 + 100,
  );
});

test("the hook's own notice that the disk is nearly full is passed on", async (t) => {
  const { follower, put } = open(t);
  put(".full", "");
  const source = follower();
  const run = start(t, source);
  await run.until("the trouble", () => /nearly full/.test(source.lag().trouble ?? ""));
  await run.stop();
});
