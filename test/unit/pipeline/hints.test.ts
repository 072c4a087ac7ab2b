import assert from "node:assert/strict";
import { test } from "node:test";
import { Hints } from "../../../src/pipeline/hints.ts";
import { ManualClock } from "../../support/manual-clock.ts";

test("doubles are one, each feed has its own, and taking forgets", () => {
  const hints = new Hints(new ManualClock());
  hints.add("a", ["1", "2"]);
  hints.add("a", ["2"]);
  hints.add("b", ["9"]);
  assert.deepEqual(hints.take("a"), { only: ["1", "2"] });
  assert.equal(hints.take("a"), undefined);
  assert.deepEqual(hints.take("b"), { only: ["9"] });
});

test("too many to name, or none named, make the whole feed due", () => {
  const hints = new Hints(new ManualClock());
  for (let n = 0; n < 1001; n++) hints.add("a", [String(n)]);
  assert.equal(hints.take("a"), "all");
  hints.add("a", []);
  hints.add("a", ["1"]);
  assert.equal(hints.take("a"), "all");
});

test("what led to nothing is followed by growing pauses of at most two seconds", () => {
  const clock = new ManualClock();
  const hints = new Hints(clock);
  const pauses: number[] = [];
  for (let round = 0; round < 6; round++) {
    hints.take("a");
    hints.followed("a", false);
    hints.add("a", ["1"]);
    pauses.push(hints.dueAt("a") - clock.now());
  }
  assert.deepEqual(pauses, [250, 500, 1000, 2000, 2000, 2000]);
  hints.followed("a", true);
  assert.equal(hints.dueAt("a") - clock.now(), 250);
  hints.followed("a", true, true);
  assert.equal(hints.dueAt("a") - clock.now(), 30_000);
});

test("nothing waiting is never due", () => {
  assert.equal(new Hints(new ManualClock()).dueAt("a"), Number.POSITIVE_INFINITY);
});
