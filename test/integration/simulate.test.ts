import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Hop } from "../../src/app/simulate-follow.ts";
import { prepareSimulation, type SimulateRequest } from "../../src/app/simulate-run.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { scenarioNamed } from "../../src/setup/scenarios/index.ts";
import { readAsset, renderRules } from "../../src/setup/wazuh/rules.ts";
import { CanaryLine, LISTED } from "../support/canary-line.ts";
import { FakeWazuhApi, PASSWORD, USER } from "../support/fake-wazuh-api.ts";
import { createWazuhSim, type WazuhSim } from "../support/wazuh-sim/sim.ts";

const QUIET = { canary: { enabled: false } };

async function simulate(line: CanaryLine, name: string, over: Partial<SimulateRequest> = {}) {
  const scenario = scenarioNamed(name);
  assert.ok(scenario, name);
  const prepared = await prepareSimulation({ scenario, config: line.config, waitMs: 30_000, log: silentLog, ...over });
  const hops: Hop[] = [];
  try {
    for await (const hop of prepared.run(new AbortController().signal)) hops.push(hop);
  } finally {
    await prepared.close();
  }
  return { prepared, hops, last: hops.at(-1) };
}

const passed = (hops: readonly Hop[]) => hops.filter(({ status }) => status === "ok").map(({ hop }) => hop);
const ALL = ["sent", "alert", "read", "matched", "delivered", "rule"];

/** It begins at the end of the file: what is written before it has found that is not its own. */
const placed = (line: CanaryLine) =>
  line.until("its place", async () => (await line.metric('tipline_source_lag_bytes{source="wazuh"}')) === 0);

async function startAll(
  t: Parameters<typeof CanaryLine.start>[0],
  over: Partial<Parameters<typeof createWazuhSim>[0]> = {},
) {
  const rules = {
    "tipline_rules.xml": renderRules(),
    "tipline_visibility_packetbeat.xml": readAsset("visibility", "tipline_visibility_packetbeat.xml"),
    "tipline_visibility_sysmon.xml": readAsset("visibility", "tipline_visibility_sysmon.xml"),
  };
  const sim: WazuhSim = await createWazuhSim({ t, rules, ...over });
  const line = await CanaryLine.start(t, sim, { config: QUIET });
  await placed(line);
  return { sim, line };
}

test("each scenario, as an event with a value from the index, passes every hop", async (t) => {
  const { sim, line } = await startAll(t);
  for (const name of ["ssh-login", "sysmon-process", "sysmon-network", "sysmon-dns", "packetbeat-dns", "web-access"]) {
    const { prepared, hops } = await simulate(line, name);
    assert.ok(Object.values<string>(LISTED).includes(prepared.value), name);
    assert.deepEqual(passed(hops), ALL, `${name}: ${JSON.stringify(hops.at(-1))}`);
  }
  const findings = line.written().map((text) => JSON.parse(text).data.misp);
  assert.equal(findings.length, 6);
  for (const misp of findings) assert.equal(misp.mode, "simulated");
  assert.equal(sim.alerts().filter(({ data }) => data?.misp?.mode === "simulated").length, 6);
});

test("the same twice is not held back as a repeat", async (t) => {
  const { line } = await startAll(t);
  for (let n = 0; n < 2; n++) assert.deepEqual(passed((await simulate(line, "ssh-login")).hops), ALL);
});

test("names the agent that it happens on", async (t) => {
  const { sim, line } = await startAll(t);
  const { hops } = await simulate(line, "sysmon-dns", { agent: "006:DESKTOP-1:10.0.2.31" });
  assert.deepEqual(passed(hops), ALL);
  const found = sim.alerts().find(({ data }) => data?.misp?.mode === "simulated");
  assert.deepEqual(found?.agent, { id: "006", name: "DESKTOP-1", ip: "10.0.2.31" });
});

test("stops at the sending when the manager is down", async (t) => {
  const { sim, line } = await startAll(t);
  await sim.stop();
  const { last } = await simulate(line, "ssh-login");
  assert.equal(last?.hop, "sent");
  assert.match(last?.found ?? "", /ECONNREFUSED/);
});

test("stops at the alert when no rule lifts the event, and says what a stock manager lacks", async (t) => {
  const { line } = await startAll(t, { rules: renderRules() });
  const { last } = await simulate(line, "sysmon-dns", { waitMs: 4_000 });
  assert.equal(last?.hop, "alert");
  assert.match(last?.advice ?? "", /Sysmon event 22.*--visibility/);
});

test("stops at the reading when no line runs", async (t) => {
  const { line } = await startAll(t);
  await line.stop();
  const { last, hops } = await simulate(line, "ssh-login", { waitMs: 8_000 });
  assert.deepEqual(passed(hops), ["sent", "alert"]);
  assert.match(`${last?.hop} ${last?.found} ${last?.advice}`, /^read no Tipline is running.*tipline run/);
});

test("stops at the match for a value that is not listed", async (t) => {
  const { line } = await startAll(t);
  const { last, hops } = await simulate(line, "ssh-login", { value: "45.83.64.99" });
  assert.deepEqual(passed(hops), ["sent", "alert", "read"]);
  assert.match(`${last?.hop} ${last?.found}`, /^matched no indicator covers it/);
});

test("says why a value makes no finding", async (t) => {
  const { line } = await startAll(t);
  const { last } = await simulate(line, "ssh-login", { value: "192.0.2.7" });
  assert.match(`${last?.hop} ${last?.found}`, /^matched not looked up: documentation address/);
  await assert.rejects(
    simulate(line, "packetbeat-dns", { value: "not a name" }),
    /--value: packetbeat-dns takes domain/,
  );
});

test("stops at the rule when Tipline's rules are not loaded", async (t) => {
  const { line } = await startAll(t, { rules: {} });
  const { last, hops } = await simulate(line, "ssh-login", { waitMs: 10_000 });
  assert.deepEqual(passed(hops), ["sent", "alert", "read", "matched", "delivered"]);
  assert.match(`${last?.hop} ${last?.advice}`, /^rule .*tipline install wazuh/);
});

test("stops at the delivery when the sink leaves the score out", async (t) => {
  const { sim } = await startAll(t);
  const sinks = { wazuh: { type: "wazuh", socket: sim.paths.queueSocket, min_score: 100 } };
  const line = await CanaryLine.start(t, sim, { config: { ...QUIET, sinks } });
  await placed(line);
  const { last } = await simulate(line, "ssh-login", { waitMs: 10_000 });
  assert.match(`${last?.hop} ${last?.found}`, /^delivered sink wazuh leaves out findings below score 100/);
});

test("where findings go back by the server API, it shows the rule if its alert is read here, and else says that it is not", async (t) => {
  const { sim, line: other } = await startAll(t, { rules: renderRules({ api: true }) });
  await other.stop();
  const api = await FakeWazuhApi.start(t, systemClock);
  const back = { type: "wazuh-api", url: api.url, user: USER, password: PASSWORD };
  const line = await CanaryLine.start(t, sim, { speed: 1, config: { ...QUIET, sinks: { back } } });
  const request = { as: "event", socket: sim.paths.queueSocket } as const;
  const unseen = await simulate(line, "ssh-login", { ...request, waitMs: 10_000 });
  assert.deepEqual(passed(unseen.hops), ALL.slice(0, -1));
  assert.match(
    `${unseen.last?.status} ${unseen.last?.found}`,
    /^unknown sent by sink back, and no alert of it was seen/,
  );
  const moved = setInterval(() => {
    for (const event of api.queue.splice(0)) sim.inject("API-Webhook", event.replace("1:API-Webhook:", ""));
  }, 20);
  t.after(() => clearInterval(moved));
  const seen = await simulate(line, "ssh-login", request);
  assert.deepEqual(passed(seen.hops), ALL);
  assert.match(seen.last?.found ?? "", /^rule 100622 of level 12 fired/);
});

test("as a finished alert it goes into a test file that a source reads", async (t) => {
  const { sim, line: other } = await startAll(t);
  await other.stop();
  const file = join(other.dir, "alerts.json");
  writeFileSync(file, "");
  const sources = {
    wazuh: { type: "wazuh-alerts", path: sim.paths.alertsJson },
    test: { type: "wazuh-alerts", path: file },
  };
  const line = await CanaryLine.start(t, sim, { config: { ...QUIET, sources } });
  await line.until("its place", async () => (await line.metric('tipline_source_lag_bytes{source="test"}')) === 0);
  const { hops } = await simulate(line, "fim", { as: "alert", file });
  assert.deepEqual(passed(hops), ALL);
  assert.equal(JSON.parse(readFileSync(file, "utf8")).syscheck.sha256_after, LISTED.sha256);
});

test("as a log line it is appended for logcollector", async (t) => {
  const { line } = await startAll(t);
  const file = join(line.dir, "auth.log");
  const { hops, last } = await simulate(line, "ssh-login", { as: "log", file, waitMs: 500 });
  assert.deepEqual(passed(hops), ["sent"]);
  assert.equal(last?.hop, "alert");
  assert.match(
    readFileSync(file, "utf8"),
    /sshd\[4242\]: Accepted password for tipline-sim-[0-9a-f]{48} from 45\.83\.64\.1 port/,
  );
});

test("a manager's own alerts.json is left alone", async (t) => {
  const { sim, line } = await startAll(t);
  await assert.rejects(simulate(line, "ssh-login", { as: "alert", file: sim.paths.alertsJson }), /manager's own log/);
  assert.equal(sim.alerts().length, 0);
});
