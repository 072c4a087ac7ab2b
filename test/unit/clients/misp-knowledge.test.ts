import assert from "node:assert/strict";
import { test } from "node:test";
import { get } from "../../../src/model/json.ts";
import { json } from "../../support/http-server.ts";
import {
  ask,
  DAY,
  document,
  MODEL,
  paths,
  sent,
  server,
  sight,
  uuidOf,
  versions,
  warninglist,
} from "../../support/misp-knowledge.ts";
import { type ServeOptions, serveMispSim } from "../../support/misp-sim/http.ts";

test("reads lists, models and the taxonomies they weigh", async (t) => {
  const sim = server();
  const asked = await ask(t, await serveMispSim(t, sim), sim.now());
  assert.deepEqual(asked.troubles, []);
  assert.deepEqual(sent(asked), [
    "warninglist/1",
    `decaying-model/${MODEL}`,
    "taxonomy/tlp",
    "taxonomy/false-positive",
    "false-positives/own",
  ]);
  assert.deepEqual(document(asked, "warninglist", "1"), {
    name: "List 1",
    type: "cidr",
    version: "1",
    matching_attributes: ["ip-src", "ip-dst", "domain|ip"],
    list: ["192.0.2.0/24", "198.51.100.7"],
  });
  assert.deepEqual(document(asked, "taxonomy", "false-positive"), {
    namespace: "false-positive",
    numbers: { 'false-positive:risk="low"': 25 },
  });
  assert.deepEqual(document(asked, "decaying-model", MODEL), {
    uuid: MODEL,
    name: "NIDS",
    attributeTypes: ["ip-dst"],
    lifetime: 21,
    decaySpeed: 2,
    threshold: 30,
    defaultBaseScore: 80,
    baseScore: { "false-positive:risk": 1 },
    formula: "Polynomial",
  });
});

test("asks for what changed alone", async (t) => {
  const sim = server();
  const url = await serveMispSim(t, sim);
  const first = await ask(t, url, sim.now());
  sim.requests.length = 0;
  const again = await ask(t, url, sim.now(), versions(first));
  assert.deepEqual([sent(again), versions(again)], [[], versions(first)]);
  assert.deepEqual(paths(sim), [
    "GET /warninglists/index/enabled:1",
    "GET /decayingModel/index",
    "GET /taxonomies",
    "GET /taxonomies/view/2",
    "GET /users/view/me",
    "POST /sightings/restSearch",
  ]);
  for (const change of [
    () => sim.state.warninglists.set(1, warninglist(1, { version: 2, entries: ["192.0.2.9"] })),
    () => sim.state.warninglists.set(1, warninglist(1, { version: 2, attributes: ["ip-dst"] })),
    () => sim.state.warninglists.set(2, warninglist(2, { attributes: ["ALL"] })),
  ]) {
    change();
    assert.equal(sent(await ask(t, url, sim.now(), versions(first))).length > 0, true);
  }
  const all = document(await ask(t, url, sim.now()), "warninglist", "2");
  assert.deepEqual(get(all, "matching_attributes"), [], "ALL is every type");
});

test("a list that is switched off is not there any more; without lists none is asked for", async (t) => {
  const sim = server();
  const url = await serveMispSim(t, sim);
  const first = await ask(t, url, sim.now());
  sim.state.warninglists.set(1, warninglist(1, { enabled: false }));
  assert.ok(!versions(await ask(t, url, sim.now(), versions(first))).has("warninglist/1"));
  sim.requests.length = 0;
  await ask(t, url, sim.now(), new Map(), { warninglists: false });
  assert.ok(paths(sim).every((path) => !path.includes("warninglist")));
});

test("the same list on another server is another one", async (t) => {
  const sim = server();
  const held = versions(await ask(t, await serveMispSim(t, sim), sim.now()));
  assert.deepEqual(sent(await ask(t, await serveMispSim(t, sim), sim.now(), held)).length, 5);
});

test("only our own organisation's false positives count", async (t) => {
  const sim = server();
  sight(sim, 1, 1, 5 * DAY);
  sight(sim, 1, 1, 2 * DAY);
  sight(sim, 2, 1, DAY, 2);
  sight(sim, 2, 0, DAY);
  const asked = await ask(t, await serveMispSim(t, sim), sim.now());
  assert.deepEqual(document(asked, "false-positives", "own"), { [uuidOf(sim, 1)]: sim.now() - 2 * DAY });
});

test("sightings are asked for by week, without our own, and weeks that are over once", async (t) => {
  const sim = server();
  sight(sim, 1, 0, 15 * DAY, 2, "sensor");
  sight(sim, 1, 0, 60, 1, "Tipline");
  sight(sim, 2, 0, 60, 2, "tipline");
  sight(sim, 2, 1, 60, 2, "sensor");
  const url = await serveMispSim(t, sim);
  const first = await ask(t, url, sim.now(), new Map(), { sightings: true });
  const weeks = first.pieces.filter(({ kind }) => kind === "sightings");
  const seen = Object.assign({}, ...weeks.map((piece) => piece.document)) as Record<string, number>;
  assert.deepEqual(seen, { [uuidOf(sim, 1)]: sim.now() - 15 * DAY, [uuidOf(sim, 2)]: sim.now() - 60 });
  assert.ok(weeks.length >= 4 && weeks.length <= 5, "21 days of the longest lifetime, and what is left of this week");
  sim.requests.length = 0;
  await ask(t, url, sim.now(), versions(first), { sightings: true });
  const searches = paths(sim).filter((path) => path.includes("/sightings/")).length;
  assert.ok(searches <= 3, `${searches} searches`);
  const later = await ask(t, url, sim.now(), versions(first), { sightings: true });
  assert.deepEqual(versions(later), versions(first));
});

test("what is too much at once is asked for in smaller windows", async (t) => {
  const sim = server();
  sight(sim, 1, 1, 400 * DAY);
  sight(sim, 2, 1, 3 * DAY);
  const interfere: ServeOptions["interfere"] = ({ path, body }, response) => {
    if (!path.includes("/sightings/")) return false;
    const { from, to } = JSON.parse(body.toString());
    if (Number(to) - Number(from) < 200 * DAY) return false;
    json(response, 500, { name: "Maximum execution time of 300 seconds exceeded" });
    return true;
  };
  const asked = await ask(t, await serveMispSim(t, sim, { interfere }), sim.now());
  assert.deepEqual(Object.keys(document(asked, "false-positives", "own") as object).length, 2);
});
