import assert from "node:assert/strict";
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { packageRoot } from "../../src/lib/package-root.ts";
import { readNdjson } from "../support/independent-count.ts";
import { tipline } from "../support/line-process.ts";
import { LineRig } from "../support/line-process-rig.ts";
import { ADMIN_KEY, ADMIN_READONLY_KEY, PARTNER_KEY } from "../support/misp-sim/defaults.ts";
import { type ServeOptions, serveMispSim } from "../support/misp-sim/http.ts";
import { createMispSim, type MispSim } from "../support/misp-sim/sim.ts";
import { loadMispFeed } from "../support/misp-sim-feed.ts";

const DEMO = join(packageRoot(), "examples", "demo");
const DAY = 86_400;

interface Rig {
  readonly rig: LineRig;
  readonly sim: MispSim;
}

async function demo(t: TestContext, key = ADMIN_KEY, serve: ServeOptions = {}): Promise<Rig> {
  const sim = createMispSim({ clock: Date.now });
  loadMispFeed(sim, join(DEMO, "feed"));
  const url = await serveMispSim(t, sim, serve);
  const rig = await LineRig.create(t, (own) => ({
    sources: { wazuh: { type: "wazuh-alerts", path: own.path("alerts.json"), start: "beginning" } },
    feeds: { misp: { type: "misp-server", url, key, sightings: { per_minute: 6000 } } },
    sinks: { file: { type: "ndjson", path: own.path("findings.ndjson") } },
    warninglists: { path: join(DEMO, "warninglists") },
    sync: { interval: "1h" },
    storm: { window: "1s" },
  }));
  writeFileSync(rig.path("alerts.json"), "");
  return { rig, sim };
}

const ALERTS = readFileSync(join(DEMO, "alerts.ndjson"), "utf8");

/** What of MISP's sightings is there, and how often: `attribute day type`. */
function counted({ state }: MispSim): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { attributeId, timestamp, type } of state.sightings) {
    const key = `${state.attributes.get(attributeId)?.uuid} ${Math.floor(timestamp / DAY)} ${type}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

const blocks = (rig: LineRig) =>
  existsSync(rig.path("findings.ndjson"))
    ? readNdjson(rig.path("findings.ndjson")).map(({ text }) => JSON.parse(text).data.misp)
    : [];

test("the demo's findings flow back once a day, through kill -9 and lost answers", async (t) => {
  let writes = 0;
  const { rig, sim } = await demo(t, ADMIN_KEY, {
    interfere(request, response) {
      if (!request.path.includes("bulkSave") || ++writes % 3 !== 0) return false;
      // MISP saves it, and the answer is lost.
      sim.handle(request);
      response.destroy();
      return true;
    },
  });
  appendFileSync(rig.path("alerts.json"), ALERTS);
  for (let kills = 0; kills < 2; kills += 1) {
    const line = rig.start();
    await line.ready();
    const before = sim.state.sightings.length;
    await line.until("something new at MISP", () => sim.state.sightings.length > before || kills > 0);
    await line.kill("SIGKILL");
  }
  const line = rig.start();
  await line.ready();
  await line.until("nothing left", () => line.isDrained(), 600_000);
  const told = counted(sim);
  assert.ok(
    [...told.values()].every((count) => count === 1),
    "one each",
  );
  assert.ok(sim.state.sightings.every(({ source, type }) => source === "tipline" && type === 0));
  const findings = blocks(rig);
  const seen = new Set([...told.keys()].map((key) => key.split(" ")[0]));
  for (const { attribute_uuid, outcome, warninglist, score, value } of findings) {
    if (warninglist !== undefined) assert.ok(!seen.has(attribute_uuid), `${value} is explained away`);
    else if (outcome !== "denied" && outcome !== "failure" && Number(score) > 40)
      assert.ok(seen.has(attribute_uuid), `${value} was seen`);
  }
  assert.ok(seen.size >= 20, `${seen.size} attributes`);
  const denied = findings.filter(({ outcome }) => outcome === "denied" || outcome === "failure");
  assert.ok(denied.length > 0);
  assert.deepEqual(await line.kill("SIGTERM"), { code: 0, signal: null }, line.stderr.slice(-3000));
});

test("a key that may not sight is said with what to do, and stops nothing else", async (t) => {
  const { rig, sim } = await demo(t, ADMIN_READONLY_KEY);
  appendFileSync(rig.path("alerts.json"), ALERTS);
  const line = rig.start();
  await line.ready();
  await line.until("every finding in the file", () => blocks(rig).length >= 40);
  await line.until("the reason", () => /perm_sighting.*read-only/.test(line.stderr));
  assert.equal(sim.state.sightings.length, 0);
  assert.deepEqual(await line.kill("SIGTERM"), { code: 0, signal: null }, line.stderr.slice(-3000));
});

test("config check shows the sink that the switch makes", async (t) => {
  const { rig } = await demo(t);
  const { stdout } = await tipline(["config", "check", rig.config]);
  assert.match(stdout, /sinks: {3}file \(ndjson\), sightings-misp \(misp-sightings\)/);
});

test("a false positive is told of every attribute that reports the value, once, and kept with its reason", async (t) => {
  const { rig, sim } = await demo(t);
  assert.equal((await rig.command(["sync", "--once"])).code, 0);
  const [attribute] = [...sim.state.attributes.values()].filter(({ value1 }) => value1 === "198.18.66.21");
  assert.ok(attribute);
  const refused = await rig.command(["sighting", "false-positive", "198.18.66.21"]);
  assert.deepEqual([refused.code, sim.state.sightings.length], [2, 0], refused.stderr);
  assert.match(refused.stderr, /--yes/);

  const args = ["sighting", "false-positive", "198[.]18.66.21", "--reason", "ours, ticket 7", "--yes", "--json"];
  const told = await rig.command(args);
  assert.equal(told.code, 0, told.stderr);
  const answers = told.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.ok(answers.every(({ status, server }) => status === "added" && server.startsWith("http://127.0.0.1")));
  assert.ok(answers.some(({ attribute_uuid }) => attribute_uuid === attribute.uuid));
  assert.equal(sim.state.sightings.length, answers.length);
  assert.ok(sim.state.sightings.every(({ type, source }) => type === 1 && source === "tipline"));

  const again = await rig.command(args);
  assert.equal(again.code, 0, again.stderr);
  assert.match(again.stdout, /"status":"known"/);
  assert.equal(sim.state.sightings.length, answers.length);

  const log = join(rig.stateDir, "sightings.ndjson");
  const [entry] = readFileSync(log, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual([entry.sighting, entry.reason, entry.type], ["false-positive", "ours, ticket 7", "ip-src"]);
  assert.equal(statSync(log).mode & 0o777, 0o600);

  const list = await rig.command(["sighting", "list", attribute.uuid]);
  assert.match(list.stdout, /false positive +LAB-CERT \(own\) +tipline/, list.stderr);
});

test("an expiry replaces the one before", async (t) => {
  const { rig, sim } = await demo(t);
  assert.equal((await rig.command(["sync", "--once"])).code, 0);
  for (const [n] of [0, 1].entries()) {
    const { code, stderr } = await rig.command(["sighting", "expiration", "pool.kelp-miner-demo.net", "--yes"]);
    assert.equal(code, 0, stderr);
    // The attribute was edited since: it may be said again.
    for (const report of sim.state.attributes.values())
      if (n === 0 && report.value1 === "pool.kelp-miner-demo.net") sim.edit.retimestamp(report, sim.now() + 5);
    for (const event of sim.state.events.values()) sim.edit.publish(event);
    if (n === 0) await rig.command(["sync", "--once"]);
  }
  assert.ok([...counted(sim)].every(([key, count]) => key.endsWith(" 2") && count === 1));
});

test("a finding's id stands for what it was about, and what is unknown is said", async (t) => {
  const { rig, sim } = await demo(t);
  appendFileSync(rig.path("alerts.json"), ALERTS);
  const line = rig.start();
  await line.ready();
  await line.until("nothing left", async () => blocks(rig).length >= 40 && (await line.isDrained()));
  const finding = blocks(rig).find(({ value }) => value === "pool.kelp-miner-demo.net");
  const before = sim.state.sightings.length;
  const told = await rig.command(["sighting", "false-positive", finding.finding_id, "--yes", "--json"]);
  assert.equal(told.code, 0, told.stderr);
  assert.equal(JSON.parse(told.stdout.split("\n")[0] ?? "").value, "pool.kelp-miner-demo.net");
  assert.ok(sim.state.sightings.length > before);
  assert.match(told.stderr, /in force in the running Tipline/);
  const alert = ALERTS.split("\n").find((line) => line.includes("pool.kelp-miner-demo.net")) ?? "";
  const many = blocks(rig).length;
  appendFileSync(
    rig.path("alerts.json"),
    `${alert.replaceAll(/"007"|"006"|"005"/g, '"099"').replace("2026-11-18", "2026-11-21")}\n`,
  );
  await line.until("the same again", () => blocks(rig).length > many);
  const now = blocks(rig).at(-1);
  assert.equal(now.value, finding.value);
  assert.ok(Number(now.score) < Number(finding.score), JSON.stringify(now.reasons));
  for (const [what, says] of [
    ["nothing-at-all.example", /is no indicator of the current generation/],
    ["www.pool.kelp-miner-demo.net", /it is covered by domain pool\.kelp-miner-demo\.net|is no indicator/],
    ["00000000-0000-4000-8000-000000000000", /no attribute 00000000/],
  ] as const) {
    const { code, stderr } = await rig.command(["sighting", "false-positive", what, "--yes"]);
    assert.equal(code, 1, what);
    assert.match(stderr, says);
  }
  const other = await rig.command(["sighting", "list", "198.18.66.21", "--feed", "nope"]);
  assert.deepEqual(
    [other.code, /expected a feed of type misp-server \(misp\)/.test(other.stderr)],
    [2, true],
    other.stderr,
  );
  await line.kill("SIGTERM");
});

test("another organisation's false positive is shown as theirs, and lowers nothing", async (t) => {
  const { rig, sim } = await demo(t);
  const theirs = await demo(t, PARTNER_KEY);
  assert.equal((await rig.command(["sync", "--once"])).code, 0);
  const attribute = [...sim.state.attributes.values()].find(({ value1 }) => value1 === "198.18.66.21");
  assert.ok(attribute);
  sim.state.sightings.push({
    id: 1,
    uuid: attribute.uuid,
    attributeId: attribute.id,
    eventId: attribute.eventId,
    orgId: 2,
    type: 1,
    source: "partner",
    timestamp: sim.now(),
  });
  const list = await rig.command(["sighting", "list", "198.18.66.21", "--json"]);
  const rows = list.stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    rows.map(({ org, own, source, sighting }) => [org, own, source, sighting]),
    [["PARTNER-ORG", false, "partner", "false positive"]],
  );
  const told = await rig.command(["sighting", "false-positive", "198.18.66.21", "--yes", "--json"]);
  assert.match(told.stdout, /"status":"added"/);
  assert.equal(theirs.sim.state.sightings.length, 0);
});
