import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Outbox } from "../../../src/store/outbox.ts";
import { forgetOldest } from "../../../src/store/outbox-done.ts";
import { grouped } from "../../../src/store/outbox-groups.ts";
import { openMessages } from "../../../src/store/outbox-tables.ts";
import { makeFinding } from "../../support/finding.ts";
import { tempDir } from "../../support/temp.ts";

const HOUR = 3_600_000;
const NOW = 1_795_000_000_000;

function open(t: TestContext, maxNotices = 2, dir = tempDir(t)): Outbox {
  const outbox = new Outbox(dir, { windowMs: HOUR, maxNotices, maxBytes: 2 ** 30 });
  t.after(() => outbox.close());
  return outbox;
}

const of = (n: number, key: string) =>
  grouped(makeFinding(n, { key: { indicator: key, entity: "agent:001" } }), ["indicator", "entity"]);

const shape = (outbox: Outbox) =>
  openMessages(outbox.tables)
    .map(({ kind, state, count }) => `${kind} ${state} ${count}`)
    .sort();

async function deliver(outbox: Outbox, now: number): Promise<void> {
  for (let message = outbox.next(); message !== undefined && message.nextAt <= now; message = outbox.next()) {
    await outbox.freeze(message.id, { ends: [message.count] });
    await outbox.delivered(message.id, now);
  }
}

test("a notice takes findings of its group until it is first tried; then they are the digest's, as are groups beyond the most notices", async (t) => {
  const outbox = open(t);
  await outbox.add([of(1, "a"), of(2, "a"), of(3, "b"), of(4, "c")], NOW);
  assert.deepEqual(shape(outbox), ["digest gathers 1", "notice waits 1", "notice waits 2"]);
  await deliver(outbox, NOW);
  await outbox.add([of(5, "a"), of(6, "d"), of(1, "a")], NOW + 1);
  assert.deepEqual(shape(outbox), ["digest gathers 3"]);
  await outbox.turn(NOW + HOUR);
  assert.deepEqual(shape(outbox), ["digest waits 3"]);
});

test("the next window has notices again, also of groups that had one, but not while theirs still waits", async (t) => {
  const outbox = open(t);
  await outbox.add([of(1, "a"), of(2, "b")], NOW);
  const [first] = openMessages(outbox.tables);
  assert.ok(first);
  await outbox.freeze(first.id, { ends: [1] });
  await outbox.delivered(first.id, NOW);
  const [second] = openMessages(outbox.tables);
  assert.ok(second);
  await outbox.freeze(second.id, { ends: [1] });
  await outbox.failed(second.id, { nextAt: NOW + 5 * HOUR, error: "down" });
  await outbox.add([of(3, "a"), of(4, "b")], NOW + HOUR + 1);
  assert.deepEqual(shape(outbox), ["digest gathers 1", "notice waits 1", "notice waits 1"]);
});

test("while a digest waits, the next one gathers over its window's end; while notices wait, no more than the most are made", async (t) => {
  const outbox = open(t);
  await outbox.add(
    ["a", "b", "c"].map((key, n) => of(n, key)),
    NOW,
  );
  await outbox.turn(NOW + HOUR);
  for (let hour = 1; hour < 5; hour++) {
    await outbox.add([of(10 * hour, `x${hour}`), of(10 * hour + 1, `y${hour}`)], NOW + hour * HOUR + 1);
    await outbox.turn(NOW + hour * HOUR + HOUR + 2);
  }
  assert.deepEqual(shape(outbox), ["digest gathers 8", "digest waits 1", "notice waits 1", "notice waits 1"]);
  await deliver(outbox, NOW + 6 * HOUR);
  await outbox.turn(NOW + 9 * HOUR);
  assert.deepEqual(shape(outbox), ["digest waits 8"]);
});

test("a clock that was set back ends the window and makes nothing wait for the time it had", async (t) => {
  const outbox = open(t);
  await outbox.add([of(1, "a"), of(2, "b"), of(3, "c")], NOW);
  await outbox.turn(NOW - 24 * HOUR);
  assert.ok(shape(outbox).includes("digest waits 1"));
  await outbox.notAfter(NOW - 24 * HOUR);
  assert.ok(openMessages(outbox.tables).every(({ nextAt }) => nextAt <= NOW - 24 * HOUR));
});

test("what is done is remembered up to a bound, the oldest forgotten first", async (t) => {
  const outbox = open(t, 100);
  for (let n = 0; n < 50; n++) await outbox.add([of(n, `k${n}`)], NOW + n);
  await deliver(outbox, NOW + 100);
  outbox.tables.environment.transact(() => forgetOldest(outbox.tables, 20));
  assert.equal(outbox.meta.kept, 20);
  assert.equal([...outbox.tables.seen.getKeys()].length, 20);
  assert.equal([...outbox.tables.entries.getKeys()].length, 20);
  await outbox.add([of(49, "k49"), of(0, "k0")], NOW + 200);
  assert.deepEqual(
    shape(outbox).filter((one) => one.startsWith("digest")),
    ["digest gathers 1"],
    "0 is new again, 49 is not",
  );
});

test("redacted findings tell a digest nothing", () => {
  const { label, key } = grouped(
    makeFinding(1, { key: { indicator: "redacted:ab", entity: "redacted:cd" }, misp: { link: "https://m/1" } }),
    ["indicator"],
  );
  assert.equal(label, "above the TLP of this channel");
  assert.notEqual(
    key,
    grouped(makeFinding(1, { key: { indicator: "redacted:ac", entity: "redacted:cd" } }), ["indicator"]).key,
  );
});
