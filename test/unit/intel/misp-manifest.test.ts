import assert from "node:assert/strict";
import { test } from "node:test";
import type { HeldEvent } from "../../../src/intel/misp-cursor.ts";
import {
  cleanHints,
  isReconciliationDue,
  type ListedEvent,
  planSync,
  readListedEvent,
} from "../../../src/intel/misp-manifest.ts";
import { uuid } from "../../support/fake-misp.ts";

const NOW = Date.parse("2026-11-20T12:00:00Z");
const HOUR = 3_600_000;
const T = 1_795_000_000;
const WHOLE = { whole: true, everything: false };
const rules = (over: object = {}) => ({ publishedOnly: true, graceMs: 24 * HOUR, now: NOW, ...over });

const listed = (n: number, over: Partial<ListedEvent> = {}): ListedEvent => ({
  uuid: uuid(1, n),
  id: String(n),
  timestamp: T,
  published: true,
  settled: true,
  ...over,
});
const held = (...entries: readonly (readonly [number, Partial<HeldEvent>?])[]) =>
  new Map(entries.map(([n, over]) => [uuid(1, n), { timestamp: T, settled: true, published: true, ...over }] as const));
const numbers = (uuids: readonly string[]) => uuids.map((one) => Number.parseInt(one.slice(-12), 16));

test("reads what is new, changed in either direction, or not settled; withdraws what is gone", () => {
  const plan = planSync(
    held([1], [2], [3], [4, { settled: false }], [5]),
    [listed(1), listed(2, { timestamp: T + 9 }), listed(3, { timestamp: T - 9 }), listed(4), listed(6)],
    rules(),
    WHOLE,
  );
  assert.deepEqual(
    plan.read.map(({ id }) => id),
    ["2", "3", "4", "6"],
  );
  assert.deepEqual(numbers(plan.withdraw), [5]);
  assert.deepEqual(numbers([...plan.held.keys()]), [1, 2, 3, 4]);
  assert.equal(plan.graceBegins, false);
});

test("an event that an edit unpublished stays for the grace time, counted from when that was first seen", () => {
  const edited = [listed(1, { published: false, timestamp: T + 9 })];
  const first = planSync(held([1]), edited, rules(), WHOLE);
  assert.deepEqual([first.read, first.withdraw, first.graceBegins], [[], [], true]);
  assert.equal(first.held.get(uuid(1, 1))?.unpublishedSince, NOW);

  const later = planSync(first.held, edited, rules({ now: NOW + 23 * HOUR }), WHOLE);
  assert.deepEqual([later.read, later.withdraw, later.graceBegins], [[], [], false]);
  assert.equal(later.held.get(uuid(1, 1))?.unpublishedSince, NOW);

  const over = planSync(first.held, edited, rules({ now: NOW + 24 * HOUR }), WHOLE);
  assert.deepEqual([numbers(over.withdraw), over.held.size], [[1], 0]);
  assert.deepEqual(numbers(planSync(held([1]), edited, rules({ graceMs: 0 }), WHOLE).withdraw), [1]);
});

test("published again it is read, even with its old timestamp", () => {
  const plan = planSync(held([1, { unpublishedSince: NOW }]), [listed(1)], rules(), WHOLE);
  assert.deepEqual(
    plan.read.map(({ id }) => id),
    ["1"],
  );
});

test("an event that a person took back is withdrawn at once; in its grace time or unsettled it may have been an edit", () => {
  const back = [listed(1, { published: false })];
  assert.deepEqual(numbers(planSync(held([1]), back, rules(), WHOLE).withdraw), [1]);
  assert.deepEqual(planSync(held([1, { settled: false }]), back, rules(), WHOLE).withdraw, []);
  assert.deepEqual(planSync(held([1, { unpublishedSince: NOW }]), back, rules(), WHOLE).withdraw, []);
});

test("a clock that was ahead does not make the grace time longer", () => {
  const edited = [listed(1, { published: false, timestamp: T + 9 })];
  const plan = planSync(held([1, { unpublishedSince: NOW + 900 * HOUR }]), edited, rules({ graceMs: HOUR }), WHOLE);
  assert.deepEqual(plan.withdraw, []);
});

test("unpublished events are taken like others when asked for; publishing alone is a change then", () => {
  const plan = planSync(
    held([1], [2]),
    [listed(1), listed(2, { published: false }), listed(3, { published: false })],
    rules({ publishedOnly: false }),
    WHOLE,
  );
  assert.deepEqual(
    plan.read.map(({ id }) => id),
    ["2", "3"],
  );
  assert.deepEqual([plan.withdraw, plan.graceBegins], [[], false]);
});

test("a look at some events says nothing of the others; a reconciliation reads all but those in their grace time", () => {
  const some = planSync(held([1], [2]), [listed(2, { timestamp: T + 1 })], rules(), {
    whole: false,
    everything: false,
  });
  assert.deepEqual([some.read.length, some.withdraw, some.held.size], [1, [], 2]);
  const all = planSync(
    held([1], [2, { unpublishedSince: NOW }]),
    [listed(1), listed(2, { published: false, timestamp: T + 1 })],
    rules(),
    { whole: true, everything: true },
  );
  assert.deepEqual([all.read.map(({ id }) => id), all.withdraw, all.held.size], [["1"], [], 2]);
});

test("rows of the index: what is none is dropped, what was changed within seconds has not settled", () => {
  const row = { id: "7", uuid: uuid(1, 7).toUpperCase(), timestamp: String(T), published: true };
  assert.deepEqual(readListedEvent(row, (T + 60) * 1000), listed(7));
  assert.equal(readListedEvent(row, (T + 2) * 1000)?.settled, false);
  for (const wrong of [{ ...row, id: "0" }, { ...row, id: "7 or 1" }, { ...row, uuid: "7" }, null, [], "x"])
    assert.equal(readListedEvent(wrong, undefined), undefined);
});

test("a reconciliation comes when its time is there, not again at once, never at 0, and after a clock that was ahead", () => {
  const due = (reconciledAt: number, triedAt: number, every = 24 * HOUR) =>
    isReconciliationDue({ reconciledAt, triedAt }, every, NOW);
  const long = Number.NEGATIVE_INFINITY;
  assert.equal(due(NOW - 24 * HOUR, long), true);
  assert.equal(due(NOW - 23 * HOUR, long), false);
  assert.equal(due(NOW - 30 * HOUR, NOW - HOUR / 2), false);
  assert.equal(due(NOW - 30 * HOUR, NOW - 2 * HOUR), true);
  assert.equal(due(0, long, 0), false);
  assert.equal(due(NOW + 900 * HOUR, long), true);
});

test("hints: UUIDs and ids, each once, at most a thousand; the rest is dropped", () => {
  const one = uuid(1, 1);
  const wrong = ["", "0", "-1", "007", "1 OR 1", "%", "!1", "1".repeat(19), `${one}x`, "__proto__", "1.5", "1\n"];
  assert.deepEqual(cleanHints([...wrong, one, one.toUpperCase(), "7", "7"]), { uuids: [one], ids: ["7"] });
  const many = cleanHints(Array.from({ length: 5000 }, (_, n) => String(n + 1)));
  assert.equal(many.ids.length, 1000);
});
