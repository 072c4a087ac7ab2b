import assert from "node:assert/strict";
import { test } from "node:test";
import { canaryEvent } from "../../../src/intel/canary.ts";
import { holdsNoText, isInBraces, mayBeOurs } from "../../../src/pipeline/line-marks.ts";

test("what a running line awaits is told from the bytes, also within a shipper's string", () => {
  const echo = JSON.stringify({ data: { integration: "misp", misp: { finding_id: "0".repeat(40) } } });
  const canary = canaryEvent({ id: "1", domain: "x.invalid", sent: "2026" });
  for (const ours of [echo, canary])
    for (const line of [ours, JSON.stringify({ log: ours }), JSON.stringify({ _source: JSON.parse(ours) })]) {
      assert.ok(mayBeOurs(Buffer.from(line)), line);
      assert.ok(mayBeOurs(Buffer.from(`{"data":{}}\n${line}\n`)));
    }
  assert.ok(!mayBeOurs(Buffer.from('{"data":{"integration":"misp","misp":{}}}')));
});

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
