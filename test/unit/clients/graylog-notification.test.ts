import assert from "node:assert/strict";
import { test } from "node:test";
import { engine } from "../../../src/app/engine.ts";
import { notificationAlerts } from "../../../src/clients/graylog-notification.ts";
import type { SourceRecord } from "../../../src/contract/source.ts";
import { findingId } from "../../../src/intel/finding-id.ts";
import { handleRecord } from "../../../src/pipeline/handle.ts";
import { aGeneration } from "../../support/generation.ts";
import { anIndicator } from "../../support/make.ts";

const notification = (over: object) => ({
  event_definition_id: "64f0",
  event_definition_title: "New match",
  remediation_steps: "<unknown>",
  event: {
    id: "01HZ9Q",
    timestamp: "2026-11-21T21:10:00.000Z",
    message: "New match",
    source: "gl",
    fields: {},
    group_by_fields: {},
  },
  ...over,
});
const message = (over: object) => ({
  index: "graylog_0",
  id: "m-1",
  source: "10.0.0.9",
  message: "text",
  timestamp: "2026-11-21T21:10:00.000Z",
  stream_ids: ["1"],
  fields: {},
  ...over,
});
const alertsIn = (document: unknown) => {
  const { name, parts } = notificationAlerts(Buffer.from(JSON.stringify(document)), "wazuh_", "10.0.0.1");
  const all = [...parts()];
  return { name, all, texts: all.flatMap(({ records }) => records.map(({ bytes }) => bytes.toString())) };
};
const one = (over: object) => JSON.parse(alertsIn(notification({ backlog: [message(over)] })).texts[0] ?? "null");

test("a message that still has its line is that line, byte for byte", () => {
  const line = '{"id":"1","n":12345678901234567890,"rule":{"id":"5710"}}';
  for (const over of [
    { message: line },
    { message: JSON.stringify({ date: 1, log: line }) },
    { fields: { full_message: line } },
    { message: "sshd: …", fields: { message: line } },
  ])
    assert.deepEqual(alertsIn(notification({ backlog: [message(over)] })).texts, [line]);
});

test("a message without its line is made of its prefixed fields, and nothing of Graylog's is among them", () => {
  const fields = {
    wazuh_agent_id: "012",
    wazuh_rule_level: 5,
    wazuh_data_srcip: "203.0.113.7",
    gl2_remote_ip: "198.51.100.1",
    streams: ["1"],
    source: "x",
  };
  assert.deepEqual(one({ fields }), {
    agent_id: "012",
    rule_level: 5,
    data_srcip: "203.0.113.7",
    timestamp: "2026-11-21T21:10:00.000Z",
    id: "m-1",
    full_log: "text",
  });
});

test("a message that is none of Wazuh's keeps text and fields", () => {
  const { fields: _, ...rest } = one({
    fields: { src_ip: "203.0.113.7", gl2_source_input: "i", tipline_lookup_value: "x", __proto__x: "y" },
  });
  assert.deepEqual(rest, {
    src_ip: "203.0.113.7",
    __proto__x: "y",
    timestamp: "2026-11-21T21:10:00.000Z",
    id: "m-1",
    full_log: "text",
    hostname: "10.0.0.9",
  });
});

test("a finding of ours that comes back is recognised by its id, and one that borrows an id is matched", () => {
  const id = (key: Buffer) => findingId(key, { node: "n", rawHash: "0".repeat(64), mode: "live" });
  const ours = id(Buffer.alloc(32, 7));
  const foreign = id(Buffer.alloc(32, 8));
  const judge = engine(Buffer.alloc(32, 7));
  const generation = aGeneration([anIndicator("ip", "45.83.64.1")]);
  const context = { ...judge, source: "gl", mode: "live" as const, generation, receivedAt: 0 };
  const findings = (record: SourceRecord) => handleRecord(record, context).findings;
  const enriched = (id: string) =>
    JSON.stringify({ data: { srcip: "45.83.64.1", integration: "misp", misp: { finding_id: id } } });
  for (const over of [
    (id: string) => ({ fields: { tipline_finding_id: id, wazuh_data_srcip: "45.83.64.1" } }),
    (id: string) => ({ message: enriched(id) }),
    (id: string) => ({ fields: { full_message: enriched(id), tipline_finding_id: id } }),
  ]) {
    const records = (id: string) => alertsIn(notification({ backlog: [message(over(id))] })).all[0]?.records ?? [];
    assert.deepEqual(records(ours).flatMap(findings), [], "ours");
    assert.equal(records(foreign).flatMap(findings).length, 1, "not ours");
  }
});

test("an event without messages is a record; one about findings of ours is none", () => {
  const event = { id: "01HZ9R", timestamp: "2026-11-21T21:10:00.000Z", fields: { host: "bad.example.org" } };
  const [text = ""] = alertsIn(notification({ event })).texts;
  assert.deepEqual(JSON.parse(text), {
    timestamp: "2026-11-21T21:10:00.000Z",
    id: "01HZ9R",
    location: "graylog",
    data: { graylog: { fields: { host: "bad.example.org" }, title: "New match" } },
  });
  const about = { ...event, group_by_fields: { tipline_indicator: "domain:bad.example.org" } };
  assert.deepEqual(alertsIn(notification({ event: about })).texts, []);
});

test("whatever is missing or odd is done without", () => {
  for (const odd of [
    {},
    { event: null },
    { event: 3, backlog: "x" },
    { backlog: [null, 1, {}, { fields: [] }, { message: 7 }] },
    { event: { id: 5, fields: "x", group_by_fields: [] }, backlog: [] },
  ])
    assert.doesNotThrow(() => alertsIn(odd));
  for (const bytes of ["", "no json", "[1]", "null", "{"]) {
    const parts = [...notificationAlerts(Buffer.from(bytes), "wazuh_", "h").parts()];
    assert.equal(parts.flatMap(({ rejected }) => rejected).length, 1, bytes);
  }
});

test("the same event has the same name whatever its messages are; without an id its bytes name it", () => {
  const first = alertsIn(notification({ backlog: [message({})] }));
  const again = alertsIn(notification({ backlog: [message({ message: "other" })], tags: ["new in 7"] }));
  assert.equal(first.name, "graylog:01HZ9Q");
  assert.deepEqual(again.all[0]?.range, first.all[0]?.range);
  assert.notEqual(alertsIn({ event: {}, a: 1 }).name, alertsIn({ event: {}, a: 2 }).name);
});

test("what is nested too deep to be written is a rejected record, and the messages beside it are taken", () => {
  const deep = "[".repeat(50_000) + "]".repeat(50_000);
  const body = (backlog: string) => Buffer.from(`{"event":{"id":"d","fields":{"a":${deep}}},"backlog":[${backlog}]}`);
  for (const [backlog, records] of [
    [`{"fields":{"wazuh_a":${deep}}},{"message":"{\\"id\\":\\"1\\"}"}`, ['{"id":"1"}']],
    ["", []],
  ] as const) {
    const all = [...notificationAlerts(body(backlog), "wazuh_", "10.0.0.1").parts()];
    const taken = all.flatMap((part) => part.records.map(({ bytes }) => bytes.toString()));
    assert.deepEqual(taken, records);
    assert.match(all.flatMap(({ rejected }) => rejected)[0]?.reason ?? "", /nested too deep/);
  }
});

test("no message of a large backlog is left out", () => {
  const backlog = Array.from({ length: 10_500 }, (_, n) => message({ message: `{"id":"${n}"}` }));
  assert.equal(alertsIn(notification({ backlog })).texts.length, backlog.length);
});
