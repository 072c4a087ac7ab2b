import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { EVENT, MATCH, MISP_RULES, mispEvent, PARENT, rulesFile } from "../../support/wazuh-sim/fixture-rules.ts";
import { createWazuhSim, type WazuhSim } from "../../support/wazuh-sim/sim.ts";
import { stockConf } from "../../support/wazuh-sim/stock-conf.ts";

/** What loading refuses, and how it says so. */
const simWith = (t: TestContext, rules: string | Record<string, string>, conf?: string): Promise<WazuhSim> =>
  createWazuhSim({ t, start: false, rules, ...(conf !== undefined && { conf }) });
const texts = (sim: WazuhSim) => sim.rules.messages.map(({ text }) => text);

test("a good ruleset is silent", async (t) => {
  const sim = await simWith(t, MISP_RULES);
  assert.deepEqual(sim.rules.messages, []);
  assert.equal(sim.rules.ok, true);
});

test("an element that is not closed: 1226 with the line, then 1220", async (t) => {
  const sim = await simWith(t, {
    "misp.xml": `<group name="misp,">${"\n".repeat(13)}<rule id="100620" level="0"><description>x</description></rule>`,
  });
  assert.deepEqual(texts(sim), [
    "(1226): Error reading XML file 'etc/rules/misp.xml': XMLERR: Element 'group' not closed. (line 14).",
    "(1220): Error loading the rules: 'etc/rules/misp.xml'.",
  ]);
  assert.equal(sim.rules.ok, false);
});

const REFUSED: Readonly<Record<string, string>> = {
  "an unknown decoder": PARENT.replace("json", "no-such-decoder"),
  "an unknown element": PARENT.replace("<description>", "<descripton>x</descripton><description>"),
  "an unknown option": MATCH.replace("no_full_log", "no_such_option"),
  "level 17": PARENT.replace('level="0"', 'level="17"'),
  "a seven-digit id": PARENT.replace("100620", "1006200"),
  "a bare &": PARENT.replace(">MISP<", ">MISP & Wazuh<"),
  "a field with a static name": PARENT.replace('name="integration"', 'name="srcip"'),
  "a pattern that does not compile": PARENT.replace("(?:^|->)misp$", "(?:^|->misp$"),
  "a rule without level": PARENT.replace(' level="0"', ""),
  "a rule without a part": '<rule id="100620" level="0"></rule>',
  "a comment that does not end": `<!-- ${PARENT}`,
};
for (const [what, rule] of Object.entries(REFUSED)) {
  test(`${what}: the whole ruleset is refused`, async (t) => {
    const sim = await simWith(t, rulesFile(rule));
    assert.equal(sim.rules.ok, false);
    assert.equal(sim.rules.messages.at(-1)?.text, "(1220): Error loading the rules: 'etc/rules/tipline_rules.xml'.");
  });
}

test("&amp; in a rule is taken, and not decoded", async (t) => {
  const sim = await simWith(t, rulesFile(PARENT, MATCH.replace("MISP: ", "MISP &amp; Wazuh ")));
  assert.equal(sim.document(sim.judge(EVENT)!).rule.description, "MISP &amp; Wazuh Network activity: 8.8.8.8");
});

test("a root that is no group is refused", async (t) => {
  const sim = await simWith(t, "<rules></rules>\n");
  assert.equal(texts(sim)[0], 'rules_op: Invalid root element "rules".Only "group" is allowed');
});

test("several roots, comments and variables are read", async (t) => {
  const text = `<!-- one -->\n<var name="WORD">Network</var>\n${rulesFile(PARENT)}<!-- two -->\n${rulesFile(MATCH.replace("\\.+", "$WORD"))}`;
  const sim = await simWith(t, text);
  assert.deepEqual(texts(sim), []);
  assert.equal(sim.fires(EVENT), "100622");
});

test("\\< in a rule is a <", async (t) => {
  const sim = await simWith(t, rulesFile(PARENT, MATCH.replace("\\.+", "^a\\<b$")));
  assert.equal(sim.fires(mispEvent('"category":"a<b"')), "100622");
});

test("a rule that is overwritten keeps its place", async (t) => {
  const sim = await simWith(t, rulesFile(PARENT, MATCH, MATCH.replace('level="12"', 'level="10" overwrite="yes"')));
  assert.deepEqual(texts(sim), []);
  assert.equal(sim.judge(EVENT)?.verdict?.rule.level, 10);
});

test("overwriting what is not there: WARNING 7613, loaded all the same", async (t) => {
  const sim = await simWith(t, rulesFile(PARENT, MATCH.replace('level="12"', 'level="10" overwrite="yes"')));
  assert.equal(sim.rules.messages[0]?.code, 7613);
  assert.equal(sim.fires(EVENT), "100622");
});

test("if_group of no group: WARNING 7610, ignored", async (t) => {
  const sim = await simWith(
    t,
    rulesFile(PARENT, MATCH.replace("<if_sid>100620</if_sid>", "<if_group>sysmon_event_99</if_group>")),
  );
  assert.deepEqual(
    sim.rules.messages.map(({ code }) => code),
    [7610],
  );
});

test("rule_exclude leaves a file out, also one of ours", async (t) => {
  const conf = stockConf().replace("0215-policy_rules.xml", "tipline_rules.xml");
  const sim = await simWith(t, MISP_RULES, conf);
  assert.equal(sim.fires(EVENT), undefined);
  assert.deepEqual(texts(sim), []);
});

test("without rule_dir of etc/rules our file is not loaded; rule_include names it", async (t) => {
  const without = stockConf().replace("<rule_dir>etc/rules</rule_dir>", "");
  assert.equal((await simWith(t, MISP_RULES, without)).fires(EVENT), undefined);
  const include = stockConf().replace(
    "<rule_dir>etc/rules</rule_dir>",
    "<rule_include>etc/rules/tipline_rules.xml</rule_include>",
  );
  assert.equal((await simWith(t, MISP_RULES, include)).fires(EVENT), "100622");
});

test("only .xml files are read, sorted by bytes", async (t) => {
  const sim = await simWith(t, { "Z.xml": rulesFile(PARENT), "a.xml": rulesFile(MATCH), "b.xml.bak": "broken" });
  assert.deepEqual(texts(sim), []);
  assert.equal(sim.fires(EVENT), "100622");
});

test("files of all folders are read together, by their names", async (t) => {
  const sim = await simWith(t, { "0000-mine.xml": rulesFile(PARENT, MATCH) });
  assert.deepEqual(
    sim.rules.messages.map(({ code }) => code),
    [7611, 7617, 7619],
  );
  const later = await simWith(t, { "0011-mine.xml": rulesFile(PARENT, MATCH) });
  assert.deepEqual(texts(later), []);
  assert.equal(later.fires(EVENT), "100622");
});

test("only the last <ruleset> counts, and without a folder only the stock one is read", async (t) => {
  const include = "<rule_include>etc/rules/tipline_rules.xml</rule_include>";
  const second = (inner: string) => `${stockConf()}<ossec_config><ruleset>${inner}</ruleset></ossec_config>`;
  assert.equal((await simWith(t, MISP_RULES, second(""))).fires(EVENT), undefined);
  assert.equal((await simWith(t, MISP_RULES, second(include))).fires(EVENT), "100622");
});

test("a file of comments alone is an error, one of no bytes and one that is missing are not", async (t) => {
  assert.equal((await simWith(t, { "a.xml": "<!-- nothing -->\n" })).rules.ok, false);
  assert.equal((await simWith(t, { "a.xml": "" })).rules.ok, true);
  const missing = stockConf().replace("</ruleset>", "<rule_include>etc/rules/none.xml</rule_include></ruleset>");
  const sim = await simWith(t, MISP_RULES, missing);
  assert.equal(sim.rules.messages[0]?.code, 1103);
  assert.equal(sim.fires(EVENT), "100622");
});

test("a decoder of one's own in etc/decoders may be asked for", async (t) => {
  const sim = await simWith(t, rulesFile(PARENT.replace("json", "mine")));
  assert.equal(sim.rules.ok, false);
  mkdirSync(sim.paths.localDecoders, { recursive: true });
  writeFileSync(join(sim.paths.localDecoders, "mine.xml"), '<decoder name="mine">\n</decoder>\n');
  assert.equal(sim.reload().ok, true);
});

test("ossec.conf that does not parse: 1226 and 1202", async (t) => {
  const sim = await simWith(t, MISP_RULES, "<ossec_config>\n<global>\n</ossec_config>\n");
  assert.deepEqual(
    sim.rules.messages.map(({ code }) => code),
    [1226, 1202],
  );
});

test("of all ossec_config roots the last value counts; a bare & is taken there", async (t) => {
  const conf = `${stockConf()}<ossec_config><alerts><log_alert_level>13</log_alert_level></alerts></ossec_config>\n`;
  const sim = await simWith(t, MISP_RULES, conf);
  assert.equal(sim.rules.logLevel, 13);
  assert.equal(sim.fires(EVENT), undefined);
});

test("a reload keeps the old ruleset when the new one is refused", async (t) => {
  const sim = await simWith(t, MISP_RULES);
  assert.equal(sim.fires(EVENT), "100622");
  writeFileSync(join(sim.paths.localRules, "tipline_rules.xml"), "<group");
  assert.equal(sim.reload().ok, false);
  assert.equal(sim.fires(EVENT), "100622");
});
