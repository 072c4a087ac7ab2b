import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../../src/lib/clock.ts";
import { gather } from "../../../src/lib/gather.ts";

const NEVER = new AbortController().signal;

async function* from(items: Iterable<string>): AsyncGenerator<string> {
  yield* items;
}

async function all(items: AsyncIterable<readonly string[]>): Promise<(readonly string[])[]> {
  const batches: (readonly string[])[] = [];
  for await (const batch of items) batches.push(batch);
  return batches;
}

test("a burst is one batch without doubles", async () => {
  assert.deepEqual(await all(gather(from(["a", "b", "a", "c", "a"]), systemClock, 1, 10, NEVER)), [["a", "b", "c"]]);
});

test("more than can be named is an empty batch, and doubles do not count", async () => {
  const many = Array.from({ length: 11 }, (_, n) => String(n));
  assert.deepEqual(await all(gather(from(many), systemClock, 1, 10, NEVER)), [[]]);
  const doubled = many.slice(0, 10).flatMap((id) => [id, id]);
  assert.deepEqual(await all(gather(from(doubled), systemClock, 1, 10, NEVER)), [many.slice(0, 10)]);
});

test("nothing gives nothing, and a failure comes after what was gathered", async () => {
  assert.deepEqual(await all(gather(from([]), systemClock, 1, 10, NEVER)), []);
  async function* failing(): AsyncGenerator<string> {
    yield "a";
    throw new Error("the socket is gone");
  }
  const batches: (readonly string[])[] = [];
  await assert.rejects(async () => {
    for await (const batch of gather(failing(), systemClock, 1, 10, NEVER)) batches.push(batch);
  }, /socket is gone/);
  assert.deepEqual(batches, [["a"]]);
});
