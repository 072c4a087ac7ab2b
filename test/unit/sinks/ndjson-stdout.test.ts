import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const url = (path: string) => JSON.stringify(new URL(`../../../${path}${extension}`, import.meta.url).href);

/** A process whose sink writes to standard output; results go to standard error. */
function start(body: string) {
  const source = `
    const { default: ndjson } = await import(${url("src/sinks/ndjson")});
    const { systemClock: clock } = await import(${url("src/lib/clock")});
    const { silentLog: log } = await import(${url("src/lib/log")});
    const { makeFinding } = await import(${url("test/support/finding")});
    const sink = await ndjson.create(ndjson.config.parse({ path: "-" }), { name: "out", log, clock, cacheDir: "" });
    const many = (count) => Array.from({ length: count }, (_, n) => makeFinding(n));
    const signal = new AbortController().signal;
    ${body}`;
  const child = spawn(process.execPath, [...process.execArgv, "--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_OPTIONS: "", NODE_TEST_CONTEXT: "" },
  });
  let notes = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    notes += text;
  });
  return { child, notes: () => notes, ended: once(child, "close") };
}

test("standard output gets one line a finding", async () => {
  const { child, ended } = start("await sink.send(many(3), signal);");
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    out += text;
  });
  assert.deepEqual(await ended, [0, null]);
  const ids = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).data.misp.finding_id);
  assert.deepEqual(ids, ["f00000000", "f00000001", "f00000002"]);
});

test("a reader that stops reading slows the sink down without stopping the process", async () => {
  const { child, notes, ended } = start(`
    let done = 0;
    const sending = (async () => { for (let n = 0; n < 20; n += 1) { await sink.send(many(200), signal); done += 1; } })();
    while (done === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await new Promise((resolve) => setTimeout(resolve, 100));
    process.stderr.write("done " + done + "\\n");
    await sending;
  `);
  while (!notes().includes("done")) await sleep(10);
  const [, before] = /done (\d+)/.exec(notes()) ?? [];
  assert.ok(Number(before) < 20, "it waits for the reader");
  let lines = 0;
  child.stdout.on("data", (bytes: Buffer) => {
    lines += bytes.filter((byte) => byte === 10).length;
  });
  await ended;
  assert.equal(lines, 4000);
});

test("a reader that goes away is an answer with EPIPE, again and again, and no crash", async () => {
  const { child, notes, ended } = start(`
    for (let n = 0; n < 20; n += 1) {
      const result = await sink.send(many(200), signal);
      if (result.status !== "sent") process.stderr.write(result.status + " " + result.cause.code + "\\n");
    }
  `);
  child.stdout.once("data", () => child.stdout.destroy());
  assert.deepEqual(await ended, [0, null]);
  const answers = notes().trimEnd().split("\n");
  assert.ok(answers.length > 1);
  assert.deepEqual(new Set(answers), new Set(["retry EPIPE"]));
});
