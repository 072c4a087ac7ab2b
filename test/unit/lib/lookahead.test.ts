import assert from "node:assert/strict";
import { test } from "node:test";
import { Lookahead } from "../../../src/lib/lookahead.ts";

test("who gives waits for who takes, and the order is kept", async () => {
  const lookahead = new Lookahead<number>(() => 2);
  let given = 0;
  const giving = (async () => {
    for (; given < 10; given++) {
      await lookahead.room();
      lookahead.give(given);
    }
    lookahead.end();
  })();
  const taken: number[] = [];
  for await (const item of lookahead) {
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(given - taken.length <= 2, `${given} given, ${taken.length} taken`);
    taken.push(item);
  }
  await giving;
  assert.deepEqual(taken, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test("what was given before a failure is taken first", async () => {
  const lookahead = new Lookahead<string>(() => 4);
  lookahead.give("a");
  lookahead.end(new Error("no more"));
  const taken: string[] = [];
  await assert.rejects(async () => {
    for await (const item of lookahead) taken.push(item);
  }, /no more/);
  assert.deepEqual(taken, ["a"]);
});

test("who takes no more lets who gives go", async () => {
  const lookahead = new Lookahead<number>(() => 1);
  lookahead.give(1);
  const room = lookahead.room();
  for await (const _ of lookahead) break;
  await room;
  assert.ok(lookahead.ended);
});
