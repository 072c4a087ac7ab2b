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
  .record({ id, parent, level: fc.constantFrom(0, 3, 12), group: fc.constantFrom("", "<group>late,</group>") })
  .map((it) => `<rule id="${it.id}" level="${it.level}">${it.parent}<description>x</description>${it.group}</rule>`);
const file = fc
  .array(rule, { minLength: 1, maxLength: 4 })
  .map((rules) => `<group name="local,">\n${rules.join("\n")}\n</group>\n`);

test("the catalog has in force what the test engine loads, and drops what it warns of", () =>
  withTemp(async (base) => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(file, file, async (before, after) => {
        const prefix = join(base, String(run++));
        mkdirSync(prefix);
        layOut(prefix, { version: "4.14.7", user: USER, rules: { "tipline_rules.xml": renderRules() } });
        writeFileSync(join(prefix, "etc/rules/a.xml"), before);
        writeFileSync(join(prefix, "etc/rules/z.xml"), after);
        const sim = simLoadRules(prefix, USER);
        const loaded = loadedRules(loadRules(findInstallation({ prefix }), readOssecConf(stockConf())));
        assert.deepEqual([...loaded.byId.keys()].toSorted(), [...sim.tree.rules()].map((found) => found.id).toSorted());
        for (const found of sim.tree.rules()) {
          const ours = loaded.byId.get(found.id);
          assert.deepEqual([ours?.level, ours?.file], [found.level, found.file], String(found.id));
        }
      }),
      { numRuns },
    );
  }));
