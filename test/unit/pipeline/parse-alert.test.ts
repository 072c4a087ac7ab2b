import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { TiplineError } from "../../../src/lib/errors.ts";
import { MAX_NESTING, toAlert } from "../../../src/pipeline/parse-alert.ts";

const NOW = 1_700_000_000_000;
const parse = (text: string | Buffer) => toAlert(Buffer.from(text), "file", NOW);
const LINE =
  '{"timestamp":"2026-11-21T21:45:50.015+0000","rule":{"level":4,"description":"d","id":"4803","groups":["a","b"]},' +
  '"agent":{"id":"007","name":"relay","ip":"10.0.0.2"},"manager":{"name":"vm"},"id":"1.2","location":"10.0.0.25"}';

test("a Wazuh alert", () => {
  const alert = parse(LINE);
  assert.deepEqual(alert.agent, { id: "007", name: "relay", ip: "10.0.0.2" });
  assert.deepEqual(alert.rule, { id: "4803", level: 4, description: "d", groups: ["a", "b"] });
  assert.deepEqual([alert.id, alert.node, alert.location, alert.source], ["1.2", "vm", "10.0.0.25", "file"]);
  assert.equal(alert.time, Date.UTC(2026, 10, 21, 21, 45, 50, 15));
  assert.equal(alert.rawHash, createHash("sha256").update(LINE).digest("hex"));
});

test("line ends and Fluent Bit's wrapping do not change the identity", () => {
  const wanted = parse(LINE).rawHash;
  assert.equal(parse(`${LINE}\n`).rawHash, wanted);
  assert.equal(parse(`${LINE}\r\n`).rawHash, wanted);
  const wrapped = parse(JSON.stringify({ date: 1, log: `${LINE}\n` }));
  assert.equal(wrapped.rawHash, wanted);
  assert.equal(wrapped.agent?.id, "007");
  assert.equal(wrapped.raw, LINE, "the line inside");
  assert.equal(parse(`${LINE}\r\n`).raw, LINE);
});

test("flattened names, an indexer's document, ECS", () => {
  const flat = parse(
    '{"agent_id":"7","agent_name":"x","rule_id":"1","rule_level":"12","rule_groups":"a, b","manager_name":"m","@timestamp":"2026-01-01T00:00:00Z"}',
  );
  assert.deepEqual(flat.agent, { id: "7", name: "x" });
  assert.deepEqual(flat.rule, { id: "1", level: 12, description: "", groups: ["a", "b"] });
  assert.equal(flat.time, Date.UTC(2026, 0, 1));
  assert.equal(parse(`{"_index":"i","_source":${LINE}}`).rule?.id, "4803");
  assert.equal(parse('{"agent.id":"9"}').agent?.id, "9");
  assert.equal(parse('{"timestamp":"yesterday"}').time, NOW);
});

test("what is not one JSON object in UTF-8 is refused with what was found", () => {
  const deep = `${'{"a":'.repeat(MAX_NESTING + 1)}1${"}".repeat(MAX_NESTING + 1)}`;
  const table: ReadonlyArray<readonly [string | Buffer, RegExp]> = [
    ["[1]", /JSON array/],
    ["null", /JSON null/],
    ["7", /JSON number/],
    ["", /an empty line/],
    ["{", /1 bytes that are not JSON/],
    ['{"a":1}{"b":2}', /not JSON/],
    ['{"a":"\u0000"}', /NUL byte at offset 6/],
    [Buffer.from([0x7b, 0xff, 0x7d]), /invalid UTF-8/],
    [Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]), /byte order mark/],
    [deep, /nesting over 64 levels/],
  ];
  for (const [bytes, message] of table) {
    assert.throws(
      () => parse(bytes),
      (error) => error instanceof TiplineError && error.code === "TIP_INPUT_INVALID" && message.test(error.message),
    );
  }
  assert.doesNotThrow(() => parse(`${'{"a":'.repeat(MAX_NESTING - 1)}1${"}".repeat(MAX_NESTING - 1)}`));
});

test("any JSON object becomes an alert, prototype keys included", () => {
  assert.equal(parse('{"__proto__":{"id":"x"},"constructor":1}').id, "");
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
      assert.equal(typeof parse(JSON.stringify(value)).time, "number");
    }),
    { numRuns: 200 },
  );
});
