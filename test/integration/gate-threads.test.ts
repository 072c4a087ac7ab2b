import assert from "node:assert/strict";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { openGate, placeGate } from "../../src/intel/gate.ts";
import { GateMemory, type GateTables } from "../../src/intel/gate-memory.ts";
import { GateKeys } from "../../src/intel/index/gate-keys.ts";
import { packageRoot } from "../../src/lib/package-root.ts";
import type { CanonicalValue } from "../../src/model/observable.ts";

const SEED = { a: 7, b: 9 };
const LINES = 2_000;

function indexOf(domain: string) {
  const keys = new GateKeys(SEED);
  keys.add("domain", "exact", domain as CanonicalValue);
  return { gates: [keys.build()], nominates: () => true };
}

interface Answer {
  readonly kind: string;
  readonly counts: Readonly<Record<string, number>>;
}

/** Flags one chunk again and again, and tells how many lines were flagged how often; as `run` has it, from dist. */
const WORKER = `
const { parentPort, workerData } = require("node:worker_threads");
const { tables, chunk, rounds, module } = workerData;
import(module).then(({ openGate }) => {
  const gate = openGate(tables, { nominates: () => true });
  const counts = {};
  for (let round = 0; round < rounds; round++) {
    const { ranges } = gate.flags(chunk, 0, chunk.length);
    counts[ranges.length / 2] = (counts[ranges.length / 2] ?? 0) + 1;
  }
  gate.close();
  parentPort.postMessage({ kind: gate.kind, counts });
});
`;

async function run(work: { readonly tables: GateTables; readonly chunk: Uint8Array; readonly rounds: number }) {
  const module = pathToFileURL(join(packageRoot(), "dist/intel/gate.js")).href;
  const worker = new Worker(WORKER, { eval: true, execArgv: [], workerData: { ...work, module } });
  const [answer] = (await once(worker, "message")) as [Answer];
  return answer;
}

test("threads share the tables by reference, each with an area of its own", async () => {
  const memory = new GateMemory();
  const tables = placeGate(indexOf("evil.example"), memory);
  assert.ok("memory" in tables);
  const chunk = Buffer.from(
    Array.from({ length: LINES }, (_, i) => `{"x":"${i % 10 === 0 ? "evil" : "good"}.example"}\n`).join(""),
  );
  const answers = await Promise.all([1, 2, 3].map(() => run({ tables, chunk, rounds: 20 })));
  for (const answer of answers) assert.deepEqual(answer, { kind: "kernel", counts: { 200: 20 } });
});

test("swapping generations under readers never loses a match: the right lines, or all of them", async () => {
  const memory = new GateMemory();
  const index = indexOf("evil.example");
  const tables = placeGate(index, memory);
  assert.ok("memory" in tables);
  const chunk = Buffer.from(
    Array.from({ length: LINES }, (_, i) => `{"x":"${i % 10 === 0 ? "evil" : "good"}.example"}\n`).join(""),
  );
  const reading = run({ tables, chunk, rounds: 400 });
  let done = false;
  const finished = reading.then((answer) => {
    done = true;
    return answer;
  });
  for (let swaps = 0; !done && swaps < 5_000; swaps++) {
    const next = placeGate(indexOf(`d${swaps}.example`), memory);
    assert.ok("memory" in next);
    const gate = openGate(next, index);
    const hit = Buffer.from(`{"x":"d${swaps}.example"}\n{"x":"evil.example"}\n`);
    assert.equal(gate.flags(hit, 0, hit.length).ranges.length, 2);
    gate.close();
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  const { kind, counts } = await finished;
  assert.equal(kind, "kernel");
  assert.deepEqual(
    Object.keys(counts).filter((count) => count !== "200" && count !== String(LINES)),
    [],
  );
});
