import assert from "node:assert/strict";
import { utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createCongestion } from "../../../src/clients/wazuh-congestion.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { createPacer } from "../../../src/lib/pacer.ts";
import { sleepClock } from "../../support/fake-clocks.ts";
import { tempDir } from "../../support/temp.ts";

const RATE = 6_400;

function setUp(t: TestContext) {
  const path = join(tempDir(t), "wazuh-analysisd.state");
  const clock = sleepClock(1_000_000);
  const pacer = createPacer(RATE, clock);
  const said: string[] = [];
  const log = { ...silentLog, warn: (text: string) => said.push(text), info: (text: string) => said.push(text) };
  const congestion = createCongestion({ path, rate: RATE, pacer, clock, log: log as typeof silentLog });
  let written = 0;
  return {
    said,
    congestion,
    clock,
    /** Takes tokens until it has to wait, for a second of the clock. */
    async second() {
      const end = clock.now() + 1000;
      let taken = 0;
      while (clock.now() < end && (await pacer.take(new AbortController().signal))) taken += 1;
      return taken;
    },
    /** The daemon writes its counters, and five seconds later they are looked at. */
    async after(dropped: number, usage = 0) {
      written += 1;
      writeFileSync(
        path,
        `# Events dropped\nevents_dropped='${dropped}'\nevent_queue_usage='${usage}'\nx${"y".repeat(written)}\n`,
      );
      // The file's own time tells a new writing from an old one; kernels keep it to some ten milliseconds.
      utimesSync(path, written, written);
      clock.advance(5_000);
      await congestion.look();
      return congestion.rate;
    },
  };
}

test("each look at which the counter has risen halves the rate; calm doubles it again, up to the configured one", async (t) => {
  const { after, said } = setUp(t);
  assert.equal(await after(1_000), RATE, "what was dropped before our time says nothing");
  assert.equal(await after(1_001), RATE / 2);
  assert.equal(await after(5_000), RATE / 4);
  assert.equal(await after(5_000), RATE / 4, "one calm interval proves little");
  assert.equal(await after(5_000), RATE / 4);
  assert.equal(await after(5_000), RATE / 2);
  assert.equal(await after(5_000), RATE);
  assert.equal(await after(5_000), RATE);
  assert.equal(said.length, 4);
});

test("a queue that is nearly full slows as well, before anything is lost", async (t) => {
  const { after } = setUp(t);
  assert.equal(await after(0, 0.89), RATE);
  assert.equal(await after(0, 0.95), RATE / 2);
});

test("a restarted daemon counts from 0, and one before 4.4 counts each interval: both are understood", async (t) => {
  const { after } = setUp(t);
  await after(10);
  assert.equal(await after(0), RATE, "restarted, and nothing dropped");
  assert.equal(await after(5), RATE / 2);
  assert.equal(await after(3), RATE / 4, "fewer in this interval, but some");
});

test("it never falls below a sixty-fourth, and keeps to the configured rate where there are no counters", async (t) => {
  const { after, congestion, clock } = setUp(t);
  await congestion.look();
  assert.equal(congestion.rate, RATE);
  for (let dropped = 0; dropped < 12; dropped += 1) await after(dropped);
  assert.equal(congestion.rate, RATE / 64);
  clock.advance(-3_600_000);
  assert.equal(await after(99), RATE / 64, "a clock set back does not blind it");
});

test("the pacer follows", async (t) => {
  const { after, second } = setUp(t);
  await after(0);
  await second();
  const fast = await second();
  await after(1);
  await after(2);
  await second();
  const slow = await second();
  assert.ok(Math.abs(fast - RATE) <= RATE / 20 && Math.abs(slow - RATE / 4) <= RATE / 20, `${fast}, ${slow}`);
});

test("the same writing seen twice counts once", async (t) => {
  const { after, congestion, clock } = setUp(t);
  await after(0);
  await after(7);
  clock.advance(5_000);
  await congestion.look();
  clock.advance(5_000);
  await congestion.look();
  assert.equal(congestion.rate, RATE / 2);
});
