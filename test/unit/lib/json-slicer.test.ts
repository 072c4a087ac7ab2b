import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { sliceElements } from "../../../src/lib/json-slicer.ts";
import { RemoteError } from "../../../src/lib/remote-error.ts";

async function* chunks(text: string, size: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function slice(text: string, path: readonly string[], size = 7, maxElementBytes = 10_000): Promise<unknown[]> {
  const found: unknown[] = [];
  for await (const element of sliceElements(chunks(text, size), { path, maxElementBytes, name: "the answer" }))
    found.push(element);
  return found;
}

test("finds the list by its path, whatever bears the same name elsewhere", async () => {
  const text =
    '{"Attribute":[0],"x":{"response":{"Attribute":[9]}},"y":["response",{"Attribute":[8]}],"response":{"a":"Attribute","b":{"Attribute":[7]},"Attribute" : [ {"v":"]}\\"[,\\\\"} , 3,"x,y", [1,[2]] ,null ],"n":[1]},"z":[1]}';
  for (const size of [1, 2, 3, 7, 64, 4096])
    assert.deepEqual(await slice(text, ["response", "Attribute"], size), [{ v: ']}"[,\\' }, 3, "x,y", [1, [2]], null]);
});

test("empty lists and bare lists", async () => {
  assert.deepEqual(await slice("[]", []), []);
  assert.deepEqual(await slice(' [ {"a":1},2 ] \n', []), [{ a: 1 }, 2]);
  assert.deepEqual(await slice('{"response": {"Attribute": []}}', ["response", "Attribute"]), []);
  assert.deepEqual(await slice('{"response": [ ]}', ["response"]), []);
});

test("says what it found instead", async () => {
  const failing: [string, string][] = [
    ['{"name":"Rate limit","message":"x"}', "unexpected"],
    ["<!DOCTYPE html>", "unexpected"],
    ["", "unexpected"],
    ['{"response":[1]}', "unexpected"],
    ['{"response":{"Attribute":{"a":[1]}}}', "unexpected"],
    ['{"response":{"Attribute":[{"a":1},{"b"', "cut-short"],
    ['{"response":{"Attribute":[{a:1}]}}', "unexpected"],
    [`{"response":{"Attribute":["${"x".repeat(20_000)}"]}}`, "too-large"],
  ];
  for (const [text, kind] of failing)
    await assert.rejects(
      slice(text, ["response", "Attribute"]),
      (error) => error instanceof RemoteError && error.kind === kind && error.message.startsWith("the answer"),
      text,
    );
});

test("equals JSON.parse for any document and any cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue({ maxDepth: 3, stringUnit: "binary" }), { maxLength: 8 }),
      fc.jsonValue({ maxDepth: 2 }),
      fc.constantFrom(undefined, 1, "\t"),
      fc.integer({ min: 1, max: 50 }),
      async (list, other, indent, size) => {
        const document = { before: other, response: { more: other, Attribute: list, last: other }, after: other };
        const wanted = JSON.parse(JSON.stringify(list));
        assert.deepEqual(await slice(JSON.stringify(document, null, indent), ["response", "Attribute"], size), wanted);
        assert.deepEqual(await slice(JSON.stringify(list, null, indent), [], size), wanted);
      },
    ),
    { numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 200) },
  );
});
