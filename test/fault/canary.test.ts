import assert from "node:assert/strict";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { renderRules } from "../../src/setup/wazuh/rules.ts";
import { readCanaryState } from "../../src/store/canary-state.ts";
import { CanaryLine } from "../support/canary-line.ts";
import { createWazuhSim, type WazuhSim } from "../support/wazuh-sim/sim.ts";

const returned = (sim: WazuhSim) => sim.alerts().filter(({ rule }) => rule.id === "100628").length;
const rulesFile = (sim: WazuhSim) => join(sim.prefix, "etc/rules/tipline_rules.xml");

/** The rules without some of them. */
function without(...ids: string[]): string {
  return ids.reduce((text, id) => text.replace(new RegExp(`<rule id="${id}"[\\s\\S]*?</rule>`), ""), renderRules());
}

async function missing(line: CanaryLine, hop: string): Promise<string> {
  await line.until(
    `the loss at ${hop}`,
    async () => ((await line.metric(`tipline_canary_lost_total{hop="${hop}"}`)) ?? 0) > 0,
  );
  return line.troubles();
}

async function back(line: CanaryLine, sim: WazuhSim): Promise<void> {
  const before = returned(sim);
  await line.until("one that returns", () => returned(sim) > before);
  await line.until("health", async () => (await line.troubles()) === "");
  assert.ok(line.logs.some((log) => log.startsWith("info canary is back")));
}

test("without Tipline's rules the canary's alert is never read; installing them cures it", async (t) => {
  const sim = await createWazuhSim({ t, rules: {} });
  const line = await CanaryLine.start(t, sim);
  const troubles = await missing(line, "read");
  assert.match(troubles, /^canary: it was sent and its alert was not read .*tipline install wazuh/);
  assert.ok(line.logs.some((log) => log.startsWith("error canary is missing")));
  assert.equal(readCanaryState(line.stateDir)?.missing?.hop, "read");
  writeFileSync(rulesFile(sim), renderRules());
  chmodSync(rulesFile(sim), 0o644);
  sim.reload();
  await back(line, sim);
});

test("without the parent rule nothing fires for the finding: the hop is the rule", async (t) => {
  const sim = await createWazuhSim({ t, rules: without("100620") });
  const line = await CanaryLine.start(t, sim);
  assert.match(await missing(line, "rule"), /^canary: it was delivered and did not come back as an alert/);
  assert.equal(await line.metric('tipline_unconfirmed_findings{sink="wazuh"}'), 0);
  writeFileSync(rulesFile(sim), renderRules());
  sim.reload();
  await back(line, sim);
});

test("without the canary's own rule 100622 sounds the alarm: said once, and no more than one an hour", async (t) => {
  const sim = await createWazuhSim({ t, rules: without("100628") });
  const line = await CanaryLine.start(t, sim);
  await line.until("the complaint", () => line.logs.some((log) => log.includes("rule 100622 of level 12")));
  const sent = readCanaryState(line.stateDir)?.sent;
  await new Promise((resolve) => setTimeout(resolve, 4000));
  assert.equal(readCanaryState(line.stateDir)?.sent, sent);
});

test("with the manager down there is one message, and it ends when the manager is back", async (t) => {
  const sim = await createWazuhSim({ t, rules: renderRules() });
  const line = await CanaryLine.start(t, sim);
  await line.until("a round trip", () => returned(sim) > 0);
  await sim.stop();
  const troubles = await missing(line, "send");
  assert.deepEqual(troubles.trim().split("\n").length, 1, troubles);
  assert.match(troubles, /ECONNREFUSED/);
  await sim.start();
  await back(line, sim);
});

test("events dropped inside are a loss at read, with the doctor to ask", async (t) => {
  const sim = await createWazuhSim({ t, rules: renderRules() });
  const line = await CanaryLine.start(t, sim);
  await line.until("a round trip", () => returned(sim) > 0);
  sim.innerQueue = 0;
  sim.stallEngine();
  assert.match(await missing(line, "read"), /Wazuh drops events.*tipline doctor wazuh/);
  sim.innerQueue = 16_384;
  sim.resumeEngine();
  await back(line, sim);
});

test("a flood that the source catches up with is no loss", async (t) => {
  const sim = await createWazuhSim({ t, rules: renderRules() });
  const line = await CanaryLine.start(t, sim);
  await line.until("a round trip", () => returned(sim) > 0);
  for (let n = 0; n < 5000; n++)
    sim.inject(
      "/var/log/auth.log",
      `Nov 22 05:15:00 srv sshd[1]: Accepted password for ana from 10.0.0.${n % 250} port 5 ssh2`,
    );
  const before = returned(sim);
  await line.until("two more", () => returned(sim) >= before + 2);
  assert.equal(await line.troubles(), "");
});

test("whatever the canary does, no finding of mode canary leaves for another sink or the dead letter", async (t) => {
  const sim = await createWazuhSim({ t, rules: without("100620") });
  const line = await CanaryLine.start(t, sim);
  await missing(line, "rule");
  await line.stop();
  assert.deepEqual(line.written(), []);
  assert.ok(!readFileSync(sim.paths.alertsJson, "utf8").includes('"mode":"canary"'));
});
