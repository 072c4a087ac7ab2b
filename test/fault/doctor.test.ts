import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { applyRemedy } from "../support/doctor-cure.ts";
import { type Fault, LINE_FAULTS, MANAGER_FAULTS } from "../support/doctor-faults.ts";
import { DoctorRig, told } from "../support/doctor-rig.ts";
import { RULE_FAULTS } from "../support/doctor-rule-faults.ts";

const ATTEMPTS = 40;
const PAUSE_MS = 250;

for (const [name, faults] of [
  ["Tipline, its host and MISP", LINE_FAULTS],
  ["the manager, its alerts and its queue", MANAGER_FAULTS],
  ["rules", RULE_FAULTS],
] as const) {
  test(`each fault is named at its hop alone, and its remedy cures it: ${name}`, async (t) => {
    const rig = await DoctorRig.create(t);
    await untilSilent(rig, "before");
    for (const fault of faults) await t.test(fault.what, (t) => one(t, rig, fault));
  });
}

async function one(_: TestContext, rig: DoctorRig, fault: Fault): Promise<void> {
  await fault.inject(rig);
  const checks = await rig.doctor(fault.options?.(rig));
  const found = told(checks);
  const words = found.map(({ hop, status, found, advice }) => `${status} ${hop}: ${found} → ${advice}`).join("\n");
  assert.deepEqual([...new Set(found.map(({ hop }) => hop))], [fault.hop], words);
  const [first] = found;
  assert.equal(first?.status, fault.status ?? "fail", words);
  assert.match(first?.found ?? "", fault.found);
  assert.notEqual(first?.advice, "", words);
  if (fault.undo) await fault.undo(rig);
  else for (const { advice } of found) await applyRemedy(rig, advice, fault.byHand);
  await untilSilent(rig, fault.what);
}

/** A healthy chain says nothing: no warning, nothing unseen. What the line itself has to notice first may take it a moment. */
async function untilSilent(rig: DoctorRig, after: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    // A reload leaves no trace but what fires afterwards.
    if (rig.sim.running) await rig.prove();
    const left = told(await rig.doctor());
    if (left.length === 0) return;
    if (attempt > ATTEMPTS)
      assert.fail(`after ${after}: ${left.map(({ hop, found, advice }) => `${hop}: ${found} → ${advice}`).join("\n")}`);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}
