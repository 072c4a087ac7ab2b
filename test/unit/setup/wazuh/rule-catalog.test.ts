import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { findInstallation, type Installation } from "../../../../src/setup/wazuh/installation.ts";
import { readOssecConf } from "../../../../src/setup/wazuh/ossec-conf.ts";
import { loadRules, parseRules } from "../../../../src/setup/wazuh/rule-catalog.ts";
import { withTemp } from "../../../support/temp.ts";
import { layOut } from "../../../support/wazuh-sim/installation.ts";
import { stockConf } from "../../../support/wazuh-sim/stock-conf.ts";

const USER = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const rule = (id: number, inner = "<description>x</description>") =>
  `<group name="g,"><rule id="${id}" level="3">${inner}</rule></group>`;

function installed(prefix: string, files: Readonly<Record<string, string>> = {}): Installation {
  layOut(prefix, { version: "4.14.7", user: USER });
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(prefix, path, ".."), { recursive: true });
    writeFileSync(join(prefix, path), content);
  }
  return findInstallation({ prefix });
}

const idsOf = (installation: Installation, conf = stockConf()) =>
  loadRules(installation, readOssecConf(conf)).rules.map(({ id }) => id);

test("files come in analysisd's order: by their names without folders, by bytes, excluded ones left out", () =>
  withTemp((prefix) => {
    const installation = installed(prefix, {
      "etc/rules/b.xml": rule(100_002),
      "etc/rules/B.xml": rule(100_003),
      "etc/rules/a.txt": rule(100_004),
      "ruleset/rules/0215-policy_rules.xml": rule(17_101),
      "ruleset/rules/zz-last.xml": rule(99_999),
      "etc/rules/0000-first.xml": rule(100_005),
    });
    const ids = idsOf(installation);
    assert.deepEqual(ids.slice(-4), [100_003, 100_002, 100_001, 99_999]);
    assert.equal(ids[0], 100_005);
    assert.ok(!ids.includes(17_101) && !ids.includes(100_004));
    const { files } = loadRules(installation, readOssecConf(stockConf()));
    assert.deepEqual(files.slice(-4), [
      "etc/rules/B.xml",
      "etc/rules/b.xml",
      "etc/rules/local_rules.xml",
      "ruleset/rules/zz-last.xml",
    ]);
  }));

test("single files, patterns, a folder twice, no ruleset at all", () =>
  withTemp((prefix) => {
    const installation = installed(prefix, {
      "etc/rules/one.xml": rule(100_002),
      "extra/two.rules": rule(100_003),
      "extra/three.xml": rule(100_004),
    });
    const conf = (inner: string) => `<ossec_config><ruleset>${inner}</ruleset></ossec_config>`;
    const stock = idsOf(installation, conf("<rule_dir>ruleset/rules</rule_dir>"));
    const one = idsOf(installation, conf("<rule_include>etc/rules/one.xml</rule_include>"));
    assert.deepEqual(one, [...stock, 100_002], "the stock folder, where none is given");
    assert.deepEqual(idsOf(installation, conf('<rule_dir pattern=".rules$">extra</rule_dir>')), [100_003]);
    const last = `${conf("<rule_dir>extra</rule_dir>")}${conf("<rule_dir>etc/rules</rule_dir>")}`;
    assert.deepEqual(idsOf(installation, last), [100_001, 100_002], "only the last section counts");
    assert.deepEqual(idsOf(installation, conf("<rule_dir>/var/ossec/etc/rules/</rule_dir>")), [100_001, 100_002]);
    const twice = conf(
      "<rule_include>extra/three.xml</rule_include><rule_dir>extra</rule_dir><rule_dir>extra</rule_dir>",
    );
    assert.deepEqual(idsOf(installation, twice), [100_004]);
    const none = idsOf(installation, "<ossec_config></ossec_config>");
    assert.deepEqual(none, stock);
    assert.deepEqual(idsOf(installation, conf("<rule_dir>nowhere</rule_dir>")), []);
  }));

test("a file that analysisd's user may not read is named, whoever asks", () =>
  withTemp((prefix) => {
    const installation = installed(prefix, { "etc/rules/misp.xml": rule(100_620) });
    chmodSync(join(prefix, "etc/rules/misp.xml"), 0o600);
    const conf = readOssecConf(stockConf());
    const stranger = { uid: 54_321, gid: 54_321 };
    const { problems, rules } = loadRules(installation, conf, { reader: stranger });
    const found = problems.find(({ file }) => file === "etc/rules/misp.xml");
    assert.equal(found?.kind, "unreadable");
    assert.match(found?.reason ?? "", /mode 600 keeps analysisd's user 54321:54321 from reading it/);
    assert.ok(!rules.some(({ id }) => id === 100_620));
    assert.deepEqual(loadRules(installation, conf, { reader: USER }).problems, []);
  }));

test("broken XML is named with its line, and the other files are still read", () =>
  withTemp((prefix) => {
    const installation = installed(prefix, { "etc/rules/aa.xml": "<group name='x'>\n<rule id='1'>\n</group>" });
    const { problems, rules } = loadRules(installation, readOssecConf(stockConf()));
    assert.deepEqual(
      problems.map(({ kind, file }) => [kind, file]),
      [["broken", "etc/rules/aa.xml"]],
    );
    assert.match(problems[0]?.reason ?? "", /aa\.xml:3: /);
    assert.ok(rules.some(({ id }) => id === 100_001));
  }));

test("what a rule says is read as Wazuh reads it", () => {
  const [read] = parseRules(`<var name="X">1</var>
<group name="a,b">
  <rule id="100700" level="0" noalert="1" frequency="3" timeframe="60" overwrite="yes">
    <if_sid>1, 2 ,3</if_sid>
    <match>one|</match>
    <match>two</match>
    <field name="misp.x" type="pcre2" negate="yes">^y$</field>
    <location>misp</location>
    <srcip>10.0.0.1</srcip>
    <options>no_full_log</options>
    <group>c, d,</group>
    <description>x</description>
  </rule>
</group>`);
  assert.deepEqual(
    { ...read },
    {
      id: 100_700,
      level: 0,
      groups: ["a", "bc", "d"],
      description: "x",
      ifSid: [1, 2, 3],
      ifGroup: undefined,
      ifLevel: undefined,
      ifMatchedSid: undefined,
      ifMatchedGroup: undefined,
      category: undefined,
      decodedAs: undefined,
      fields: [{ name: "misp.x", pattern: "^y$", type: "pcre2", negate: true }],
      match: [
        { pattern: "one|", type: "osmatch", negate: false },
        { pattern: "two", type: "osmatch", negate: false },
      ],
      regex: [],
      location: { pattern: "misp", type: "osmatch", negate: false },
      options: ["no_full_log"],
      others: ["srcip"],
      frequency: 3,
      timeframe: 60,
      overwrite: true,
      noAlert: true,
      file: "rules.xml",
      line: 3,
    },
  );
});
