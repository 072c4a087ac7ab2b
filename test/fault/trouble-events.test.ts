import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { renderRules } from "../../src/setup/wazuh/rules.ts";
import { CanaryLine } from "../support/canary-line.ts";
import { createWazuhSim, type SimAlert, type WazuhSim } from "../support/wazuh-sim/sim.ts";

const ON = { canary: { enabled: false }, trouble_events: {}, sync: { interval: "10s" } };
const told = (sim: WazuhSim): SimAlert[] => sim.alerts().filter(({ data }) => data?.misp?.trouble !== undefined);

test("a feed that fails is told to Wazuh, and that it is over", async (t) => {
  const sim = await createWazuhSim({ t, rules: renderRules() });
  const line = await CanaryLine.start(t, sim, { config: ON, speed: 30 });
  const list = join(line.dir, "list.txt");
  renameSync(list, `${list}.away`);
  await line.until("the beginning", () => told(sim).length === 1);
  renameSync(`${list}.away`, list);
  await line.until("the end", () => told(sim).length === 2);
  const [begun, over] = told(sim);
  assert.equal(begun?.rule.id, "100632");
  assert.deepEqual(
    [begun?.data.misp.trouble, begun?.data.misp.component, begun?.data.misp.state],
    ["sync", "list", "begun"],
  );
  assert.match(over?.data.misp.error, /^over after .*: feed list:/);
  // Its own events are no alerts to be matched, and no foreign ones.
  assert.deepEqual(line.written(), []);
});

test("a missing canary is told as soon as Wazuh can be told", async (t) => {
  const sim = await createWazuhSim({ t, rules: renderRules() });
  const canary = { interval: "40s", timeout: "20s" };
  const line = await CanaryLine.start(t, sim, { config: { ...ON, canary }, speed: 30 });
  await line.until("a round trip", () => sim.alerts().some(({ rule }) => rule.id === "100628"));
  await sim.stop();
  await line.until("the trouble", async () => (await line.troubles()).startsWith("canary: "));
  // Long enough to be of note.
  const since = line.clock.now();
  await line.until("half a minute", () => line.clock.now() - since > 40_000);
  await sim.start();
  await line.until("the end of it", () => told(sim).some(({ data }) => data.misp.state === "over"));
  const over = told(sim).find(({ data }) => data.misp.state === "over");
  assert.equal(over?.rule.id, "100638");
  assert.equal(over?.data.misp.trouble, "canary");
  assert.match(over?.data.misp.error, /^over after .*could not be sent/);
});

test("switched off, nothing is told", async (t) => {
  const sim = await createWazuhSim({ t, rules: renderRules() });
  const config = { ...ON, trouble_events: { enabled: false } };
  const line = await CanaryLine.start(t, sim, { config, speed: 30 });
  const list = join(line.dir, "list.txt");
  renameSync(list, `${list}.away`);
  await line.until("the trouble", async () => (await line.troubles()) !== "");
  const since = line.clock.now();
  await line.until("two minutes", () => line.clock.now() - since > 120_000);
  assert.deepEqual(told(sim), []);
});
