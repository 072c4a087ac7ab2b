import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { HopCheck } from "../../src/setup/doctor-line-walk.ts";
import { applyRemedy } from "../support/doctor-cure.ts";
import { DoctorRig, told } from "../support/doctor-rig.ts";

const about = (checks: readonly HopCheck[]) => told(checks).filter(({ hop }) => hop === "integration");

test("a spool that the hook or Tipline cannot use is named, and the printed remedy mends it", async (t) => {
  const rig = await DoctorRig.create(t, { config: { canary: { enabled: false } }, run: false });
  const spool = join(rig.sim.prefix, "queue/tipline");
  const script = join(rig.sim.paths.integrations, "custom-tipline");
  const configure = (path: string) =>
    rig.configure({
      sources: { wazuh: { type: "wazuh-alerts", path: rig.sim.paths.alertsJson }, hook: { type: "wazuh-hook", path } },
      canary: { enabled: false },
    });
  configure(spool);
  const [missing] = about(await rig.doctor());
  await applyRemedy(rig, missing?.advice ?? "");
  assert.deepEqual(about(await rig.doctor()), []);

  const rewrite = (path: string) =>
    writeFileSync(script, readFileSync(script, "utf8").replace(/^spool='.*'$/m, `spool='${path}'`));
  const elsewhere = join(rig.dir, "elsewhere");
  for (const [what, harm, says] of [
    [
      "the manager may not write to it",
      () => chmodSync(spool, 0o500),
      /the hook's spool: .* may not write .*queue\/tipline \(/,
    ],
    ["it is gone", () => rmSync(spool, { recursive: true }), /the hook's spool \S+ is not there: its alerts are lost/],
    [
      "the source drains another",
      () => {
        mkdirSync(elsewhere);
        configure(elsewhere);
      },
      /^sources\.hook\.path is \S+elsewhere, but custom-tipline puts alerts into \S+queue\/tipline$/,
    ],
  ] as const) {
    harm();
    const [check, ...more] = about(await rig.doctor());
    assert.deepEqual(more, [], what);
    assert.match(check?.found ?? "", says);
    await applyRemedy(rig, check?.advice ?? "");
    assert.deepEqual(about(await rig.doctor()), [], what);
  }
  assert.ok(existsSync(spool) && (statSync(spool).mode & 0o7777) === 0o2770);

  // In a container the manager has the same folder by another prefix.
  rewrite("/var/ossec/queue/tipline");
  assert.deepEqual(about(await rig.doctor()), []);
});
