import assert from "node:assert/strict";
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Sink } from "../../../src/contract/sink.ts";
import { silentLog } from "../../../src/lib/log.ts";
import wazuh from "../../../src/sinks/wazuh.ts";
import { DatagramReceiver } from "../../support/datagram-receiver.ts";
import { sleepClock } from "../../support/fake-clocks.ts";
import { makeFinding } from "../../support/finding.ts";
import { until } from "../../support/pipeline.ts";
import { tempDir } from "../../support/temp.ts";

const NEVER = new AbortController().signal;

/** A sink beside an installation whose counters the test writes; time passes only while somebody waits. */
async function setUp(t: TestContext, rate: number) {
  const prefix = tempDir(t);
  const [socket, state] = [join(prefix, "queue/sockets/queue"), join(prefix, "var/run/wazuh-analysisd.state")];
  for (const path of [socket, state]) mkdirSync(dirname(path), { recursive: true });
  const received: Buffer[] = [];
  const receiver = new DatagramReceiver(socket, (datagram) => received.push(datagram));
  receiver.start();
  const clock = sleepClock(1_000_000);
  let written = 0;
  const context = { name: "wazuh", log: silentLog, clock, cacheDir: "" };
  const sink = await wazuh.create(wazuh.config.parse({ socket, rate }), context);
  t.after(async () => {
    await sink.close?.();
    await receiver.stop();
  });
  return {
    sink,
    clock,
    received,
    async dropped(count: number) {
      writeFileSync(state, `# THIS FILE WILL BE DEPRECATED IN FUTURE VERSIONS\nevents_dropped='${count}'\n`);
      // The file's own time tells a new writing from an old one.
      written += 1;
      utimesSync(state, written, written);
      clock.advance(5_000);
      await sink.send([], NEVER);
    },
  };
}

const findings = (count: number) => Array.from({ length: count }, (_, n) => makeFinding(n));

/** Sends as the pipeline does; gives the seconds that it took on the clock. */
async function sendAll(sink: Sink, clock: { now(): number }, count: number): Promise<number> {
  const [all, from] = [findings(count), clock.now()];
  for (let at = 0; at < count; ) {
    const result = await sink.send(all.slice(at, at + (sink.batchSize ?? 100)), NEVER);
    assert.ok(result.status === "sent" || (result.status === "retry" && result.paced), JSON.stringify(result));
    at += result.status === "sent" ? Math.min(sink.batchSize ?? 100, count - at) : (result.taken ?? 0);
  }
  return (clock.now() - from) / 1000;
}

test("it keeps to its rate, counted on its clock", async (t) => {
  const { sink, clock, received } = await setUp(t, 200);
  const seconds = await sendAll(sink, clock, 1_000);
  assert.ok(seconds >= (1_000 - 200 / 20) / 200 && seconds < 6, String(seconds));
  await until("all of them", () => received.length >= 1_000);
  assert.equal(received.length, 1_000);
});

test("while Wazuh's counter of dropped events rises it sends half as many, and as many as before after calm", async (t) => {
  const { sink, clock, dropped } = await setUp(t, 200);
  await dropped(0);
  await dropped(10);
  const slow = await sendAll(sink, clock, 400);
  assert.ok(slow >= 3.9, `at 100 a second: ${slow}`);
  for (let look = 0; look < 3; look += 1) await dropped(10);
  const fast = await sendAll(sink, clock, 400);
  assert.ok(fast < 2.5, `at 200 a second: ${fast}`);
});

test("a call ends after about a second of pacing and says how many arrived, so that little is sent twice after a crash", async (t) => {
  const { sink, clock, dropped } = await setUp(t, 100);
  await dropped(0);
  await dropped(1);
  const from = clock.now();
  const result = await sink.send(findings(100), NEVER);
  assert.ok(result.status === "retry" && result.paced);
  assert.ok((result.taken ?? 0) >= 45 && (result.taken ?? 0) <= 60, String(result.taken));
  assert.ok(clock.now() - from <= 1_100);
});
