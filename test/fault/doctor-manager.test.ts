import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { reloadRuleset } from "../../src/clients/wazuh-analysis.ts";
import type { HopCheck } from "../../src/setup/doctor-line-walk.ts";
import { applyRemedy } from "../support/doctor-cure.ts";
import { change } from "../support/doctor-faults.ts";
import { DoctorRig, told } from "../support/doctor-rig.ts";

const HOUR_MS = 3_600_000;
const NEVER_MS = 1e6;

function only(checks: readonly HopCheck[], hop: string, found: RegExp, status: HopCheck["status"] = "fail"): HopCheck {
  const said = told(checks);
  const words = said.map((check) => `${check.status} ${check.hop}: ${check.found} → ${check.advice}`).join("\n");
  assert.deepEqual([...new Set(said.map((check) => check.hop))], [hop], words);
  const [first] = said;
  assert.ok(first);
  assert.equal(first.status, status, words);
  assert.match(first.found, found);
  assert.notEqual(first.advice, "");
  return first;
}

async function isSilent(rig: DoctorRig): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const left = told(await rig.doctor());
    if (left.length === 0) return;
    assert.ok(attempt < 30, left.map(({ hop, found }) => `${hop}: ${found}`).join("\n"));
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** Has the sim write its counters again and again, each time after `before`. */
function writing(t: TestContext, rig: DoctorRig, before?: () => void): NodeJS.Timeout {
  const timer = setInterval(() => {
    if (!rig.sim.running) return;
    before?.();
    rig.sim.flush();
  }, 50);
  t.after(() => clearInterval(timer));
  return timer;
}

test("events that analysisd drops are seen by two looks at its counters", async (t) => {
  const rig = await DoctorRig.create(t, { wazuh: { stateMs: NEVER_MS }, config: { canary: { enabled: false } } });
  rig.sim.innerQueue = 5;
  rig.sim.stallEngine();
  // Whichever two writings of the counters are seen, there are drops between them.
  const flood = writing(t, rig, () => {
    for (let n = 0; n < 20; n++) rig.sim.inject("app", '{"nothing":"of note"}');
  });
  const check = only(await rig.doctor(), "events dropped", /drops events: [\d,]+ more while [\d,]+ came/);
  assert.match(check.advice, /lower `rate`/);
  clearInterval(flood);
  rig.sim.resumeEngine();
  writing(t, rig);
  await isSilent(rig);
});

test("counters that are not written any more say nothing about drops, and the remedy says how they are", async (t) => {
  const rig = await DoctorRig.create(t, { wazuh: { stateMs: NEVER_MS }, config: { canary: { enabled: false } } });
  const check = only(
    await rig.doctor(),
    "events dropped",
    /^wazuh-analysisd has not written its counters for 1\.5s: whether it drops events cannot be seen$/,
    "unseen",
  );
  assert.match(check.advice, /^analysisd\.state_interval=5 in .*local_internal_options\.conf, then .*restart$/);
  writing(t, rig);
  await isSilent(rig);
});

test("drops of days ago are no fault", async (t) => {
  const rig = await DoctorRig.create(t, { config: { canary: { enabled: false } } });
  rig.sim.innerQueue = 1;
  rig.sim.stallEngine();
  for (let n = 0; n < 20; n++) rig.sim.inject("app", '{"nothing":"of note"}');
  rig.sim.resumeEngine();
  rig.sim.innerQueue = 16_384;
  rig.sim.flush();
  const checks = await rig.doctor();
  assert.deepEqual(told(checks), []);
  assert.match(checks.find(({ hop }) => hop === "events dropped")?.found ?? "", /none now, \d+ since/);
});

test("alerts that are counted and not written are a fault, which a restart cures", async (t) => {
  const rig = await DoctorRig.create(t, { wazuh: { stateMs: NEVER_MS }, config: { canary: { enabled: false } } });
  const { alertsJson, analysisState } = rig.sim.paths;
  const old = new Date(Date.now() - HOUR_MS);
  utimesSync(alertsJson, old, old);
  let written = 10;
  const count = () =>
    writeFileSync(
      analysisState,
      readFileSync(analysisState, "utf8").replace(/alerts_written='\d+'/, `alerts_written='${++written}'`),
    );
  const counting = setInterval(count, 150);
  t.after(() => clearInterval(counting));
  const check = only(
    await rig.doctor(),
    "alerts growing",
    /counts \d+ alerts written within seconds, but .* stays as it is/,
  );
  clearInterval(counting);
  await applyRemedy(rig, check.advice);
  writing(t, rig);
  await isSilent(rig);
});

test("a quiet manager is no fault", async (t) => {
  const rig = await DoctorRig.create(t, { config: { canary: { enabled: false } } });
  const old = new Date(Date.now() - 30 * 24 * HOUR_MS);
  utimesSync(rig.sim.paths.alertsJson, old, old);
  for (let n = 0; n < 5; n++) rig.sim.inject("app", '{"nothing":"of note"}');
  const checks = await rig.doctor();
  assert.deepEqual(told(checks), []);
  assert.match(
    checks.find(({ hop }) => hop === "alerts growing")?.found ?? "",
    /^quiet: the last alert was written 30d(?: \d+[ms])? ago/,
  );
});

test("before 4.13 rules that are newer than the daemon are not in force; from 4.13 on its log, or what fires, tells", async (t) => {
  const rig = await DoctorRig.create(t, { wazuh: { version: "4.9.2" }, config: { canary: { enabled: false } } });
  await isSilent(rig);
  const rules = join(rig.sim.paths.localRules, "tipline_rules.xml");
  change(rules, (text) => `${text}\n`);
  const check = only(await rig.doctor(), "rules in force", /before 4\.13 reads them at its start only/);
  await applyRemedy(rig, check.advice);
  await isSilent(rig);

  const newer = await DoctorRig.create(t, { config: { canary: { enabled: false } } });
  change(join(newer.sim.paths.localRules, "tipline_rules.xml"), (text) => `${text}\n`);
  only(await newer.doctor(), "rules in force", /whether it was told to reload them cannot be seen/, "unseen");
  assert.equal((await reloadRuleset(newer.sim.paths.analysisSocket, new AbortController().signal)).status, "reloaded");
  const checks = await newer.doctor();
  assert.deepEqual(told(checks), []);
  assert.match(checks.find(({ hop }) => hop === "rules in force")?.found ?? "", /read them again .* by its log$/);
  rmSync(newer.sim.paths.ossecLog);
  only(await newer.doctor(), "rules in force", /cannot be seen/, "unseen");
  await newer.prove();
  await isSilent(newer);
});

test("integration blocks: a loop, unknown groups, no JSON, a script that is not there or may not run", async (t) => {
  const rig = await DoctorRig.create(t, { config: { canary: { enabled: false } } });
  const { ossecConf, integrations } = rig.sim.paths;
  const stock = readFileSync(ossecConf, "latin1");
  const script = join(integrations, "custom-misp.py");
  const put = (mode: number) => {
    writeFileSync(script, "#!/bin/sh\nexit 0\n");
    if (process.getuid?.() === 0) chownSync(script, rig.sim.user.uid, rig.sim.user.gid);
    chmodSync(script, mode);
  };
  const block = (body: string) =>
    writeFileSync(
      ossecConf,
      stock.replace(
        "</ossec_config>",
        `<integration>\n  <name>custom-misp.py</name>\n${body}\n</integration>\n</ossec_config>`,
      ),
      "latin1",
    );
  put(0o750);
  block("  <level>3</level>\n  <alert_format>json</alert_format>");
  const loop = only(
    await rig.doctor(),
    "integration",
    /takes every alert from level 3 on, those of its own findings as well, and loops/,
  );
  assert.match(loop.advice, /^tipline install wazuh .*--replace custom-misp\.py$/);

  block("  <group>sysmon_event_99,syslog</group>\n  <alert_format>json</alert_format>");
  const said = told(await rig.doctor())
    .map(({ found }) => found)
    .join("\n");
  assert.match(said, /findings come twice/);
  assert.match(said, /no loaded rule has group sysmon_event_99$/m);

  block("  <group>syslog</group>");
  assert.match(
    told(await rig.doctor())
      .map(({ advice }) => advice)
      .join("\n"),
    /<alert_format>json<\/alert_format>/,
  );
  put(0o640);
  block("  <group>syslog</group>\n  <alert_format>json</alert_format>");
  const denied = told(await rig.doctor()).find(({ status }) => status === "fail");
  assert.match(denied?.found ?? "", /the manager may not run/);
  await applyRemedy(rig, denied?.advice ?? "");
  assert.deepEqual(
    told(await rig.doctor()).filter(({ status }) => status === "fail"),
    [],
  );
  writeFileSync(ossecConf, stock, "latin1");
  await isSilent(rig);
});

test("of several sources and sinks the manager's own are looked at, whatever their order; of the others the place", async (t) => {
  const rig = await DoctorRig.create(t, { config: { canary: { enabled: false } }, run: false });
  const other = join(rig.dir, "node-2/logs/alerts/alerts.json");
  mkdirSync(dirname(other), { recursive: true });
  writeFileSync(other, "");
  const { sources, sinks } = rig.settings() as Record<string, object>;
  const config = {
    sources: { far: { type: "wazuh-alerts", path: other }, ...sources, again: { type: "wazuh-alerts", path: other } },
    sinks: { far: { type: "wazuh", socket: join(rig.dir, "node-2/queue"), confirm: false }, ...sinks },
    canary: { enabled: false },
  };
  rig.configure(config);
  const broken = told(await rig.doctor()).filter(({ hop }) => hop !== "run");
  assert.deepEqual(
    broken.map(({ hop, found }) => [hop, found]),
    [["other managers", `sinks.far.socket: ${join(rig.dir, "node-2/queue")} is not there`]],
  );
  const { far: _, ...near } = config.sinks;
  rig.configure({ ...config, sinks: near });
  const checks = await rig.doctor();
  assert.deepEqual(
    told(checks).map(({ hop }) => hop),
    ["run"],
  );
  assert.deepEqual(
    checks
      .filter(({ hop, status }) => hop === "other managers" && status === "skip")
      .map(({ found }) => found.split(" ")[0]),
    ["sources.far.path:", "sources.again.path:"],
  );
  rmSync(other);
  assert.match(
    told(await rig.doctor()).find(({ hop }) => hop === "other managers")?.found ?? "",
    /^sources\.far\.path: .* not there$/,
  );
});

test("a hook source without its block is a fault, and so is a block without its source", async (t: TestContext) => {
  const rig = await DoctorRig.create(t, { config: { canary: { enabled: false } }, run: false });
  const hook = {
    wazuh: { type: "wazuh-alerts", path: rig.sim.paths.alertsJson },
    hook: { type: "wazuh-hook", path: join(rig.sim.prefix, "queue/tipline") },
  };
  const before = told(await rig.doctor()).map(({ hop }) => hop);
  assert.deepEqual(before, ["run"]);
  rig.configure({ sources: hook, canary: { enabled: false } });
  const missing = told(await rig.doctor()).find(({ hop }) => hop === "integration");
  assert.match(missing?.found ?? "", /no <integration> hands alerts to it/);
  await applyRemedy(rig, missing?.advice ?? "");
  assert.deepEqual(
    told(await rig.doctor())
      .map(({ hop }) => hop)
      .filter((hop) => hop === "integration"),
    [],
  );
  rig.configure({ canary: { enabled: false } });
  const unused = told(await rig.doctor()).find(({ hop }) => hop === "integration");
  assert.equal(unused?.status, "warn");
  assert.match(unused?.found ?? "", /custom-tipline hands alerts to a spool that nobody drains/);
});

test("the hook is known by its script, whatever the block's name", async (t: TestContext) => {
  const rig = await DoctorRig.create(t, { config: { canary: { enabled: false } }, run: false });
  const { prefix } = rig.sim;
  await applyRemedy(
    rig,
    `tipline install wazuh --prefix ${prefix} --config-file ${rig.configPath} --hook-name custom-misp`,
  );
  const found = async () => told(await rig.doctor()).filter(({ hop }) => hop === "integration");
  assert.match((await found())[0]?.found ?? "", /custom-misp hands alerts to a spool that nobody drains/);
  const hook = { type: "wazuh-hook", path: join(prefix, "queue/tipline"), echoes: true };
  rig.configure({ sources: { hook }, canary: { enabled: false } });
  assert.deepEqual(await found(), []);
});
