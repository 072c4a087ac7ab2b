import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Duty } from "../../../src/lib/duty.ts";

test("the law: after any steps, work is at most its share of work and sleep, but for what a millisecond of sleep allows", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      fc.array(fc.oneof(fc.double({ min: 0, max: 3, noNaN: true }), fc.double({ min: 0, max: 9_999, noNaN: true }))),
      async (share, steps) => {
        let slept = 0;
        let worked = 0;
        const duty = new Duty(share, async (ms) => {
          assert.ok(Number.isInteger(ms) && ms > 0);
          slept += ms;
        });
        for (const step of steps) {
          // While a step runs nothing of it is paid.
          assert.ok(worked <= share * (worked + slept) + share + 1e-6, `${worked} ms of work, ${slept} of sleep`);
          await duty.worked(step);
          worked += step;
        }
        assert.ok(worked <= share * (worked + slept) + share + 1e-6, `${worked} ms of work, ${slept} of sleep`);
        assert.ok(slept <= (worked * (1 - share)) / share + 1e-6, "no more sleep than that");
      },
    ),
    { numRuns: 300 },
  );
});

test("all of a processor: no sleep; a step that a sleeping machine made long costs no hours", async () => {
  const sleeps: number[] = [];
  const sleep = async (ms: number) => void sleeps.push(ms);
  const free = new Duty(1, sleep);
  for (let n = 0; n < 100; n++) await free.worked(50);
  assert.deepEqual(sleeps, []);
  const quarter = new Duty(0.25, sleep);
  await quarter.worked(8 * 3_600_000);
  await quarter.worked(-5);
  await quarter.worked(1);
  assert.deepEqual(sleeps, [30_000, 3]);
});
