import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { findInstallation } from "../../src/setup/wazuh/installation.ts";
import { readOssecConf } from "../../src/setup/wazuh/ossec-conf.ts";
import { loadRules } from "../../src/setup/wazuh/rule-catalog.ts";
import { loadedRules } from "../../src/setup/wazuh/rule-catalog-checks.ts";
import { renderRules } from "../../src/setup/wazuh/rules.ts";
import { withTemp } from "../support/temp.ts";
import { layOut } from "../support/wazuh-sim/installation.ts";
import { loadRules as simLoadRules } from "../support/wazuh-sim/rule-loader.ts";
import { stockConf } from "../support/wazuh-sim/stock-conf.ts";

const numRuns = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 40);
const USER = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

/** Near misses: ids of ours and neighbours, parents that come late, never or from another file, names without a comma. */
const id = fc.constantFrom(100_620, 100_622, 100_623, 100_900, 100_901, 100_902);
const parent = fc.oneof(
  { arbitrary: id.map((sid) => `<if_sid>${sid}</if_sid>`), weight: 4 },
  { arbitrary: fc.tuple(id, id).map(([a, b]) => `<if_sid>${a}, ${b}</if_sid>`), weight: 1 },
  {
    arbitrary: fc.constantFrom("misp", "misp_alert", "late", "nobody").map((name) => `<if_group>${name}</if_group>`),
    weight: 2,
  },
  { arbitrary: fc.constant("<decoded_as>json</decoded_as>"), weight: 2 },
  { arbitrary: id.map((sid) => `<if_matched_sid>${sid}</if_matched_sid>`), weight: 1 },
);
const rule = fc
  .record({
    id,
    parent,
    level: fc.constantFrom(0, 3, 12),
    group: fc.constantFrom("", "<group>late,</group>"),
    overwrite: fc.constantFrom("", "", "", ' overwrite="yes"'),
  })
  .map(
    (it) =>
      `<rule id="${it.id}" level="${it.level}"${it.overwrite}>${it.parent}<description>x</description>${it.group}</rule>`,
  );
const file = fc
  .array(rule, { minLength: 1, maxLength: 4 })
  .map((rules) => `<group name="local,">\n${rules.join("\n")}\n</group>\n`);

/** Read before Wazuh's templates, among its own files, before, as and after ours. */
const place = fc
  .tuple(
    fc.constantFrom("etc/rules", "etc/rules", "ruleset/rules", "extra"),
    fc.constantFrom(
      "0000-a.xml",
      "0012-a.xml",
      "1000-tipline_rules.xml",
      "a.xml",
      "tipline_rules.xml",
      "z.xml",
      "z.txt",
    ),
  )
  .map(([folder, name]) => `${folder}/${name}`);
const RULESETS = [
  undefined,
  "",
  "<rule_dir>ruleset/rules</rule_dir><rule_dir>etc/rules</rule_dir>",
  "<rule_dir>etc/rules</rule_dir><rule_dir>ruleset/rules</rule_dir><rule_exclude>a.xml</rule_exclude>",
  "<rule_include>etc/rules/tipline_rules.xml</rule_include>",
  "<rule_dir>ruleset/rules</rule_dir><rule_include>etc/rules/z.xml</rule_include><rule_exclude>etc/rules/z.xml</rule_exclude>",
  '<rule_dir>ruleset/rules</rule_dir><rule_dir pattern="rules.xml$">etc/rules</rule_dir><rule_dir>extra</rule_dir>',
  '<rule_dir>ruleset/rules</rule_dir><rule_dir pattern=".txt$">extra</rule_dir><rule_dir>etc/rules</rule_dir><rule_dir>etc/rules</rule_dir>',
] as const;
const conf = fc
  .tuple(fc.constantFrom(...RULESETS), fc.constantFrom(undefined, undefined, ...RULESETS))
  .map(([first, second]) => {
    const one =
      first === undefined
        ? stockConf()
        : stockConf().replace(/<ruleset>[\s\S]*<\/ruleset>/, `<ruleset>${first}</ruleset>`);
    return second === undefined ? one : `${one}<ossec_config>\n  <ruleset>${second}</ruleset>\n</ossec_config>\n`;
  });

test("the catalog has in force what the test engine loads, and drops what it warns of", () =>
  withTemp(async (base) => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(place, file, { minKeys: 1, maxKeys: 4, noNullPrototype: true }),
        fc.constantFrom("tipline_rules.xml", "1000-tipline_rules.xml", "0000-tipline_rules.xml"),
        conf,
        async (files, own, text) => {
          const prefix = join(base, String(run++));
          mkdirSync(join(prefix, "extra"), { recursive: true });
          layOut(prefix, { version: "4.14.7", user: USER, rules: { [own]: renderRules() } });
          for (const [path, content] of Object.entries(files)) writeFileSync(join(prefix, path), content);
          writeFileSync(join(prefix, "etc/ossec.conf"), text);
          const sim = simLoadRules(prefix, USER);
          assert.ok(sim.ok, JSON.stringify(sim.messages));
          const loaded = loadedRules(loadRules(findInstallation({ prefix }), readOssecConf(text)));
          const ids = [...sim.tree.rules()].map((found) => found.id);
          assert.deepEqual([...loaded.byId.keys()].toSorted(), ids.toSorted());
          for (const found of sim.tree.rules()) {
            const ours = loaded.byId.get(found.id);
            assert.deepEqual([ours?.level, ours?.file], [found.level, found.file], String(found.id));
          }
        },
      ),
      { numRuns },
    );
  }));
