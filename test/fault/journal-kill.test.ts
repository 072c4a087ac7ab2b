import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { openJournal } from "../../src/store/journal.ts";
import { tempDir } from "../support/temp.ts";

const KILLS = Number(process.env["TIPLINE_KILLS"] ?? 24);
const loader = process.execArgv.filter((_, i, all) => all[i] === "--import" || all[i - 1] === "--import");
const extension = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
const writer = fileURLToPath(new URL(`../support/journal-writer${extension}`, import.meta.url));

/** Runs the writer and kills it after its `lines`-th line or, between two lines, a little later. */
async function runAndKill(dir: string, seed: number, lines: number): Promise<string[]> {
  const child = spawn(process.execPath, [...loader, writer, dir, String(seed)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  let seen = 0;
  let killed = false;
  child.stdout.on("data", (chunk: Buffer) => {
    text += chunk;
    seen += chunk.filter((byte) => byte === 10).length;
    if (seen < lines || killed) return;
    killed = true;
    setTimeout(() => child.kill("SIGKILL"), (seed * 7) % 13);
  });
  await once(child, "close");
  assert.ok(killed, "the writer ended by itself");
  // What follows the last newline was not said.
  return text.split("\n").slice(0, -1);
}

test(`a process killed ${KILLS} times loses no committed finding and leaves none half-written`, async (t) => {
  const dir = join(tempDir(t), "j");
  const received: Record<string, Set<number>> = { must: new Set(), may: new Set() };
  let said = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    for (const line of await runAndKill(dir, kill, 20 + ((kill * 37) % 400))) {
      const [what = "", number] = line.split(" ");
      if (what === "committed") said = Math.max(said, Number(number));
      else received[what]?.add(Number(number));
    }
  }
  const readers = [
    { name: "storm", stream: "raw" as const, required: true },
    { name: "must", stream: "out" as const, required: true },
    { name: "may", stream: "out" as const, required: false },
  ];
  const journal = await openJournal({ dir, readers });
  t.after(() => journal.close());
  const committed = Number(journal.checkpoint("numbers"));
  assert.ok(committed >= said, `checkpoint ${committed}, but ${said} was said to be durable`);
  // Findings and checkpoint are one: raw ends exactly before the checkpoint, the stage has counted what is before raw.
  const raw = journal.read("raw", "storm", 1_000_000).map(({ finding }) => Number(finding.id.slice(1)));
  const staged = committed - raw.length;
  assert.deepEqual(
    raw,
    Array.from({ length: raw.length }, (_, i) => staged + i),
  );
  assert.equal(new Map(journal.stageState("storm")).get("count"), staged);
  for (const sink of ["must", "may"]) {
    const left = journal.read("out", sink, 1_000_000).map(({ finding }) => Number(finding.id.slice(1)));
    const first = staged - left.length;
    assert.deepEqual(
      left,
      Array.from({ length: left.length }, (_, i) => first + i),
      sink,
    );
    for (let n = 0; n < first; n++) assert.ok(received[sink]?.has(n), `${sink} never got ${n}`);
  }
  t.diagnostic(`${committed} findings committed over ${KILLS} kills`);
});
