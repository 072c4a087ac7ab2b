import assert from "node:assert/strict";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { EVENT, MISP_RULES, mispEvent } from "../support/wazuh-sim/fixture-rules.ts";
import { createWazuhSim } from "../support/wazuh-sim/sim.ts";

/** What the test engine leaves on disk, one fact a test. */
const NOON = Date.UTC(2026, 10, 21, 12);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("alerts.json is flushed once in a while, not at once", async (t) => {
  const sim = await createWazuhSim({ t, rules: MISP_RULES, flushMs: 3_600_000 });
  sim.inject("misp", EVENT);
  while (sim.counters.alertsWritten < 1) await pause(5);
  assert.deepEqual(sim.alerts(), []);
  sim.flush();
  assert.equal(sim.alerts().length, 1);
});

test("alerts.json is a hard link to the day's file, and another one from midnight on", async (t) => {
  let now = NOON;
  const sim = await createWazuhSim({ t, rules: MISP_RULES, now: () => now });
  const inode = (path: string) => statSync(path).ino;
  const day = (name: string) => join(sim.paths.alertsDir, "2026/Nov", `ossec-alerts-${name}.json`);
  assert.equal(inode(sim.paths.alertsJson), inode(day("21")));
  assert.equal(statSync(day("21")).nlink, 2);
  sim.inject("misp", EVENT);
  await sim.waitForAlerts((all) => all.length === 1);
  now += 86_400_000;
  sim.flush();
  assert.equal(inode(sim.paths.alertsJson), inode(day("22")));
  sim.inject("misp", EVENT);
  await sim.waitForAlerts((all) => all.length === 1);
  assert.equal(sim.alerts(day("21")).length, 1);
});

test("a rotation by size goes on in ossec-alerts-DD-001.json; the first file keeps its name", async (t) => {
  const sim = await createWazuhSim({ t, rules: MISP_RULES, now: () => NOON });
  sim.inject("misp", EVENT);
  await sim.waitForAlerts((all) => all.length === 1);
  sim.alertFiles.rotateSize();
  sim.inject("misp", EVENT);
  await sim.waitForAlerts((all) => all.length === 1);
  const folder = join(sim.paths.alertsDir, "2026/Nov");
  for (const name of ["ossec-alerts-21.json", "ossec-alerts-21-001.json"])
    assert.equal(sim.alerts(join(folder, name)).length, 1, name);
});

test("alert.id is the second and the offset in the file", async (t) => {
  const sim = await createWazuhSim({ t, rules: MISP_RULES, now: () => NOON });
  sim.inject("misp", EVENT);
  sim.inject("misp", EVENT);
  const [first, second] = await sim.waitForAlerts((all) => all.length === 2);
  const length = readFileSync(sim.paths.alertsJson, "utf8").indexOf("\n") + 1;
  assert.deepEqual([first.id, second.id], [`${NOON / 1000}.0`, `${NOON / 1000}.${length}`]);
  assert.equal(first.timestamp, "2026-11-21T12:00:00.000+0000");
});

test("after a restart the offsets go on where the file ends", async (t) => {
  const sim = await createWazuhSim({ t, rules: MISP_RULES, now: () => NOON });
  sim.inject("misp", EVENT);
  await sim.waitForAlerts((all) => all.length === 1);
  await sim.restart();
  sim.inject("misp", EVENT);
  const [first, second] = await sim.waitForAlerts((all) => all.length === 2);
  assert.notEqual(first.id, second.id);
});

test("one line an alert, with full members, agent and manager", async (t) => {
  const node = { cluster: "wazuh", node: "worker-2" };
  const sim = await createWazuhSim({ t, rules: MISP_RULES, manager: "mgr", node });
  sim.inject("[001] (web-01) any->misp", mispEvent('"error":"down"'));
  const [alert] = await sim.waitForAlerts((all) => all.length === 1);
  const members = ["timestamp", "rule", "agent", "manager", "id", "cluster", "full_log", "decoder", "data", "location"];
  assert.deepEqual(Object.keys(alert), members);
  assert.deepEqual([alert.manager, alert.cluster], [{ name: "mgr" }, { name: "wazuh", node: "worker-2" }]);
});

test("with logall_json every event is in archives.json, alert or not", async (t) => {
  const sim = await createWazuhSim({ t, rules: MISP_RULES, logallJson: true });
  sim.inject("misp", EVENT);
  sim.inject("misp", '{"nothing":"special"}');
  await sim.waitForAlerts((all) => all.length === 1);
  sim.flush();
  const archived = sim.alerts(sim.paths.archivesJson);
  assert.deepEqual(
    archived.map(({ rule, data }) => [rule?.id, Object.keys(data)[0]]),
    [
      ["100622", "integration"],
      [undefined, "nothing"],
    ],
  );
});

test("jsonout_output no: nothing in alerts.json", async (t) => {
  const sim = await createWazuhSim({ t, rules: MISP_RULES, start: false });
  const conf = readFileSync(sim.paths.ossecConf, "utf8").replace("<jsonout_output>yes", "<jsonout_output>no");
  const quiet = await createWazuhSim({ t, rules: MISP_RULES, conf });
  quiet.inject("misp", EVENT);
  while (quiet.counters.eventsProcessed < 1) await pause(5);
  quiet.flush();
  assert.deepEqual(quiet.alerts(), []);
});

test("wazuh-analysisd.state has shell assignments, events_dropped among them", async (t) => {
  const sim = await createWazuhSim({ t, rules: MISP_RULES });
  sim.inject("misp", EVENT);
  await sim.waitForAlerts((all) => all.length === 1);
  sim.flush();
  const text = readFileSync(sim.paths.analysisState, "utf8");
  const values = new Map([...text.matchAll(/^(\w+)='([^']*)'$/gm)].map(([, name, value]) => [name, value]));
  assert.deepEqual(
    ["events_received", "events_processed", "events_dropped", "alerts_written", "event_queue_size"].map((n) =>
      values.get(n),
    ),
    ["1", "1", "0", "1", "16384"],
  );
});

test("ossec.log tells the start and every warning of loading", async (t) => {
  const sim = await createWazuhSim({ t, rules: MISP_RULES.replace('id="100621"', 'id="100620"') });
  const log = readFileSync(sim.paths.ossecLog, "utf8");
  assert.match(
    log,
    /^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d wazuh-analysisd: WARNING: \(7612\): Rule ID '100620' is duplicated/m,
  );
  assert.match(log, /wazuh-analysisd: INFO: Total rules enabled: '\d+'/);
  assert.match(log, /wazuh-analysisd: INFO: Started \(pid: \d+\)\./);
});

test("a prefix that is there already is taken as it is", async (t) => {
  const first = await createWazuhSim({ t, rules: MISP_RULES, start: false });
  const again = await createWazuhSim({ t, dir: first.prefix, rules: "<broken", start: false });
  assert.equal(again.fires(EVENT), "100622");
});
