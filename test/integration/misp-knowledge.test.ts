import assert from "node:assert/strict";
import { appendFileSync, readdirSync } from "node:fs";
import { type TestContext, test } from "node:test";
import { readNdjson } from "../support/independent-count.ts";
import { indicatorOf, matchingAlert } from "../support/independent-count-alerts.ts";
import { LineRig } from "../support/line-process-rig.ts";
import { ADMIN_KEY, READONLY_KEY } from "../support/misp-sim/defaults.ts";
import { serveMispSim } from "../support/misp-sim/http.ts";
import { createMispSim, type MispSim } from "../support/misp-sim/sim.ts";

const RESOLVERS = "List of known public DNS resolvers expressed as hostname";

interface Written {
  readonly generation: string;
  readonly warninglist?: string;
  readonly band: string;
  readonly reasons: readonly string[];
}

test("a list that is enabled on the server explains the next match away, without a restart", async (t) => {
  const { rig, sim, url } = await served(t);
  const line = rig.line.start();
  await line.ready();
  await line.until("knowledge", () => line.logs.some(({ msg }) => msg === "knowledge changed"));
  rig.alert(1);
  const first = await rig.finding(1);
  assert.equal(first.warninglist, undefined);
  await toggle(url, 58, 1);
  const sync = await rig.line.command(["sync"]);
  assert.deepEqual([sync.code, sync.stderr.includes(`new: "${RESOLVERS}"`)], [0, true], sync.stderr);
  rig.alert(2);
  const second = await rig.finding(2);
  assert.deepEqual([second.warninglist, second.band], [RESOLVERS, "benign"]);
  assert.notEqual(second.generation, first.generation);
  assert.equal(second.generation.split(".")[0], first.generation.split(".")[0], "the same indicators");

  const lookup = await rig.line.command(["lookup", `host.${indicatorOf(2)}`, "--json"]);
  assert.ok(lookup.stdout.includes(RESOLVERS), lookup.stdout);
  assert.ok(
    lookup.stdout.includes(second.generation) || !lookup.stdout.includes('"generation"'),
    "the same composition",
  );

  await toggle(url, 58, 0);
  const off = await rig.line.command(["sync"]);
  assert.match(off.stderr, /gone: "List of known public DNS/);
  sim.state.sightings.push({
    id: 1,
    uuid: "33333333-3333-4333-8333-000000000001",
    attributeId: 3,
    eventId: 1,
    orgId: 1,
    type: 1,
    source: "analyst",
    timestamp: sim.now(),
  });
  const told = await rig.line.command(["sync"]);
  assert.match(told.stderr, /false positives/);
  rig.alert(3);
  const third = await rig.finding(3);
  assert.equal(third.warninglist, undefined, "the list is off again");
  assert.ok(
    third.reasons.some((reason) => /false.positive/i.test(reason)),
    JSON.stringify(third.reasons),
  );
  assert.equal((await line.metrics()).has('tipline_knowledge_age_seconds{feed="misp"}'), true);
  assert.deepEqual(await line.health(), { status: 200, body: "ok\n" });
  assert.deepEqual(await line.kill("SIGTERM"), { code: 0, signal: null });
});

test("sync says what changed, and a removed feed's knowledge goes", async (t) => {
  const { rig, url } = await served(t);
  const first = await rig.line.command(["sync", "--json"]);
  const { knowledge } = JSON.parse(first.stdout);
  assert.deepEqual([knowledge[0].feed, knowledge[0].status, knowledge[0].warninglists], ["misp", "changed", 1]);
  const again = await rig.line.command(["sync"]);
  assert.match(again.stderr, /misp: 1 warninglist; unchanged/);
  await toggle(url, 58, 1);
  assert.match((await rig.line.command(["sync"])).stderr, /misp: 2 warninglists; new: "List of known public DNS/);
  const state = rig.line.path("state", "knowledge");
  assert.deepEqual(readdirSync(state), ["misp"]);
  rig.line.configure({ feeds: { list: { type: "list-file", path: rig.line.write("feed.txt", "a.example\n") } } });
  await rig.line.command(["sync"]);
  assert.deepEqual(readdirSync(state), []);
});

test("a server that fails in between leaves what is held, and sync says so", async (t) => {
  const failing = { now: false };
  const { rig } = await served(t, failing);
  await rig.line.command(["sync"]);
  failing.now = true;
  const sync = await rig.line.command(["sync"]);
  assert.equal(sync.code, 1);
  assert.match(sync.stderr, /warninglists and the like not refreshed, what is held stays: .*forbidden/);
  assert.ok(readdirSync(rig.line.path("state", "knowledge", "misp", "warninglists")).length > 0);
});

interface Rig {
  readonly line: LineRig;
  alert(n: number): void;
  finding(n: number): Promise<Written>;
}

async function served(
  t: TestContext,
  failing: { readonly now: boolean } = { now: false },
): Promise<{ readonly rig: Rig; readonly sim: MispSim; readonly url: string }> {
  // The event is old: one that was just changed is read again, which makes another generation of the same indicators.
  let behindMs = 3_600_000;
  const sim = createMispSim({ clock: () => Date.now() - behindMs });
  const event = sim.edit.addEvent({ info: "campaign" });
  for (let n = 1; n <= 3; n++)
    sim.edit.addAttribute(event, { type: "hostname", value: `host.${indicatorOf(n)}`, toIds: true });
  sim.edit.publish(event);
  behindMs = 0;
  const common = { version: 1, default: true, category: "false_positive", description: "known good" };
  const attributes = ["domain", "hostname"];
  const entries = [1, 2, 3].map((n) => `host.${indicatorOf(n)}`);
  sim.state.warninglists.set(58, {
    ...common,
    id: 58,
    name: RESOLVERS,
    type: "hostname",
    enabled: false,
    attributes,
    entries,
  });
  sim.state.warninglists.set(61, {
    ...common,
    id: 61,
    name: "List of RFC 1918 CIDR blocks",
    type: "cidr",
    enabled: true,
    attributes: ["ip-src", "ip-dst"],
    entries: ["10.0.0.0/8"],
  });
  const url = await serveMispSim(t, sim, {
    interfere({ path }, response) {
      if (!failing.now || path.startsWith("/events") || path.startsWith("/attributes")) return false;
      response.writeHead(403, { "content-type": "application/json" }).end('{"name":"no","message":"no","url":"/"}');
      return true;
    },
  });
  let alerts = "";
  const line = await LineRig.create(t, (rig) => {
    alerts = rig.write("alerts.json", "");
    return {
      sources: { alerts: { type: "wazuh-alerts", path: alerts, start: "beginning" } },
      feeds: { misp: { type: "misp-server", url, key: READONLY_KEY } },
      sinks: { file: { type: "ndjson", path: rig.path("findings.ndjson") } },
      sync: { interval: "1h" },
    };
  });
  const rig: Rig = {
    line,
    alert(n) {
      appendFileSync(alerts, `${matchingAlert(n)}\n`);
    },
    async finding(n) {
      for (let turn = 0; turn < 1500; turn++) {
        const found = readNdjson(line.path("findings.ndjson"))[n - 1];
        if (found !== undefined) return JSON.parse(found.text).data.misp as Written;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      throw new Error(`no finding ${n}`);
    },
  };
  return { rig, sim, url };
}

async function toggle(url: string, id: number, enabled: 0 | 1): Promise<void> {
  const answer = await fetch(`${url}/warninglists/toggleEnable`, {
    method: "POST",
    headers: { authorization: ADMIN_KEY, accept: "application/json", "content-type": "application/json" },
    body: JSON.stringify({ id: [id], enabled }),
  });
  assert.equal(answer.status, 200);
}
