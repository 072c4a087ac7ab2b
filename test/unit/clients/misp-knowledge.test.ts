import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createMisp } from "../../../src/clients/misp.ts";
import { mispKnowledge } from "../../../src/clients/misp-knowledge.ts";
import type { MispKnowledgeWanted, MispPiece } from "../../../src/clients/misp-knowledge-piece.ts";
import { RemoteError } from "../../../src/lib/remote-error.ts";
import { Secret } from "../../../src/lib/secret.ts";
import { get, type JsonValue } from "../../../src/model/json.ts";
import { json, serve } from "../../support/http-server.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { ADMIN_KEY } from "../../support/misp-sim/defaults.ts";
import { type ServeOptions, serveMispSim } from "../../support/misp-sim/http.ts";
import { createMispSim, type MispSim } from "../../support/misp-sim/sim.ts";
import type { SimWarninglist } from "../../support/misp-sim/state-knowledge.ts";
import { sharedOrSkip } from "../../support/shared.ts";

const NEVER = new AbortController().signal;
const MODEL = "073fae4a-2377-4cfa-bd34-2516830d33c3";
const DAY = 86_400;

interface Asked {
  readonly pieces: readonly MispPiece[];
  readonly troubles: readonly string[];
}

async function ask(
  t: TestContext,
  url: string,
  now: number,
  held: ReadonlyMap<string, string> = new Map(),
  wanted: Partial<MispKnowledgeWanted> = {},
): Promise<Asked> {
  const misp = createMisp({
    url,
    key: new Secret(ADMIN_KEY),
    clock: new ManualClock(),
    timeoutMs: 2000,
    retries: 0,
    maxBytes: 50_000_000,
  });
  t.after(() => misp.close());
  const troubles: string[] = [];
  const pieces: MispPiece[] = [];
  const all: MispKnowledgeWanted = {
    warninglists: true,
    sightings: false,
    ownSources: ["tipline"],
    now: now * 1000,
    trouble: (part, error) => void troubles.push(`${part}: ${error.message}`),
    ...wanted,
  };
  for await (const piece of mispKnowledge(misp, all, held, NEVER)) pieces.push(piece);
  return { pieces, troubles };
}

const versions = ({ pieces }: Asked) => new Map(pieces.map(({ kind, key, version }) => [`${kind}/${key}`, version]));
const document = ({ pieces }: Asked, kind: string, key: string): JsonValue | undefined =>
  pieces.find((piece) => piece.kind === kind && piece.key === key)?.document;
const sent = ({ pieces }: Asked) =>
  pieces.filter((piece) => piece.document !== undefined).map(({ kind, key }) => `${kind}/${key}`);

const warninglist = (id: number, over: Partial<SimWarninglist> = {}): SimWarninglist => ({
  id,
  name: `List ${id}`,
  type: "cidr",
  description: "a list",
  version: 1,
  enabled: true,
  default: true,
  category: "false_positive",
  attributes: ["ip-src", "ip-dst", "domain|ip"],
  entries: ["192.0.2.0/24", "198.51.100.7"],
  ...over,
});

/** Two lists (one off), a model that weighs one of two enabled taxonomies, two attributes. */
function server(): MispSim {
  const sim = createMispSim();
  const { state, edit } = sim;
  for (const list of [warninglist(1), warninglist(2, { enabled: false, attributes: ["ALL"] })])
    state.warninglists.set(list.id, list);
  for (const [id, namespace, enabled] of [
    [1, "tlp", true],
    [2, "false-positive", false],
    [3, "other", false],
  ] as const)
    state.taxonomies.set(id, {
      id,
      namespace,
      description: namespace,
      version: 1,
      enabled,
      exclusive: false,
      required: false,
      highlighted: false,
      entries: [
        { tag: `${namespace}:risk="Low"`, expanded: "low", numerical_value: "25" },
        { tag: `${namespace}:none`, expanded: "none" },
        { tag: "elsewhere:x", expanded: "x", numerical_value: 3 },
      ],
    });
  state.decayingModels.set(3, {
    id: 3,
    uuid: MODEL,
    name: "NIDS",
    parameters: {
      lifetime: 21,
      decay_speed: 2,
      threshold: 30,
      default_base_score: 80,
      base_score_config: { "false-positive:risk": 1 },
    },
    attributeTypes: ["ip-dst"],
    enabled: true,
    description: "",
    orgId: 1,
    formula: "Polynomial",
    version: "2",
    ref: [],
    allOrgs: true,
    isDefault: true,
  });
  const event = edit.addEvent({ published: true });
  for (const value of ["192.0.2.1", "192.0.2.2"]) edit.addAttribute(event, { type: "ip-dst", value });
  return sim;
}

const uuidOf = (sim: MispSim, id: number) => String(sim.state.attribute(id)?.uuid);

function sight(sim: MispSim, attributeId: number, type: number, ago: number, orgId = 1, source = "analyst"): void {
  const id = sim.state.sightings.length + 1;
  const uuid = `33333333-3333-4333-8333-${String(id).padStart(12, "0")}`;
  sim.state.sightings.push({ id, uuid, attributeId, eventId: 1, orgId, type, source, timestamp: sim.now() - ago });
}

const paths = (sim: MispSim) => sim.requests.map(({ method, path }) => `${method} ${path}`);

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

test("a part that fails stays as held, and the others go on", async (t) => {
  const sim = server();
  const failing = new Set<string>();
  const url = await serveMispSim(t, sim, {
    interfere({ path }, response) {
      if (![...failing].some((start) => path.startsWith(start))) return false;
      json(response, 403, { name: "You do not have permission", message: "You do not have permission", url: path });
      return true;
    },
  });
  sight(sim, 1, 0, 60, 2);
  const wanted = { sightings: true };
  const first = await ask(t, url, sim.now(), new Map(), wanted);
  for (const [path, part] of [
    ["/decayingModel", "decaying-model"],
    ["/taxonomies", "taxonomy"],
    ["/sightings", "false-positives"],
    ["/warninglists", "warninglist"],
  ] as const) {
    failing.clear();
    failing.add(path);
    const asked = await ask(t, url, sim.now(), versions(first), wanted);
    assert.deepEqual(versions(asked), versions(first), part);
    assert.match(asked.troubles.join("\n"), new RegExp(`^${part}: `), part);
  }
});

test("a server that fails as a whole is a throw", async (t) => {
  const sim = server();
  const refusing = await serveMispSim(t, createMispSim({ keys: [] }));
  await assert.rejects(ask(t, refusing, sim.now()), (error) => error instanceof RemoteError && error.kind === "auth");
  await assert.rejects(ask(t, "http://127.0.0.1:9", sim.now()), RemoteError);
});

test("one list that cannot be read does not spoil the others", async (t) => {
  const sim = server();
  sim.state.warninglists.set(2, warninglist(2));
  let broken: object | string = { Warninglist: { name: "List 1", WarninglistEntry: "none" } };
  const url = await serveMispSim(t, sim, {
    interfere({ path }, response) {
      if (path !== "/warninglists/view/1") return false;
      json(response, 200, broken);
      return true;
    },
  });
  const asked = await ask(t, url, sim.now());
  assert.deepEqual(
    sent(asked).filter((name) => name.startsWith("warninglist")),
    ["warninglist/2"],
  );
  assert.match(String(asked.troubles[0]), /List 1/);
  broken = '{"Warninglist":{"WarninglistEntry":[{"value":"192.0.2.1"},{"val';
  const held = new Map([["warninglist/1", "earlier"]]);
  const cut = await ask(t, url, sim.now(), held);
  assert.equal(versions(cut).get("warninglist/1"), "earlier", "an answer that ends early is not a shorter list");
});

test("hostile answers are bounded and taken for what they are", async (t) => {
  const rows = [
    { Warninglist: { id: "../../users/delete/1", name: "x", type: "string", enabled: true } },
    { Warninglist: { id: "5", name: "no type", enabled: true } },
    { Warninglist: null },
    [],
    "x",
    { Warninglist: { id: 7, name: "Numbers", type: "string", version: 3, enabled: "1", valid_attributes: "ALL" } },
  ];
  const entries = [
    { value: "a.example" },
    { value: 7 },
    { value: "" },
    { value: "x".repeat(9000) },
    null,
    { __proto__: 1 },
    { value: "b.example" },
  ];
  const asked: string[] = [];
  const url = await serve(t, ({ method, path }, response) => {
    asked.push(`${method} ${path}`);
    if (path === "/warninglists/index/enabled:1") json(response, 200, { Warninglists: rows });
    else if (path === "/warninglists/view/7") json(response, 200, { Warninglist: { WarninglistEntry: entries } });
    else if (path === "/decayingModel/index")
      json(
        response,
        200,
        `[{"DecayingModel":{"id":"1","uuid":"${MODEL}","enabled":true,"parameters":{"lifetime":"7","decay_speed":1,"threshold":"30","base_score_config":{"__proto__":1,"tlp:red":"0.5","x":"much"}},"attribute_types":["ip-dst",5]}},{"DecayingModel":{"id":"2","uuid":"../x","enabled":true,"parameters":{}}}]`,
      );
    else if (path === "/taxonomies")
      json(response, 200, [{ Taxonomy: { id: "1", namespace: "__proto__", enabled: true } }]);
    else if (path === "/taxonomies/view/1")
      json(
        response,
        200,
        '{"entries":[{"tag":"__proto__:x","numerical_value":"NaN"},{"tag":"__proto__:y","numerical_value":5}]}',
      );
    else
      json(response, 200, {
        User: { org_id: "1" },
        Organisation: {},
        response: [{ Sighting: { type: "1", org_id: "1", date_sighting: "x", Attribute: { uuid: "__proto__" } } }],
      });
  });
  const found = await ask(t, url, 1_795_000_000);
  assert.deepEqual(found.troubles, []);
  assert.deepEqual(get(document(found, "warninglist", "7"), "list"), ["a.example", "b.example"]);
  assert.deepEqual(document(found, "decaying-model", MODEL), {
    uuid: MODEL,
    name: MODEL,
    attributeTypes: ["ip-dst"],
    lifetime: 7,
    decaySpeed: 1,
    threshold: 30,
    defaultBaseScore: 0,
    baseScore: { "tlp:red": 0.5 },
    formula: "",
  });
  assert.deepEqual(document(found, "taxonomy", "__proto__"), { namespace: "__proto__", numbers: { "__proto__:y": 5 } });
  assert.deepEqual(document(found, "false-positives", "own"), {});
  assert.ok(asked.every((line) => !line.includes("delete")));
});

test("reads what a real server answered", async (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const recorded = (name: string): { readonly path: string; readonly body: string } => {
    const { request, response } = JSON.parse(
      readFileSync(join(shared, "data", "misp", "recordings", `${name}.json`), "utf8"),
    );
    return { path: request.path, body: response.body };
  };
  const answers = new Map(
    [
      "warninglists_index_enabled_named",
      "warninglists_view_small",
      "decayingModel_index",
      "taxonomies_index",
      "taxonomies_view_tlp",
      "users_view_me",
    ]
      .map(recorded)
      .map(({ path, body }) => [path, body]),
  );
  const sightings = recorded("sightings_restSearch_attribute_uuid_include").body;
  const url = await serve(t, ({ path }, response) => {
    const body = path === "/sightings/restSearch" ? sightings : answers.get(path);
    if (body !== undefined) json(response, 200, body);
    else if (path.startsWith("/warninglists/view/")) json(response, 200, { Warninglist: { WarninglistEntry: [] } });
    else json(response, 200, { entries: [] });
  });
  const found = await ask(t, url, 1_795_300_000);
  assert.deepEqual(found.troubles, []);
  const kinds = (kind: string) => found.pieces.filter((piece) => piece.kind === kind).length;
  assert.deepEqual([kinds("warninglist"), kinds("decaying-model")], [7, 3]);
  const empty = document(found, "warninglist", "27");
  assert.equal(get(empty, "name"), "List of known hashes for empty files");
  assert.equal((get(empty, "list") as readonly string[]).length, 6);
  assert.deepEqual(document(found, "false-positives", "own"), {
    "684998e4-847a-4f95-94fe-2ffa705e2926": 1_795_296_470,
  });
});
