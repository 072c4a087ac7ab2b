import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { applyRemedy } from "../support/doctor-cure.ts";
import { DoctorRig, told } from "../support/doctor-rig.ts";
import { tipline } from "../support/line-process.ts";

const QUIET = { config: { canary: { enabled: false } } };
const hops = (checks: ReturnType<typeof told>) => [...new Set(checks.map(({ hop }) => hop))];

/** The flood alone writes the counters. */
const FLOODED = { ...QUIET, wazuh: { stateMs: 1e6 } };

/** Whichever two writings of the counters are seen, events came between them. */
function flood(t: TestContext, rig: DoctorRig): void {
  const timer = setInterval(() => {
    if (!rig.sim.running) return;
    for (let n = 0; n < 5; n++) rig.sim.inject("app", '{"nothing":"of note"}');
    rig.sim.flush();
  }, 50);
  t.after(() => clearInterval(timer));
}

test("a wazuh-analysisd that takes events and processes none is named, and the restart cures it", async (t) => {
  const rig = await DoctorRig.create(t, FLOODED);
  flood(t, rig);
  assert.deepEqual(told(await rig.doctor()), []);
  rig.sim.stallEngine();
  // Else the first look may be at counters from before.
  rig.sim.flush();
  const checks = told(await rig.doctor());
  assert.deepEqual(hops(checks), ["events processed"], JSON.stringify(checks));
  assert.match(checks[0]?.found ?? "", /stands still: [\d,]+ events came within seconds, and none was processed/);
  await applyRemedy(rig, checks[0]?.advice ?? "");
  await rig.prove();
  assert.deepEqual(told(await rig.doctor()), []);
});

test("one that rests by its limit of events a second is told, and not called broken", async (t) => {
  const rig = await DoctorRig.create(t, FLOODED);
  const { ossecConf } = rig.sim.paths;
  const limits = "<limits><eps><maximum>10</maximum><timeframe>30</timeframe></eps></limits>";
  writeFileSync(ossecConf, readFileSync(ossecConf, "utf8").replace("</global>", `  ${limits}\n  </global>`));
  flood(t, rig);
  rig.sim.stallEngine();
  rig.sim.flush();
  const checks = told(await rig.doctor());
  assert.deepEqual(
    checks.map(({ hop, status }) => [hop, status]),
    [["events processed", "warn"]],
    JSON.stringify(checks),
  );
  assert.match(checks[0]?.found ?? "", /<limits><eps> allows 10 events a second/);
});

test("a queue that stays nearly full is to be looked at, though events are processed", async (t) => {
  const rig = await DoctorRig.create(t, QUIET);
  rig.sim.innerQueue = 1_000;
  rig.sim.eventsPerSecond = 1;
  for (let n = 0; n < 990; n++) rig.sim.inject("app", '{"nothing":"of note"}');
  rig.sim.flush();
  const checks = told(await rig.doctor());
  assert.deepEqual(hops(checks), ["events processed"], JSON.stringify(checks));
  assert.equal(checks[0]?.status, "warn");
  assert.match(checks[0]?.found ?? "", /event queue of wazuh-analysisd is 9\d% full/);
});

test("a manager whose counters begin anew with each writing is not called stalled", async (t) => {
  const rig = await DoctorRig.create(t, { ...FLOODED, wazuh: { ...FLOODED.wazuh, version: "4.3.11" } });
  flood(t, rig);
  rig.sim.stallEngine();
  assert.equal((await rig.doctor()).find(({ hop }) => hop === "events processed")?.status, "skip");
});

test("a hook whose wazuh-integratord does not run is named, where its manager's processes can be seen", async (t) => {
  const rig = await DoctorRig.create(t, { ...QUIET, run: false });
  rig.configure({
    sources: { hook: { type: "wazuh-hook", path: join(rig.sim.prefix, "queue/tipline") } },
    sinks: { wazuh: { type: "wazuh", socket: rig.sim.paths.queueSocket, confirm: false } },
    canary: { enabled: false },
  });
  const missing = told(await rig.doctor()).find(({ hop }) => hop === "integration");
  await applyRemedy(rig, missing?.advice ?? "");
  await rig.startRun();
  await rig.prove();
  assert.deepEqual(told(await rig.doctor()), []);

  const run = join(rig.sim.prefix, "var/run");
  for (const name of readdirSync(run)) if (name.startsWith("wazuh-integratord-")) rmSync(join(run, name));
  const checks = told(await rig.doctor());
  assert.deepEqual(hops(checks), ["integration"], JSON.stringify(checks));
  assert.match(checks[0]?.found ?? "", /^wazuh-integratord does not run: no alert is handed to the hook$/);
  // As in a container: the numbers are not those of this host.
  assert.deepEqual(told(await rig.doctor({ isDaemon: () => false })), []);
  await applyRemedy(rig, checks[0]?.advice ?? "");
  await rig.prove();
  assert.deepEqual(told(await rig.doctor()), []);
});

for (const name of ["logs/alerts/alerts.json", "var/run/wazuh-analysisd.state", "logs/ossec.log"])
  test(`a pipe in the place of ${name} does not hold doctor up`, async (t) => {
    const rig = await DoctorRig.create(t, { ...QUIET, run: false });
    await rig.sim.stop();
    const path = join(rig.sim.prefix, name);
    rmSync(path, { force: true });
    execFileSync("mkfifo", [path]);
    const { code } = await tipline(["doctor", "--config", rig.configPath, "--json"]);
    assert.equal(code, 1);
  });
