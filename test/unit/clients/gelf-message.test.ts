import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ALERT_FIELDS, MISP_FIELDS, OWN_FIELDS } from "../../../src/clients/gelf-fields.ts";
import { type GelfContent, gelfMessage } from "../../../src/clients/gelf-message.ts";
import { packageRoot } from "../../../src/lib/package-root.ts";
import type { Finding } from "../../../src/model/finding.ts";
import { redact } from "../../../src/pipeline/redact.ts";
import { makeFinding } from "../../support/finding.ts";

const CONTENT: GelfContent = { full: false, extra: [], fullMessage: true, timestamp: "alert", admits: () => true };
const compose = (finding: Finding, content: Partial<GelfContent> = {}, maxBytes = 2_000_000) =>
  JSON.parse(gelfMessage(finding, { ...CONTENT, ...content }, maxBytes, 1_800_000_000_500).json);

/** A finding whose alert is this object. */
function about(alert: unknown, change: Parameters<typeof makeFinding>[1] = {}): Finding {
  const raw = typeof alert === "string" ? alert : JSON.stringify(alert);
  return makeFinding(1, { ...change, alert: { ...makeFinding(1).alert, raw } });
}

test("docs/graylog-fields.md lists exactly the fields that are sent, with their types", () => {
  const page = readFileSync(join(packageRoot(), "docs", "graylog-fields.md"), "utf8");
  const rows = [...page.matchAll(/^\| `((?:tipline|wazuh)_\w+)` \| (\w+) \|/gm)].map(
    ([, name, type]) => `${name} ${type}`,
  );
  const sent = [...MISP_FIELDS, ...ALERT_FIELDS].map(({ name, type }) => `${name} ${type}`);
  for (const [name, type] of Object.entries(OWN_FIELDS)) sent.push(`${name} ${type}`);
  assert.deepEqual(rows.toSorted(), sent.toSorted());
});

test("a finding becomes a message with fixed names", () => {
  const message = compose(makeFinding(7));
  assert.equal(message.version, "1.1");
  assert.equal(message.host, "web-01");
  assert.equal(message.timestamp, 1_795_297_550);
  assert.equal(message.level, 3);
  assert.equal(message.short_message, "MISP ip-dst 203.0.113.7 on web-01: score 70 (high) - sshd: login failed.");
  assert.equal(message._tipline_finding_id, "f00000007");
  assert.equal(message._tipline_score, 70);
  assert.equal(message._tipline_matches_count, 1);
  assert.equal(message._wazuh_data_srcip, "203.0.113.7");
  assert.equal(JSON.parse(message.full_message).data.misp.finding_id, "f00000007");
  assert.ok(Object.keys(message).every((key) => !/^_(?:id|gl2_)/.test(key) && !key.includes(".")));
});

test("what may be numeric is a string, and booleans are words", () => {
  const finding = about(
    { id: 5, data: { srcport: 22, url: true }, rule: { level: "5", id: 100 } },
    { misp: { value: "0042" } },
  );
  const message = compose(finding, { full: true });
  assert.deepEqual(
    [
      message._tipline_value,
      message._wazuh_id,
      message._wazuh_data_srcport,
      message._wazuh_data_url,
      message._wazuh_rule_id,
    ],
    ["0042", "5", "22", "true", "100"],
  );
  assert.equal(message._wazuh_rule_level, 5);
  assert.equal(message._tipline_suppressed, "false");
});

test("numbers come out as they are written", () => {
  const message = compose(about('{"data":{"a":12345678901234567890,"b":1.0,"c":[1.50],"d":"1.0 \\" 2.0","e":-3}}'), {
    full: true,
  });
  assert.deepEqual(
    [message._wazuh_data_a, message._wazuh_data_b, message._wazuh_data_c, message._wazuh_data_d, message._wazuh_data_e],
    ["12345678901234567890", "1.0", "1.50", '1.0 " 2.0', "-3"],
  );
});

test("a text that is nothing but a date is put in quotes; date fields are valid or named as left out", () => {
  const message = compose(
    makeFinding(1, {
      misp: {
        comment: "2019-05-20",
        event_date: "2026-02-30",
        first_seen: "2026-01-02T03:04:05+0100",
        last_seen: "soon",
      },
    }),
  );
  assert.equal(message._tipline_comment, '"2019-05-20"');
  assert.equal(message._tipline_first_seen, "2026-01-02T02:04:05.000Z");
  assert.equal(message._tipline_omitted, "tipline_event_date (not a date), tipline_last_seen (not a date)");
});

test("text over 32,000 bytes is cut between characters and named; the whole of it is in full_message", () => {
  const long = "é".repeat(20_000);
  const message = compose(about({ data: { url: long } }));
  assert.equal(Buffer.byteLength(message._wazuh_data_url), 32_000);
  assert.equal(message._tipline_shortened, "wazuh_data_url");
  assert.ok(message.full_message.includes(long));
});

test("a list keeps whole items and says that some are missing", () => {
  const tags = Array.from({ length: 5_000 }, (_, n) => `tag:number=${n}`);
  const message = compose(makeFinding(1, { misp: { tags } }));
  assert.ok(Buffer.byteLength(message._tipline_tags) <= 32_000);
  assert.ok(message._tipline_tags.split(", ").every((tag: string) => tags.includes(tag)));
  assert.equal(message._tipline_shortened, "tipline_tags");
});

test("names that collide are told apart by their paths, whatever their order", () => {
  const one = compose(about('{"a":{"b":"nested"},"a_b":"flat","a.b":"dotted","a b":"blank"}'), { full: true });
  const two = compose(about('{"a b":"blank","a.b":"dotted","a_b":"flat","a":{"b":"nested"}}'), { full: true });
  const fields = (message: Record<string, unknown>) =>
    Object.entries(message)
      .filter(([key]) => key.startsWith("_wazuh_a_b"))
      .toSorted();
  assert.deepEqual(fields(one), fields(two));
  assert.equal(fields(one).length, 4);
});

test("a documented name belongs to its own path alone", () => {
  const message = compose(about('{"rule level":"high","rule_id":"x","rule.groups":"y"}'), { full: true });
  assert.equal(message._wazuh_rule_level, undefined);
  assert.equal(Object.keys(message).filter((key) => /^_wazuh_rule_\w+_[0-9a-f]{16}$/.test(key)).length, 3);
});

test("somebody else's data.misp is no field", () => {
  const message = compose(about({ data: { misp: { value: "x" }, integration: "misp" } }), { full: true });
  assert.ok(Object.keys(message).every((key) => !key.startsWith("_wazuh_data_misp")));
});

test("full sends every leaf as long as there is room for its name, and names the others", () => {
  const alert = { data: Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`k${n}`, String(n)])) };
  const admitted = new Set(Array.from({ length: 10 }, (_, n) => `wazuh_data_k${n}`));
  const message = compose(about(alert), { full: true, admits: (name) => admitted.has(name) });
  assert.equal(Object.keys(message).filter((key) => key.startsWith("_wazuh_data_k")).length, 10);
  assert.match(message._tipline_omitted, /wazuh_data_k49 \(too many names\)/);
});

test("further members of the alert are sent by path", () => {
  const message = compose(about({ data: { win: { system: { computer: "PC1" } } } }), {
    extra: [["data", "win", "system", "computer"]],
  });
  assert.equal(message._wazuh_data_win_system_computer, "PC1");
});

test("a message over the limit loses the end of full_message first, then long fields, then fields", () => {
  const finding = about({
    data: { srcuser: "u".repeat(30_000), dstuser: "v".repeat(30_000) },
    full_log: "\u0001".repeat(60_000),
  });
  for (const limit of [200_000, 65_536, 40_000, 32_768]) {
    const { json, shortened } = gelfMessage(finding, CONTENT, limit, 0);
    assert.ok(Buffer.byteLength(json) <= limit);
    assert.ok(shortened.includes("full_message"));
    assert.equal(JSON.parse(json)._tipline_finding_id, "f00000001");
  }
  assert.ok(!gelfMessage(finding, CONTENT, 200_000, 0).shortened.includes("wazuh_data_srcuser"));
  assert.ok(gelfMessage(finding, CONTENT, 40_000, 0).shortened.includes("wazuh_data_srcuser"));
});

test("an alert that is no JSON still becomes a message", () => {
  const message = compose(about("no json\0"));
  assert.equal(message._wazuh_agent_id, "001");
  assert.match(message.full_message, /no json/);
});

test("above its TLP a finding goes out as id and link alone", () => {
  const finding = makeFinding(1, { tlp: "red", misp: { link: "https://misp.example.org/events/view/1" } });
  const message = compose(redact(finding, "green"), { full: true });
  assert.equal(message._tipline_link, "https://misp.example.org/events/view/1");
  assert.doesNotMatch(JSON.stringify(message), /203\.0\.113\.7|web-01|sshd/);
});

test("the time may be that of sending, and an impossible one is left to Graylog", () => {
  assert.equal(compose(makeFinding(1), { timestamp: "sent" }).timestamp, 1_800_000_000.5);
  const odd = makeFinding(1, { alert: { ...makeFinding(1).alert, time: Number.NaN } });
  assert.equal("timestamp" in compose(odd), false);
});
