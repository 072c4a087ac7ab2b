import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../../src/lib/clock.ts";
import { timeLimit } from "../../../src/lib/time-limit.ts";
import { fastClock } from "../../support/fake-clocks.ts";

/** Sleeps only as long as nobody aborts; notes for how long it was asked. */
function patientClock(): Clock & { readonly asked: number[] } {
  const asked: number[] = [];
  return {
    asked,
    now: () => 0,
    sleep(ms, signal) {
      asked.push(ms);
      if (signal?.aborted) return Promise.resolve();
      return new Promise((resolve) => signal?.addEventListener("abort", () => resolve(), { once: true }));
    },
  };
}

test("it is up after its time", async () => {
  assert.equal(await timeLimit(fastClock(1_000), 1_000).up, "late");
});

test("a stop leaves what time there is for haste, and a cancel leaves none", async () => {
  const clock = patientClock();
  const stop = new AbortController();
  const limit = timeLimit(clock, 60_000, stop.signal, 3_000);
  stop.abort();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(clock.asked, [60_000, 3_000]);
  limit.cancel();
  assert.equal(await limit.up, "late");
});

test("one that is cancelled waits for nothing more", async () => {
  const clock = patientClock();
  const stop = new AbortController();
  const limit = timeLimit(clock, 60_000, stop.signal);
  limit.cancel();
  assert.equal(await limit.up, "late");
  stop.abort();
  assert.deepEqual(clock.asked, [60_000]);
});
