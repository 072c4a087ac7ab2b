import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { TiplineError } from "../../../../src/lib/errors.ts";
import { integrationsOf } from "../../../../src/setup/wazuh/integrations.ts";
import { planMigration } from "../../../../src/setup/wazuh/migrate.ts";
import { deadGroups } from "../../../../src/setup/wazuh/migrate-groups.ts";
import { scriptNotes } from "../../../../src/setup/wazuh/migrate-notes.ts";
import { applySplices, readOssecConf } from "../../../../src/setup/wazuh/ossec-conf.ts";
import { editConf } from "../../../../src/setup/wazuh/ossec-conf-edit.ts";
import type { CatalogRule } from "../../../../src/setup/wazuh/rule-catalog.ts";
import { tempDir } from "../../../support/temp.ts";

const KEY = "zaq12wsxcde34rfvbgt56yhnmju78ik9ol0pqazw";

const HEAD = `<!-- local & old -->
<ossec_config>
  <global>
    <jsonout_output>yes</jsonout_output>
  </global>

  <integration>
    <name>slack</name>
    <hook_url>https://hooks.example/T/B/x?a=1&b=2</hook_url>
    <alert_format>json</alert_format>
  </integration>
`;
const TAIL = `
  <ruleset>
    <rule_dir>etc/rules</rule_dir>
  </ruleset>
</ossec_config>

<ossec_config>
  <localfile><log_format>syslog</log_format><location>/var/log/x & y</location></localfile>
</ossec_config>
`;
const MISP = `
  <integration>
    <name>custom-misp.py</name>
    <group>sysmon_event1,sysmon_event_22,syscheck</group>
    <alert_format>json</alert_format>
    <api_key>${KEY}</api_key> <!-- do not share -->
    <hook_url>https://misp.corp.example/</hook_url>
  </integration>
`;
const conf = (...blocks: readonly string[]) => `${HEAD}${blocks.join("")}${TAIL}`;

function rule(id: number, level: number, ...groups: readonly string[]): CatalogRule {
  return { id, level, groups, noAlert: false } as unknown as CatalogRule;
}

const RULES = [
  rule(61603, 0, "windows", "sysmon", "sysmon_event1"),
  rule(61650, 0, "windows", "sysmon", "sysmon_event_22"),
  rule(92000, 4, "sysmon", "sysmon_eid1_detections", "windows"),
  rule(92100, 3, "sysmon", "sysmon_eid22_detections", "windows"),
  rule(92200, 3, "sysmon", "sysmon_eid11_detections", "windows"),
  rule(550, 7, "ossec", "syscheck", "syscheck_entry_modified"),
];

const plan = (text: string, options: Parameters<typeof planMigration>[1] = {}) =>
  planMigration(readOssecConf(text), { rules: RULES, ...options });

test("the hook takes the block's place with its filters; every other byte stays", () => {
  const text = conf(MISP);
  const edited = editConf(text, [plan(text).edit]).text;
  assert.equal(
    edited,
    conf(`
  <!-- Put here by \`tipline install wazuh\`: custom-tipline -->
  <integration>
    <name>custom-tipline</name>
    <group>sysmon_event1,sysmon_event_22,syscheck</group>
    <alert_format>json</alert_format>
  </integration>
`),
  );
  assert.deepEqual(plan(edited).replaced, []);
  assert.equal(editConf(edited, [plan(text).edit]).text, edited, "the second time nothing happens");
});

test("every filter is taken over as it is written", () => {
  const filters =
    "<level>10</level><rule_id>5710,5712</rule_id><group> web,attack</group><event_location>web-.*\\.log & more</event_location>";
  const text = conf(
    `<integration><name>custom-misp_sysmon</name>${filters}<alert_format>json</alert_format></integration>`,
  );
  const { edit, filters: taken } = plan(text);
  assert.deepEqual(taken, [
    { level: "10", ruleId: "5710,5712", group: " web,attack", eventLocation: "web-.*\\.log & more" },
  ]);
  const edited = editConf(text, [edit]).text;
  const [, ours] = integrationsOf(readOssecConf(edited));
  assert.deepEqual([ours?.name, ours?.filters, ours?.json], ["custom-tipline", taken[0], true]);
});

test("the community's names are recognised, others are left alone", () => {
  const names = ["custom-misp", "custom-misp.py", "custom-misp_sha256", "custom-wazuh-misp", "custom-MISP-ip"];
  const others = ["custom-opencti", "virustotal", "custom-tipline", "misp"];
  const text = conf(...[...names, ...others].map((name) => `<integration><name>${name}</name></integration>`));
  assert.deepEqual(
    plan(text).replaced.map(({ name }) => name),
    names,
  );
});

test("a name that is given and not there is a mistake that lists what is there", () => {
  assert.throws(
    () => plan(conf(MISP), { names: ["custom-misp2"] }),
    (error) =>
      error instanceof TiplineError &&
      /"custom-misp2" in ossec\.conf, found "slack", "custom-misp\.py"/.test(error.message),
  );
  assert.equal(plan(conf(MISP), { names: ["custom-misp.py"] }).replaced.length, 1);
});

test("a name means the wrapper and its script alike, unless both are there", () => {
  const wrapper = MISP.replace("custom-misp.py", "custom-misp").replace("syscheck", "web");
  for (const [text, name] of [
    [conf(wrapper), "custom-misp.py"],
    [conf(MISP), "custom-misp"],
  ] as const) {
    const { replaced, edit } = plan(text, { names: [name] });
    assert.equal(replaced.length, 1);
    assert.deepEqual(
      integrationsOf(readOssecConf(editConf(text, [edit]).text)).map((one) => one.name),
      ["slack", "custom-tipline"],
    );
  }
  for (const name of ["custom-misp", "custom-misp.py"])
    assert.deepEqual(
      plan(conf(MISP, wrapper), { names: [name] }).replaced.map((one) => one.name),
      [name],
    );
});

test("what was set for the old script alone is said to go", () => {
  const more = "<timeout>20</timeout><retries>5</retries><options>{}</options><max_log>165</max_log></integration>";
  const text = conf(MISP.replace("</integration>", more));
  const [note, ...others] = plan(text).notes.filter(({ kind }) => kind === "setting");
  assert.match(note?.text ?? "", /^<options>, <timeout>, <retries>, <max_log> of custom-misp\.py go with its block/);
  assert.equal(note?.line, readOssecConf(text).all("integration")[1]?.line);
  assert.deepEqual(others, []);
  assert.deepEqual(
    plan(conf(MISP)).notes.filter(({ kind }) => kind === "setting"),
    [],
  );
});

test("several blocks: equal filters become one, a wider one swallows the rest", () => {
  const block = (name: string, filter: string) => `<integration><name>${name}</name>${filter}</integration>`;
  const a = block("custom-misp", "<group>syscheck</group>");
  const b = block("custom-misp.py", "<group>syscheck</group>");
  const c = block("custom-misp2", "<level>5</level>");
  const d = block("custom-misp3", "<level>7</level><group>web</group>");
  assert.deepEqual(plan(conf(a, b)).filters, [{ group: "syscheck" }]);
  assert.deepEqual(plan(conf(a, c, d)).filters, [{ level: "5" }, { group: "syscheck" }]);
  const edited = editConf(conf(a, c, d), [plan(conf(a, c, d)).edit]).text;
  assert.deepEqual(
    integrationsOf(readOssecConf(edited)).map(({ name, filters }) => [name, filters]),
    [
      ["slack", {}],
      ["custom-tipline", { level: "5" }],
      ["custom-tipline", { group: "syscheck" }],
    ],
  );
});

test("groups that no alert can carry are named with what is near", () => {
  const notes = plan(conf(MISP)).notes.filter(({ kind }) => kind === "group");
  assert.equal(notes.length, 2);
  assert.match(notes[0]?.text ?? "", /level 0.*"sysmon_event1" \(61603\).*near: sysmon_eid1_detections\./);
  assert.match(notes[1]?.text ?? "", /"sysmon_event_22" \(61650\).*near: sysmon_eid22_detections\./);
  assert.equal(notes[0]?.line, readOssecConf(conf(MISP)).all("integration")[1]?.line);
  const [unknown, spaced] = deadGroups("sysmon_event22, syscheck,syschek", RULES);
  assert.deepEqual([unknown?.kind, unknown?.nearest], ["unknown", ["sysmon_eid22_detections"]]);
  assert.deepEqual([spaced?.kind, spaced?.nearest], ["spaced", ["syscheck"]]);
  assert.deepEqual(deadGroups("syschek", RULES)[0]?.nearest, ["syscheck"]);
  assert.deepEqual(deadGroups("syscheck,,windows,", RULES), []);
});

test("a key in ossec.conf is said and shown nowhere", () => {
  for (const old of ["remove", "comment"] as const) {
    const text = conf(MISP);
    const migration = plan(text, { old });
    assert.match(migration.notes.find(({ kind }) => kind === "key")?.text ?? "", /<api_key> in ossec\.conf.*key_file/);
    assert.ok(!JSON.stringify([migration.notes, migration.filters]).includes(KEY));
    assert.ok(!editConf(text, [migration.edit]).text.includes(KEY));
    assert.equal(migration.mispUrl, "https://misp.corp.example/");
  }
});

test("kept as a comment the old block cannot end it early, and Wazuh reads the file as without it", () => {
  const tricky = MISP.replace("</integration>", '  <options>{"a":"x !> y"}</options><!-- in\nner --></integration>');
  const text = conf(tricky);
  const kept = editConf(text, [plan(text, { old: "comment" }).edit]).text;
  const removed = editConf(text, [plan(text).edit]).text;
  const names = (conf: string) => integrationsOf(readOssecConf(conf)).map(({ name, filters }) => [name, filters]);
  assert.deepEqual(names(kept), names(removed));
  assert.match(kept, /<!-- Replaced by `tipline install wazuh`: <integration>/);
  assert.equal(plan(kept).replaced.length, 0);
});

test("filters that loop: said for the one that goes, warned of for the one that stays", () => {
  const level = "<integration><name>custom-misp</name><level>3</level><alert_format>json</alert_format></integration>";
  const going = plan(conf(level));
  assert.match(going.notes.find(({ kind }) => kind === "loop")?.text ?? "", /our own findings pass.*echoes: true/);
  assert.equal(going.echoes, true);
  assert.equal(plan(conf(MISP)).echoes, false);
  const staying = plan(conf(MISP, level), { names: ["custom-misp.py"] });
  assert.match(staying.notes.find(({ kind }) => kind === "stays")?.text ?? "", /custom-misp stays .* raises new ones/);
});

test("a block before the hook in another format is warned of", () => {
  const mail = "<integration><name>pagerduty</name><level>10</level></integration>";
  assert.match(
    plan(conf(mail, MISP)).notes.find(({ kind }) => kind === "format")?.text ?? "",
    /pagerduty stands before/,
  );
  assert.equal(
    plan(conf(MISP, mail)).notes.find(({ kind }) => kind === "format"),
    undefined,
  );
});

test("the old scripts are named, with the key in their text but without it", (t) => {
  const folder = join(tempDir(t), "integrations");
  mkdirSync(folder);
  writeFileSync(join(folder, "custom-misp.py"), `#!/usr/bin/env python\nmisp_api_auth_key = "${KEY}"\n`);
  chmodSync(join(folder, "custom-misp.py"), 0o755);
  const { replaced } = plan(conf(MISP));
  const [note] = scriptNotes(folder, replaced, () => false);
  assert.match(
    note?.text ?? "",
    /integrations\/custom-misp\.py is not used any more.*every user of this host can read/,
  );
  assert.ok(!note?.text.includes(KEY));
  assert.deepEqual(
    scriptNotes(folder, replaced, () => true),
    [],
  );
});

test("blocks on one line, CRLF files and blocks among other things stay well-formed", () => {
  for (const text of [
    conf(MISP).replaceAll("\n", "\r\n"),
    conf(MISP).replaceAll(/\n\s*/g, ""),
    conf(`<!-- a --><integration><name>custom-misp</name></integration><!-- b -->`),
  ]) {
    const edited = editConf(text, [plan(text).edit]).text;
    assert.deepEqual(
      integrationsOf(readOssecConf(edited)).map(({ name }) => name),
      ["slack", "custom-tipline"],
    );
    const outside = (whole: string) =>
      whole.replace(/(<!-- Put here[^>]*-->\s*)?<integration>\s*<name>custom-.*?<\/integration>/s, "@");
    assert.equal(outside(edited), outside(text));
  }
});

test("any number of blocks in any order: ours replace exactly the community's", () => {
  const name = fc.constantFrom(
    "custom-misp",
    "custom-misp.py",
    "slack",
    "custom-other",
    "custom-tipline",
    "custom-misp_x",
  );
  const filter = fc.constantFrom(
    "",
    "<level>3</level>",
    "<level>12</level>",
    "<group>syscheck</group>",
    "<rule_id>5</rule_id>",
  );
  const space = fc.constantFrom("", "\n  ", "\n\t", " <!-- c --> ", "\r\n");
  const block = fc
    .tuple(name, filter, space)
    .map(([n, f, s]) => [n, `${s}<integration>${s}<name>${n}</name>${f}</integration>`] as const);
  fc.assert(
    fc.property(fc.array(block, { maxLength: 6 }), (blocks) => {
      const text = conf(...blocks.map(([, xml]) => xml));
      const edited = applySplices(text, plan(text).edit.splices(text));
      const names = integrationsOf(readOssecConf(edited)).map((one) => one.name);
      assert.ok(names.every((one) => !/misp/.test(one)));
      const others = (all: readonly string[]) => all.filter((one) => !/misp|tipline/.test(one));
      assert.deepEqual(others(names), ["slack", ...others(blocks.map(([n]) => n))]);
      const any = blocks.some(([n]) => /misp|tipline/.test(n));
      assert.equal(names.includes("custom-tipline"), any);
      assert.equal(applySplices(edited, plan(edited).edit.splices(edited)), edited);
    }),
    { numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 200) },
  );
});
