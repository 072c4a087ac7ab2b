import assert from "node:assert/strict";
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { RULES_FILE_NAMES } from "../../src/setup/wazuh/plan-rules-order.ts";
import { renderRules } from "../../src/setup/wazuh/rules.ts";
import { applyRemedy } from "../support/doctor-cure.ts";
import { change } from "../support/doctor-faults.ts";
import { DoctorRig, told } from "../support/doctor-rig.ts";
import { COMMUNITY, counter, put, rule } from "../support/doctor-rule-faults.ts";

const QUIET = { config: { canary: { enabled: false } }, run: false } as const;
const MATCH = JSON.stringify({
  integration: "misp",
  misp: { event_id: "1", category: "Network activity", type: "domain", value: "x.example" },
});

/** What is said of the rules; nothing runs in these rigs, which is told as well. */
async function said(rig: DoctorRig) {
  return told(await rig.doctor()).filter(({ hop }) => hop !== "run");
}

async function isSilent(rig: DoctorRig, what: string): Promise<void> {
  await rig.prove();
  assert.deepEqual(await said(rig), [], what);
}

const ours = (rig: DoctorRig): readonly string[] =>
  readdirSync(rig.sim.paths.localRules).filter((name) => /tipline_rules\.xml$/.test(name));

/** The user's file, its text, what is said, and our file's name after the remedy. */
const EARLY: readonly (readonly [string, string, RegExp, string])[] = [
  [
    "a_own.xml",
    rule(100900, 13, "<if_sid>100622</if_sid>"),
    /rule 100900 \(etc\/rules\/a_own\.xml:1\) is read before its parent 100622 \(\S+\): it is ignored \(7617, 7619\)/,
    "1000-tipline_rules.xml",
  ],
  [
    "local_rules.xml",
    rule(100900, 13, "<if_group>misp_alert</if_group>"),
    /rule 100900 \(etc\/rules\/local_rules\.xml:1\) is read before its parent misp_alert \(etc\/rules\/tipline_rules\.xml:\d+\): it is ignored \(7610\)/,
    "1000-tipline_rules.xml",
  ],
  [
    "0500-own.xml",
    rule(100900, 13, "<if_group>misp_alert</if_group>"),
    /is read before its parent misp_alert/,
    "0011-tipline_rules.xml",
  ],
  [
    "0005-own.xml",
    rule(100900, 13, "<if_sid>100622</if_sid>"),
    /is read before its parent 100622/,
    "tipline_rules.xml",
  ],
  [
    "0005-two.xml",
    rule(100900, 13, "<if_sid>100622</if_sid>") + rule(100901, 13, "<if_group>misp_error</if_group>"),
    /rule 100900 \(\S+\) is read before .*; rule 100901 \(\S+\) is read before its parent misp_error/,
    "tipline_rules.xml",
  ],
  [
    "local_rules.xml",
    counter("<if_matched_group>misp_error</if_matched_group>"),
    /rule 100930 .* is read before its parent misp_error \(\S+\): it never fires/,
    "1000-tipline_rules.xml",
  ],
  [
    "local_rules.xml",
    counter("<if_matched_group>misp_alert</if_matched_group>"),
    /rule 100930 .* is read before its parent misp_alert/,
    "1000-tipline_rules.xml",
  ],
];

for (const [file, text, found, name] of EARLY)
  test(`read before ours: ${/<if.*?>[a-z0-9_]+/.exec(text)?.[0]} in ${file}`, async (t) => {
    const rig = await DoctorRig.create(t, QUIET);
    put(rig, file, text);
    const [check, ...more] = await said(rig);
    assert.deepEqual([check?.hop, check?.status, more], ["rule order", "fail", []]);
    assert.match(check?.found ?? "", found);
    await applyRemedy(rig, check?.advice ?? "");
    await isSilent(rig, check?.advice ?? "");
    assert.deepEqual(ours(rig), [name], check?.advice);
    if (text.includes("100900")) assert.equal(rig.sim.judge(MATCH)?.verdict?.rule.id, 100_900);
  });

async function named(t: TestContext, name: string): Promise<DoctorRig> {
  const rig = await DoctorRig.create(t, QUIET);
  const { localRules } = rig.sim.paths;
  renameSync(join(localRules, "tipline_rules.xml"), join(localRules, name));
  await rig.sim.restart();
  return rig;
}

for (const name of RULES_FILE_NAMES)
  test(`our file may be called ${name}, and is looked at under that name`, async (t) => {
    const rig = await named(t, name);
    await isSilent(rig, name);
    put(rig, "zz_ours.xml", COMMUNITY);
    assert.match((await said(rig))[0]?.found ?? "", /etc\/rules\/zz_ours\.xml has 100620, 100621, 100622 as well/);
    rmSync(join(rig.sim.paths.localRules, "zz_ours.xml"));
    const path = join(rig.sim.paths.localRules, name);
    writeFileSync(path, readFileSync(path, "utf8").replace("</group>", ""));
    const [broken] = await said(rig);
    assert.equal(broken?.hop, "rules XML");
    await applyRemedy(rig, broken?.advice ?? "");
    await isSilent(rig, "installed anew");
  });

test("a name of earlier builds, read before the templates, is named, and an install gives it another", async (t) => {
  const rig = await named(t, "0000-tipline_rules.xml");
  const checks = await said(rig);
  assert.deepEqual([...new Set(checks.map(({ hop }) => hop))], ["rule order"]);
  assert.match(
    checks[0]?.found ?? "",
    /rule 100620 \(etc\/rules\/0000-tipline_rules\.xml:\d+\) is read before its parent/,
  );
  await applyRemedy(rig, checks[0]?.advice ?? "");
  await isSilent(rig, "renamed");
  assert.deepEqual(ours(rig), ["tipline_rules.xml"]);
});

for (const left of ["0000-tipline_rules.xml", "1000-tipline_rules.xml"])
  test(`${left} beside the usual file is named, and its remedy cures`, async (t) => {
    const rig = await DoctorRig.create(t, QUIET);
    put(rig, left, renderRules());
    const checks = await said(rig);
    assert.equal(new Set(checks.map(({ hop }) => hop)).size, 1, JSON.stringify(checks));
    for (const { advice } of checks) await applyRemedy(rig, advice);
    await isSilent(rig, left);
    assert.deepEqual(ours(rig).length, 1);
  });

test("<ruleset> that names no folder is not given ours alone: the stock rules would go", async (t) => {
  const rig = await DoctorRig.create(t, QUIET);
  change(rig.sim.paths.ossecConf, (text) => text.replace(/<rule_dir>[^<]*<\/rule_dir>/g, ""));
  const [check, ...more] = await said(rig);
  assert.deepEqual([check?.hop, check?.status, more], ["rules file", "fail", []]);
  assert.match(check?.found ?? "", /ossec\.conf does not have it loaded/);
  await applyRemedy(rig, check?.advice ?? "");
  await isSilent(rig, "loaded");
  const login = "Nov 22 05:15:00 web-01 sshd[4242]: Accepted password for bob from 192.0.2.1 port 50022 ssh2";
  assert.equal(rig.sim.judge(login, { location: "/var/log/auth.log" })?.verdict?.rule.id, 5715);
});

/** What a user may well have beside ours. */
const HEALTHY: readonly (readonly [string, string])[] = [
  ["a child by group", rule(100901, 14, '<if_group>misp_alert</if_group><field name="misp.type">ip-dst</field>')],
  ["a child by level", rule(100901, 14, '<if_level>12</if_level><field name="misp.type">ip-dst</field>')],
  ["a child by id", rule(100901, 14, '<if_sid>100622</if_sid><field name="misp.type">domain</field>')],
  ["a child of a child", rule(100901, 3, "<if_sid>100622</if_sid>") + rule(100902, 14, "<if_sid>100901</if_sid>")],
  ["a child of errors by group", rule(100901, 14, "<if_group>misp_error</if_group>")],
  ["a counter that the samples set off", counter("<if_matched_sid>100622</if_matched_sid>").replace('"9"', '"2"')],
  [
    "a child of level 0 for events that never come from us",
    rule(100901, 0, '<decoded_as>json</decoded_as><field name="integration">^other$</field>'),
  ],
  [
    "a rule of level 0 for another integration's field of the same name",
    rule(
      100901,
      0,
      '<decoded_as>json</decoded_as><field name="integration">^other$</field><field name="misp.type">\\.+</field>',
    ),
  ],
  ["a counter of another group", counter("<if_matched_group>authentication_failed</if_matched_group>")],
  [
    "an overwrite that makes matches louder",
    '<group name="own,"><rule id="100622" level="13" overwrite="yes"><field name="misp.category">\\.+</field><description>own</description></rule></group>',
  ],
];

test("what hangs on ours in the right place, or has nothing to do with it, is silent", async (t) => {
  const rig = await DoctorRig.create(t, QUIET);
  for (const [what, text] of HEALTHY) {
    put(rig, "zz_own.xml", text);
    assert.ok(await rig.sim.restart(), what);
    await isSilent(rig, what);
  }
  rmSync(join(rig.sim.paths.localRules, "zz_own.xml"));
  put(rig, "a_own.xml", HEALTHY.at(-3)?.[1] ?? "");
  await rig.sim.restart();
  await isSilent(rig, "read before ours");
});

test("a block of ids that was moved is known", async (t) => {
  const rig = await DoctorRig.create(t, { ...QUIET, wazuh: { rules: renderRules({ block: 110_000, api: true }) } });
  await isSilent(rig, "moved");
  put(rig, "a_own.xml", rule(100910, 0, '<decoded_as>json</decoded_as><field name="tipline_canary.id">\\.+</field>'));
  assert.match((await said(rig))[0]?.found ?? "", /takes our events before rule 110006 is tried: a canary on its way/);
});

test("the community's rules alone: nothing of Tipline's own is missed in them", async (t) => {
  const rig = await DoctorRig.create(t, { ...QUIET, wazuh: { rules: { "misp.xml": COMMUNITY } } });
  const checks = await rig.doctor();
  assert.deepEqual(
    told(checks).filter(({ hop }) => hop === "logtest" || hop.startsWith("rule")),
    [],
  );
  assert.match(checks.find(({ hop }) => hop === "logtest")?.found ?? "", /a finding fires rule 100622/);
});
