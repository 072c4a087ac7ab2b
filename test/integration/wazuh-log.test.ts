import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { JsonValue } from "../../src/model/json.ts";
import file from "../../src/sources/file.ts";
import alerts from "../../src/sources/wazuh-alerts.ts";
import { sharedOrSkip } from "../support/shared.ts";
import { SourceRun } from "../support/source-run.ts";
import { tempDir } from "../support/temp.ts";
import { WazuhFiles } from "../support/wazuh-files.ts";

const digest = (lines: readonly string[]) => createHash("sha256").update(lines.join("\n")).digest("hex");

test("recorded alerts, written while the files rotate and the reader restarts: counts and bytes balance", async (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const lines = readFileSync(join(shared, "data/wazuh/alerts.ndjson"), "utf8").trimEnd().split("\n");
  const folder = tempDir(t);
  const files = new WazuhFiles(join(folder, "logs"));
  t.after(() => files.close());
  const context = { name: "wazuh", log: silentLog, clock: systemClock, cacheDir: folder };
  const start = (checkpoint?: JsonValue) =>
    new SourceRun(
      alerts.create(alerts.config.parse({ path: files.path, start: "beginning" }), context) as never,
      checkpoint,
    );
  let run = start();
  // A follower that is left running would keep the test process alive after a failure.
  t.after(() => run.stop());
  const got: string[] = [];
  let checkpoint: JsonValue | undefined;
  for (const [index, line] of lines.entries()) {
    const cut = line.length >> 1;
    files.appendTorn(line.slice(0, cut));
    if (index % 50 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    files.appendTorn(`${line.slice(cut)}\n`);
    if (index % 173 === 172) files.rotateSize();
    if (index % 401 === 400) {
      const ended = files.day;
      files.rotateMidnight(1 + (index % 2));
      await run.until("the ended day", () => got.length + run.lines.length > index);
      files.compressDay(ended);
    }
    if (index % 257 === 256) {
      await run.stop();
      got.push(...run.lines);
      checkpoint = run.checkpoint() ?? checkpoint;
      run = start(checkpoint);
    }
  }
  await run.until("the rest", () => got.length + run.lines.length >= lines.length);
  await run.stop();
  got.push(...run.lines);
  assert.equal(got.length, lines.length);
  assert.equal(digest([...got].sort()), digest([...lines].sort()));

  const packed = await file.create(file.config.parse({ paths: [join(files.root, "2*/**/*.json*")] }), context);
  const again = new SourceRun(packed);
  await again.end();
  const ofFiles = again.lines.filter((line) => line.startsWith("{"));
  assert.equal(digest([...ofFiles].sort()), digest([...lines].sort()));
});
