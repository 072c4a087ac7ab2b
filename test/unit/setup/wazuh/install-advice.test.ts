import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { parseConfig } from "../../../../src/config/load.ts";
import { install, uninstall } from "../../../../src/setup/wazuh/install.ts";
import type { FileState } from "../../../../src/setup/wazuh/install-files.ts";
import { nextSteps } from "../../../../src/setup/wazuh/install-plan.ts";
import { integrationsOf } from "../../../../src/setup/wazuh/integrations.ts";
import { readOssecConf } from "../../../../src/setup/wazuh/ossec-conf.ts";
import { changeDiff, describeReload } from "../../../../src/setup/wazuh/plan.ts";
import { installRig, layPrefix } from "../../../support/install-rig.ts";
import { tempDir } from "../../../support/temp.ts";

const block = (name: string, filter: string) =>
  `  <integration>\n    <name>${name}</name>\n    ${filter}\n    <alert_format>json</alert_format>\n  </integration>\n`;

function ground(t: Parameters<typeof tempDir>[0], conf = "") {
  const root = tempDir(t);
  const dir = join(root, "ossec");
  layPrefix(
    dir,
    `<ossec_config>\n  <global>\n    <jsonout_output>yes</jsonout_output>\n  </global>\n${conf}</ossec_config>\n`,
  );
  const configFile = join(root, "tipline.yaml");
  const rig = installRig(dir);
  const lastNotes = () => rig.plans.at(-1)?.notes ?? [];
  return { root, dir, rig, configFile, lastNotes };
}

describe("what is shown", () => {
  it("no secret of ossec.conf, whatever its element is called and however many lines it has", () => {
    const secrets = ["AKIA1", "S2", "T3", "P4", "L5", "K6", "H7"];
    const conf = `<ossec_config>
  <wodle><access_key>AKIA1</access_key><secret_key>S2</secret_key></wodle>
  <x><api_token>T3</api_token><client_secret>S2</client_secret></x>
  <x><password encoding="a">P4\\<P4</password></x>
  <x><api_key>
    L5
  </api_key></x>
  <x><key>K6</key><hook_url>H7</hook_url></x>
</ossec_config>
`;
    const state = (text: string): FileState => ({ bytes: Buffer.from(text), mode: 0o660, uid: 0, gid: 0 });
    const place = { anchor: "/p", path: "/p/etc/ossec.conf" };
    for (const wanted of [undefined, state(conf.replace("</ossec_config>", "<a/></ossec_config>"))]) {
      const diff = changeDiff({ kind: "file", place, found: state(conf), wanted, why: "" }, "/p");
      if (wanted === undefined)
        assert.match(diff, /<secret_key>\*\*\*<\/secret_key>.*<api_key>\n- {4}\*\*\*\n- {2}<\/api_key>/s);
      for (const secret of secrets) assert.ok(!diff.includes(secret), `${secret} in\n${diff}`);
    }
  });

  it("that the manager will be restarted", () => {
    assert.match(describeReload("restart"), /restarted/);
    assert.match(describeReload("ruleset"), /reads its rules again.*before 4\.13/);
    assert.equal(describeReload("none"), "");
  });

  it("the key among what is left to do, until it is there", async (t) => {
    const { root, rig, configFile } = ground(t);
    const keyFile = join(root, "misp.key");
    await install(rig.request, { user: true, configFile }, rig.world);
    writeFileSync(configFile, readFileSync(configFile, "utf8").replace("/etc/tipline/misp.key", keyFile));
    const first = async () => (await nextSteps({ configFile }, rig.world.accounts, keyFile))[0] ?? "";
    assert.match(await first(), /^install -m 0400 .*YOUR-KEY-FILE /);
    writeFileSync(keyFile, "key");
    assert.match(await first(), /config check/);
    const steps = await nextSteps({ configFile }, rig.world.accounts, keyFile);
    assert.ok(steps.includes(`tipline install systemd --start --config ${configFile}`));
  });
});

describe("an --exec that cannot be started", () => {
  it("is no reason to install without the manager's word", async (t) => {
    const { dir, rig, configFile } = ground(t);
    rig.analysisd = () => ({ code: undefined, output: "", error: "spawn dokcer ENOENT" });
    const request = { ...rig.request, access: { exec: ["dokcer", "exec", "m"], execPrefix: undefined } };
    await assert.rejects(
      install(request, { user: false, configFile }, rig.world),
      /--exec: dokcer exec m \S+ -t: spawn dokcer ENOENT; nothing is changed/,
    );
    assert.deepEqual([existsSync(join(dir, "etc/rules/tipline_rules.xml")), existsSync(configFile)], [false, false]);
  });
});

describe("what is left to do", () => {
  it("is about the configuration that was asked for before", async (t) => {
    const { root, rig, configFile } = ground(t);
    await install(rig.request, { user: false, configFile }, rig.world);
    const again = await install(rig.request, { visibility: true }, rig.world);
    assert.equal(again.status, "done");
    const steps = await nextSteps(again, rig.world.accounts, join(root, "misp.key"));
    assert.ok(steps.includes(`tipline doctor --config ${configFile}`), steps.join("\n"));
  });

  it("makes the key's folder where nobody has", async (t) => {
    const { root, rig, configFile } = ground(t);
    const keyFile = join(root, "none/misp.key");
    writeFileSync(configFile, `feeds: { m: {\n key_file: ${keyFile} } }\n`);
    const [first = ""] = await nextSteps({ configFile }, rig.world.accounts, keyFile);
    assert.match(first, /^install -D -m 0400 /);
  });
});

describe("the hook beside what is there", () => {
  it("a configuration that does not drain the spool stays, with a line that would be accepted in it", async (t) => {
    const { dir, rig, configFile, lastNotes } = ground(t);
    await install(rig.request, { user: false, configFile }, rig.world);
    await install(rig.request, { hook: true, configFile }, rig.world);
    const [, advice = ""] =
      /it needs "(.*?)" in/.exec(lastNotes().find((note) => note.includes("nobody drains")) ?? "") ?? [];
    const had = readFileSync(configFile, "utf8");
    const text = had.replace(/sources:\n(?: {2}.*\n)+/, `sources:\n  ${advice}\n`);
    const { sources } = await parseConfig(text, "tipline.yaml");
    const settings = sources.map((source) => source.settings as { path: string });
    assert.deepEqual(
      settings.map(({ path }) => path),
      [join(dir, "queue/tipline")],
    );
    writeFileSync(configFile, text);
    await install(rig.request, { configFile }, rig.world);
    assert.ok(!lastNotes().some((note) => note.includes("nobody drains")));
  });

  it("a spool that the hook cannot use is named with what mends it", async (t) => {
    const { dir, rig, configFile, lastNotes } = ground(t);
    const about = () => lastNotes().filter((note) => note.includes("queue/tipline has mode"));
    await install(rig.request, { user: false, hook: true, configFile }, rig.world);
    assert.deepEqual(about(), []);
    chmodSync(join(dir, "queue/tipline"), 0o755);
    await install(rig.request, { configFile }, rig.world);
    assert.match(about()[0] ?? "", /mode 755 .*chown root:\d+ .*\/queue\/tipline && chmod 2770 /);
  });

  it("--replace NAME asked twice takes no other integration than that", async (t) => {
    const two = block(" custom-misp.py ", "<group>syscheck</group>") + block("custom-misp", "<group>web</group>");
    const { dir, rig, configFile } = ground(t, two);
    const options = { user: false, configFile, replace: ["custom-misp.py"] };
    const names = () =>
      integrationsOf(readOssecConf(readFileSync(join(dir, "etc/ossec.conf"), "latin1"))).map(({ name }) => name);
    await install(rig.request, options, rig.world);
    assert.deepEqual(names(), ["custom-tipline", "custom-misp"]);
    const { status } = await install(rig.request, options, rig.world);
    assert.deepEqual([status, names()], ["unchanged", ["custom-tipline", "custom-misp"]]);
  });
});

describe("uninstall", () => {
  it("does not restart a running manager into a configuration that somebody broke", async (t) => {
    const { rig, configFile } = ground(t);
    await install(rig.request, { user: false, hook: true, configFile }, rig.world);
    rig.ran.length = 0;
    const broken = "2026/11/22 10:00:00 wazuh-analysisd: ERROR: (1226): Error reading XML file 'etc/ossec.conf'\n";
    rig.analysisd = () => ({ code: 1, output: broken });
    const { status } = await uninstall({ ...rig.request, purge: false }, rig.world);
    assert.equal(status, "done");
    assert.deepEqual(
      rig.ran.filter((text) => /restart|hot reload/.test(text)),
      [],
    );
    assert.match(rig.said.at(-1) ?? "", /not reloaded, because the manager would not start.*\n {2}\(1226\)/);
  });
});

describe("uninstall --purge", () => {
  it("says what is left of a user whose number goes to the next", async (t) => {
    const { root, rig, configFile, lastNotes } = ground(t);
    const stateDir = join(root, "state");
    const options = { configFile, stateDir };
    await install(rig.request, options, rig.world);
    const about = () => lastNotes().filter((note) => note.startsWith("user tipline goes"));
    mkdirSync(join(stateDir, "journal"));
    await uninstall({ ...rig.request, purge: true, dryRun: true }, rig.world);
    assert.ok(about()[0]?.includes(`rm -r ${stateDir} (or chown`), about()[0] ?? "no such note");
    await uninstall({ ...rig.request, dryRun: true, purge: false }, rig.world);
    assert.deepEqual(about(), []);
  });

  it("a user that is still in use is no riddle", async (t) => {
    const { rig, configFile } = ground(t);
    await install(rig.request, { configFile }, rig.world);
    const accounts = { ...rig.world.accounts, remove: async () => false };
    await assert.rejects(
      uninstall({ ...rig.request, purge: true }, { ...rig.world, accounts }),
      /could not be removed: .*tipline uninstall systemd.*\nnothing is changed/s,
    );
  });
});
