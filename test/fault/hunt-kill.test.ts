import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { indicatorList, matchingAlert, quietAlert } from "../support/independent-count-alerts.ts";
import { tempDir } from "../support/temp.ts";

const DAYS = 4;
const LINES = 2_400;
const START = Date.UTC(2026, 9, 1);

interface Outcome {
  readonly step: number;
  readonly findings: readonly string[];
  readonly rows: readonly unknown[];
  readonly lines: number;
}

test("a hunt killed again and again gives what one run gives: findings, order and summary", async (t) => {
  const rig = await rigOf(t);
  const whole = await rig.run(0, "whole");
  assert.equal(whole?.findings.length, DAYS * LINES * 0.05);
  assert.ok((whole?.step ?? 0) > 8);
  for (const sketches of ["yes", "no"]) {
    const home = `killed-${sketches}`;
    let kills = 0;
    let last: Outcome | undefined;
    for (; last === undefined && kills < 60; kills++) last = await rig.run(2 + (kills % 3), home, sketches);
    assert.ok(kills > 3, `${kills} kills`);
    assert.deepEqual(without(last), without(whole));
    // Nothing of it is left: the same command is a new hunt.
    assert.deepEqual(without(await rig.run(0, home, sketches)), without(whole));
  }
});

test("a hunt in threads killed again and again gives what one run gives", async (t) => {
  const rig = await rigOf(t);
  const whole = await rig.run(0, "whole");
  for (const sketches of ["yes", "no"]) {
    const home = `killed-${sketches}`;
    let kills = 0;
    let last: Outcome | undefined;
    // The last one goes on in one thread.
    for (; last === undefined && kills < 60; kills++) last = await rig.run(4, home, sketches, kills < 3 ? "2" : "0");
    assert.ok(kills > 2, `${kills} kills`);
    assert.deepEqual([ids(last), last?.rows], [ids(whole), whole?.rows]);
    // What was sketched ahead is not read again.
    if (sketches === "no") assert.equal(last?.lines, whole?.lines);
  }
});

test("a file that is compressed, and one that grows, while the hunt is interrupted", async (t) => {
  const rig = await rigOf(t);
  assert.equal(await rig.run(7, "moved"), undefined);
  const first = rig.dayFile(1);
  writeFileSync(`${first}.gz`, gzipSync(rig.content(1)));
  rmSync(first);
  writeFileSync(rig.dayFile(DAYS), `${rig.content(DAYS)}${matchingAlert(3, { time: START + 9 * 86_400_000 })}\n`);
  const last = await rig.run(0, "moved");
  const fresh = await rig.run(0, "fresh");
  assert.deepEqual(last?.rows, fresh?.rows);
  assert.deepEqual(ids(last), ids(fresh));
});

test("state that is torn or damaged costs a beginning anew, never a wrong result", async (t) => {
  const rig = await rigOf(t);
  const whole = await rig.run(0, "whole");
  const { readdirSync } = await import("node:fs");
  for (const [name, damage] of [
    ["progress.json", (path: string) => writeFileSync(path, '{"findings":1,')],
    ["findings.ndjson", (path: string) => writeFileSync(path, "")],
    ["ids", (path: string) => renameSync(path, `${path}.gone`)],
  ] as const) {
    assert.equal(await rig.run(7, name), undefined);
    const folder = join(rig.home(name), "tipline/hunt/interrupted");
    const [job = ""] = readdirSync(folder);
    damage(join(folder, job, name));
    assert.deepEqual(without(await rig.run(0, name)), without(whole), name);
  }
});

/** Every cache has a generation of its own. */
function ids(outcome: Outcome | undefined) {
  return outcome?.findings.map((line) => JSON.parse(line).data.misp.finding_id as string);
}

function without(outcome: Outcome | undefined) {
  return outcome && { findings: ids(outcome), rows: outcome.rows, lines: outcome.lines };
}

async function rigOf(t: TestContext) {
  const dir = tempDir(t);
  const folder = join(dir, "logs/alerts/2026/Oct");
  mkdirSync(folder, { recursive: true });
  const feed = join(dir, "feed.txt");
  writeFileSync(feed, indicatorList(40));
  const content = (day: number) =>
    Array.from({ length: LINES }, (_, n) => {
      const time = START + (day - 1) * 86_400_000 + n * 30_000;
      return n % 20 === 0 ? matchingAlert(n % 40, { time, agent: n % 9 }) : quietAlert(n, { time });
    })
      .map((line) => `${line}\n`)
      .join("");
  const dayFile = (day: number) => join(folder, `ossec-alerts-0${day}.json`);
  for (let day = 1; day <= DAYS; day++) {
    if (day === 2) writeFileSync(`${dayFile(day)}.gz`, gzipSync(content(day)));
    else writeFileSync(dayFile(day), content(day));
  }
  const home = (name: string) => join(dir, `cache-${name}`);
  const self = fileURLToPath(import.meta.url);
  const extension = self.endsWith(".ts") ? "ts" : "js";
  const loader = extension === "ts" ? process.execArgv.filter((argument) => !argument.startsWith("--test")) : [];
  const program = join(self, `../../support/hunt-process.${extension}`);
  /** Undefined: it was killed. */
  const run = (steps: number, name: string, sketches = "yes", threads = "0") =>
    new Promise<Outcome | undefined>((resolve, reject) => {
      const child = spawn(
        process.execPath,
        [...loader, program, join(dir, "logs"), feed, String(steps), sketches, threads],
        {
          env: { ...process.env, NODE_TEST_CONTEXT: "", XDG_CACHE_HOME: home(name) },
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      let stdout = "";
      let stderr = "";
      child.stdout.setEncoding("utf8").on("data", (text: string) => {
        stdout += text;
      });
      child.stderr.setEncoding("utf8").on("data", (text: string) => {
        stderr += text;
      });
      child.once("close", (code, signal) => {
        if (signal === "SIGKILL") resolve(undefined);
        else if (code === 0) resolve(JSON.parse(stdout) as Outcome);
        else reject(new Error(stderr));
      });
    });
  return { run, content, dayFile, home };
}
