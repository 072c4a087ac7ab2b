import assert from "node:assert/strict";
import { test } from "node:test";
import { createPacer } from "../../../src/lib/pacer.ts";
import { sleepClock } from "../../support/fake-clocks.ts";

const NEVER = new AbortController().signal;

test("over any second at most the rate and one burst pass", async () => {
  for (const rate of [1, 7, 50, 5000]) {
    const clock = sleepClock(1000);
    const pacer = createPacer(rate, clock);
    const times: number[] = [];
    for (let count = 0; count < rate * 3 + 5; count += 1) {
      assert.ok(await pacer.take(NEVER));
      times.push(clock.now());
    }
    const most = rate + Math.max(1, rate / 20);
    for (const [index, from] of times.entries()) {
      const within = times.slice(index).filter((time) => time < from + 1000).length;
      assert.ok(within <= Math.ceil(most), `${within} in a second at ${rate}`);
    }
    assert.ok(clock.now() - 1000 >= 2900, "the rate holds over three seconds");
  }
});

test("a clock set back stops nothing, and abort takes nothing", async () => {
  const clock = sleepClock(1e9);
  const pacer = createPacer(10, clock);
  assert.ok(pacer.tryTake());
  clock.advance(-1e8);
  assert.ok(await pacer.take(NEVER));
  assert.equal(clock.now(), 1e9 - 1e8 + 100);
  assert.equal(await pacer.take(AbortSignal.abort()), false);
});
