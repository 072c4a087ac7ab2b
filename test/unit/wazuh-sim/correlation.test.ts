import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { MATCH, mispEvent, PARENT, rulesFile } from "../../support/wazuh-sim/fixture-rules.ts";
import { createWazuhSim } from "../../support/wazuh-sim/sim.ts";

/** Rules that count, and rules that hold back, on a clock of the test's own. */
async function rig(t: TestContext, ...rules: string[]) {
  let now = Date.UTC(2026, 10, 21, 12);
  const sim = await createWazuhSim({ t, start: false, rules: rulesFile(PARENT, MATCH, ...rules), now: () => now });
  const send = (members: string, agent = "001") =>
    sim.judge(mispEvent(`"category":"c",${members}`), { location: `[${agent}] (a${agent}) any->misp` })!;
  return {
    sim,
    send,
    fire: (members: string, agent?: string) => send(members, agent).verdict?.rule.id,
    wait: (seconds: number) => {
      now += seconds * 1000;
    },
  };
}
const rule = (attributes: string, parts: string) => `<rule ${attributes}>${parts}<description>x</description></rule>`;
const THIRD = rule('id="100640" level="13" frequency="3" timeframe="60"', "<if_matched_sid>100622</if_matched_sid>");

test('frequency="3" fires on the third event, and then on every third', async (t) => {
  const { fire } = await rig(t, THIRD);
  const fired = Array.from({ length: 6 }, (_, i) => fire(`"value":"${i}"`));
  assert.deepEqual(fired, [100_622, 100_622, 100_640, 100_622, 100_622, 100_640]);
});

test("the alert of a counting rule carries its frequency and the events before", async (t) => {
  const { sim, send } = await rig(t, THIRD);
  send('"value":"1"');
  send('"value":"2"');
  const alert = sim.document(send('"value":"3"'));
  assert.equal(alert.rule.frequency, 3);
  assert.match(alert.previous_output, /"value":"2".*\n.*"value":"1"/);
});

test("outside the timeframe nothing is counted", async (t) => {
  const { fire, wait } = await rig(t, THIRD);
  fire('"value":"1"');
  fire('"value":"2"');
  wait(61);
  assert.equal(fire('"value":"3"'), 100_622);
});

test("counting is by agent unless global_frequency", async (t) => {
  const local = await rig(t, THIRD);
  assert.deepEqual(
    ["001", "002", "003"].map((agent) => local.fire('"value":"1"', agent)),
    [100_622, 100_622, 100_622],
  );
  const global = await rig(t, THIRD.replace("</if_matched_sid>", "</if_matched_sid><global_frequency/>"));
  assert.deepEqual(
    ["001", "002", "003"].map((agent) => global.fire('"value":"1"', agent)),
    [100_622, 100_622, 100_640],
  );
});

const TWO = (parts: string) =>
  rule('id="100641" level="13" frequency="2" timeframe="60"', `<if_matched_sid>100622</if_matched_sid>${parts}`);

test("same_field works on dynamic fields", async (t) => {
  const { fire } = await rig(t, TWO("<same_field>misp.event_id</same_field>"));
  fire('"event_id":"1"');
  assert.equal(fire('"event_id":"2"'), 100_622);
  assert.equal(fire('"event_id":"1"'), 100_641);
});

test("same_field of a field that is not there never counts", async (t) => {
  const { fire } = await rig(t, TWO("<same_field>misp.event_id</same_field>"));
  fire('"value":"1"');
  assert.equal(fire('"value":"1"'), 100_622);
});

for (const name of ["different_field", "not_same_field"]) {
  test(`${name} works on dynamic fields`, async (t) => {
    const { fire } = await rig(t, TWO(`<same_field>misp.event_id</same_field><${name}>misp.value</${name}>`));
    fire('"event_id":"1","value":"a"');
    assert.equal(fire('"event_id":"1","value":"a"'), 100_622);
    assert.equal(fire('"event_id":"1","value":"b"'), 100_641);
  });
}

test("the same indicator on several agents: global_frequency with same_field and different_field", async (t) => {
  const spread = TWO(
    "<global_frequency/><same_field>misp.value</same_field><different_field>misp.agent.id</different_field>",
  );
  const { fire } = await rig(t, spread);
  fire('"value":"x","agent":{"id":"001"}', "001");
  assert.equal(fire('"value":"x","agent":{"id":"001"}', "001"), 100_622);
  assert.equal(fire('"value":"x","agent":{"id":"002"}', "002"), 100_641);
});

test("an event that a child took is not counted for its parent", async (t) => {
  const child = rule('id="100623" level="3"', '<if_sid>100622</if_sid><field name="misp.warninglist">\\.+</field>');
  const { fire } = await rig(t, child, THIRD);
  for (let i = 0; i < 5; i += 1) assert.equal(fire('"warninglist":"w"'), 100_623);
  assert.equal(fire('"value":"1"'), 100_622);
});

const GROUP = rule(
  'id="100650" level="13" frequency="2" timeframe="60"',
  "<if_matched_group>misp_alert</if_matched_group>",
);

test("if_matched_group fires alone", async (t) => {
  const { fire } = await rig(t, GROUP);
  fire('"value":"1"');
  assert.equal(fire('"value":"2"'), 100_650);
});

test("if_matched_group does not fire while another rule uses if_matched_sid on the same rule", async (t) => {
  const { fire } = await rig(
    t,
    GROUP,
    rule('id="100651" level="13" frequency="9" timeframe="60"', "<if_matched_sid>100622</if_matched_sid>"),
  );
  for (let i = 0; i < 4; i += 1) assert.equal(fire(`"value":"${i}"`), 100_622);
});

test('ignore="60" alerts the parent instead', async (t) => {
  const held = rule(
    'id="100660" level="13" ignore="60"',
    '<if_sid>100622</if_sid><field name="misp.value">^x$</field>',
  );
  const { fire, wait } = await rig(t, held);
  assert.equal(fire('"value":"x"'), 100_660);
  assert.equal(fire('"value":"x"'), 100_622);
  wait(61);
  assert.equal(fire('"value":"x"'), 100_660);
});

test("no_email_alert: mail is false whatever the level", async (t) => {
  const { sim, send } = await rig(
    t,
    rule('id="100670" level="14"', "<if_sid>100622</if_sid><options>no_email_alert</options>"),
  );
  assert.equal(sim.document(send('"value":"x"')).rule.mail, false);
});

test("from email_alert_level on mail is true", async (t) => {
  const { sim, send } = await rig(t);
  assert.equal(sim.document(send('"value":"x"')).rule.mail, true);
});

test("no_log: fired, counted, not written", async (t) => {
  const { send } = await rig(t, rule('id="100671" level="14"', "<if_sid>100622</if_sid><options>no_log</options>"));
  const verdict = send('"value":"x"').verdict;
  assert.equal(verdict?.rule.id, 100_671);
  assert.equal(verdict?.written, false);
});

test("firedtimes counts by rule", async (t) => {
  const { sim, send } = await rig(t);
  assert.deepEqual(
    [1, 2, 3].map(() => sim.document(send('"value":"x"')).rule.firedtimes),
    [1, 2, 3],
  );
});

const described = async (t: TestContext, members: string) => {
  const { sim, send } = await rig(t);
  return sim.document(send(members)).rule.description;
};

test("$(field) is filled in; of a field that is not there nothing stays", async (t) => {
  assert.equal(await described(t, '"value":"8.8.8.8"'), "MISP: c: 8.8.8.8");
  assert.equal(await described(t, '"other":"x"'), "MISP: c: ");
});

test("$(field) stays literal when the value is long: 900 are fine, 2,000 are not", async (t) => {
  assert.equal(await described(t, `"value":"${"v".repeat(900)}"`), `MISP: c: ${"v".repeat(900)}`);
  assert.equal(await described(t, `"value":"${"v".repeat(2000)}"`), "MISP: $(misp.category): $(misp.value)");
});

test("groups of standards are listed by standard, ATT&CK by id", async (t) => {
  const rich = `<rule id="100680" level="13"><if_sid>100622</if_sid><description>x</description><mitre><id>T1071</id></mitre><group>threat_intel,pci_dss_11.4,gdpr_IV_35.7.d,</group></rule>`;
  const { sim, send } = await rig(t, rich);
  const { groups, pci_dss, gdpr, mitre } = sim.document(send('"value":"x"')).rule;
  assert.deepEqual(groups, ["misp", "threat_intel"]);
  assert.deepEqual([pci_dss, gdpr], [["11.4"], ["IV_35.7.d"]]);
  assert.deepEqual(mitre, {
    id: ["T1071"],
    tactic: ["Command and Control"],
    technique: ["Application Layer Protocol"],
  });
});
