import assert from "node:assert/strict";
import { chmodSync, chownSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { EVENT, MATCH, MISP_RULES, mispEvent, PARENT, rulesFile } from "../../support/wazuh-sim/fixture-rules.ts";
import { createWazuhSim, type WazuhSim } from "../../support/wazuh-sim/sim.ts";

/** Why a 100622-like rule stays silent, one fact a test, as seen on a real 4.14.7. */
const simWith = (t: TestContext, rules: string | Record<string, string>): Promise<WazuhSim> =>
  createWazuhSim({ t, start: false, rules });
const said = (sim: WazuhSim) => sim.rules.messages.map(({ level, code }) => `${level} ${code}`);

test("a rule file that the daemon's user may not read: WARNING 1103 only, its rules are absent", async (t) => {
  const sim = await simWith(t, MISP_RULES);
  const file = join(sim.paths.localRules, "tipline_rules.xml");
  chmodSync(file, 0o600);
  if (process.getuid?.() === 0) chownSync(file, 0, 0);
  else chmodSync(file, 0);
  const loaded = sim.reload();
  assert.equal(loaded.ok, true);
  assert.equal(
    loaded.messages[0]?.text,
    "(1103): Could not open file 'etc/rules/tipline_rules.xml' due to [(13)-(Permission denied)].",
  );
  assert.equal(sim.fires(EVENT), undefined);
});

test("a child before its parent: WARNING 7617 and 7619, ignored", async (t) => {
  const sim = await simWith(t, rulesFile(MATCH, PARENT));
  assert.deepEqual(
    sim.rules.messages.map(({ text }) => text),
    [
      "(7617): Signature ID '100620' was not found and will be ignored in the 'if_sid' option of rule '100622'.",
      "(7619): Empty 'if_sid' value. Rule '100622' will be ignored.",
    ],
  );
  assert.equal(sim.rules.ok, true);
  assert.equal(sim.fires(EVENT), undefined);
});

test("a child in an earlier-sorted file: the same", async (t) => {
  const sim = await simWith(t, { "a.xml": rulesFile(MATCH), "b.xml": rulesFile(PARENT) });
  assert.deepEqual(said(sim), ["WARNING 7617", "WARNING 7619"]);
  const sorted = await simWith(t, { "b.xml": rulesFile(MATCH), "a.xml": rulesFile(PARENT) });
  assert.deepEqual(said(sorted), []);
  assert.equal(sorted.fires(EVENT), "100622");
});

test("one of two parents missing: WARNING 7617, the rule works below the other", async (t) => {
  const sim = await simWith(t, rulesFile(PARENT, MATCH.replace("100620<", "100620, 100999<")));
  assert.deepEqual(said(sim), ["WARNING 7617"]);
  assert.equal(sim.fires(EVENT), "100622");
});

test("a duplicate id: WARNING 7612, the first wins", async (t) => {
  const sim = await simWith(t, rulesFile(PARENT, MATCH, MATCH.replace('level="12"', 'level="5"')));
  assert.equal(
    sim.rules.messages[0]?.text,
    "(7612): Rule ID '100622' is duplicated. Only the first occurrence will be considered.",
  );
  assert.equal(sim.judge(EVENT)?.verdict?.rule.level, 12);
});

test(".+ without type pcre2 never matches; OSRegex needs \\.+", async (t) => {
  const bare = await simWith(t, rulesFile(PARENT, MATCH.replace("\\.+", ".+")));
  assert.equal(bare.fires(EVENT), undefined);
  const pcre2 = await simWith(t, rulesFile(PARENT, MATCH.replace('category">\\.+', 'category" type="pcre2">.+')));
  assert.equal(pcre2.fires(EVENT), "100622");
});

test("OSRegex is unanchored and case-insensitive, pcre2 is case-sensitive", async (t) => {
  const with_ = (field: string) => simWith(t, rulesFile(PARENT, MATCH.replace(/<field.*<\/field>/, field)));
  assert.equal((await with_('<field name="misp.category">NETWORK</field>')).fires(EVENT), "100622");
  assert.equal((await with_('<field name="misp.category">activity</field>')).fires(EVENT), "100622");
  assert.equal((await with_('<field name="misp.category" type="pcre2">NETWORK</field>')).fires(EVENT), undefined);
  assert.equal((await with_('<field name="misp.category" type="pcre2">(?i)NETWORK</field>')).fires(EVENT), "100622");
});

const SWALLOWERS: Readonly<Record<string, readonly [rule: string, members: string]>> = {
  "timestamp and event_type": ["86600", '"timestamp":"t","event_type":"dns"'],
  "activity_id and category_uid": ["99000", '"activity_id":"1","category_uid":"2"'],
  "vulnerability.cve": ["23501", '"vulnerability":{"cve":"CVE-2026-1"}'],
  "subtype system": ["44698", '"subtype":"system"'],
  WAFAction: ["92501", '"WAFAction":"block"'],
  "@source": ["87300", '"@source":"ownCloud"'],
  mysql_audit_log: ["88000", '"mysql_audit_log":"x"'],
  "vuls.integration": ["22401", '"vuls":{"integration":"x"}'],
};
for (const [what, [rule, members]] of Object.entries(SWALLOWERS)) {
  test(`a stock level-0 sibling swallows the event: ${what} goes to ${rule}`, async (t) => {
    const sim = await simWith(t, MISP_RULES);
    const judged = sim.judge(EVENT.replace("{", `{${members},`));
    assert.equal(judged?.verdict?.rule.id, Number(rule));
    assert.equal(judged?.verdict?.written, false);
  });
}

test("an integration that contains aws goes to 80200", async (t) => {
  const sim = await simWith(t, MISP_RULES);
  assert.equal(sim.judge('{"integration":"misp-aws","misp":{}}')?.verdict?.rule.id, 80_200);
});

const withLevel = (level: number) => rulesFile(PARENT.replace('level="0"', `level="${level}"`), MATCH);
const BAD_WORD = mispEvent('"category":"attack"');

test("a parent at level 1 or 2 loses to rule 1002 and nothing is alerted", async (t) => {
  for (const level of [1, 2]) {
    const sim = await simWith(t, withLevel(level));
    assert.equal(sim.judge(BAD_WORD)?.verdict?.rule.id, 1002);
    assert.equal(sim.fires(BAD_WORD), undefined);
    assert.equal(sim.fires(EVENT), "100622", "without such a word it fires");
  }
});

test("a parent at level 0 or 3 does not", async (t) => {
  for (const level of [0, 3]) assert.equal((await simWith(t, withLevel(level))).fires(BAD_WORD), "100622");
});

test("an empty category: the parent fires instead", async (t) => {
  const sim = await simWith(t, withLevel(3));
  assert.equal(sim.judge(mispEvent('"category":"","value":"x"'))?.verdict?.rule.id, 100_620);
});

test("negate needs the field to exist", async (t) => {
  const benign = `<rule id="100630" level="3">
    <if_sid>100620</if_sid>
    <field name="misp.mode" negate="yes">^retro$</field>
    <description>x</description>
  </rule>`;
  const sim = await simWith(t, rulesFile(PARENT, benign));
  assert.equal(sim.fires(mispEvent('"mode":"live"')), "100630");
  assert.equal(sim.fires(mispEvent('"mode":"retro"')), undefined);
  assert.equal(sim.fires(mispEvent('"other":"live"')), undefined);
});

test("in a rule the name is misp.category, not data.misp.category", async (t) => {
  const sim = await simWith(t, rulesFile(PARENT, MATCH.replace('name="misp.category"', 'name="data.misp.category"')));
  assert.equal(sim.fires(EVENT), undefined);
});

test("siblings: level 0 first, then the higher level, equals as loaded", async (t) => {
  const child = (id: number, level: number) =>
    `<rule id="${id}" level="${level}"><if_sid>100620</if_sid><field name="misp.value">\\.+</field><description>x</description></rule>`;
  const order = async (...rules: string[]) =>
    (await simWith(t, rulesFile(PARENT, ...rules))).judge(EVENT)?.verdict?.rule.id;
  assert.equal(await order(child(100_631, 5), child(100_632, 9)), 100_632);
  assert.equal(await order(child(100_631, 9), child(100_632, 5)), 100_631);
  assert.equal(await order(child(100_631, 9), child(100_632, 0)), 100_632);
  assert.equal(await order(child(100_631, 7), child(100_632, 7)), 100_631);
});

test("a child on misp.warninglist lowers a known-benign match to level 3 while 100622 keeps firing for the others", async (t) => {
  const benign = `<rule id="100623" level="3"><if_sid>100622</if_sid><field name="misp.warninglist">\\.+</field><description>known: $(misp.warninglist)</description></rule>`;
  const sim = await simWith(t, rulesFile(PARENT, MATCH, benign));
  const judged = sim.judge(mispEvent('"category":"c","warninglist":"public DNS"'));
  assert.equal(judged?.verdict?.rule.id, 100_623);
  assert.equal(sim.document(judged!).rule.description, "known: public DNS");
  assert.equal(sim.fires(EVENT), "100622");
});

test("below log_alert_level nothing is written", async (t) => {
  const sim = await createWazuhSim({
    t,
    start: false,
    rules: rulesFile(PARENT, MATCH.replace("12", "6")),
    logLevel: 7,
  });
  assert.equal(sim.judge(EVENT)?.verdict?.rule.id, 100_622);
  assert.equal(sim.fires(EVENT), undefined);
});
