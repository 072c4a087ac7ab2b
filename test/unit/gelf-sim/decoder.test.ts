import assert from "node:assert/strict";
import { test } from "node:test";
import { type Decoded, decodeGelf, storedFields } from "../../support/gelf-sim/decoder.ts";

const RECEIVED = 1_795_000_000_000;
const read = (frame: string | Buffer) => decodeGelf(Buffer.from(frame), RECEIVED);
const send = (members: string): Decoded => {
  const decoded = read(`{"short_message":"m","host":"h"${members === "" ? "" : `,${members}`}}`);
  assert.ok("fields" in decoded, JSON.stringify(decoded));
  return decoded;
};
const value = (members: string, key: string) => send(members).fields.get(key);
const why = (members: string) => send(members).dropped.map(({ why }) => why);

const REJECTED: readonly (readonly [what: string, frame: string])[] = [
  ["no short_message and no message", '{"host":"h"}'],
  ["an empty short_message", '{"short_message":"","host":"h"}'],
  ["a blank short_message", '{"short_message":" \\u2003\\t","host":"h"}'],
  ["a short_message that is no text", '{"short_message":1,"host":"h"}'],
  ["a host that is no text", '{"short_message":"m","host":1}'],
  ["a host that is null", '{"short_message":"m","host":null}'],
  ["a blank host", '{"short_message":"m","host":"  "}'],
  ["a byte order mark", '\ufeff{"short_message":"m"}'],
  ["an array", '[{"short_message":"m"}]'],
  ["NaN", '{"short_message":"m","_x":NaN}'],
  ["half an object", '{"short_message":"m"'],
  ["an element of an array joined without escaping", '{"short_message":"m","_x":"a, say "b""}'],
];
for (const [what, frame] of REJECTED)
  test(`the decoder rejects ${what}`, () => assert.ok("rejected" in read(frame), JSON.stringify(read(frame))));

test("message stands in for short_message, and version is not looked at", () => {
  const decoded = read('{"message":"m","host":"h","version":"9"}');
  assert.ok("fields" in decoded);
  assert.equal(decoded.fields.get("message"), "m");
});

test("a missing host is a warning and leaves the source empty", () => {
  const decoded = read('{"short_message":"m"}');
  assert.ok("fields" in decoded);
  assert.equal(decoded.fields.has("source"), false);
  assert.equal(decoded.warnings.length, 2);
});

test("a timestamp is seconds, as a number or a numeric string", () => {
  assert.equal(value('"timestamp":1795297550.015', "timestamp"), 1_795_297_550_015);
  assert.equal(value('"timestamp":"1795297550.5"', "timestamp"), 1_795_297_550_500);
});

test("any other timestamp becomes the time of receipt", () => {
  for (const text of ['"2026-11-21T21:10:00Z"', "0", "-5", "null"])
    assert.equal(value(`"timestamp":${text}`, "timestamp"), RECEIVED);
});

test("milliseconds are taken for seconds without a word", () => {
  const year = new Date(Number(value('"timestamp":1795297550015', "timestamp"))).getUTCFullYear();
  assert.ok(year > 50_000, String(year));
});

test("one leading _ is taken off, and names without it are taken too", () => {
  assert.equal(value('"_a":"1"', "a"), "1");
  assert.equal(value('"__a":"1"', "_a"), "1");
  assert.equal(value('"a":"1"', "a"), "1");
});

test("a name with other characters is dropped in silence", () => {
  assert.deepEqual(why('"_a b":"1","_ü":"1"'), ["characters in the name", "characters in the name"]);
});

test("_id becomes a field, and what Graylog has set already stays", () => {
  assert.equal(value('"_id":"1"', "id"), "1");
  assert.equal(value('"_gl2_source_input":"1"', "gl2_source_input"), "1");
  assert.deepEqual(
    why('"level":3,"_source":"x","_message":"x","_timestamp":"x","_level":"x"'),
    Array(4).fill("set already"),
  );
});

test("a dot is stored as _, and loses against a name that has it", () => {
  assert.equal(storedFields(send('"_a.b":"1"')).get("a_b"), "1");
  assert.equal(storedFields(send('"_a.b":"1","_a_b":"2"')).get("a_b"), "2");
});

test("strings are trimmed, and empty ones are not there", () => {
  assert.equal(value('"_a":" x\\n"', "a"), "x");
  assert.deepEqual(why('"_a":"  "'), ["empty"]);
});

test("integers beyond 63 bits become garbage", () => {
  assert.equal(value('"_a":18446744073709551615', "a"), -1n);
});

test("null is skipped, and booleans are dropped", () => {
  assert.deepEqual(why('"_a":null,"_b":true'), ["null", "boolean"]);
});

test("objects and arrays become one string", () => {
  assert.equal(value('"_a":{"b":[1,2]}', "a"), '{"b":[1,2]}');
});

test("of a key that comes twice the last one wins", () => assert.equal(value('"_a":"1","_a":"2"', "a"), "2"));

test("a trailing comma and raw control characters are tolerated", () => {
  assert.equal(value('"_a":"x\u0001y",', "a"), "x\u0001y");
});

test("of two objects in a frame the first alone is taken", () => {
  const decoded = read('{"short_message":"m","host":"h"}{"short_message":"n"}');
  assert.ok("fields" in decoded);
  assert.equal(decoded.fields.get("message"), "m");
  assert.equal(decoded.dropped.length, 1);
});

test("a level as digits becomes a number, as a word it stays one", () => {
  assert.equal(value('"level":"3"', "level"), 3);
  assert.equal(value('"level":"warning"', "level"), "warning");
});
