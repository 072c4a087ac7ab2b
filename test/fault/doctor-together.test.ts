import assert from "node:assert/strict";
import { lstatSync, readdirSync, readFileSync, truncateSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { DoctorOptions } from "../../src/app/doctor.ts";
import { type Fault, LINE_FAULTS, MANAGER_FAULTS } from "../support/doctor-faults.ts";
import { DoctorRig, told } from "../support/doctor-rig.ts";
import { RULE_FAULTS } from "../support/doctor-rule-faults.ts";

const byWhat = (what: string): Fault =>
  [...LINE_FAULTS, ...MANAGER_FAULTS, ...RULE_FAULTS].find((fault) => fault.what === what) ??
  assert.fail(`no fault "${what}"`);

/** Faults of which none rests on another: all must be named, whichever come first in the chain. */
const TOGETHER: readonly (readonly string[])[] = [
  ["MISP does not answer", "a full disk", "wazuh-analysisd is down", "the parent has level 2"],
  [
    "nothing runs",
    "others may read the key file",
    "alerts.json is not for us",
    "the community's rules are there as well",
  ],
  ["the key file is gone", "the queue socket is not for us", "log_alert_level is above a match", "the parent is gone"],
  ["no inodes left", "JSON output is off", "the rules file is root's alone"],
  ["an administrator's key", "the sink sends to another socket", "another rules file is broken"],
  ["a key that MISP does not know", "alerts.json was removed", "a rule of level 0 takes every event of an integration"],
];

for (const group of TOGETHER)
  test(`no fault hides another: ${group.join("; ")}`, async (t) => {
    const rig = await DoctorRig.create(t, { config: { canary: { enabled: false } } });
    const faults = group.map(byWhat);
    let options: Partial<DoctorOptions> = {};
    for (const fault of faults) {
      await fault.inject(rig);
      options = { ...options, ...fault.options?.(rig) };
    }
    const checks = told(await rig.doctor(options));
    const hops = new Set(checks.map(({ hop }) => hop));
    assert.deepEqual([...hops].sort(), [...new Set(faults.map(({ hop }) => hop))].sort(), JSON.stringify(checks));
    for (const fault of faults)
      assert.ok(
        checks.some(
          ({ hop, status, found }) =>
            hop === fault.hop && status === (fault.status ?? "fail") && fault.found.test(found),
        ),
        `${fault.what}: ${JSON.stringify(checks)}`,
      );
  });

/** Every file below a folder with what would show a change; what the daemon itself writes is left out. */
function snapshot(prefix: string): ReadonlyMap<string, string> {
  const names = readdirSync(prefix, { recursive: true }).map(String);
  return new Map(
    names
      .filter((name) => !/^(?:var\/run|logs)\b/.test(name))
      .map((name) => {
        const stat = lstatSync(join(prefix, name));
        const content = stat.isFile() ? readFileSync(join(prefix, name), "latin1") : "";
        return [
          name,
          `${stat.mode} ${stat.uid} ${stat.gid} ${stat.ino} ${stat.isFile() ? stat.mtimeMs : ""} ${content}`,
        ];
      }),
  );
}

test("the installation is as it was, nothing was sent to its queue, and no session of logtest is left", async (t) => {
  const rig = await DoctorRig.create(t, { config: { canary: { enabled: false } } });
  const before = snapshot(rig.sim.prefix);
  const { eventsReceived } = rig.sim.counters;
  const alerts = rig.sim.alerts().length;
  assert.deepEqual(told(await rig.doctor()), []);
  assert.deepEqual(snapshot(rig.sim.prefix), before);
  assert.equal(rig.sim.counters.eventsReceived, eventsReceived);
  assert.equal(rig.sim.alerts().length, alerts);
});

test("a log of terabytes costs no more than its end", async (t) => {
  const rig = await DoctorRig.create(t, { config: { canary: { enabled: false } }, run: false });
  await rig.prove();
  truncateSync(rig.sim.paths.alertsJson, 2 ** 41);
  const before = process.memoryUsage().rss;
  const checks = await rig.doctor();
  assert.ok(process.memoryUsage().rss - before < 300 * 2 ** 20);
  assert.match(checks.find(({ hop }) => hop === "alerts.json")?.found ?? "", /2\.0 TiB/);
});
