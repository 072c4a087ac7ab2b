import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it, type TestContext } from "node:test";
import { TiplineError } from "../../../../src/lib/errors.ts";
import { install, uninstall } from "../../../../src/setup/wazuh/install.ts";
import type { InstallOptions } from "../../../../src/setup/wazuh/install-plan.ts";
import { integrationsOf } from "../../../../src/setup/wazuh/integrations.ts";
import { readOssecConf } from "../../../../src/setup/wazuh/ossec-conf.ts";
import { changeDiff } from "../../../../src/setup/wazuh/plan.ts";
import { installRig, layPrefix, snapshot } from "../../../support/install-rig.ts";
import { tempDir } from "../../../support/temp.ts";

const KEY = "zaq12wsxcde34rfvbgt56yhnmju78ik9ol0pqazw";
const OLD = `#!/usr/bin/env python\nmisp_api_auth_key = "${KEY}"\n`;
const block = (name: string, filter = "<level>3</level>", format = "<alert_format>json</alert_format>") =>
  `  <integration>\n    <name>${name}</name>\n    ${filter}\n    ${format}\n  </integration>\n`;

function ground(t: TestContext, conf = "", script = "") {
  const root = tempDir(t);
  const dir = join(root, "ossec");
  layPrefix(
    dir,
    `<ossec_config>\n  <global>\n    <jsonout_output>yes</jsonout_output>\n  </global>\n${conf}</ossec_config>\n`,
  );
  const at = (name: string) => join(dir, "integrations", name);
  if (script !== "") {
    writeFileSync(at("custom-misp.py"), script);
    chmodSync(at("custom-misp.py"), 0o755);
  }
  const configFile = join(root, "tipline.yaml");
  const rig = installRig(dir);
  const put = (options: InstallOptions) => install(rig.request, { user: false, configFile, ...options }, rig.world);
  const take = (purge = true) => uninstall({ ...rig.request, purge }, rig.world);
  const names = () =>
    integrationsOf(readOssecConf(readFileSync(join(dir, "etc/ossec.conf"), "latin1"))).map(({ name }) => name);
  const notes = () => rig.plans.at(-1)?.notes ?? [];
  const isHook = (name: string) => /Tipline's hook/.test(readFileSync(at(name), "utf8"));
  return { dir, at, rig, put, take, names, notes, isHook, configFile };
}

describe("the hook under another integration's name", () => {
  it("takes the script's place and leaves its block, and uninstall gives the script back", async (t) => {
    const { dir, at, rig, put, take, names, notes, isHook, configFile } = ground(t, block("custom-misp.py"), OLD);
    const before = snapshot(dir);
    await put({ hookNames: ["custom-misp.py"] });
    assert.deepEqual([isHook("custom-misp.py"), isHook("custom-tipline")], [true, true]);
    assert.equal(statSync(at("custom-misp.py")).mode & 0o777, 0o750);
    assert.ok(readFileSync(join(dir, "etc/ossec.conf"), "utf8").includes(block("custom-misp.py")));
    assert.deepEqual(names(), ["custom-misp.py"]);
    assert.match(notes().join("\n"), /integrations\/custom-misp\.py was another script.*comes back/);
    assert.match(readFileSync(configFile, "utf8"), /type: wazuh-hook.*echoes: true/s);
    for (const change of rig.plans.at(-1)?.changes ?? [])
      if (change.kind === "file") assert.ok(!changeDiff(change, dir).includes(KEY));
    await take();
    assert.deepEqual(snapshot(dir), before);
  });

  it("its block's filters decide whether echoes pass", async (t) => {
    const { put, configFile } = ground(t, block("custom-misp.py", "<group>syscheck</group>"), OLD);
    await put({ hookNames: ["custom-misp.py"] });
    assert.match(readFileSync(configFile, "utf8"), /echoes: false/);
  });

  it("is remembered: a later run mends both scripts, and asks for nothing", async (t) => {
    const { put, at, isHook, names } = ground(t, block("custom-misp.py"), OLD);
    await put({ hookNames: ["custom-misp.py"] });
    for (const name of ["custom-misp.py", "custom-tipline"]) writeFileSync(at(name), "# Tipline's hook, of old\n");
    await put({});
    for (const name of ["custom-misp.py", "custom-tipline"])
      assert.match(readFileSync(at(name), "utf8"), /^spool='/m, name);
    assert.deepEqual([isHook("custom-misp.py"), names()], [true, ["custom-misp.py"]]);
    assert.equal((await put({})).status, "unchanged");
  });

  it("without a block of its name it gets one, which uninstall takes out", async (t) => {
    const ruleset = "  <ruleset>\n    <rule_dir>etc/rules</rule_dir>\n  </ruleset>\n";
    const { dir, put, take, names } = ground(t, ruleset);
    const before = snapshot(dir);
    await put({ hookNames: ["custom-misp.py"] });
    assert.deepEqual(names(), ["custom-misp.py"]);
    const path = join(dir, "etc/ossec.conf");
    // Edited since where ours stands: the block is known by its mark.
    writeFileSync(path, readFileSync(path, "utf8").replace("<level>3</level>", "<level>7</level>"));
    await take();
    assert.deepEqual(snapshot(dir), before);
  });

  it("--no-hook gives the old script back and leaves its block; a block of ours goes", async (t) => {
    const theirs = ground(t, block("custom-misp.py"), OLD);
    await theirs.put({ hookNames: ["custom-misp.py"] });
    await theirs.put({ hook: false });
    assert.equal(readFileSync(theirs.at("custom-misp.py"), "utf8"), OLD);
    assert.deepEqual([theirs.names(), existsSync(theirs.at("custom-tipline"))], [["custom-misp.py"], false]);
    const ours = ground(t);
    await ours.put({ hookNames: ["custom-misp.py"] });
    await ours.put({ hook: false });
    assert.deepEqual([ours.names(), existsSync(ours.at("custom-misp.py"))], [[], false]);
    await ours.put({ hook: true });
    assert.deepEqual(ours.names(), ["custom-tipline"], "the name is forgotten");
  });

  it("says what a block of that name lacks, and that two hand alerts over", async (t) => {
    const conf = block("custom-tipline") + block("custom-misp.py", `<api_key>${KEY}</api_key>`, "");
    const { put, notes, names } = ground(t, conf);
    await put({ hookNames: ["custom-misp.py"] });
    assert.deepEqual(names(), ["custom-tipline", "custom-misp.py"]);
    assert.match(notes().join("\n"), /custom-misp\.py has no <alert_format>json/);
    assert.match(notes().join("\n"), /no use for the <api_key> of custom-misp\.py/);
    assert.match(notes().join("\n"), /custom-tipline and custom-misp\.py both hand alerts/);
    assert.ok(!notes().join("\n").includes(KEY));
  });

  it("refuses the script's name where Wazuh's wrapper runs it with Python; the wrapper's own works", async (t) => {
    const { dir, put, names, isHook } = ground(t, block("custom-misp"), OLD);
    const before = snapshot(dir);
    await assert.rejects(
      put({ hookNames: ["custom-misp.py"] }),
      (error) =>
        error instanceof TiplineError &&
        error.code === "TIP_USAGE_INVALID" &&
        /ossec\.conf:5: .* with Python.*--hook-name custom-misp takes/.test(error.message),
    );
    assert.deepEqual(snapshot(dir), before);
    await put({ hookNames: ["custom-misp"] });
    assert.deepEqual([isHook("custom-misp"), names()], [true, ["custom-misp"]]);
  });

  it("where both stand in ossec.conf it says so, and does as asked", async (t) => {
    const { put, notes, isHook } = ground(t, block("custom-misp") + block("custom-misp.py"), OLD);
    await put({ hookNames: ["custom-misp.py"] });
    assert.match(notes().join("\n"), /wrapper runs custom-misp\.py with Python/);
    assert.equal(isHook("custom-misp.py"), true);
  });
});

describe("a copy of the hook that was made by hand", () => {
  it("is named at uninstall, with a record of an installation or without", async (t) => {
    const { at, put, take, notes } = ground(t);
    await put({ hook: true });
    writeFileSync(at("custom-misp.py"), readFileSync(at("custom-tipline")));
    mkdirSync(at("custom-folder"));
    await take();
    const named = () => notes().filter((note) => note.includes("copy of Tipline's hook"));
    assert.equal(named().length, 1);
    assert.match(named()[0] ?? "", /^integrations\/custom-misp\.py stays/);
    await take();
    assert.equal(named().length, 1);
  });

  it("that `install` took over comes back, and is named then", async (t) => {
    const { at, put, take, notes } = ground(t, block("custom-misp.py"), "# Tipline's hook, copied by hand\n");
    await put({ hookNames: ["custom-misp.py"] });
    await take();
    assert.match(readFileSync(at("custom-misp.py"), "utf8"), /copied by hand/);
    assert.match(notes().join("\n"), /integrations\/custom-misp\.py stays: it is a copy/);
  });
});
