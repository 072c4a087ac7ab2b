import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { encodeDatagram } from "../../src/clients/wazuh-queue.ts";
import { type RuleOptions, ruleIds } from "../../src/setup/wazuh/rules.ts";
import { makeFinding } from "../support/finding.ts";
import { rulesRig } from "../support/rules-rig.ts";
import { tempDir } from "../support/temp.ts";

const IDS = ruleIds();
const LOG_AGENT = { id: "002", name: "win-01" };
const FEED = { feed: "misp", event_id: "241" };

const rig = (t: TestContext, options: RuleOptions = {}, more = {}) => {
  const made = rulesRig(tempDir(t), options, more);
  assert.deepEqual(made.engine.rules.messages, [], "analysisd loads the rules without a warning");
  return made;
};

/** A trouble event of Tipline's own. */
const trouble = (kind: string, component: string, more: object = {}) =>
  `1:misp:${JSON.stringify({ integration: "misp", misp: { error: "what and what to do", trouble: kind, component, ...more } })}`;

test("a match of each default band fires 100622 itself, at level 12, with its groups", (t) => {
  const { match } = rig(t);
  for (const band of ["low", "medium", "high"]) {
    const fired = match({ band, value: `${band}.example` });
    assert.equal(fired?.id, 100_622, band);
    assert.equal(fired?.level, 12);
    assert.equal(fired?.mail, true);
    assert.deepEqual(fired?.groups, ["misp", "misp_alert", "threat_intel"]);
    assert.equal(
      fired?.description,
      `MISP: IoC found in threat intel: Category: Network activity, Attribute: ${band}.example`,
    );
  }
});

test("the seeds' event shapes still fire 100622 and 100621", (t) => {
  const { fire } = rig(t);
  const windows = `{"misp":{"source":{"description":"Sysmon"},"event_id":"241","category":"Network activity","value":"8.8.8.8","type":"ip-dst"},"integration":"misp"}`;
  const linux = `{"misp": {"event_id": "241", "category": "Payload delivery", "value": "a.example", "type": "domain"}, "integration": "misp"}`;
  const error = `{"misp": {"error": "Connection Error to MISP API"}, "integration": "misp"}`;
  assert.equal(fire(`1:misp:${windows}`)?.id, 100_622);
  assert.equal(fire(`1:[001] (web-01) any->misp:${linux}`)?.id, 100_622);
  const failed = fire(`1:misp:${error}`);
  assert.equal(failed?.id, 100_621);
  assert.deepEqual(failed?.groups, ["misp", "misp_error"]);
});

test("children take only what must look different", (t) => {
  const { match } = rig(t);
  const rows: [string, Parameters<typeof match>[0], number, number][] = [
    [
      "known benign",
      { band: "benign", score: "0", warninglist: "List of known public DNS resolvers" },
      IDS.knownBenign,
      3,
    ],
    ["known benign, retro", { band: "benign", mode: "retro", warninglist: "allow: ours" }, IDS.knownBenign, 3],
    ["known benign, many hosts", { band: "benign", entities_count: "21", warninglist: "x" }, IDS.knownBenign, 3],
    ["retro", { mode: "retro", band: "high" }, IDS.retro, 12],
    ["retro, critical", { mode: "retro", band: "critical" }, IDS.retro, 12],
    ["critical", { band: "critical", score: "95" }, IDS.critical, 14],
    ["simulated", { mode: "simulated", band: "high" }, IDS.match, 12],
    ["simulated, critical", { mode: "simulated", band: "critical" }, IDS.critical, 14],
    ["canary", { mode: "canary", band: "critical" }, IDS.canary, 3],
    ["spread, counted by Tipline", { entities_count: "21", band: "critical" }, IDS.spreadCounted, 14],
    ["quiet", { entities_count: "22", quiet: "spread", band: "critical" }, IDS.quiet, 3],
    ["quiet repeats", { repeat_count: "9", quiet: "spread" }, IDS.quiet, 3],
    ["repeats", { repeat_count: "9" }, IDS.match, 12],
    ["foreign", { foreign: "true" }, IDS.match, 12],
  ];
  for (const [what, misp, id, level] of rows) {
    const fired = match({ value: `${what.replaceAll(" ", "-")}.example`, ...misp });
    assert.deepEqual([fired?.id, fired?.level], [id, level], what);
  }
});

test("known benign names the list and is in no group that a response may be bound to", (t) => {
  const fired = rig(t).match({ value: "8.8.8.8", band: "benign", warninglist: "List of known public DNS resolvers" });
  assert.match(fired?.description ?? "", /8\.8\.8\.8 is explained by: List of known public DNS resolvers/);
  assert.deepEqual(fired?.groups, ["misp", "threat_intel", "misp_known_benign"]);
  assert.equal(fired?.mail, false);
});

test("several indicators of one MISP event on one agent: the third match in an hour", (t) => {
  const { match } = rig(t);
  const see = (value: string, change = {}, agent = LOG_AGENT, after = 60) =>
    match({ ...FEED, value, ...change }, agent, after)?.id;
  assert.deepEqual([see("a.example"), see("b.example"), see("c.example")], [IDS.match, IDS.match, IDS.sameEvent]);
  assert.equal(see("c.example", {}, LOG_AGENT, 1), IDS.match, "it does not fire again at once");
});

test("the same value again, another event, another MISP, another agent, another hour: no several indicators", (t) => {
  const rows: [string, (n: number) => [object, typeof LOG_AGENT, number]][] = [
    ["same value", () => [{ value: "a.example" }, LOG_AGENT, 1]],
    ["other events", (n) => [{ value: `${n}.example`, event_id: String(n) }, LOG_AGENT, 1]],
    ["other servers", (n) => [{ value: `${n}.example`, feed: `misp${n}` }, LOG_AGENT, 1]],
    ["other agents", (n) => [{ value: `${n}.example` }, { id: `10${n}`, name: `host${n}` }, 1]],
    ["too slow", (n) => [{ value: `${n}.example` }, LOG_AGENT, 2000]],
    ["a text list", (n) => [{ value: `${n}.example`, event_id: "01234567-89ab-8cde-8f01-23456789abcd" }, LOG_AGENT, 1]],
    ["a low band", (n) => [{ value: `${n}.example`, band: "low" }, LOG_AGENT, 1]],
  ];
  for (const [what, of] of rows) {
    const { match } = rig(t);
    const fired = [1, 2, 3, 4].map((n) => {
      const [misp, agent, after] = of(n);
      return match({ ...FEED, ...misp }, agent, after)?.id;
    });
    assert.deepEqual(new Set(fired), new Set([IDS.match]), what);
  }
});

test("the same indicator on several agents: the third match in an hour, whatever the order of other matches", (t) => {
  const { match } = rig(t);
  const on = (n: number, misp = {}) => match({ value: "c2.example", ...misp }, { id: `00${n}`, name: `host${n}` }, 60);
  assert.equal(on(1)?.id, IDS.match);
  assert.equal(on(2)?.id, IDS.match);
  assert.equal(match({ value: "other.example" })?.id, IDS.match);
  const spread = on(3);
  assert.equal(spread?.id, IDS.spread);
  assert.match(spread?.description ?? "", /c2\.example was matched on several agents, now on host3/);
  assert.deepEqual(spread?.groups, ["misp", "misp_alert", "threat_intel", "custom_correlated", "misp_spread"]);
  assert.equal(on(4)?.id, IDS.match, "it does not fire again for each further agent");
});

test("one agent again and again is no spread, and the manager itself counts as an agent", (t) => {
  const { match } = rig(t);
  const same = [1, 2, 3, 4].map(() => match({ value: "c2.example" })?.id);
  assert.deepEqual(new Set(same), new Set([IDS.match]));
  assert.equal(match({ value: "c2.example" }, { id: "000" })?.id, IDS.spread);
});

test("a benign, retro, critical or canary event neither becomes nor counts for a correlation", (t) => {
  const { match } = rig(t);
  const on = (n: number, misp: object) => match({ value: "c2.example", ...FEED, ...misp }, { id: `00${n}` })?.id;
  on(1, { band: "critical" });
  on(2, { mode: "retro" });
  on(3, { band: "benign", warninglist: "x" });
  on(4, { mode: "canary" });
  assert.deepEqual([on(5, {}), on(6, {})], [IDS.match, IDS.match]);
  assert.equal(on(7, { band: "benign", warninglist: "x" }), IDS.knownBenign);
  assert.equal(on(7, { mode: "retro" }), IDS.retro);
  assert.equal(on(7, { band: "critical" }), IDS.critical);
  assert.equal(on(7, {}), IDS.spread);
});

test("correlation goes on when someone else counts 100622 by id or by group", (t) => {
  const theirs = (how: string) =>
    `<group name="local,"><rule id="100900" level="10" frequency="9" timeframe="60"><${how}><description>x</description></rule></group>`;
  for (const how of ["if_matched_sid>100622</if_matched_sid", "if_matched_group>misp_alert</if_matched_group"]) {
    const { match } = rig(t, {}, { "zz.xml": theirs(how) });
    const fired = [1, 2, 3].map((n) => match({ value: "c2.example" }, { id: `00${n}` })?.id);
    assert.deepEqual(fired, [IDS.match, IDS.match, IDS.spread], how);
  }
});

test("trouble is told by what is broken, and has its own ids", (t) => {
  const { fire } = rig(t);
  const rows: [string, number, number][] = [
    ["delivery", IDS.deliveryTrouble, 10],
    ["canary", IDS.deliveryTrouble, 10],
    ["source", IDS.sourceTrouble, 10],
    ["sync", IDS.syncTrouble, 7],
    ["something new", IDS.error, 5],
  ];
  for (const [kind, id, level] of rows) {
    const fired = fire(trouble(kind, "queue"));
    assert.deepEqual([fired?.id, fired?.level], [id, level], kind);
    assert.ok(fired?.groups.includes("misp_error"));
    assert.match(fired?.description ?? "", /what and what to do/);
    if (id === IDS.error) continue;
    assert.equal(fire(trouble(kind, "queue", { state: "begun" }))?.id, id);
    const over = fire(trouble(kind, "queue", { state: "over" }));
    assert.deepEqual([over?.id, over?.level], [IDS.troubleOver, 3], "its end is no alarm");
  }
});

test("an event of ours without category or error is visible at level 3", (t) => {
  const { fire } = rig(t);
  const bodies = ["{}", '{"category":""}', '{"category":[],"value":"x"}', '{"Error2":"x"}', '"text"'];
  for (const misp of bodies) {
    const fired = fire(`1:misp:{"integration":"misp","misp":${misp}}`);
    // An empty list is a field that is there, and its text is not empty.
    assert.equal(fired?.id, misp.includes("[]") ? fired?.id : IDS.malformed, misp);
    assert.equal(fired?.level, fired?.id === IDS.malformed ? 3 : fired?.level);
  }
  assert.equal(fire('1:misp:{"integration":"misp"}')?.id, IDS.malformed);
});

test("words that stock rule 1002 waits for do not take an event of ours", (t) => {
  const { match, fire } = rig(t);
  assert.equal(match({ comment: "attack error denied fatal failed" })?.id, IDS.match);
  assert.equal(fire('1:misp:{"integration":"misp","x":"error attack"}')?.id, IDS.malformed);
});

test("a forged event from a log file's location fires nothing of ours", (t) => {
  const { fire } = rig(t);
  const body = (encodeDatagram(makeFinding(1).misp) ?? Buffer.alloc(0)).subarray("1:misp:".length);
  const places = [
    "/var/log/app.json",
    "/var/log/misp",
    "/var/log/x->misp",
    "[001] (web-01) any->/var/log/x->misp",
    "[001] (web-01) any->C|:\\logs\\x->misp",
    "[001] (web-01) any->/var/log/app.json",
    "[001] (web-01) any->/var/log/misp",
    "misp/x",
    "xmisp",
    "API-Webhook",
    "MISP",
  ];
  for (const place of places) {
    const fired = fire(Buffer.concat([Buffer.from(`1:${place}:`), body]));
    assert.ok(fired === undefined || fired.id < 100_000, `${place} fired ${fired?.id}`);
  }
  const ours = ["misp", "[001] (web-01) any->misp", "[001] (web-01) 2001|:db8|:|:1->misp", "[001] (a->b) any->misp"];
  for (const place of ours) assert.equal(fire(Buffer.concat([Buffer.from(`1:${place}:`), body]))?.id, IDS.match, place);
});

test("with the server API its location is taken as well, and agents are told apart by the event", (t) => {
  const { fire, match } = rig(t, { api: true });
  const send = (n: number, misp: object) => {
    const datagram = String(encodeDatagram(makeFinding(1, { misp }).misp, { id: `00${n}`, name: `host${n}` }));
    return fire(`1:API-Webhook:${datagram.slice(datagram.indexOf("->misp:") + 7)}`)?.id;
  };
  assert.equal(match({ value: "x.example" })?.id, IDS.match);
  assert.deepEqual(
    [1, 2, 3].map((n) => send(n, { ...FEED, value: `${n}.example` })),
    [IDS.match, IDS.match, IDS.match],
    "three agents with one indicator of the event each",
  );
  assert.deepEqual(
    [1, 2, 3].map((n) => send(n, { value: "c2.example" })),
    [IDS.match, IDS.match, IDS.spread],
  );
  assert.equal(
    fire('1:API-Webhook:{"tipline_canary":{"id":"x","domain":"c.example","sent":"s"}}')?.id,
    IDS.canaryProbe,
  );
  assert.notEqual(fire('1:/API-Webhook:{"integration":"misp","misp":{"category":"x"}}')?.id, IDS.match);
});

test("the canary's event becomes an alert on its way out and on its way back, never mailed", (t) => {
  const probe = '{"tipline_canary":{"id":"abc","domain":"c.example","sent":"2026-11-21T21:45:50Z"}}';
  for (const logAlertLevel of [3, 7, 12, 14]) {
    const { fire, match } = rig(t, { logAlertLevel });
    const out = fire(`1:tipline-canary:${probe}`);
    assert.deepEqual([out?.id, out?.level, out?.mail], [IDS.canaryProbe, logAlertLevel, false]);
    const back = match({ mode: "canary" });
    assert.deepEqual([back?.id, back?.level, back?.mail], [IDS.canary, logAlertLevel, false]);
    assert.ok(!back?.groups.includes("misp_alert"));
    assert.equal(fire(`1:/var/log/app.json:${probe}`), undefined, "forged");
    assert.equal(fire(`1:[001] (web-01) any->tipline-canary:${probe}`), undefined, "from an agent");
  }
});

test("whatever the manager's log_alert_level, every event of ours fires the rule meant and is written", (t) => {
  for (const logAlertLevel of [1, 5, 6, 10, 12, 13, 15]) {
    const { fire, match } = rig(t, { logAlertLevel });
    const fired = [
      match({})?.id,
      match({ band: "critical" })?.id,
      match({ warninglist: "x", band: "benign" })?.id,
      match({ mode: "retro" })?.id,
      match({ quiet: "spread" })?.id,
      fire(trouble("delivery", "queue"))?.id,
      fire(trouble("sync", "misp"))?.id,
      fire('1:misp:{"integration":"misp","misp":{"error":"x"}}')?.id,
      fire('1:misp:{"integration":"misp"}')?.id,
    ];
    const {
      match: ordinary,
      critical,
      knownBenign,
      retro,
      quiet,
      deliveryTrouble,
      syncTrouble,
      error,
      malformed,
    } = IDS;
    assert.deepEqual(
      fired,
      [ordinary, critical, knownBenign, retro, quiet, deliveryTrouble, syncTrouble, error, malformed],
      `log_alert_level ${logAlertLevel}`,
    );
  }
});

test("another block moves the children and nothing else", (t) => {
  const { match, fire } = rig(t, { block: 119_000 });
  const ids = ruleIds(119_000);
  assert.equal(match({})?.id, 100_622);
  assert.equal(match({ band: "critical" })?.id, ids.critical);
  assert.equal(match({ quiet: "spread" })?.id, 119_012);
  assert.equal(fire('1:misp:{"integration":"misp"}')?.id, ids.malformed);
});
