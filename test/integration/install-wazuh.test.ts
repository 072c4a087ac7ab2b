import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { cli } from "../support/cli.ts";
import { layPrefix, snapshot } from "../support/install-rig.ts";
import { SHAPES } from "../support/ossec-shapes.ts";
import { tempDir } from "../support/temp.ts";
import { createWazuhSim } from "../support/wazuh-sim/sim.ts";

const FINDING = JSON.stringify({
  integration: "misp",
  misp: {
    event_id: "241",
    category: "Network activity",
    type: "ip-dst",
    value: "198.18.7.7",
    band: "high",
    mode: "live",
  },
});
const LIVE = ["logs", "var", "queue"];

function flags(t: Parameters<typeof tempDir>[0], prefix: string) {
  return ["--prefix", prefix, "--no-user", "--config-file", join(tempDir(t), "etc/tipline.yaml")];
}

describe("tipline install wazuh beside a manager", { timeout: 600_000 }, () => {
  it("4.14: rules are live without a restart, a finding fires 100622, and the way back leaves nothing", async (t) => {
    const sim = await createWazuhSim({ t });
    const before = snapshot(sim.prefix, LIVE);
    assert.notEqual(sim.fires(FINDING, { location: "misp" }), "100622");
    const { code, stdout, stderr } = await cli(["install", "wazuh", ...flags(t, sim.prefix), "--yes"]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /create {2}.*etc\/rules\/tipline_rules\.xml {2}0660 \d+:\d+/);
    assert.match(stderr, /the manager has read its rules again, without a restart/);
    assert.equal(sim.fires(FINDING, { location: "misp" }), "100622");
    assert.notEqual(sim.fires(FINDING, { location: "/var/log/app.json" }), "100622", "a log line cannot pose as ours");
    const again = await cli(["install", "wazuh", "--prefix", sim.prefix, "--yes", "--json"]);
    assert.deepEqual([again.code, (JSON.parse(again.stdout) as { changed: boolean }).changed], [0, false]);
    const back = await cli(["uninstall", "wazuh", "--prefix", sim.prefix, "--yes", "--purge"]);
    assert.equal(back.code, 0, back.stderr);
    assert.deepEqual(snapshot(sim.prefix, LIVE), before);
    assert.notEqual(sim.fires(FINDING, { location: "misp" }), "100622");
  });

  it("4.12, with the community's rules and the hook: restarted, none twice, every rule of --visibility accepted", async (t) => {
    const misp = `<group name="misp,">\n  <rule id="100620" level="0">\n    <field name="integration">misp</field>\n    <description>MISP</description>\n  </rule>\n  <rule id="100622" level="12">\n    <if_sid>100620</if_sid>\n    <field name="misp.category">\\.+</field>\n    <description>MISP - IoC</description>\n  </rule>\n  <rule id="110020" level="14">\n    <if_sid>100622</if_sid>\n    <field name="misp.value">198.18.7.7</field>\n    <description>child of one's own</description>\n  </rule>\n</group>\n`;
    const sim = await createWazuhSim({ t, version: "4.12.0", rules: { "misp.xml": misp } });
    const { code, stderr } = await cli([
      "install",
      "wazuh",
      ...flags(t, sim.prefix),
      "--yes",
      "--hook",
      "--visibility",
    ]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /the manager was restarted/);
    assert.equal(sim.fires(FINDING, { location: "misp" }), "110020");
    assert.equal(sim.fires(FINDING.replace("7.7", "7.8"), { location: "misp" }), "100622");
    const loaded = await cli(["install", "wazuh", "--prefix", sim.prefix, "--dry-run", "--json"]);
    assert.equal((JSON.parse(loaded.stdout) as { status: string }).status, "unchanged");
  });

  it("a manager in a container: volumes here, its programs by --exec", async (t) => {
    const inside = await createWazuhSim({ t });
    const outside = join(tempDir(t), "volumes");
    mkdirSync(outside);
    // The same etc, queue and integrations, and nothing else, as where volumes are mounted.
    for (const name of ["etc", "queue", "integrations"]) {
      renameSync(join(inside.prefix, name), join(outside, name));
      symlinkSync(join(outside, name), join(inside.prefix, name));
    }
    const exec = join(tempDir(t), "docker exec");
    writeFileSync(exec, `#!/bin/sh\necho "$@" >> '${outside}/ran'\nshift\nexec "$@"\n`);
    chmodSync(exec, 0o755);
    const { code, stderr } = await cli([
      ...["install", "wazuh", ...flags(t, outside), "--yes", "--hook", "--exec", `"${exec}" wazuh.manager`],
      ...["--exec-prefix", inside.prefix],
    ]);
    assert.equal(code, 0, stderr);
    const ran = readFileSync(join(outside, "ran"), "utf8");
    assert.match(ran, new RegExp(`wazuh.manager ${inside.prefix}/bin/wazuh-analysisd -t\n`));
    assert.match(stderr, /the manager was restarted/);
    assert.match(
      readFileSync(join(outside, "integrations/custom-tipline"), "utf8"),
      new RegExp(`^spool='${inside.prefix}/queue/tipline'$`, "m"),
    );
    assert.ok(existsSync(join(outside, "queue/tipline")));
    assert.equal(inside.fires(FINDING, { location: "misp" }), "100622");
  });

  it("takes over custom-misp.py's filters by --replace, twice is once, and gives them back", async (t) => {
    const prefix = join(tempDir(t), "ossec");
    const key = "0123456789abcdefghijABCDEFGHIJ0123456789";
    const block = `  <integration>\n    <name>custom-misp.py</name>\n    <hook_url>https://misp.example.org/attributes/restSearch</hook_url>\n    <api_key>${key}</api_key>\n    <group>sysmon_event1,sysmon_event_22,syscheck</group>\n    <alert_format>json</alert_format>\n  </integration>\n`;
    layPrefix(prefix, String(SHAPES["stock"]).replace("</ossec_config>", `${block}</ossec_config>`));
    const before = snapshot(prefix);
    const asked = ["install", "wazuh", ...flags(t, prefix), "--no-reload", "--replace", "custom-misp.py"];
    const first = await cli([...asked, "--yes"]);
    assert.equal(first.code, 0, first.stderr);
    assert.ok(!(first.stdout + first.stderr).includes(key), "the key is not shown");
    const conf = readFileSync(join(prefix, "etc/ossec.conf"), "utf8");
    assert.match(conf, /<name>custom-tipline<\/name>\s*<group>sysmon_event1,sysmon_event_22,syscheck<\/group>/);
    assert.ok(!conf.includes("custom-misp.py") && !conf.includes(key));
    assert.match(readFileSync(asked[asked.indexOf("--config-file") + 1] ?? "", "utf8"), /type: wazuh-hook/);
    const second = await cli([...asked, "--yes"]);
    assert.equal(second.code, 0, second.stderr);
    assert.match(second.stderr, /nothing to do/);
    assert.equal((await cli(["uninstall", "wazuh", "--prefix", prefix, "--yes", "--purge", "--no-reload"])).code, 0);
    assert.deepEqual(snapshot(prefix), before);
  });
});

describe("tipline install wazuh, asked wrongly or stopped", () => {
  function ground(t: Parameters<typeof tempDir>[0], conf = SHAPES["integrations there"] ?? "") {
    const prefix = join(tempDir(t), "ossec");
    layPrefix(prefix, conf);
    for (const name of ["wazuh-analysisd", "wazuh-control"])
      writeFileSync(join(prefix, "bin", name), "#!/bin/sh\nexit 0\n");
    return { prefix, args: ["install", "wazuh", ...flags(t, prefix)] };
  }

  it("--dry-run shows plan and diff, and touches nothing", async (t) => {
    const { prefix, args } = ground(t);
    const before = snapshot(prefix);
    const { code, stdout, stderr } = await cli([...args, "--dry-run", "--hook"]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /\n--- etc\/ossec\.conf\n\+\+\+ etc\/ossec\.conf\n@@ [^\n]+\n/);
    assert.match(stdout, /\n\+ {4}<name>custom-tipline<\/name>\n/);
    assert.match(stderr, /nothing was changed/);
    assert.deepEqual(snapshot(prefix), before);
  });

  it("shows no key that stands beside what is changed", async (t) => {
    const conf =
      "<ossec_config>\n  <integration>\n    <name>virustotal</name>\n    <api_key>verysecretkey</api_key>\n  </integration>\n</ossec_config>\n";
    const { args } = ground(t, conf);
    for (const more of [[], ["--json"]]) {
      const { stdout, stderr } = await cli([...args, "--dry-run", "--hook", ...more]);
      assert.match(stdout, /<api_key>\*\*\*<\/api_key>/);
      assert.ok(!(stdout + stderr).includes("verysecretkey"));
    }
  });

  for (const [name, more, says] of [
    ["nobody to ask", [], /expected --yes or --dry-run/],
    ["a wrong block", ["--rule-block", "5", "--yes"], /--rule-block: expected a whole number from 100000/],
    ["a block over the community's ids", ["--rule-block", "100600", "--yes"], /100620 to 100622/],
    ["a command for a shell", ["--exec", "docker exec x; id", "--yes"], /--exec: expected the words of one command/],
    ["--exec-prefix alone", ["--exec-prefix", "/x", "--yes"], /expected --exec as well/],
    ["a group of agents that is none", ["--agent-group", "../../x", "--yes"], /--agent-group: expected the name/],
    ["a group of agents that is not there", ["--agent-group", "nosuch", "--yes"], /nosuch is not there/],
    ["an address with a password", ["--misp-url", "https://a:b@misp.example.org", "--yes"], /--misp-url: expected/],
    ["a name that integratord does not run", ["--hook-name", "misp.py", "--yes"], /--hook-name: expected a name that/],
    ["a name without the hook", ["--hook-name", "custom-x", "--no-hook", "--yes"], /--no-hook cannot go with it/],
    ["a name and --replace", ["--hook-name", "custom-x", "--replace", "--yes"], /--replace takes it out: one of them/],
    ["--replace without the hook", ["--replace", "--no-hook", "--yes"], /--no-hook cannot go with it/],
  ] as const)
    it(`${name}: exit 2, nothing touched`, async (t) => {
      const { prefix, args } = ground(t);
      const before = snapshot(prefix);
      const { code, stderr } = await cli([...args, ...more]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, says);
      assert.deepEqual(snapshot(prefix), before);
    });

  it("no manager there: exit 1, saying what was looked for", async (t) => {
    const { code, stderr } = await cli(["install", "wazuh", "--prefix", tempDir(t), "--yes"]);
    assert.equal(code, 1);
    assert.match(stderr, /expected a Wazuh manager in .*etc\/ossec\.conf/);
  });

  it("Ctrl-C while the manager's own test runs: everything is put back", async (t) => {
    const { prefix, args } = ground(t);
    // Slow from the second call on, after it said so on a file that the test looks for.
    writeFileSync(
      join(prefix, "bin/wazuh-analysisd"),
      `#!/bin/sh\nif [ -e "$0.once" ]; then rm "$0.once"; kill -INT "$PPID"; exec sleep 60; fi\n: > "$0.once"\n`,
    );
    const before = snapshot(prefix);
    const { code, stderr } = await cli([...args, "--yes", "--hook"]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /interrupted; putting back/);
    assert.match(stderr, /nothing is changed: what was done was put back/);
    assert.deepEqual(snapshot(prefix), before);
  });

  it("uninstall where nothing was installed has nothing to do", async (t) => {
    const { prefix } = ground(t);
    const before = snapshot(prefix);
    const { code, stderr } = await cli(["uninstall", "wazuh", "--prefix", prefix, "--yes"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /nothing to do/);
    assert.deepEqual(snapshot(prefix), before);
  });
});
