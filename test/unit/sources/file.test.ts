import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { systemClock } from "../../../src/lib/clock.ts";
import { openStream } from "../../../src/lib/input-file.ts";
import { LineFile } from "../../../src/lib/line-file.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { FILE_START } from "../../../src/lib/place.ts";
import type { JsonValue } from "../../../src/model/json.ts";
import file from "../../../src/sources/file.ts";
import { SourceRun } from "../../support/source-run.ts";
import { tempDir } from "../../support/temp.ts";

async function read(t: TestContext, paths: readonly string[], checkpoint?: JsonValue): Promise<SourceRun> {
  const context = { name: "file", log: silentLog, clock: systemClock, cacheDir: tempDir(t) };
  const run = new SourceRun(await file.create(file.config.parse({ paths }), context), checkpoint);
  await run.end();
  return run;
}

test("files in the order given, patterns in the order of names, each file once", async (t) => {
  const folder = tempDir(t);
  for (const name of ["b.json", "a.json", "c.txt"]) writeFileSync(join(folder, name), `${name}\n`);
  const run = await read(t, [join(folder, "c.txt"), join(folder, "*.json"), join(folder, "a.json")]);
  assert.deepEqual(run.lines, ["c.txt", "a.json", "b.json"]);
  assert.equal(run.source.lag?.().bytes, 0);
});

test("gzip is told by its content, members are joined, a byte order mark and a missing last line end do not matter", async (t) => {
  const folder = tempDir(t);
  writeFileSync(join(folder, "1.json"), Buffer.concat([gzipSync("\ufeffone\ntw"), gzipSync("o\n")]));
  writeFileSync(join(folder, "2.gz"), "\ufeffthree\r\n\n\ufefffour");
  writeFileSync(join(folder, "3.json"), "");
  const run = await read(t, [join(folder, "*")]);
  assert.deepEqual(run.lines, ["one", "two", "three", "\ufefffour"]);
});

test("a damaged archive is noted and the next file is read", async (t) => {
  const folder = tempDir(t);
  writeFileSync(join(folder, "1.gz"), gzipSync("one\ntwo\nthr").subarray(0, -8));
  writeFileSync(join(folder, "2"), "four\n");
  const run = await read(t, [join(folder, "*")]);
  assert.deepEqual(run.lines, ["one", "two", "four"]);
  assert.match(run.rejected[0]!.reason, /after byte 8 of its content: unexpected end of file/);
  assert.equal(run.rejected[0]!.head.toString(), "thr");
  assert.equal(new Set(run.deliveries.map(({ range }) => range)).size, run.deliveries.length);
});

test("nothing there, nothing that matches and a folder are errors that say so", async (t) => {
  const folder = tempDir(t);
  mkdirSync(join(folder, "sub"));
  for (const [path, message] of [
    ["gone.json", /expected a file at .*gone\.json, found nothing there/],
    ["*.json", /expected files that match .*\*\.json, found none/],
    ["sub", /found a folder \(for all files in it: .*sub\/\*\*\)/],
  ] as const) {
    await assert.rejects(read(t, [join(folder, path)]), { code: "TIP_INPUT_INVALID", message });
  }
});

test("goes on in a renamed and packed copy; a file that changed is read again", async (t) => {
  const folder = tempDir(t);
  const path = join(folder, "a.json");
  const lines = Array.from({ length: 2_500 }, (_, n) => `line ${n}`);
  writeFileSync(path, `${lines.join("\n")}\n`);
  const checkpoint = (await read(t, [path])).deliveries[1]!.checkpoint;
  renameSync(path, join(folder, "b.json"));
  assert.deepEqual((await read(t, [join(folder, "*.json")], checkpoint)).lines, lines.slice(2_000));
  writeFileSync(path, gzipSync(`${lines.join("\n")}\n`));
  assert.deepEqual((await read(t, [path], checkpoint)).lines, lines.slice(2_000));
  writeFileSync(path, "another\n");
  assert.deepEqual((await read(t, [path], checkpoint)).lines, ["another"]);
});

test("a stream is read packed or not, and from a pipe that gives single bytes", async () => {
  for (const bytes of [Buffer.from("one\ntwo\n"), gzipSync("one\ntwo\n")]) {
    const script = `const b=Buffer.from("${bytes.toString("hex")}","hex");for(const x of b)process.stdout.write(Buffer.from([x]))`;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "ignore"] });
    const lines = await LineFile.resume(await openStream(child.stdout), FILE_START);
    const found: string[] = [];
    for (let batch = await lines!.next(); batch !== undefined; batch = await lines!.next()) {
      found.push(...batch.lines.map((line) => line.bytes.toString()));
    }
    await lines!.close();
    assert.deepEqual(found, ["one", "two"]);
  }
});
