import assert from "node:assert/strict";
import { after, test } from "node:test";
import { MISP_RULES, mispEvent } from "../../support/wazuh-sim/fixture-rules.ts";
import { createWazuhSim } from "../../support/wazuh-sim/sim.ts";

/** The JSON decoder, one fact a test, as seen on a real 4.14.7. */
const sim = await createWazuhSim({ start: false, rules: MISP_RULES });
after(() => sim.close());

const alertOf = (message: string) => {
  const judged = sim.judge(message);
  return judged?.verdict?.written ? sim.document(judged) : undefined;
};
/** `data` of an event with these top-level members beside the match. */
const dataOf = (members: string) => alertOf(`{"integration":"misp","misp":{"category":"c"},${members}}`).data;
const mispOf = (members: string) => alertOf(mispEvent(`"category":"c",${members}`)).data.misp;

test("nesting is kept", () => assert.deepEqual(mispOf('"a":{"b":{"c":"d"}}').a, { b: { c: "d" } }));

const SCALARS: readonly (readonly [string, string])[] = [
  ["5", "5"],
  ["-7", "-7"],
  ["1.5", "1.500000"],
  ["2147483647", "2147483647"],
  ["2147483648", "2147483648.000000"],
  ["1e-9", "0.000000"],
  ["true", "true"],
  ["false", "false"],
  ["null", "null"],
];
for (const [given, written] of SCALARS)
  test(`a scalar becomes a string: ${given} is written "${written}"`, () =>
    assert.equal(mispOf(`"a":${given}`).a, written));

test("empty strings and {} are dropped", () =>
  assert.deepEqual(mispOf('"a":"","b":{},"c":"x"'), { category: "c", c: "x" }));

test("arrays stay arrays", () => assert.deepEqual(mispOf('"a":["x",1,{"y":null}]').a, ["x", 1, { y: null }]));

test("a string that parses as an array becomes one", () => {
  assert.deepEqual(mispOf('"a":"[1,2]"').a, [1, 2]);
  assert.equal(mispOf('"a":"[1,2] and more"').a, "[1,2] and more");
});

test("a dotted key is expanded", () => assert.deepEqual(dataOf('"x.y.z":"1"').x, { y: { z: "1" } }));

test("keys that differ by case clash: the first wins", () => {
  assert.deepEqual(mispOf('"Value":"1","value":"2","VALUE":"3"'), { category: "c", Value: "1" });
});

test("a repeated key clashes: the first wins", () => assert.equal(mispOf('"a":"1","a":"2"').a, "1"));

test("a scalar and an object of one name clash: the first wins", () => {
  assert.deepEqual(mispOf('"a":"1","A":{"b":"2"}'), { category: "c", a: "1" });
  assert.deepEqual(mispOf('"a":{"b":"2"},"a":"1"').a, { b: "2" });
});

const many = (count: number) => Array.from({ length: count }, (_, i) => `"f${i}":"v"`).join(",");

test("256 fields at most: later ones are dropped", () => {
  const data = alertOf(`{"integration":"misp","misp":{"category":"c"},${many(300)}}`).data;
  assert.equal(data.f253, "v");
  assert.equal(data.f254, undefined);
});

test("an array counts as one field", () => {
  const data = alertOf(`{"integration":"misp","misp":{"category":"c"},"tags":["a","b","c"],${many(300)}}`).data;
  assert.equal(data.f252, "v");
  assert.equal(data.f253, undefined);
});

test("integration after the limit: no rule fires", () => {
  assert.equal(alertOf(`{${many(256)},"integration":"misp","misp":{"category":"c"}}`), undefined);
});

test("static names are the event's own fields and take an array as text", () => {
  const data = dataOf('"srcip":"10.0.0.1","url":["a","b"],"user":"joe","status":5');
  assert.equal(data.srcip, "10.0.0.1");
  assert.equal(data.url, '["a","b"]');
  assert.equal(data.dstuser, "joe");
  assert.equal(data.user, undefined);
  assert.equal(data.status, "5");
  assert.deepEqual(sim.judge('{"srcip":"10.0.0.1"}')?.event.own, new Map([["srcip", "10.0.0.1"]]));
});

test("agent, rule and timestamp of ours only land under data", () => {
  const alert = alertOf(
    '{"integration":"misp","misp":{"category":"c"},"agent":{"id":"9"},"rule":{"level":"1"},"timestamp":"t"}',
  );
  assert.deepEqual(alert.data.agent, { id: "9" });
  assert.deepEqual(alert.data.rule, { level: "1" });
  assert.equal(alert.data.timestamp, "t");
  assert.equal(alert.agent.id, "000");
  assert.equal(alert.rule.level, 12);
});

test("the whole event shape arrives complete under data.misp, arrays as arrays", () => {
  const misp = {
    category: "Network activity",
    source: { description: "sshd", rule_level: "5" },
    match: { kind: "exact", where: "data.srcip" },
    tags: ["tlp:green", "apt"],
    mitre: ["T1071"],
    reasons: ["to_ids", "fresh"],
  };
  const alert = alertOf(JSON.stringify({ integration: "misp", misp }));
  assert.equal(alert.rule.id, "100622");
  assert.deepEqual(alert.data.misp, misp);
});

test("no_full_log leaves full_log out, else it is the event as it came", () => {
  assert.equal("full_log" in alertOf(mispEvent('"category":"c"')), false);
  assert.equal(alertOf(mispEvent('"error":"down"')).full_log, mispEvent('"error":"down"'));
});
