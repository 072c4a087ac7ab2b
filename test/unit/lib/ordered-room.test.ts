import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import fc from "fast-check";
import { OrderedRoom } from "../../../src/lib/ordered-room.ts";

const MOST = 100;
const LARGEST_PIECE = 30;

async function settled(waiting: Promise<void> | undefined): Promise<boolean> {
  let done = waiting === undefined;
  void waiting?.then(() => {
    done = true;
  });
  await turn();
  return done;
}

test("above the bound only the first in turn goes on, and what it leaves lets the next one", async () => {
  const room = new OrderedRoom(10);
  const [first, second, third] = [room.join(), room.join(), room.join()];
  assert.equal(second.take(8), undefined);
  const waiting = [second.take(4), third.take(1)] as const;
  assert.equal(first.take(1000), undefined);
  assert.deepEqual(await Promise.all(waiting.map(settled)), [false, false]);
  first.leave();
  assert.deepEqual(await Promise.all(waiting.map(settled)), [true, false], "13 of 10 are held");
  second.give(3);
  assert.equal(await settled(waiting[1]), true);
  second.leave();
  third.leave();
  assert.equal(room.held, 0);
});

test("nobody waits for a room that is closed, nor a place that has been left", async () => {
  const room = new OrderedRoom(10);
  const [, second, third] = [room.join(), room.join(), room.join()];
  const waiting = [second.take(20), third.take(20)] as const;
  third.leave();
  assert.deepEqual(await Promise.all(waiting.map(settled)), [false, true]);
  assert.equal(third.take(50), undefined);
  assert.equal(room.held, 20);
  room.close();
  assert.equal(await settled(waiting[0]), true);
  assert.equal(second.take(20), undefined);
});

test("whatever is taken, and in whatever order, all come to their end and what waits is bounded", async () => {
  const sizes = fc.array(fc.integer({ min: 1, max: LARGEST_PIECE }), { maxLength: 40 });
  const property = fc.asyncProperty(fc.array(sizes, { minLength: 1, maxLength: 6 }), async (users) => {
    const room = new OrderedRoom(MOST);
    const places = users.map(() => room.join());
    let first = 0;
    const whole = users.map(async (pieces, at) => {
      let own = 0;
      for (const piece of pieces) {
        const waiting = places[at]?.take(piece);
        own += piece;
        if (at !== first) assert.ok(room.held <= MOST + users.length * LARGEST_PIECE + sumOf(users[first] ?? []));
        await (waiting ?? turn());
      }
      assert.equal(own, sumOf(pieces));
    });
    for (; first < users.length; first++) {
      await whole[first];
      for (const piece of users[first] ?? []) places[first]?.give(piece);
      places[first]?.leave();
    }
    assert.equal(room.held, 0);
  });
  await fc.assert(property, { numRuns: 60 });
});

function sumOf(pieces: readonly number[]): number {
  return pieces.reduce((sum, piece) => sum + piece, 0);
}
