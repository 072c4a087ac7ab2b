import assert from "node:assert/strict";
import { appendFileSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { runLine } from "../../src/app/start.ts";
import { parseConfig } from "../../src/config/load.ts";
import { silentLog } from "../../src/lib/log.ts";
import { renderRules } from "../../src/setup/wazuh/rules.ts";
import { loadOrCreateKey } from "../../src/store/key.ts";
import { tempDir } from "../support/temp.ts";
import { createWazuhSim, type WazuhSim } from "../support/wazuh-sim/sim.ts";

const LISTED = "203.0.113.77";
const AGENT = { id: "001", name: "web-01", ip: "10.0.0.5" };

/** One node: its manager, and the Tipline beside it. */
interface Node {
  readonly sim: WazuhSim;
  readonly name: string;
  /** A line as this node's analysisd would write it; the id is the test's. */
  write(id: string, change?: Readonly<Record<string, unknown>>): void;
  /** Alerts of ours in this node's alerts.json. */
  ours(count: number): Promise<readonly Ours[]>;
}

interface Ours {
  readonly rule: { readonly id: string };
  readonly agent: { readonly id: string; readonly name: string; readonly ip?: string };
  readonly manager: { readonly name: string };
  readonly cluster: { readonly name: string; readonly node: string };
  readonly data: { readonly misp: { readonly finding_id: string; readonly source: Readonly<Record<string, string>> } };
}

/** Two nodes of one cluster with the same key, as where a state folder was copied: the worst case for ids. */
async function cluster(t: TestContext): Promise<readonly [Node, Node]> {
  const dir = tempDir(t);
  const key = join(dir, "key");
  loadOrCreateKey(key);
  writeFileSync(join(dir, "list.txt"), `${LISTED}\n`);
  return [await node(t, dir, "node01", "manager-01"), await node(t, dir, "node02", "manager-02")];
}

async function node(t: TestContext, dir: string, name: string, manager: string): Promise<Node> {
  const member = { cluster: "soc", node: name };
  const sim = await createWazuhSim({ t, manager, node: member, rules: renderRules() });
  const state = join(dir, name);
  mkdirSync(state, { mode: 0o700 });
  cpSync(join(dir, "key"), join(state, "key"));
  const config = await parseConfig(
    JSON.stringify({
      state_dir: state,
      sources: { wazuh: { type: "wazuh-alerts", path: sim.paths.alertsJson, start: "beginning" } },
      feeds: { list: { type: "list-file", path: join(dir, "list.txt"), format: "lines" } },
      sinks: { wazuh: { type: "wazuh", socket: sim.paths.queueSocket } },
      own: { match_documentation: true },
      metrics: { listen: "off" },
      // Else their alerts of ours come in between, sooner or later.
      canary: { enabled: false },
      trouble_events: { enabled: false },
    }),
    `${name}.yaml`,
  );
  const stop = new AbortController();
  const running = runLine(config, { log: silentLog }, stop.signal);
  t.after(async () => {
    stop.abort();
    await running;
  });
  return {
    sim,
    name,
    write(id, change = {}) {
      const alert = {
        timestamp: "2026-11-21T21:45:50.015+0000",
        rule: { level: 5, description: "sshd: login failed.", id: "5710", groups: ["syslog", "sshd"] },
        agent: AGENT,
        manager: { name: manager },
        id,
        cluster: { name: "soc", node: name },
        full_log: `Failed password for root from ${LISTED}`,
        data: { srcip: LISTED },
        location: "/var/log/auth.log",
        ...change,
      };
      appendFileSync(sim.paths.alertsJson, `${JSON.stringify(alert)}\n`);
    },
    async ours(count) {
      const mine = (alerts: readonly unknown[]) =>
        (alerts as readonly Partial<Ours>[]).filter((alert) => alert.data?.misp?.finding_id !== undefined) as Ours[];
      await sim.waitForAlerts((all) => mine(all).length >= count);
      return mine(await sim.waitForAlerts(() => true));
    },
  };
}

test("the same alert.id on two nodes is two findings, each with its agent, manager and node", async (t) => {
  const nodes = await cluster(t);
  for (const { write } of nodes) write("1795297550.4711");
  const [first, second] = [await nodes[0].ours(1), await nodes[1].ours(1)];
  for (const [index, found] of [first, second].entries()) {
    assert.equal(found.length, 1);
    const [alert] = found;
    assert.equal(alert?.rule.id, "100622");
    assert.deepEqual(alert?.agent, AGENT);
    assert.equal(alert?.manager.name, `manager-0${index + 1}`);
    assert.deepEqual(alert?.cluster, { name: "soc", node: `node0${index + 1}` });
    const { source } = alert.data.misp;
    assert.equal(source["alert_id"], "1795297550.4711");
    assert.equal(source["manager"], `manager-0${index + 1}`);
    assert.equal(source["node"], `node0${index + 1}`);
  }
  assert.notEqual(first[0]?.data.misp.finding_id, second[0]?.data.misp.finding_id);
});

test("nodes whose lines are equal to the last byte but for the node's name are still told apart", async (t) => {
  const nodes = await cluster(t);
  // As where both managers have one host name, from one image.
  for (const { write } of nodes) write("1.1", { manager: { name: "wazuh" } });
  const ids = [];
  for (const one of nodes) {
    const [alert] = await one.ours(1);
    assert.equal(alert?.data.misp.source["manager"], "wazuh");
    assert.equal(alert?.data.misp.source["node"], one.name);
    ids.push(alert?.data.misp.finding_id);
  }
  assert.equal(new Set(ids).size, 2);
});

test("an agent that fails over keeps its identity, and each node confirms its own finding", async (t) => {
  const nodes = await cluster(t);
  nodes[0].write("1.1");
  const [before] = await nodes[0].ours(1);
  // The agent reports to the other node from now on; a new address, the same agent.
  nodes[1].write("2.1", { agent: { ...AGENT, ip: "10.0.0.6" } });
  const [after] = await nodes[1].ours(1);
  assert.deepEqual(before?.agent, AGENT);
  assert.deepEqual(after?.agent, { ...AGENT, ip: "10.0.0.6" });
  assert.equal((await nodes[0].ours(1)).length, 1, "what the other node found is not sent here");
});
