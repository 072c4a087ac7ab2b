import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { TiplineError } from "../../../../src/lib/errors.ts";
import { install, uninstall } from "../../../../src/setup/wazuh/install.ts";
import { readOssecConf } from "../../../../src/setup/wazuh/ossec-conf.ts";
import { installRig, layPrefix, snapshot } from "../../../support/install-rig.ts";
import { DAMAGED, SHAPES } from "../../../support/ossec-shapes.ts";
import { sharedOrSkip } from "../../../support/shared.ts";
import { tempDir } from "../../../support/temp.ts";

const OPTIONS = { hook: true, user: false } as const;

function prepare(t: Parameters<typeof tempDir>[0], conf: string | Buffer) {
  const dir = tempDir(t);
  layPrefix(dir, conf);
  const rig = installRig(dir);
  const configFile = join(tempDir(t), "tipline.yaml");
  return { dir, rig, options: { ...OPTIONS, configFile }, conf: () => readFileSync(join(dir, "etc/ossec.conf")) };
}

/** What was put in: the result without it is the text before, byte for byte. */
function inserted(before: Buffer, after: Buffer): string {
  let head = 0;
  while (head < before.length && before[head] === after[head]) head++;
  let tail = 0;
  while (tail < before.length - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++;
  assert.equal(head + tail, before.length, "bytes outside of one insertion were changed");
  return after.subarray(head, after.length - tail).toString("latin1");
}

describe("install wazuh on ossec.conf as it stands in the field", () => {
  for (const [name, conf] of Object.entries(SHAPES)) {
    it(`${name}: one <integration> comes in, and the way back gives the same bytes`, async (t) => {
      const { dir, rig, options, conf: now } = prepare(t, conf);
      const before = snapshot(dir);
      await install(rig.request, options, rig.world);
      const parsed = readOssecConf(now().toString("latin1"));
      assert.equal(parsed.all("integration", "name").filter(({ text }) => text === "custom-tipline").length, 1);
      assert.equal(parsed.last("global", "jsonout_output"), "yes");
      const reads = ["rule_dir", "rule_include"].flatMap((option) =>
        parsed.all("ruleset", option).map(({ text }) => text),
      );
      // Without any of them Wazuh reads its two folders.
      assert.ok(
        reads.length === 0 || ["etc/rules", "etc/rules/tipline_rules.xml"].some((path) => reads.includes(path)),
      );
      const after = snapshot(dir);
      const again = await install(rig.request, options, rig.world);
      assert.equal(again.status, "unchanged");
      assert.deepEqual(snapshot(dir), after);
      await uninstall({ ...rig.request, purge: true }, rig.world);
      assert.deepEqual(snapshot(dir), before);
    });
  }

  for (const name of [
    "stock",
    "two roots",
    "comments that hold tags",
    "bare ampersand and angle",
    "carriage returns",
    "no newline at the end",
    "one line",
    "integrations there",
    "bytes of another encoding",
    "closing tag behind other things",
  ]) {
    it(`${name}: every other byte stays`, async (t) => {
      const { rig, options, conf } = prepare(t, SHAPES[name] ?? "");
      const before = conf();
      await install(rig.request, options, rig.world);
      const piece = inserted(before, conf());
      assert.match(piece, /<integration>\s*<name>custom-tipline<\/name>/);
      if (name === "carriage returns") assert.doesNotMatch(piece, /[^\r]\n/);
    });
  }

  for (const [name, [conf, says]] of Object.entries(DAMAGED)) {
    it(`${name}: refused with what is wrong, and nothing is touched`, async (t) => {
      const { dir, rig, options } = prepare(t, conf);
      const before = snapshot(dir);
      await assert.rejects(install(rig.request, options, rig.world), (error) => {
        assert.ok(error instanceof TiplineError);
        assert.match(error.message, says);
        return true;
      });
      assert.deepEqual(snapshot(dir), before);
      assert.deepEqual(rig.ran, []);
    });
  }

  it("every stock manager configuration at hand", async (t) => {
    const shared = sharedOrSkip(t);
    if (shared === undefined) return;
    const folder = join(shared, "data/wazuh/ossec-conf");
    for (const name of readdirSync(folder).filter((name) => name !== "ossec-agent.conf")) {
      const text = readFileSync(join(folder, name));
      const { dir, rig, options, conf } = prepare(t, text);
      const before = snapshot(dir);
      await install(rig.request, options, rig.world);
      inserted(text, conf());
      await uninstall({ ...rig.request, purge: true }, rig.world);
      assert.deepEqual(snapshot(dir), before, name);
    }
  });
});

describe("uninstall wazuh after others changed the files", () => {
  it("takes out what is ours and keeps what they wrote, wherever", async (t) => {
    for (const [name, shape] of Object.entries(SHAPES)) {
      if (name === "nothing but empty elements") continue;
      const { dir, rig, options, conf } = prepare(t, shape);
      const path = join(dir, "etc/ossec.conf");
      const edit = (text: string) =>
        text
          .replace("<logall>no</logall>", "<logall>yes</logall>")
          .replace("<email_alert_level>12", "<email_alert_level>13");
      const before = conf().toString("latin1");
      await install(rig.request, options, rig.world);
      writeFileSync(path, edit(conf().toString("latin1")), "latin1");
      await uninstall({ ...rig.request, purge: false }, rig.world);
      assert.equal(conf().toString("latin1"), edit(before), name);
    }
  });

  it("takes our block out though they tuned it", async (t) => {
    const { dir, rig, options, conf } = prepare(t, SHAPES["stock"] ?? "");
    const before = conf();
    await install(rig.request, options, rig.world);
    const tuned = conf().toString("latin1").replace("<level>3</level>", "<level>7</level>\n    <group>sysmon,</group>");
    writeFileSync(join(dir, "etc/ossec.conf"), tuned, "latin1");
    const again = await install(rig.request, options, rig.world);
    assert.equal(again.status, "unchanged");
    await uninstall({ ...rig.request, purge: false }, rig.world);
    assert.deepEqual(conf(), before);
  });

  it("leaves a block that they wrote over ours, and says so", async (t) => {
    const { dir, rig, options, conf } = prepare(t, SHAPES["tabs, attributes over lines and no JSON output"] ?? "");
    await install(rig.request, { ...options, hook: undefined }, rig.world);
    const changed = conf()
      .toString("latin1")
      .replace("<jsonout_output>yes</jsonout_output>", "<jsonout_output>yes</jsonout_output><stats>4</stats>");
    writeFileSync(join(dir, "etc/ossec.conf"), changed, "latin1");
    await uninstall({ ...rig.request, purge: false }, rig.world);
    assert.match(conf().toString("latin1"), /<jsonout_output>no<\/jsonout_output><stats>4<\/stats>/);
  });

  it("removes our rules file though it was edited, and keeps a copy", async (t) => {
    const { dir, rig, options } = prepare(t, SHAPES["stock"] ?? "");
    await install(rig.request, options, rig.world);
    const rules = join(dir, "etc/rules/tipline_rules.xml");
    writeFileSync(rules, `${readFileSync(rules, "utf8")}<!-- mine -->\n`);
    await uninstall({ ...rig.request, purge: false }, rig.world);
    assert.ok(
      rig.plans.at(-1)?.notes.some((note) => note.includes("tipline_rules.xml goes though it was edited since")),
    );
    assert.deepEqual(readdirSync(join(dir, "etc/rules")), ["local_rules.xml"]);
    const store = join(dir, "backup/tipline");
    const copies = [...snapshot(store).keys()].filter((path) => path.endsWith("found/etc/rules/tipline_rules.xml"));
    assert.ok(copies.some((path) => readFileSync(join(store, path), "utf8").includes("<!-- mine -->")));
  });
});
