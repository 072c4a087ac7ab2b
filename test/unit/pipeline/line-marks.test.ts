import assert from "node:assert/strict";
import { test } from "node:test";
import { holdsNoText, isInBraces } from "../../../src/pipeline/line-marks.ts";

test("bytes that no alert may hold", () => {
  assert.ok(holdsNoText(Buffer.from([123, 0, 125])));
  assert.ok(holdsNoText(Buffer.from([123, 0xff, 125])));
  assert.ok(holdsNoText(Buffer.from([123, 0xed, 0xa0, 0x80, 125])));
  assert.ok(!holdsNoText(Buffer.from('{"a":"grün \ud83d\ude00"}\n{}')));
});

test("braces stand at the very ends", () => {
  const inBraces = (line: string) => isInBraces(Buffer.from(line), 0, line.length);
  assert.deepEqual(["{}", '{"a":1}', "{", " {}", "{} ", "[]", "}{"].map(inBraces), [
    true,
    true,
    false,
    false,
    false,
    false,
    false,
  ]);
});
