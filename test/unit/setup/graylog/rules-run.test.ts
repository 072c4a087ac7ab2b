import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { enrichedAlert } from "../../../../src/clients/enriched-alert.ts";
import { ALERT_FIELDS, MISP_FIELDS } from "../../../../src/clients/gelf-fields.ts";
import { gelfMessage } from "../../../../src/clients/gelf-message.ts";
import { FINDINGS_STREAM, LOOKUP_TABLE } from "../../../../src/setup/graylog/entities.ts";
import { DEFAULT_OPTIONS } from "../../../../src/setup/graylog/options.ts";
import { makePack } from "../../../../src/setup/graylog/pack.ts";
import type { GraylogMessage } from "../../../support/content-pack-validator/message.ts";
import { IndexMapping } from "../../../support/content-pack-validator/message.ts";
import { InstalledPack } from "../../../support/content-pack-validator/run-pack.ts";
import { makeFinding } from "../../../support/finding.ts";
import { decodeGelf } from "../../../support/gelf-sim/decoder.ts";
import { sharedOrSkip } from "../../../support/shared.ts";

const pack = makePack(DEFAULT_OPTIONS);
const FIELDS = new Map([...ALERT_FIELDS, ...MISP_FIELDS].map((field) => [field.name, field]));

const LINE = {
  timestamp: "2026-11-21T22:45:50.015+0100",
  rule: {
    level: 5,
    description: "sshd: login failed.",
    id: "5710",
    groups: ["syslog", "sshd"],
    firedtimes: 3,
    mail: false,
  },
  agent: { id: "001", name: "web-01", ip: "10.0.0.5" },
  manager: { name: "wazuh" },
  id: "1795297550.1318",
  decoder: { name: "sshd" },
  data: { srcip: "203.0.113.7", srcport: 4242 as unknown },
  location: "/var/log/auth.log",
  level: "warning",
  source: "x",
};

const MISP = {
  event_id: "241",
  category: "Network activity",
  type: "ip-dst",
  value: "203.0.113.7",
  score: "70",
  band: "high",
  tags: ["tlp:green", 'type:"OSINT"'],
  event_date: "2026-11-20",
  comment: "2026-11-20",
  matches_count: "2",
  mode: "live",
  finding_id: "f1",
  context: { command_line: "curl 203.0.113.7" },
};

function run(fields: Readonly<Record<string, unknown>>, options = {}): GraylogMessage {
  const installed = new InstalledPack(pack, options);
  const message = installed.process(fields);
  assert.deepEqual(installed.errors, []);
  assert.deepEqual(new IndexMapping().index(message), []);
  return message;
}

const shown = (message: GraylogMessage) => Object.fromEntries(message.fields);

/** As Graylog's decoder hands it on. */
function decoded(json: string): Record<string, unknown> {
  const decoding = decodeGelf(Buffer.from(json), 0);
  if ("rejected" in decoding) assert.fail(decoding.rejected);
  const fields = Object.fromEntries(decoding.fields);
  return { ...fields, timestamp: new Date(Number(fields["timestamp"])) };
}

const CONTENT = { full: false, extra: [], fullMessage: true, timestamp: "alert", admits: () => true } as const;

test("a raw line becomes the documented fields, each of its type, and its time the time of the message", () => {
  const { fields } = run({ message: JSON.stringify(LINE) });
  const { timestamp, source, message, tipline_via: via, ...rest } = Object.fromEntries(fields);
  assert.equal((timestamp as Date).toISOString(), "2026-11-21T21:45:50.015Z");
  assert.deepEqual([source, message, via], ["web-01", JSON.stringify(LINE), "line"]);
  assert.deepEqual(rest, {
    wazuh_id: "1795297550.1318",
    wazuh_timestamp: "2026-11-21T21:45:50.015Z",
    wazuh_rule_id: "5710",
    wazuh_rule_level: 5,
    wazuh_rule_description: "sshd: login failed.",
    wazuh_rule_groups: "syslog, sshd",
    wazuh_agent_id: "001",
    wazuh_agent_name: "web-01",
    wazuh_agent_ip: "10.0.0.5",
    wazuh_manager_name: "wazuh",
    wazuh_location: "/var/log/auth.log",
    wazuh_decoder_name: "sshd",
    wazuh_data_srcip: "203.0.113.7",
    wazuh_data_srcport: "4242",
  });
});

test("a raw line with a match gets the match's fields and goes to the stream of findings", () => {
  const message = run({
    message: JSON.stringify({ ...LINE, data: { ...LINE.data, integration: "misp", misp: MISP } }),
  });
  const { tipline_score: score, tipline_matches_count: count, tipline_tags: tags, ...rest } = shown(message);
  assert.deepEqual([score, count, tags], [70, 2, 'tlp:green, type:"OSINT"']);
  assert.equal(rest["tipline_value"], "203.0.113.7");
  assert.equal(rest["tipline_event_date"], "2026-11-20");
  assert.equal(rest["tipline_comment"], '"2026-11-20"');
  assert.equal(rest["tipline_context_command_line"], "curl 203.0.113.7");
  assert.equal(rest["tipline_entity"], "agent:001");
  assert.deepEqual([...message.streams], [FINDINGS_STREAM]);
});

test("a match of a script before Tipline goes there too, without a finding id", () => {
  const { event_id, category, type, value } = MISP;
  const misp = { event_id, category, type, value };
  const message = run({ message: JSON.stringify({ ...LINE, data: { misp } }) });
  assert.deepEqual([...message.streams], [FINDINGS_STREAM]);
  assert.ok(!message.fields.has("tipline_score"));
});

test("our GELF is left as it came: time, source and fields, and is in the stream by its rule", () => {
  const { json } = gelfMessage(makeFinding(1, { misp: { tags: ["tlp:green", "OSINT"] } }), CONTENT, 1_000_000, 0);
  const before = decoded(json);
  const message = run(before);
  assert.deepEqual(shown(message), before);
  assert.deepEqual([...message.streams], [FINDINGS_STREAM]);
});

test("a line and the GELF of one finding have the same fields of the alert and the match", () => {
  const finding = makeFinding(1, { misp: { tags: ["tlp:green", "OSINT"], event_info: "Feed" } });
  const raw = { ...LINE, data: { srcip: "203.0.113.7" } };
  const whole = {
    ...finding,
    alert: { ...finding.alert, time: Date.parse("2026-11-21T21:45:50.015Z"), raw: JSON.stringify(raw) },
  };
  const gelf = run(decoded(gelfMessage(whole, CONTENT, 1_000_000, 0).json));
  const line = run({ message: enrichedAlert(whole) });
  assert.ok(line.fields.size > 25);
  for (const [name, value] of line.fields)
    if (FIELDS.has(name)) assert.deepEqual([name, gelf.fields.get(name)], [name, value]);
});

test("nothing is routed to a paused stream: what 7.x leaves until it is resumed", () => {
  const { json } = gelfMessage(makeFinding(1), CONTENT, 1_000_000, 0);
  assert.deepEqual([...run(decoded(json), { paused: true }).streams], []);
});

test("a line that Fluent Bit wrapped is unwrapped first", () => {
  const { fields } = run({ message: JSON.stringify({ date: 1_795_297_550.1, log: JSON.stringify(LINE) }) });
  assert.equal(fields.get("wazuh_rule_id"), "5710");
  assert.equal(fields.get("message"), JSON.stringify(LINE));
});

test("a line that was cut says so and keeps its time of receipt; other logs are left alone", () => {
  const cut = run({ message: JSON.stringify(LINE).slice(0, 260), timestamp: new Date(0) });
  assert.match(String(cut.fields.get("tipline_trouble")), /not one whole/);
  assert.equal(Number(cut.fields.get("timestamp")), 0);
  const other = { message: '{"rule":"x"}', source: "fw", timestamp: new Date(0) };
  assert.deepEqual(shown(run(other)), other);
});

test("a time that is none leaves the time of receipt, and no text in the date field", () => {
  for (const timestamp of ["2026-02-30T10:00:00.000+0000", "yesterday", 17, null, "2026-11-21T21:45:50.015+0000\nx"]) {
    const installed = new InstalledPack(pack);
    const { fields } = installed.process({ message: JSON.stringify({ ...LINE, timestamp }), timestamp: new Date(0) });
    assert.equal(Number(fields.get("timestamp")), 0, String(timestamp));
    assert.ok(!fields.has("wazuh_timestamp"), String(timestamp));
  }
});

test("no field is longer than an index takes, in whatever script it is written", () => {
  for (const letter of ["a", "ü", "漢", "🜁"]) {
    const { fields } = run({
      message: JSON.stringify({
        ...LINE,
        location: letter.repeat(40_000),
        data: { misp: { ...MISP, comment: letter.repeat(40_000) } },
      }),
    });
    for (const [name, value] of fields)
      if (name !== "message") assert.ok(Buffer.byteLength(String(value)) <= 32_000, `${name} ${letter}`);
  }
});

test("whatever is in a line, every field keeps its one type, nothing else appears and the time stays a date", () => {
  const mapping = new IndexMapping();
  mapping.index(run({ message: JSON.stringify({ ...LINE, data: { ...LINE.data, misp: MISP } }) }));
  const leaf = fc.oneof(
    fc.constantFrom(
      "2026-11-21",
      " 2026-11-21 ",
      "2026/11/21",
      "true",
      "70",
      "NaN",
      "1e9",
      "[x]",
      '"',
      "\\",
      "",
      "8.8.8.8\n",
    ),
    fc.constantFrom(true, false, null, 0, -1, 1.5, 1e300),
    fc.string({ unit: "binary", maxLength: 30 }),
    fc.constantFrom({ a: 1 }, [], ["a", 1, null, { b: 2 }], [[["x"]]]),
  );
  const object = (names: string[]) =>
    fc.record(Object.fromEntries(names.map((name) => [name, leaf])), { requiredKeys: [] });
  const line = fc.record({
    timestamp: fc.oneof(leaf, fc.constant(LINE.timestamp)),
    id: leaf,
    location: leaf,
    _id: leaf,
    gl2_source_input: leaf,
    rule: fc.oneof(leaf, object(["id", "level", "description", "groups"])),
    agent: fc.oneof(leaf, object(["id", "name", "ip"])),
    data: fc.oneof(leaf, fc.record({ srcip: leaf, misp: fc.oneof(leaf, object(Object.keys(MISP))) })),
  });
  const own = new Set(["message", "source", "timestamp", "tipline_via", "tipline_trouble", "tipline_entity"]);
  fc.assert(
    fc.property(line, (given) => {
      const message = new InstalledPack(pack).process({ message: JSON.stringify(given) });
      assert.deepEqual(mapping.index(message), []);
      for (const name of message.fields.keys()) assert.ok(own.has(name) || FIELDS.has(name), name);
      assert.ok(message.fields.get("timestamp") instanceof Date);
    }),
    { numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 60) },
  );
});

test("real alerts: every line is read whole, keeps its time, and none has a field that an index refuses", (t) => {
  const folder = sharedOrSkip(t);
  if (folder === undefined) return;
  const lines = readFileSync(join(folder, "data/wazuh/alerts.ndjson"), "utf8").trim().split("\n");
  const installed = new InstalledPack(pack);
  const mapping = new IndexMapping();
  for (const line of lines) {
    const message = installed.process({ message: line });
    const { timestamp, rule, agent } = JSON.parse(line);
    assert.deepEqual(mapping.index(message), []);
    assert.equal((message.fields.get("timestamp") as Date).getTime(), Date.parse(timestamp.replace(/(\d\d)$/, ":$1")));
    assert.deepEqual(
      [message.fields.get("wazuh_rule_id"), message.fields.get("wazuh_rule_level")],
      [rule.id, rule.level],
    );
    assert.equal(message.fields.get("source"), agent.name);
    assert.ok(!message.fields.has("tipline_trouble"));
  }
  assert.deepEqual(installed.errors, []);
  assert.ok(lines.length > 2000 && mapping.types.size < 60);
});

test("other logs are asked about only where the pipeline is connected, and ours never", () => {
  const asked: string[] = [];
  const lookup = (table: string, key: string) => {
    asked.push(`${table} ${key}`);
    return key === "203.0.113.7" ? "malicious" : "none";
  };
  const log = { message: "deny", source_ip: "10.0.0.5", destination_ip: "203.0.113.7" };
  assert.ok(!run(log, { lookup }).fields.has("tipline_lookup"));
  const connected = ["Tipline: ask about other logs"];
  const message = run(log, { lookup, connected });
  assert.deepEqual(asked, [`${LOOKUP_TABLE} 10.0.0.5`, `${LOOKUP_TABLE} 203.0.113.7`]);
  assert.equal(message.fields.get("tipline_lookup_source_ip"), "none");
  assert.equal(message.fields.get("tipline_lookup"), "malicious");
  run({ ...log, tipline_finding_id: "f1" }, { lookup, connected });
  run({ message: JSON.stringify(LINE), source_ip: "203.0.113.7" }, { lookup, connected });
  assert.equal(asked.length, 2);
});
