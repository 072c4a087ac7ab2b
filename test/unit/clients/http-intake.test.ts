import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpIntake, type Offer } from "../../../src/clients/http-intake.ts";
import type { IntakePart } from "../../../src/clients/http-intake-parts.ts";
import { systemClock } from "../../../src/lib/clock.ts";

const part = (range: string): IntakePart => ({ records: [], rejected: [], range });

function offerOf(id: string, parts: () => Iterable<IntakePart>): Offer {
  return { id, bytes: 1, parts };
}

test("a body that cannot be cut fails alone: the requests beside it are answered", async () => {
  const intake = new HttpIntake(systemClock);
  const abort = new AbortController();
  const ranges: string[] = [];
  const reading = (async () => {
    for await (const delivery of intake.read(abort.signal)) {
      ranges.push(delivery.range);
      intake.committed(delivery);
    }
  })();
  const never = new AbortController().signal;
  function* broken() {
    yield part("broken:0");
    throw new RangeError("too deep");
  }
  const outcomes = await Promise.allSettled([
    intake.offer(
      offerOf("broken", () => broken()),
      10_000,
      never,
    ),
    intake.offer(
      offerOf("whole", () => [part("whole:0"), part("whole:1")]),
      10_000,
      never,
    ),
  ]);
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : String(outcome.reason))),
    ["RangeError: too deep", "durable"],
  );
  assert.deepEqual(ranges, ["broken:0", "whole:0", "whole:1"]);
  assert.deepEqual([intake.open, intake.lag().bytes], [true, 0]);
  abort.abort();
  await reading;
});
