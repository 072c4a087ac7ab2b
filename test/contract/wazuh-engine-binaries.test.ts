import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { tempDir } from "../support/temp.ts";
import { EVENT, MATCH, MISP_RULES, PARENT, rulesFile } from "../support/wazuh-sim/fixture-rules.ts";
import { createWazuhSim } from "../support/wazuh-sim/sim.ts";

/** `bin/wazuh-analysisd -t` and `bin/wazuh-control` of a fake installation, run as a user would. */
function run(file: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(file, args, { cwd: "/", env: { PATH: "/usr/bin:/bin" } }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}
const rig = (t: TestContext, rules = MISP_RULES, start = false) => createWazuhSim({ t, rules, start });

test("analysisd -t: a good ruleset is silent, exit 0", async (t) => {
  const sim = await rig(t);
  assert.deepEqual(await run(sim.paths.analysisdBinary, "-t"), { code: 0, stdout: "", stderr: "" });
});

test("analysisd -t: dropped rules are WARNINGs and exit 0", async (t) => {
  const sim = await rig(t, rulesFile(MATCH, PARENT, PARENT));
  const { code, stderr } = await run(sim.paths.analysisdBinary, "-t");
  assert.equal(code, 0);
  assert.deepEqual(stderr.match(/WARNING: \(\d+\)/g), ["WARNING: (7617)", "WARNING: (7619)", "WARNING: (7612)"]);
  assert.match(stderr, /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d wazuh-analysisd: WARNING: /);
});

test("analysisd -t: broken XML is ERROR 1226 and CRITICAL 1220, exit 1", async (t) => {
  const sim = await rig(t, `${rulesFile(PARENT).slice(0, -10)}`);
  const { code, stderr } = await run(sim.paths.analysisdBinary, "-t");
  assert.equal(code, 1);
  assert.match(
    stderr,
    /ERROR: \(1226\): Error reading XML file 'etc\/rules\/tipline_rules.xml': XMLERR: Element 'group' not closed. \(line \d+\)\./,
  );
  assert.match(stderr, /CRITICAL: \(1220\): Error loading the rules/);
});

test("the scripts work in a copy of the folder", async (t) => {
  const sim = await rig(t);
  const copy = join(tempDir(t), "copy");
  cpSync(sim.prefix, copy, { recursive: true, filter: (path) => !path.endsWith(".sock") });
  writeFileSync(join(copy, "etc/rules/broken.xml"), "<group name='x'>");
  assert.equal((await run(join(copy, "bin/wazuh-analysisd"), "-t")).code, 1);
  assert.equal((await run(sim.paths.analysisdBinary, "-t")).code, 0);
});

test("control info tells version and type", async (t) => {
  const sim = await createWazuhSim({ t, start: false, version: "4.9.2" });
  const { stdout } = await run(sim.paths.controlBinary, "info");
  assert.match(stdout, /^WAZUH_VERSION="v4.9.2"$/m);
  assert.match(stdout, /^WAZUH_TYPE="server"$/m);
  assert.equal(existsSync(join(sim.prefix, "VERSION.json")), false);
});

test("control status tells whether analysisd runs", async (t) => {
  const sim = await rig(t, MISP_RULES, true);
  const up = await run(sim.paths.controlBinary, "status");
  assert.match(up.stdout, /^wazuh-analysisd is running\.\.\.$/m);
  assert.equal(up.code, 0);
  await sim.stop();
  const down = await run(sim.paths.controlBinary, "status");
  assert.match(down.stdout, /^wazuh-analysisd not running\.\.\.$/m);
  assert.equal(down.code, 1);
});

test("control restart takes new rules", async (t) => {
  const sim = await rig(t, rulesFile(PARENT), true);
  assert.equal(sim.fires(EVENT), undefined);
  writeFileSync(join(sim.paths.localRules, "tipline_rules.xml"), MISP_RULES);
  const { code, stdout } = await run(sim.paths.controlBinary, "restart");
  assert.equal(code, 0, stdout);
  assert.match(stdout, /Completed\./);
  assert.equal(sim.fires(EVENT), "100622");
});

test("control restart with rules that do not load: exit 1, what runs goes on", async (t) => {
  const sim = await rig(t, MISP_RULES, true);
  writeFileSync(join(sim.paths.localRules, "broken.xml"), "<group name='x'>");
  const { code, stdout } = await run(sim.paths.controlBinary, "restart");
  assert.equal(code, 1);
  assert.match(stdout, /Configuration error\. Exiting/);
  assert.equal(sim.running, true);
  assert.equal(sim.fires(EVENT), "100622");
});

test("control stop and start", async (t) => {
  const sim = await rig(t, MISP_RULES, true);
  assert.equal((await run(sim.paths.controlBinary, "stop")).code, 0);
  assert.equal(sim.running, false);
  assert.equal((await run(sim.paths.controlBinary, "start")).code, 0);
  assert.equal(sim.running, true);
  assert.match(readFileSync(sim.paths.ossecLog, "utf8"), /Started \(pid/);
});
