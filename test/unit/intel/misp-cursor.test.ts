import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cursorFromJson, cursorToJson, type HeldEvent, type MispCursor } from "../../../src/intel/misp-cursor.ts";
import type { JsonValue } from "../../../src/model/json.ts";
import { uuid } from "../../support/fake-misp.ts";

const heldEvent: fc.Arbitrary<HeldEvent> = fc.record(
  {
    timestamp: fc.integer({ min: 0, max: 2 ** 38 - 1 }),
    settled: fc.boolean(),
    published: fc.boolean(),
    unpublishedSince: fc.integer({ min: 1, max: 4_000_000_000_000 }),
  },
  { requiredKeys: ["timestamp", "settled", "published"], noNullPrototype: true },
);
const cursor: fc.Arbitrary<MispCursor> = fc.record(
  {
    events: fc.array(fc.tuple(fc.uuid(), heldEvent), { maxLength: 20 }).map((entries) => new Map(entries)),
    complete: fc.boolean(),
    attributes: fc.integer({ min: 1, max: 20_000_000 }),
    reconciledAt: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  },
  { noNullPrototype: true },
);

test("a cursor comes back as it was stored", () => {
  fc.assert(
    fc.property(cursor, (one) => {
      const stored = JSON.parse(JSON.stringify(cursorToJson(one, "o"))) as JsonValue;
      assert.deepEqual(cursorFromJson(stored, "o"), { ...one, attributes: one.complete ? 0 : one.attributes });
      assert.equal(cursorFromJson(stored, "other"), undefined);
    }),
  );
});

test("an event costs 28 characters", () => {
  const events = new Map(
    Array.from({ length: 1000 }, (_, n) => [
      uuid(1, n),
      { timestamp: 1_795_000_000 + n, settled: true, published: true },
    ]),
  );
  const stored = JSON.stringify(cursorToJson({ events, complete: true, attributes: 0, reconciledAt: 1 }, "o"));
  assert.ok(stored.length < 28_000 + 200, `${stored.length}`);
});

test("cursors of version 1 are understood, and everything is read again soon", () => {
  const stored = {
    v: 1,
    options: "o",
    events: [
      [uuid(1, 1), "1795000000"],
      [uuid(1, 2), ""],
    ],
  };
  assert.deepEqual(cursorFromJson(stored, "o"), {
    events: new Map([
      [uuid(1, 1), { timestamp: 1_795_000_000, settled: true, published: true }],
      [uuid(1, 2), { timestamp: 0, settled: false, published: true }],
    ]),
    complete: true,
    attributes: 0,
    reconciledAt: 0,
  });
});

test("what is no cursor is none", () => {
  const wrong: JsonValue[] = [null, 7, [], {}, { v: 3, options: "o" }, { v: 2, options: "o", events: 7 }];
  wrong.push({ v: 2, options: "o", events: "AAAA" }, { v: 1, options: "o", events: [[1, 2]] });
  for (const stored of wrong) assert.equal(cursorFromJson(stored, "o"), undefined, JSON.stringify(stored));
});
