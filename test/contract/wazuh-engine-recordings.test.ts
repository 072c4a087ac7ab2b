import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { sharedOrSkip } from "../support/shared.ts";
import { decodeJson, unflatten } from "../support/wazuh-sim/decode.ts";
import { decodeEvent } from "../support/wazuh-sim/engine.ts";
import { groupsOf } from "../support/wazuh-sim/rule.ts";
import { createWazuhSim, type SimAlert } from "../support/wazuh-sim/sim.ts";

/** The engine of the tests against what a real 4.14.7 wrote. */
function ndjson(t: TestContext, name: string): SimAlert[] | undefined {
  const folder = sharedOrSkip(t);
  if (folder === undefined) return undefined;
  const text = readFileSync(join(folder, "data/wazuh", name), "utf8");
  return text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));
}

const jsonAlerts = (alerts: SimAlert[]) => alerts.filter((alert) => alert.decoder?.name === "json");
const plain = (value: unknown) => value && JSON.parse(JSON.stringify(value));
const decoded = (log: string) => plain(unflatten(decodeJson(log) ?? new Map()));

test("every recorded JSON event, decoded again, gives the data that the real engine wrote", (t) => {
  const alerts = ndjson(t, "alerts.ndjson");
  if (alerts === undefined) return;
  const whole = jsonAlerts(alerts).filter((alert) => alert.full_log !== undefined);
  assert.ok(whole.length > 200, String(whole.length));
  for (const alert of whole) assert.deepEqual(decoded(alert.full_log), alert.data, alert.id);
});

test("data that was decoded once stays as it is when it is decoded again", (t) => {
  const alerts = ndjson(t, "alerts.ndjson");
  if (alerts === undefined) return;
  for (const alert of jsonAlerts(alerts)) assert.deepEqual(decoded(JSON.stringify(alert.data)), alert.data, alert.id);
});

test("the short way through JSON.parse sees what the long one sees", (t) => {
  const alerts = ndjson(t, "alerts.ndjson");
  if (alerts === undefined) return;
  for (const { data, full_log } of jsonAlerts(alerts))
    for (const log of [JSON.stringify(data), full_log ?? "{}"]) assert.deepEqual(decoded(log), decoded(`${log} .`));
});

test("agent and location are read from the header that the recorded alert must have had", (t) => {
  const alerts = ndjson(t, "alerts.ndjson");
  if (alerts === undefined) return;
  for (const { agent, location, id } of alerts) {
    const header = agent.id === "000" ? location : `[${agent.id}] (${agent.name}) ${agent.ip ?? "any"}->${location}`;
    const event = decodeEvent({ queue: "1", location: header, log: "x" }, agent.name, 0);
    assert.deepEqual([event.agent, event.location], [agent, location], id);
  }
});

/** Lines with the plain syslog header, of logins; and access logs as the web server writes them. */
const KNOWN: Readonly<Record<string, RegExp>> = {
  json: /^\{/,
  sshd: /^[A-Z][a-z]{2} [ \d]\d [\d:]{8} .* (?:Accepted|Failed password|Failed publickey|Invalid user) /,
  "web-accesslog": /^\S+ \S+ \S+ \[/,
};

test("recorded events, put through the engine again, have data, decoder and predecoder byte for byte", async (t) => {
  const alerts = ndjson(t, "alerts.ndjson");
  if (alerts === undefined) return;
  const sim = await createWazuhSim({ t, start: false });
  const counts: Record<string, number> = {};
  for (const alert of alerts) {
    const name = alert.decoder?.name ?? "";
    if (!Object.hasOwn(KNOWN, name) || !KNOWN[name]?.test(alert.full_log ?? "\n")) continue;
    const document = sim.document(sim.judge(alert.full_log, { location: "x" })!);
    for (const member of ["data", "predecoder", "decoder"])
      assert.equal(JSON.stringify(document[member]), JSON.stringify(alert[member]), `${member} of ${alert.id}`);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  for (const [name, least] of Object.entries({ json: 200, sshd: 150, "web-accesslog": 80 }))
    assert.ok((counts[name] ?? 0) >= least, `${name}: ${counts[name]}`);
});

/** Members that follow each other in some document, as `a<b`. */
const orders = (documents: object[]) =>
  new Set(
    documents.flatMap((document) =>
      Object.keys(document).flatMap((a, i, all) => all.slice(i + 1).map((b) => `${a}<${b}`)),
    ),
  );

test("members stand in the order of the real documents", async (t) => {
  const alerts = ndjson(t, "alerts.ndjson");
  if (alerts === undefined) return;
  const sim = await createWazuhSim({ t, start: false });
  const ours = [
    sim.judge("Nov 22 05:00:00 web-01 sshd[12]: Failed password for root from 192.0.2.9 port 22 ssh2", {
      location: "/var/log/auth.log",
    }),
    sim.judge('192.0.2.9 - - [22/Nov/2026:05:00:00 +0000] "GET /x HTTP/1.1" 404 12 "-" "-"', {
      location: "[001] (a) any->/var/log/a",
    }),
  ].map((judged) => sim.document(judged!));
  for (const [real, mine] of [
    [alerts, ours],
    [alerts.map((a) => a.rule), ours.map((a) => a.rule)],
  ] as const) {
    const known = orders(real as object[]);
    for (const pair of orders(mine as object[])) assert.ok(known.has(pair), pair);
  }
});

test("mail is told by level, as in every recorded alert", (t) => {
  for (const { rule } of ndjson(t, "alerts.ndjson") ?? []) assert.equal(rule.mail, rule.level >= 12);
});

test("the sim's own stock rules have ids, levels, parents, fields and decoders of the real ones", async (t) => {
  const stock = ndjson(t, "stock-rules.ndjson");
  if (stock === undefined) return;
  const real = new Map(stock.map((rule) => [Number(rule.id), rule]));
  const sim = await createWazuhSim({ t, start: false });
  assert.deepEqual(sim.rules.messages, []);
  for (const rule of sim.rules.tree.rules()) {
    if (rule.id >= 100_000) continue;
    const expected = real.get(rule.id);
    assert.ok(expected, `${rule.id} is a stock rule`);
    assert.equal(rule.level, expected.level, `level of ${rule.id}`);
    assert.equal(rule.decodedAs, expected.decoded_as, `decoder of ${rule.id}`);
    assert.equal(rule.ifSid[0], expected.if_sid && Number(expected.if_sid.split(/[ ,]/)[0]), `parent of ${rule.id}`);
    assert.equal(rule.file, `ruleset/rules/${expected.file}`);
    for (const group of groupsOf(rule)) assert.ok(expected.groups.includes(group), `${group} of ${rule.id}`);
    for (const { name } of rule.fields) assert.ok(expected.fields.includes(name), `${name} of ${rule.id}`);
  }
});

test("no other stock rule that takes a JSON event by level 0 is missing but those of their own fields", async (t) => {
  const stock = ndjson(t, "stock-rules.ndjson");
  if (stock === undefined) return;
  const sim = await createWazuhSim({ t, start: false });
  const missing = stock.filter(
    (rule) =>
      rule.decoded_as === "json" &&
      rule.level === 0 &&
      rule.if_sid === undefined &&
      sim.rules.tree.rule(Number(rule.id)) === undefined,
  );
  // 87402/87403 want `type` and `scan_id`, 89050 is the second of mysql_audit_log, 88200 the second of @source.
  assert.deepEqual(missing.map(({ id }) => id).sort(), ["87402", "87403", "88200", "89050"]);
});
