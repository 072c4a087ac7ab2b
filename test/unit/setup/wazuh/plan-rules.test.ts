import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { install, uninstall } from "../../../../src/setup/wazuh/install.ts";
import type { InstallOptions } from "../../../../src/setup/wazuh/install-plan.ts";
import { findInstallation } from "../../../../src/setup/wazuh/installation.ts";
import { readOssecConf } from "../../../../src/setup/wazuh/ossec-conf.ts";
import { readable } from "../../../../src/setup/wazuh/plan-draft.ts";
import { loadRules } from "../../../../src/setup/wazuh/rule-catalog.ts";
import { loadedRules } from "../../../../src/setup/wazuh/rule-catalog-checks.ts";
import { renderRules } from "../../../../src/setup/wazuh/rules.ts";
import { installRig, layPrefix, snapshot } from "../../../support/install-rig.ts";
import { SHAPES } from "../../../support/ossec-shapes.ts";
import { tempDir } from "../../../support/temp.ts";
import { STOCK_RULES } from "../../../support/wazuh-sim/stock-rules.ts";

const rule = (id: number, inner: string, extra = "") =>
  `  <rule id="${id}" level="12"${extra}>\n    ${inner}\n    <description>r${id}</description>\n  </rule>\n`;
const COMMUNITY =
  rule(100_620, '<field name="integration">misp</field>') +
  rule(100_621, '<if_sid>100620</if_sid>\n    <field name="misp.error">\\.+</field>') +
  rule(100_622, '<if_sid>100620</if_sid>\n    <field name="misp.category">\\.+</field>');
const group = (inner: string) => `<!-- MISP & Wazuh -->\n<group name="misp,">\n${inner}</group>\n`;

async function ground(t: Parameters<typeof tempDir>[0], rules: Readonly<Record<string, string>>) {
  const dir = tempDir(t);
  layPrefix(dir, SHAPES["stock"] ?? "", { rules });
  const rig = installRig(dir);
  const options: InstallOptions = { user: false, configFile: join(tempDir(t), "tipline.yaml") };
  return {
    dir,
    rig,
    install: (more: InstallOptions = {}) => install(rig.request, { ...options, ...more }, rig.world),
    uninstall: () => uninstall({ ...rig.request, purge: true }, rig.world),
    rules: () => {
      const conf = readOssecConf(readFileSync(join(dir, "etc/ossec.conf"), "utf8"));
      return loadedRules(loadRules(findInstallation({ prefix: dir }), conf));
    },
    file: (name: string) => join(dir, "etc/rules", name),
  };
}

describe("rules 100620 to 100622 of the community", () => {
  it("in a file of their own: the file goes, and comes back", async (t) => {
    const { dir, install, uninstall, rules, file } = await ground(t, { "misp.xml": group(COMMUNITY) });
    const before = snapshot(dir);
    await install();
    assert.equal(existsSync(file("misp.xml")), false);
    assert.ok(rules().byId.get(100_622)?.file.endsWith("tipline_rules.xml"));
    assert.deepEqual(
      rules().problems.filter(({ kind }) => kind === "duplicate"),
      [],
    );
    await uninstall();
    assert.deepEqual(snapshot(dir), before);
  });

  it("among rules of one's own: only they go, the rest to the byte, children find their parent, and all comes back", async (t) => {
    const own = rule(110_001, "<if_sid>100622</if_sid>");
    const { dir, rig, install, uninstall, rules, file } = await ground(t, { "custom.xml": group(COMMUNITY + own) });
    const before = snapshot(dir);
    await install();
    assert.equal(readFileSync(file("custom.xml"), "utf8"), group(own));
    assert.deepEqual(
      rules().problems.filter(({ rule: { id } }) => id === 110_001),
      [],
    );
    assert.ok(rules().byId.has(110_001));
    assert.ok(existsSync(file("1000-tipline_rules.xml")), "custom.xml is read before tipline_rules.xml would be");
    assert.ok(rig.plans[0]?.notes.some((note) => note.includes("rules 100620 to 100622 are taken out")));
    await uninstall();
    assert.deepEqual(snapshot(dir), before);
  });

  it("a rule that only overwrites ours stays, and is read after ours", async (t) => {
    const tuned = group(rule(100_622, "<if_sid>100620</if_sid>", ' overwrite="yes"'));
    const { install, file, rules } = await ground(t, { "a_tuned.xml": tuned });
    await install();
    assert.equal(readFileSync(file("a_tuned.xml"), "utf8"), tuned);
    assert.ok(existsSync(file("1000-tipline_rules.xml")));
    assert.equal(rules().byId.get(100_622)?.description, "r100622");
    assert.equal((await install()).status, "unchanged");
  });

  it("a rule that hangs under a group of theirs keeps its parent", async (t) => {
    const own = group(rule(110_021, "<if_group>misp_alert</if_group>"));
    const theirs = COMMUNITY.replaceAll("<description>r100622", "<group>misp_alert,</group>\n    <description>r100622");
    const { install, file, rules } = await ground(t, { "misp.xml": group(theirs), "misp_own.xml": own });
    await install();
    assert.ok(existsSync(file("1000-tipline_rules.xml")));
    assert.ok(rules().byId.has(110_021));
  });

  it("with children in a file between Wazuh's own: read even before that, and after the templates", async (t) => {
    const { install, file, rules } = await ground(t, {
      "0200-misp.xml": group(COMMUNITY + rule(110_001, "<if_sid>100622</if_sid>")),
    });
    await install();
    assert.ok(existsSync(file("0011-tipline_rules.xml")));
    assert.ok(rules().byId.has(110_001));
  });

  it("with children that are read before any name of ours: refused, with the line", async (t) => {
    const { dir, install } = await ground(t, {
      "0001-misp.xml": group(COMMUNITY + rule(110_001, "<if_sid>100622</if_sid>")),
    });
    const before = snapshot(dir);
    await assert.rejects(install(), /etc\/rules\/0001-misp\.xml:3: rule 110001 .*sorts after tipline_rules\.xml/);
    assert.deepEqual(snapshot(dir), before);
  });

  it("under the name of an earlier build, before the templates: moved behind them", async (t) => {
    const own = group(rule(110_001, "<if_sid>100622</if_sid>"));
    const { install, file, rules, dir } = await ground(t, {
      "0000-tipline_rules.xml": renderRules(),
      "local_mine.xml": own,
    });
    writeFileSync(join(dir, "ruleset/rules/0010-rules_config.xml"), STOCK_RULES["0010-rules_config.xml"] ?? "");
    assert.ok(!rules().byId.has(100_622), "category syslog is not there yet");
    await install();
    assert.ok(!existsSync(file("0000-tipline_rules.xml")) && existsSync(file("1000-tipline_rules.xml")));
    assert.ok(rules().byId.has(110_001));
  });

  it("ids that rules of another kind have: refused, with the line", async (t) => {
    const { dir, install } = await ground(t, {
      "mine.xml": group(rule(100_620, "<if_sid>5716</if_sid>")).replace('name="misp,"', 'name="sshd,"'),
    });
    const before = snapshot(dir);
    await assert.rejects(install(), /rule id 100620 is taken by etc\/rules\/mine\.xml:3 .*give it another id/);
    assert.deepEqual(snapshot(dir), before);
  });

  it("all that local_rules.xml has: the file stays, empty", async (t) => {
    const { dir, install, uninstall, rules, file } = await ground(t, { "local_rules.xml": group(COMMUNITY) });
    const before = snapshot(dir);
    await install();
    assert.equal(readFileSync(file("local_rules.xml"), "utf8"), "");
    assert.ok(rules().byId.has(100_622));
    assert.equal((await install()).status, "unchanged");
    await uninstall();
    assert.deepEqual(snapshot(dir), before);
  });

  it("all that a file has but for a variable: the file goes, since analysisd refuses one without a group", async (t) => {
    const { dir, install, uninstall, file } = await ground(t, {
      "misp.xml": `<var name="MISP_LEVEL">12</var>\n${group(COMMUNITY)}`,
    });
    const before = snapshot(dir);
    await install();
    assert.equal(existsSync(file("misp.xml")), false);
    await uninstall();
    assert.deepEqual(snapshot(dir), before);
  });

  it("read after a rule of level 0 that would take our events: ours gets a name that is read before it", async (t) => {
    const base =
      '  <rule id="920000" level="0">\n    <field name="integration">^misp$</field>\n    <description>base</description>\n    <group>misp_alert</group>\n  </rule>\n';
    const { install, file, rig } = await ground(t, { "misp.xml": group(base) });
    await install();
    assert.ok(existsSync(file("1000-tipline_rules.xml")));
    assert.ok(rig.plans[0]?.notes.some((note) => /^1000-tipline_rules\.xml is so called/.test(note)));
    assert.equal((await install()).status, "unchanged");
  });

  it("behind a rule that no name of ours helps against: said, with the line", async (t) => {
    const greedy = rule(920_000, '<field name="integration">misp</field>').replace('level="12"', 'level="3"');
    const { install, file, rig } = await ground(t, { "misp.xml": group(greedy) });
    await install();
    assert.ok(existsSync(file("tipline_rules.xml")));
    assert.deepEqual(
      rig.plans[0]?.notes.filter((note) => note.includes("920000")),
      [],
      "level 0 is tried before level 3",
    );
    const stock = greedy.replace('level="3"', 'level="0"');
    const early = await ground(t, {
      "0005-misp.xml": group(stock.replace("<field", "<decoded_as>json</decoded_as><field")),
    });
    await early.install();
    assert.ok(
      early.rig.plans[0]?.notes.some((note) =>
        /^etc\/rules\/0005-misp\.xml:3: rule 920000, level 0, takes events of Tipline's before rule 100622 is tried \(a finding,.*doctor wazuh/.test(
          note,
        ),
      ),
      early.rig.plans[0]?.notes.join("\n"),
    );
  });

  it("above a rule that takes every finding: said, with the line", async (t) => {
    const all = rule(920_100, "<if_group>misp_alert</if_group>");
    const some = rule(920_101, '<if_group>misp_alert</if_group><field name="misp.type">^domain$</field>');
    const { install, rig } = await ground(t, { "zz_misp.xml": group(all + some) });
    await install();
    const said = rig.plans[0]?.notes.filter((note) => /9201\d\d/.test(note)) ?? [];
    assert.equal(said.length, 1, said.join("\n"));
    assert.match(
      said[0] ?? "",
      /^etc\/rules\/zz_misp\.xml:3: rule 920100, level 12, hangs below rule 100622 and takes every/,
    );
  });

  it("counted by group: said, with the line, because ours count by id", async (t) => {
    const counts = rule(110_022, "<if_matched_group>misp_alert</if_matched_group>", ' frequency="3" timeframe="120"');
    const { install, rig } = await ground(t, { "zz_own.xml": group(counts) });
    await install();
    assert.ok(
      rig.plans[0]?.notes.some((note) => /^etc\/rules\/zz_own\.xml:3: rule 110022 counts a group/.test(note)),
      rig.plans[0]?.notes.join("\n"),
    );
  });
});

describe("the rules file", () => {
  it("an id of the block that is taken: refused, with a block that is free", async (t) => {
    const { dir, install, rules } = await ground(t, {
      "mine.xml": group(rule(100_624, "<if_sid>1002</if_sid>") + rule(100_701, "<if_sid>1002</if_sid>")),
    });
    const before = snapshot(dir);
    await assert.rejects(install(), /rule id 100624 is taken by etc\/rules\/mine\.xml:\d+ .*--rule-block 100800/);
    assert.deepEqual(snapshot(dir), before);
    await install({ ruleBlock: 100_800 });
    assert.deepEqual(
      rules().problems.filter(({ kind }) => kind === "duplicate"),
      [],
    );
    assert.equal((await install()).status, "unchanged", "the block is remembered");
  });

  it("that everyone may write to, or the manager cannot read, is mended", async (t) => {
    const { dir, install, file } = await ground(t, {});
    await install();
    chmodSync(file("tipline_rules.xml"), 0o646);
    assert.equal((await install()).status, "done");
    assert.equal(statSync(file("tipline_rules.xml")).mode & 0o777, 0o660);
    const user = { uid: 64_001, gid: 64_002 };
    const installation = { ...findInstallation({ prefix: dir }), user };
    for (const [mode, uid, gid, may] of [
      [0o600, 0, 0, false],
      [0o640, 0, 0, false],
      [0o644, 0, 0, true],
      [0o640, 0, user.gid, true],
      [0o600, 0, user.gid, false],
      [0o400, user.uid, 0, true],
    ] as const)
      assert.equal(readable({ mode, uid, gid }, installation), may, `${mode.toString(8)} ${uid}:${gid}`);
  });

  it("that was edited is put right, the edit being in the backup", async (t) => {
    const { dir, install, file } = await ground(t, {});
    await install();
    const right = readFileSync(file("tipline_rules.xml"), "utf8");
    writeFileSync(file("tipline_rules.xml"), right.replace('id="100622" level="12"', 'id="100622" level="2"'));
    await install();
    assert.equal(readFileSync(file("tipline_rules.xml"), "utf8"), right);
    const kept = [...snapshot(join(dir, "backup/tipline")).keys()].filter((path) =>
      path.endsWith("found/etc/rules/tipline_rules.xml"),
    );
    assert.equal(kept.length, 1);
  });

  it("--visibility comes, is remembered, and goes by --no-visibility", async (t) => {
    const { dir, install } = await ground(t, {});
    const visible = () =>
      [...snapshot(join(dir, "etc")).keys()].filter((path) => /visibility|sysmon/.test(path)).length;
    await install({ visibility: true });
    assert.equal(visible(), 4);
    assert.equal((await install()).status, "unchanged");
    await install({ visibility: false });
    assert.equal(visible(), 0);
  });

  it("leaves out the decoder of Sysmon for Linux where there is one", async (t) => {
    const { dir, rig, install } = await ground(t, {});
    writeFileSync(
      join(dir, "etc/decoders/sysmon.xml"),
      '<decoder name="sysmon-linux">\n  <program_name>sysmon</program_name>\n</decoder>\n',
    );
    await install({ visibility: true });
    assert.equal(existsSync(join(dir, "etc/decoders/tipline_sysmon_linux_decoder.xml")), false);
    assert.ok(
      rig.plans[0]?.notes.some((note) => note.includes("etc/decoders/sysmon.xml decodes Sysmon for Linux already")),
    );
  });

  it("kept out by <rule_exclude>: said, with the line", async (t) => {
    const { dir, install } = await ground(t, {});
    const path = join(dir, "etc/ossec.conf");
    writeFileSync(
      path,
      readFileSync(path, "utf8").replace(
        "<rule_dir>etc",
        "<rule_exclude>tipline_rules.xml</rule_exclude>\n    <rule_dir>etc",
      ),
    );
    await assert.rejects(install(), /ossec\.conf:\d+: <rule_exclude> keeps tipline_rules\.xml out/);
  });

  it("where <ruleset> reads no folder of one's own every file of ours is named", async (t) => {
    const { dir, install, uninstall, rules } = await ground(t, {});
    const path = join(dir, "etc/ossec.conf");
    const conf = readFileSync(path, "utf8");
    writeFileSync(path, conf.replace(/<ruleset>[\s\S]*<\/ruleset>/, "<ruleset>\n  </ruleset>"));
    const before = snapshot(dir);
    await install({ visibility: true });
    const now = readOssecConf(readFileSync(path, "utf8"));
    const named = (option: string) => now.all("ruleset", option).map(({ text }) => text);
    assert.deepEqual(named("rule_include"), [
      "etc/rules/tipline_rules.xml",
      "etc/rules/tipline_visibility_sysmon.xml",
      "etc/rules/tipline_visibility_sysmon_linux.xml",
      "etc/rules/tipline_visibility_packetbeat.xml",
    ]);
    assert.deepEqual(named("decoder_include"), ["etc/decoders/tipline_sysmon_linux_decoder.xml"]);
    assert.ok(rules().byId.has(100_622));
    await install({ visibility: false });
    const after = readOssecConf(readFileSync(path, "utf8"));
    assert.deepEqual(
      ["rule_include", "decoder_include"].flatMap((option) => after.all("ruleset", option).map(({ text }) => text)),
      ["etc/rules/tipline_rules.xml"],
    );
    await uninstall();
    assert.deepEqual(snapshot(dir), before);
  });

  it("a folder with a pattern that takes our file is enough", async (t) => {
    const { dir, install, rules } = await ground(t, {});
    const path = join(dir, "etc/ossec.conf");
    const conf = readFileSync(path, "utf8").replace("<rule_dir>etc", '<rule_dir pattern="_rules.xml$">etc');
    writeFileSync(path, conf);
    await install();
    assert.equal(readFileSync(path, "utf8"), conf);
    assert.ok(rules().byId.has(100_622));
  });

  it("ids of the visibility rules may be another's where these are not wanted", async (t) => {
    const { install } = await ground(t, { "mine.xml": group(rule(100_650, "<if_sid>1002</if_sid>")) });
    assert.equal((await install()).status, "done");
    await assert.rejects(install({ visibility: true }), /rule id 100650 is taken/);
  });

  for (const version of ["4.2.7", "5.0.0", "3.13.6"])
    it(`Wazuh ${version} is refused`, async (t) => {
      const { dir, install } = await ground(t, {});
      chmodSync(join(dir, "VERSION.json"), 0o640);
      writeFileSync(join(dir, "VERSION.json"), `{"version": "${version}"}`);
      await assert.rejects(
        install(),
        new RegExp(`expected Wazuh 4\\.3 to 4\\.14, found ${version.replaceAll(".", "\\.")}`),
      );
    });
});
