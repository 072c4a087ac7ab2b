import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

/** As this test runs: from its source or built. */
const MODULE = new URL(
  `../../../src/cli/small-heap${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
  import.meta.url,
);
const MIB = 2 ** 20;

/** In a heap of its own, as it starts small: the nursery's size before and after work whose survivors let it grow to 32 MiB. */
const HEAP = `
const { parentPort, workerData } = require("node:worker_threads");
const { getHeapSpaceStatistics } = require("node:v8");
const { setTimeout: pause } = require("node:timers/promises");
const size = () => getHeapSpaceStatistics().find((space) => space.space_name === "new_space").space_size;
import(workerData.module).then(async (small) => {
  if (workerData.call !== "") small.keepHeapSmall();
  const release = workerData.call === "boundNursery" ? small.boundNursery() : () => undefined;
  const before = size();
  for (let round = 0; round < 60; round++) {
    const kept = [];
    for (let n = 0; n < 20000; n++) kept.push({ n, of: [round] });
    await pause(5);
  }
  release();
  parentPort.postMessage([before, size()]);
});
`;

async function nurseryOf(call: "" | "keepHeapSmall" | "boundNursery"): Promise<readonly [number, number]> {
  const worker = new Worker(HEAP, { eval: true, workerData: { module: MODULE.href, call } });
  const sizes = await new Promise<readonly [number, number]>((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  await worker.terminate();
  return sizes;
}

test("a nursery that is kept small stays as it is, and one that is bounded grows to 16 MiB", async () => {
  const [, free] = await nurseryOf("");
  assert.ok(free >= 16 * MIB, `expected V8 to let a nursery grow when it is let, found ${free}`);
  const [before, kept] = await nurseryOf("keepHeapSmall");
  assert.equal(kept, before);
  const [, bounded] = await nurseryOf("boundNursery");
  assert.ok(bounded >= 4 * MIB && bounded <= 16 * MIB, `found ${bounded}`);
});
