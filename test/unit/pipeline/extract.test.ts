import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { defineExtractor } from "../../../src/contract/define.ts";
import { fieldTable } from "../../../src/contract/fields.ts";
import type { JsonObject } from "../../../src/model/json.ts";
import { MAX_OBSERVABLES } from "../../../src/pipeline/collect.ts";
import { createExtraction } from "../../../src/pipeline/extract.ts";

const known = defineExtractor({
  name: "known",
  fields: fieldTable(
    ["value", ["ip"], "source", "src_ip ip"],
    ["value", ["domain"], "query", "eventdata_queryname"],
    ["value", ["email"], "user", "user"],
    ["value", ["user-agent"], "user-agent", "useragent"],
    ["list", ["ip"], "forwarded", "xff"],
    ["hashes", [], "file", "hashes"],
    ["value", ["asn"], "text", "asn"],
    ["skip", [], "text", "session_id"],
  ),
  applies: () => true,
  derive: (_event, emit) => emit("url", "http://derived.example.com/x", "request", "data.x"),
});
const extract = createExtraction([known]);
const list = (event: JsonObject): string[] =>
  extract(event)
    .observables.filter(({ where }) => where !== "data.x")
    .map(
      ({ type, value, role, where, port }) =>
        `${type} ${value} ${role} ${where}${port === undefined ? "" : ` :${port}`}`,
    );

test("fields by the longest tail of the path, whatever the spelling", () => {
  const wanted = (where: string) => [`domain a.local query ${where}`];
  assert.deepEqual(
    list({ data: { win: { eventdata: { queryName: "a.local" } } } }),
    wanted("data.win.eventdata.queryName"),
  );
  assert.deepEqual(list({ data: { eventdata: { QueryName: "a.local" } } }), wanted("data.eventdata.QueryName"));
  assert.deepEqual(list({ data_win_eventdata_queryName: "a.local" }), wanted("data_win_eventdata_queryName"));
  assert.deepEqual(list({ data: { "eventdata.queryName": "a.local" } }), wanted("data.eventdata.queryName"));
});

test("readings", () => {
  assert.deepEqual(list({ data: { xff: "1.2.3.4, 1.2.3.5;x" } }), [
    "ip 1.2.3.4 forwarded data.xff",
    "ip 1.2.3.5 forwarded data.xff",
  ]);
  assert.deepEqual(
    list({ data: { hashes: "MD5=44D88612FEA8A8F36DE82E1278ABB02F,IMPHASH=00000000000000000000000000000000" } }),
    ["md5 44d88612fea8a8f36de82e1278abb02f file data.hashes"],
  );
  assert.deepEqual(list({ data: { session_id: "1.2.3.4" } }), []);
  assert.deepEqual(list({ data: { asn: 64500 } }), ["asn 64500 text data.asn"]);
  assert.deepEqual(
    list({ data: { src_ip: "see 1.2.3.4 there" } }),
    ["ip 1.2.3.4 source data.src_ip"],
    "no value: scanned as text",
  );
  assert.deepEqual(list({ data: { headers: [{ name: "UserAgent", value: "x/1" }] } }), [
    "user-agent x/1 user-agent data.headers[0].value",
  ]);
});

test("ports beside the address", () => {
  assert.deepEqual(list({ data: { src_ip: "1.2.3.4", src_port: "443" } }), ["ip 1.2.3.4 source data.src_ip :443"]);
  assert.deepEqual(list({ data: { ip: "1.2.3.4", port: 53 } }), ["ip 1.2.3.4 source data.ip :53"]);
});

test("the best-known place wins, wherever it stands", () => {
  const event = { full_log: '{"src_ip":"1.2.3.4"} ', data: { text: "1.2.3.4", src_ip: "1.2.3.4" } };
  assert.deepEqual(list(event), ["ip 1.2.3.4 source data.src_ip"]);
  assert.deepEqual(list({ full_log: '{"src_ip":"1.2.3.4"}' }), ["ip 1.2.3.4 source full_log"]);
});

test("what the manager wrote, the own computer and users are no observables", () => {
  assert.deepEqual(
    list({
      rule: { description: "1.2.3.4" },
      agent: { ip: "1.2.3.4" },
      rule_description: "1.2.3.4",
      location: "1.2.3.4",
    }),
    [],
  );
  assert.deepEqual(list({ predecoder: { hostname: "ns1.example.com" }, full_log: "ns1.example.com started" }), []);
  assert.deepEqual(list({ data: { user: "john.it" }, full_log: "john.it came" }), []);
  assert.deepEqual(list({ other: "1.2.3.4" }), ["ip 1.2.3.4 text other"], "an unknown member is read");
});

test("the spelling of the alert is kept where it differs", () => {
  const [observable] = extract({ data: { src_ip: "::ffff:1.2.3.4" } }).observables;
  assert.equal(observable?.seen, "::ffff:1.2.3.4");
});

test("derived URLs bring their host", () => {
  assert.deepEqual(
    extract({}).observables.map(({ type, value }) => `${type} ${value}`),
    ["url http://derived.example.com/x", "domain derived.example.com"],
  );
});

test("hostile shapes: a million keys, deep nesting, prototype keys, thousands of observables", () => {
  const wide: Record<string, string> = {};
  for (let i = 0; i < 1_000_000; i++) wide[`k${i}`] = "x";
  assert.deepEqual(list({ data: wide }), []);
  let deep: JsonObject = { src_ip: "1.2.3.4" };
  for (let i = 0; i < 10_000; i++) deep = { a: deep };
  assert.deepEqual(list(deep), []);
  assert.deepEqual(
    list(JSON.parse('{"data":{"__proto__":{"src_ip":"1.2.3.4"},"constructor":"1.2.3.5","toString":"x"}}')).length,
    2,
  );
  const many = Array.from({ length: 5_000 }, (_, i) => `10.1.${i >> 8}.${i & 255}`).join(" ");
  const extraction = extract({ full_log: many });
  assert.equal(extraction.observables.length, MAX_OBSERVABLES);
  assert.equal(extraction.truncated, true);
  let json = "1.2.3.4";
  for (let i = 0; i < 12; i++) json = JSON.stringify({ a: json });
  assert.doesNotThrow(() => list({ full_log: json }));
});

test("extraction is total, pure and repeatable", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 5 })), (value) => {
      const event = JSON.parse(JSON.stringify(value)) as JsonObject;
      const copy = structuredClone(event);
      const first = extract(event);
      assert.deepEqual(event, copy);
      assert.deepEqual(extract(event), first);
    }),
    { numRuns: 200 },
  );
});

test("two extractors may not claim a field with different rules", () => {
  const other = defineExtractor({ name: "other", fields: fieldTable(["skip", [], "text", "src_ip"]) });
  assert.throws(() => createExtraction([known, other]), /one rule for the field "src_ip".*"other"/);
  assert.throws(() => fieldTable(["skip", [], "text", "a a"]), /twice/);
});

test("entity, direction, outcome, facts by default", () => {
  const view = (event: JsonObject) => {
    const { entity, direction, outcome, facts } = extract(event);
    return { entity: entity.key, direction, outcome, facts };
  };
  const agent = { id: "001", name: "web-01" };
  assert.deepEqual(view({ agent, data: { srcip: "8.8.8.8", dstip: "10.0.0.5", action: "blocked" } }), {
    entity: "agent:001",
    direction: "inbound",
    outcome: "denied",
    facts: { host: "web-01", src: "8.8.8.8", dst: "10.0.0.5" },
  });
  assert.equal(view({ agent, data: { srcip: "10.0.0.1", dstip: "10.0.0.5" } }).direction, "internal");
  assert.equal(view({ agent, data: { srcip: "10.0.0.1", dstip: "8.8.8.8", action: "allow" } }).direction, "outbound");
  assert.equal(view({ data: { srcip: "10.0.0.1", dstip: "8.8.8.8" } }).entity, "ip:10.0.0.1");
  assert.equal(view({ data: { win: { system: { computer: "PC1.corp" } } } }).entity, "host:pc1.corp");
  assert.equal(view({}).entity, "host:unknown");
  assert.equal(view({ data: { command: "x --password=hunter2" } }).facts.commandLine, "x --password=***");
});

test("camel case is taken apart where the name as it is has no rule", () => {
  assert.deepEqual(list({ data: { meta: { peerSrcIp: "1.2.3.4", clientASN: 64500 } } }), [
    "ip 1.2.3.4 source data.meta.peerSrcIp",
    "asn 64500 text data.meta.clientASN",
  ]);
});

test("members of a line in CEF are read as fields, beside the line as text", () => {
  const line = "CEF:0|v|p|5.1.2.3|i|n|5|src_ip=1.2.3.4 msg=see evil.com useragent=x/1 (y z)";
  assert.deepEqual(list({ full_log: line }), [
    "ip 1.2.3.4 source full_log",
    "domain evil.com text full_log",
    "user-agent x/1 (y z) user-agent full_log",
  ]);
});

test("the local part of an address is no host where it stands again", () => {
  assert.deepEqual(list({ full_log: '"h.su","h.su (h.su@corp.example)","x.su"' }), [
    "email h.su@corp.example text full_log",
    "domain x.su text full_log",
  ]);
  assert.ok(list({ full_log: "evil.com evil.com@corp.example" }).includes("domain evil.com text full_log"));
  assert.ok(list({ full_log: "http://x.su/a x.su@corp.example" }).includes("domain x.su text full_log"));
  assert.ok(list({ data: { user: "x.su" }, full_log: "http://x.su/a" }).includes("domain x.su text full_log"));
});

test("the own computer of a flattened alert is no observable", () => {
  for (const [computer, name] of [
    ["data.win.system.computer", "data.win.eventdata.queryName"],
    ["data_win_system_computer", "data_win_eventdata_queryName"],
  ] as const) {
    assert.deepEqual(list({ [computer]: "pc.corp.example", [name]: "pc.corp.example" }), []);
  }
});
