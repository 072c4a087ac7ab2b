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
/** Heads of the file as the versions write it; the older one has rates of its interval. */
const HEADS = {
  "4.14": "# State file for wazuh-analysisd\n# THIS FILE WILL BE DEPRECATED IN FUTURE VERSIONS\n\n",
  "4.3":
    "# State file for wazuh-analysisd\n\n# Events processed (Rule matching)\nevents_processed='90'\nevents_edps='18'\n\n",
  unknown: "# State file for wazuh-analysisd\n\n",
};

function setUp(t: TestContext, version: keyof typeof HEADS = "4.14") {
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
    async after(dropped: number, usage = 0, received = 90_000) {
      written += 1;
      writeFileSync(
        path,
        `${HEADS[version]}# Events received\nevents_received='${received}'\n\n# Events dropped\nevents_dropped='${dropped}'\nevent_queue_usage='${usage}'\nx${"y".repeat(written)}\n`,
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

test("a restarted daemon counts from 0", async (t) => {
  const { after } = setUp(t);
  await after(10);
  assert.equal(await after(0), RATE, "restarted, and nothing dropped");
  assert.equal(await after(5), RATE / 2);
  assert.equal(await after(3), RATE / 4, "restarted again");
});

test("one before 4.4 counts each interval: as many drops in each are drops all the same", async (t) => {
  const { after } = setUp(t, "4.3");
  assert.equal(await after(5_000), RATE / 2, "of the interval just over");
  assert.equal(await after(5_000), RATE / 4);
  assert.equal(await after(5_000), RATE / 8);
  assert.equal(await after(3), RATE / 16, "fewer in this interval, but some");
  assert.equal(await after(0), RATE / 16);
  await after(0);
  assert.equal(await after(0), RATE / 8, "and none, for three");
});

test("where it cannot be told what is counted, drops are taken for real rather than sent into", async (t) => {
  const { after } = setUp(t, "unknown");
  await after(5_000, 0, 1_000);
  for (let look = 1; look < 4; look++) assert.equal(await after(5_000, 0, 1_000), RATE / 2 ** look);
  await after(5_000, 0, 2_000);
  await after(5_000, 0, 3_000);
  assert.equal(await after(5_000, 0, 4_000), RATE / 4, "what is received runs on, so the drops are old");
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
