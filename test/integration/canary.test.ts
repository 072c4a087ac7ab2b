import assert from "node:assert/strict";
import { test } from "node:test";
import { renderRules } from "../../src/setup/wazuh/rules.ts";
import { readCanaryState } from "../../src/store/canary-state.ts";
import { CanaryLine } from "../support/canary-line.ts";
import { createWazuhSim, type SimAlert } from "../support/wazuh-sim/sim.ts";

const ofRule = (id: string) => (alert: SimAlert) => alert.rule.id === id;

test("a canary goes out, is read, matched, delivered and seen again, over and over, and no other sink sees one", async (t) => {
  const sim = await createWazuhSim({ t, rules: renderRules() });
  const line = await CanaryLine.start(t, sim);
  await line.until(
    "three round trips",
    async () => ((await line.metric("tipline_canary_round_trip_seconds_count")) ?? 0) >= 3,
  );
  const alerts = sim.alerts();
  assert.ok(alerts.filter(ofRule("100629")).length >= 3);
  const back = alerts.filter(ofRule("100628"));
  assert.ok(back.length >= 3);
  for (const { rule, data } of back) {
    assert.equal(rule.level, 3);
    assert.equal(rule.mail, false);
    assert.equal(data.misp.mode, "canary");
  }
  assert.equal(alerts.filter(ofRule("100622")).length, 0);
  assert.deepEqual(line.written(), []);
  assert.equal(await line.troubles(), "");
  assert.ok(((await line.metric("tipline_canary_last_round_trip_seconds")) ?? 0) > 0);
  assert.equal(await line.metric('tipline_canary_lost_total{hop="read"}'), 0);
  assert.equal(await line.metric('tipline_unconfirmed_findings{sink="wazuh"}'), 0);
  const state = readCanaryState(line.stateDir);
  assert.equal(state?.rule?.id, "100628");
  assert.equal(state?.missing, undefined);
  assert.equal(JSON.stringify(await line.ask("canary")).includes('"lastReturnedAt"'), true);
  // Two alerts and no finding counted for each: storm control and the counts of findings know nothing of canaries.
  assert.equal(await line.metric('tipline_findings_total{band="medium"}'), undefined);
});

test("after a restart the canaries of before mean nothing, and new ones go round", async (t) => {
  const sim = await createWazuhSim({ t, rules: renderRules() });
  const line = await CanaryLine.start(t, sim);
  await line.until("a round trip", () => sim.alerts().some(ofRule("100628")));
  sim.stallEngine();
  const before = readCanaryState(line.stateDir)?.sent ?? 0;
  await line.until("one more on its way", () => (readCanaryState(line.stateDir)?.sent ?? 0) > before);
  await line.stop();
  sim.resumeEngine();
  await sim.waitForAlerts((alerts) => alerts.filter(ofRule("100629")).length > before);
  const returned = sim.alerts().filter(ofRule("100628")).length;
  await line.run();
  await line.until("a new round trip", () => sim.alerts().filter(ofRule("100628")).length > returned);
  assert.equal(await line.troubles(), "");
  assert.equal(await line.metric('tipline_canary_lost_total{hop="read"}'), 0);
  // The one that was read after the restart made no finding: of each later one there is exactly one.
  const { sent = 0 } = readCanaryState(line.stateDir) ?? {};
  assert.ok(sim.alerts().filter(ofRule("100628")).length - returned <= sent);
});

test("two nodes over one alerts.json take their own canaries only", async (t) => {
  const sim = await createWazuhSim({ t, rules: renderRules() });
  const one = await CanaryLine.start(t, sim);
  const two = await CanaryLine.start(t, sim);
  for (const line of [one, two])
    await line.until(
      "round trips",
      async () => ((await line.metric("tipline_canary_round_trip_seconds_count")) ?? 0) >= 2,
    );
  const names = new Set(
    sim
      .alerts()
      .filter(ofRule("100628"))
      .map(({ data }) => data.misp.value),
  );
  assert.equal(names.size, 2);
  assert.equal(await one.troubles(), "");
  assert.equal(await two.troubles(), "");
  for (const line of [one, two]) assert.deepEqual(line.written(), []);
});
