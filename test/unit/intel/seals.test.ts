import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { createSeals } from "../../../src/intel/seals.ts";

const ours = createSeals(Buffer.alloc(32, 1));
const theirs = createSeals(Buffer.alloc(32, 2));
const TIME = Date.parse("2026-11-22T05:00:00Z");
const HOUR = 3_600_000;

test("each key has a canary name of its own, below a domain that nobody can register", () => {
  assert.match(ours.canaryName, /^[0-9a-f]{24}\.canary\.tipline\.invalid$/);
  assert.notEqual(ours.canaryName, theirs.canaryName);
  assert.equal(ours.canaryName, createSeals(Buffer.alloc(32, 1)).canaryName);
});

test("a canary's id is valid under its own key only, and any change breaks it", () => {
  const id = ours.canaryId("0123456789abcdef01234567");
  assert.equal(ours.isCanaryId(id), true);
  assert.equal(theirs.isCanaryId(id), false);
  fc.assert(
    fc.property(fc.nat({ max: 47 }), fc.constantFrom(..."0123456789abcdef"), (at, digit) => {
      const changed = id.slice(0, at) + digit + id.slice(at + 1);
      assert.equal(ours.isCanaryId(changed), changed === id);
    }),
  );
  assert.equal(ours.isCanaryId(`${id}0`), false);
  assert.equal(ours.isCanaryId(""), false);
});

test("a mark counts for its own value, under its own key, within an hour", () => {
  const mark = ours.simulationMark("198.51.100.7", TIME, "0123456789abcdef");
  const line = `Accepted password for ${mark} from 198.51.100.7`;
  assert.equal(ours.simulationIn(line, "198.51.100.7", TIME + HOUR / 2), mark);
  assert.equal(ours.simulationIn(line, "198.51.100.8", TIME), undefined);
  assert.equal(ours.simulationIn(line, "198.51.100.7", TIME + 2 * HOUR), undefined);
  assert.equal(ours.simulationIn(line, "198.51.100.7", TIME - 2 * HOUR), undefined);
  assert.equal(theirs.simulationIn(line, "198.51.100.7", TIME), undefined);
});

test("a canary's id and a mark do not pass for each other", () => {
  const mark = ours.simulationMark("198.51.100.7", TIME, "0123456789abcdef");
  assert.equal(ours.isCanaryId(mark.slice("tipline-sim-".length)), false);
  const id = ours.canaryId("0123456789abcdef01234567");
  assert.equal(ours.simulationIn(`tipline-sim-${id}`, "198.51.100.7", TIME), undefined);
});

test("marks among many forged ones are given up on, and hostile text costs little", () => {
  const forged = `tipline-sim-${"0".repeat(48)} `.repeat(10_000);
  assert.equal(ours.simulationIn(forged, "198.51.100.7", TIME), undefined);
});
