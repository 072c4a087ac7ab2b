import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { silentLog } from "../../src/lib/log.ts";
import wazuh from "../../src/sinks/wazuh.ts";
import { DatagramReceiver } from "../support/datagram-receiver.ts";
import { assertPace, type SinkCall } from "../support/delivery-rig.ts";
import { sleepClock } from "../support/fake-clocks.ts";
import { makeFinding } from "../support/finding.ts";
import { tempDir } from "../support/temp.ts";

const COUNT = Number(process.env["TIPLINE_DELIVERY_COUNT"] ?? 100_000);
const RATE = 5_000;

test(`${COUNT} findings never go out faster than the rate, on a clock that moves only while the sink waits`, async (t) => {
  const path = join(tempDir(t), "queue");
  let received = 0;
  const receiver = new DatagramReceiver(path, () => {
    received += 1;
  });
  receiver.start();
  // Between two waits no time passes at all: whatever is not held back goes out in the same instant, and is seen.
  const clock = sleepClock(1_000_000);
  const context = { name: "wazuh", log: silentLog, clock, cacheDir: "" };
  const sink = await wazuh.create(wazuh.config.parse({ socket: path, rate: RATE }), context);
  const calls: SinkCall[] = [];
  const batch = Array.from({ length: 100 }, (_, n) => makeFinding(n));
  for (let sent = 0; sent < COUNT; ) {
    const from = clock.now();
    const result = await sink.send(batch.slice(0, COUNT - sent), new AbortController().signal);
    const count =
      result.status === "sent"
        ? Math.min(batch.length, COUNT - sent)
        : (result.status === "retry" && result.taken) || 0;
    assert.ok(result.status === "sent" || count > 0, JSON.stringify(result));
    calls.push({ from, to: clock.now(), count });
    sent += count;
  }
  await receiver.stop();
  await sink.close?.();
  assert.equal(received, COUNT);
  assertPace(calls, RATE);
  const seconds = (clock.now() - 1_000_000) / 1000;
  assert.ok(seconds >= (COUNT - RATE / 20) / RATE, `${COUNT} in ${seconds} s`);
  // Nor much slower: the rate is for use. A wait is of whole milliseconds.
  assert.ok(seconds <= (COUNT / RATE) * 1.1 + 1, `${COUNT} in ${seconds} s`);
});
