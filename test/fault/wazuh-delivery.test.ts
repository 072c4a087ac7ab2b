import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { assertPace, type Delivered, DeliveryRig } from "../support/delivery-rig.ts";

/** How many findings; more by the environment. */
const COUNT = Number(process.env["TIPLINE_DELIVERY_COUNT"] ?? 100_000);
const RATE = 5_000;

test(`${COUNT} findings to a receiver that stalls, restarts, shrinks its queue and drops inside`, async (t) => {
  // Short enough for the path of a UNIX socket.
  const dir = mkdtempSync(join(tmpdir(), "tip-"));
  const rig = await DeliveryRig.open({ dir, count: COUNT, rate: RATE, capacity: 16_384, perSecond: 20_000 });
  t.after(async () => {
    await rig.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const { engine } = rig;
  const faults: [share: number, fault: () => void | Promise<void>][] = [
    [
      0.05,
      async () => {
        engine.stall();
        await sleep(150);
        engine.resume();
      },
    ],
    [
      0.15,
      async () => {
        await engine.stop();
        await sleep(50);
        engine.start();
      },
    ],
    [
      0.25,
      async () => {
        await engine.kill();
        await sleep(50);
        engine.start(4_096);
      },
    ],
    // A small queue, and less is analysed than is sent: it drops until the sender has given way twice.
    [
      0.35,
      () => {
        engine.capacity = 256;
        engine.dropEvery = 3;
      },
    ],
    [
      0.4,
      async () => {
        while (rig.slowed.length < 2) await sleep(5);
        engine.dropEvery = 0;
        engine.capacity = 16_384;
      },
    ],
    [0.6, () => engine.kill().then(() => engine.start())],
  ];
  const running: Promise<void>[] = [];
  engine.onReceived = (count) => {
    while (faults[0] !== undefined && count >= faults[0][0] * COUNT) {
      const [, fault] = faults.shift() ?? [];
      // Not within the receiver's own turn.
      running.push(sleep(0).then(fault));
    }
  };
  engine.start();
  const end = await rig.run();
  await Promise.all(running);
  t.diagnostic(JSON.stringify(end.account));

  assert.equal(faults.length, 0, "every fault was felt");
  assert.ok(end.lost.size > 0 && engine.droppedEver > 0, "something was lost on the way");
  assert.equal(end.arrived.size, COUNT, "all arrived in the end");
  assert.equal(end.account.unconfirmed, 0, "each was confirmed by its echo");
  assert.equal(end.account.deadLetters, 0);
  assertOrder(end);
  assertPace(end.calls, RATE);
  assert.ok(end.slowed.length > 0 && Math.min(...end.slowed) < RATE, "it gave way when Wazuh dropped");
});

/**
 * What order means where the receiver loses things without a word. The loss of one is known only after its time-out, when later
 * ones are long written; waiting for each echo would allow one finding a second and agent. So:
 * 1. first sendings keep the order of the findings; so do second sendings among themselves, third ones, and so on;
 * 2. of one agent, what was never lost first arrives in that order; only what was lost and sent again comes late.
 */
function assertOrder({ sendings, written, lost, numberOf, agentOf }: Delivered): void {
  for (const [round, ids] of sendings.entries()) assertRising(ids.map(numberOf), `sending ${round + 1}`);
  const seen = new Set<string>();
  const first = written.filter((id) => !seen.has(id) && seen.add(id) && !lost.has(id));
  for (const agent of new Set(first.map(agentOf)))
    assertRising(first.filter((id) => agentOf(id) === agent).map(numberOf), `agent ${agent}`);
}

function assertRising(numbers: readonly number[], of: string): void {
  const at = numbers.findIndex((number, index) => index > 0 && number <= (numbers[index - 1] ?? 0));
  assert.equal(at, -1, `${of}: ${numbers[at - 1]} before ${numbers[at]}`);
}
