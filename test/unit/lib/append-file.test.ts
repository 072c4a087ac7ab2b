import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { type AppendFileOptions, createAppendFile } from "../../../src/lib/append-file.ts";
import { systemCode } from "../../../src/lib/errors.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { sleepClock } from "../../support/fake-clocks.ts";
import { tempDir } from "../../support/temp.ts";

const DAY = 86_400_000;

function setUp(t: TestContext, options: Partial<AppendFileOptions> = {}, now = Date.now()) {
  const folder = tempDir(t);
  const path = join(folder, "out.ndjson");
  const clock = sleepClock(now);
  const make = () => createAppendFile({ path, rotateDaily: false, keep: 3, sync: true, ...options }, clock, silentLog);
  const file = make();
  t.after(() => file.close());
  return { folder, path, clock, file, make, read: () => readFileSync(path, "utf8") };
}

const line = (n: number) => JSON.stringify({ n });

test("appends whole lines; what was there stays", async (t) => {
  const { path, file, read } = setUp(t);
  writeFileSync(path, "{}\n");
  assert.deepEqual(await file.append([line(1), line(2)]), { lines: 2 });
  assert.deepEqual(await file.append([]), { lines: 0 });
  assert.deepEqual(await file.append([line(3)]), { lines: 1 });
  assert.equal(read(), '{}\n{"n":1}\n{"n":2}\n{"n":3}\n');
});

test("a file that was moved, deleted or emptied by logrotate is made anew", async (t) => {
  const { path, file, read } = setUp(t);
  await file.append([line(1)]);
  renameSync(path, `${path}.1`);
  await file.append([line(2)]);
  assert.equal(read(), '{"n":2}\n');
  assert.equal(readFileSync(`${path}.1`, "utf8"), '{"n":1}\n');
  truncateSync(path);
  await file.append([line(3)]);
  assert.equal(read(), '{"n":3}\n');
});

test("rotates by size, before the limit is passed, and keeps the newest", async (t) => {
  const { folder, file, read, clock } = setUp(t, { rotateBytes: 20 });
  for (let n = 0; n < 14; n += 1) {
    await file.append([line(n)]);
    if (n === 9) clock.advance(1000);
  }
  assert.equal(read(), '{"n":12}\n{"n":13}\n');
  const rotated = readdirSync(folder)
    .filter((name) => name !== "out.ndjson")
    .sort();
  const contents = rotated.map((name) => readFileSync(join(folder, name), "utf8").split("\n")[0]);
  assert.deepEqual(contents, ['{"n":6}', '{"n":8}', '{"n":10}']);
});

test("rotation deletes only names of its own making", async (t) => {
  const { folder, path, file } = setUp(t, { rotateBytes: 1024, keep: 1 });
  const foreign = ["out.ndjson.1", "out.ndjson.20200101T000000Z-000.gz", "xout.ndjson.20200101T000000Z-000"];
  for (const name of foreign) writeFileSync(join(folder, name), "");
  writeFileSync(`${path}.20200101T000000Z-000`, "");
  await file.append(["x".repeat(1000)]);
  await file.append(["x".repeat(1000)]);
  const left = readdirSync(folder);
  for (const name of foreign) assert.ok(left.includes(name));
  assert.ok(!left.includes("out.ndjson.20200101T000000Z-000"));
  assert.equal(left.length, foreign.length + 2);
});

test("rotates with the first line of a UTC day, after a restart as well", async (t) => {
  const { folder, file, make, clock, read } = setUp(t, { rotateDaily: true });
  await file.append([line(1)]);
  await file.append([line(2)]);
  await file.close();
  clock.advance(DAY);
  const next = make();
  t.after(() => next.close());
  await next.append([line(3)]);
  assert.equal(read(), '{"n":3}\n');
  assert.equal(readdirSync(folder).length, 2);
});

test("a torn last line is cut off; one that is only not ended is ended", async (t) => {
  const rows: [string, string][] = [
    ['{"n":1}\n{"n":', '{"n":1}\n'],
    ['{"n":1}\n{"n":2}', '{"n":1}\n{"n":2}\n'],
    ['{"n":1}\n\0\0\0', '{"n":1}\n'],
    ["# a comment of somebody else", "# a comment of somebody else\n"],
    ['{"n', ""],
    ["", ""],
  ];
  for (const [before, after] of rows) {
    const { path, file, read } = setUp(t);
    writeFileSync(path, before);
    await file.append([line(9)]);
    assert.equal(read(), `${after}{"n":9}\n`);
  }
});

test("wherever a crash cut the file, every line stays readable and none is lost", async (t) => {
  const lines = Array.from({ length: 6 }, (_, n) => JSON.stringify({ n, text: 'é\n"{' }));
  const whole = `${lines.join("\n")}\n`;
  const { path, make, read } = setUp(t);
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 0, max: Buffer.byteLength(whole) }), async (cut) => {
      writeFileSync(path, Buffer.from(whole).subarray(0, cut));
      const file = make();
      await file.append(lines);
      await file.close();
      const found = read().split("\n");
      assert.equal(found.pop(), "");
      const numbers = found.map((text) => JSON.parse(text).n as number);
      assert.deepEqual([...new Set(numbers)], [0, 1, 2, 3, 4, 5]);
    }),
    { numRuns: 60 },
  );
});

test("what cannot be written is explained, and cured without a restart", async (t) => {
  const { folder, path, file, read } = setUp(t);
  mkdirSync(path);
  assert.match((await file.append([line(1)])).error?.message ?? "", /expected a regular file/);
  renameSync(path, join(folder, "away"));
  assert.deepEqual(await file.append([line(1)]), { lines: 1 });
  assert.equal(read(), '{"n":1}\n');

  const absent = createAppendFile(
    { path: join(folder, "no/x"), rotateDaily: false, keep: 1, sync: true },
    sleepClock(),
    silentLog,
  );
  const result = await absent.append([line(1)]);
  assert.equal(systemCode(result.error), "ENOENT");
  assert.match(result.error?.message ?? "", /folder does not exist/);
});

test("no permission is explained", (t) => {
  const { folder, path } = setUp(t);
  chmodSync(folder, process.getuid?.() === 0 ? 0o755 : 0o555);
  const output = inChild(
    `
    if (process.getuid() === 0) { process.setgroups([]); process.setgid(65534); process.setuid(65534); }
    print(await file.append(['{}']));
  `,
    path,
  );
  chmodSync(folder, 0o755);
  assert.match(output, /^0 EACCES: cannot write .*: Tipline's user may not write there/);
  assert.ok(!existsSync(path));
});

test("a disk that fills up: whole lines are counted and kept, the torn one is cut off, and the rest follows later", (t) => {
  const { path } = setUp(t);
  // A limit on the file's size cuts a write short just as a full disk does, and needs no disk.
  const output = inChild(
    `const lines = Array.from({ length: 40 }, (_, n) => JSON.stringify({ n, text: "x".repeat(60) }));
     const first = await file.append(lines);
     print(first);
     print(await file.append(lines.slice(first.lines)));`,
    path,
    "ulimit -f 2; trap '' XFSZ;",
  );
  assert.match(output, /^(\d+) EFBIG: .*\n0 EFBIG/);
  const lines = readFileSync(path, "utf8").split("\n");
  assert.equal(lines.pop(), "");
  assert.deepEqual(
    lines.map((text) => JSON.parse(text).n),
    Array.from({ length: Number.parseInt(output, 10) }, (_, n) => n),
  );
  assert.ok(lines.length > 0 && lines.length < 40);
});

test("an empty tail after a kill in the middle of appending is healed by the next process", (t) => {
  const { path } = setUp(t);
  appendFileSync(path, '{"n":0}\n{"n":');
  assert.match(inChild("print(await file.append(['{\"n\":1}']));", path), /^1/);
  assert.equal(readFileSync(path, "utf8"), '{"n":0}\n{"n":1}\n');
});

/** Runs `script` with `file` and `print` in a process of its own. */
function inChild(script: string, path: string, shell = ""): string {
  const url = (name: string) => JSON.stringify(new URL(`../../../src/lib/${name}${extension}`, import.meta.url).href);
  const source = `
    const { createAppendFile } = await import(${url("append-file")});
    const { systemClock } = await import(${url("clock")});
    const { silentLog } = await import(${url("log")});
    const file = createAppendFile({ path: ${JSON.stringify(path)}, rotateDaily: false, keep: 1, sync: true }, systemClock, silentLog);
    const print = ({ lines, error }) => console.log(lines, error?.message ?? "");
    ${script}`;
  const args = [...process.execArgv, "--input-type=module", "-e", source];
  const child = spawnSync("sh", ["-c", `${shell} exec "$0" "$@"`, process.execPath, ...args], {
    encoding: "utf8",
    env: { ...process.env, NODE_OPTIONS: "", NODE_TEST_CONTEXT: "", TSX_DISABLE_CACHE: "1" },
  });
  return child.stdout || child.stderr;
}

const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
