import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Sink } from "../../src/contract/sink.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { Finding } from "../../src/model/finding.ts";
import wazuh from "../../src/sinks/wazuh.ts";
import { type EngineProcess, spawnEngine } from "../support/datagram-receiver.ts";
import { makeFinding } from "../support/finding.ts";
import { until } from "../support/pipeline.ts";
import { tempDir } from "../support/temp.ts";

/** Fewer than a kernel's shortest queue for datagrams. */
const FEW = 5;
const NEVER = new AbortController().signal;

async function setUp(t: TestContext) {
  const folder = tempDir(t);
  const [socket, alerts] = [join(folder, "queue"), join(folder, "alerts.json")];
  writeFileSync(alerts, "");
  const context = { name: "wazuh", log: silentLog, clock: systemClock, cacheDir: folder };
  const sink = await wazuh.create(wazuh.config.parse({ socket, rate: 100_000 }), context);
  const running: EngineProcess[] = [];
  t.after(async () => {
    await sink.close?.();
    for (const { child } of running) child.kill("SIGKILL");
  });
  return {
    sink,
    async engine() {
      const engine = await spawnEngine(socket, alerts, 20);
      running.push(engine);
      return engine;
    },
    seen: () =>
      readFileSync(alerts, "utf8")
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line).data.misp.finding_id as string),
  };
}

/** Sends in batches as the pipeline does; gives the number of attempts that were answered with `retry`. */
async function deliver(sink: Sink, findings: readonly Finding[]): Promise<number> {
  let [at, retries] = [0, 0];
  while (at < findings.length) {
    const batch = findings.slice(at, at + 100);
    const result = await sink.send(batch, NEVER);
    assert.notEqual(result.status, "rejected");
    at += result.status === "sent" ? batch.length : (result.status === "retry" && result.taken) || 0;
    if (result.status !== "sent") {
      retries += 1;
      await sleep(5);
    }
  }
  return retries;
}

const findings = (count: number): Finding[] => Array.from({ length: count }, (_, n) => makeFinding(n));
const ids = (batch: readonly Finding[]): string[] => batch.map(({ id }) => id);

test("stalls, orderly restarts and an absent socket: everything once, in order", async (t) => {
  const { sink, engine, seen } = await setUp(t);
  const batch = findings(3000);
  const sending = deliver(sink, batch);
  await sleep(30);
  for (let round = 0; round < 3; round += 1) {
    const { child, stop } = await engine();
    await sleep(15);
    child.kill("SIGSTOP");
    await sleep(60);
    child.kill("SIGCONT");
    await sleep(15);
    if (round < 2) await stop();
  }
  assert.ok((await sending) > 0, "the outages were felt");
  await untilSeen(seen, 3000);
  const found = seen();
  assert.equal(new Set(found).size, 3000);
  assert.ok(
    found.every((id, index) => id === batch[index]?.id),
    "once each, in order",
  );
});

test("a killed engine loses what the kernel held; sending again what was not read back brings all of it", async (t) => {
  const { sink, engine, seen } = await setUp(t);
  const batch = findings(2000);
  for (const part of [batch.slice(0, 700), batch.slice(700, 1400), batch.slice(1400)]) {
    const { child } = await engine();
    await deliver(sink, part.slice(0, -FEW));
    // Else it might get to all of them in time: the last ones are sent to an engine that is known to have stopped reading.
    if (part.at(-1) === batch.at(-1)) {
      const last = part.at(-1 - FEW)?.id ?? "";
      await until("all but the last ones", () => seen().includes(last));
      await freeze(child);
    }
    await deliver(sink, part.slice(-FEW));
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }
  const before = new Set(seen());
  assert.ok(before.size < 2000, "the kill was felt");
  await engine();
  await deliver(
    sink,
    batch.filter(({ id }) => !before.has(id)),
  );
  await untilSeen(seen, 2000);
  assert.deepEqual([...new Set(seen())].sort(), ids(batch));
});

const untilSeen = (seen: () => string[], count: number) =>
  until(`${count} alerts`, () => new Set(seen()).size >= count);

/** Stops a process and waits until it stands: the signal takes effect a moment later. */
async function freeze({ pid }: ChildProcess): Promise<void> {
  process.kill(pid ?? 0, "SIGSTOP");
  await until("the engine to stand", () => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "utf8")));
}
