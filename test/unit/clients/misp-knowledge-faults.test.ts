import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { RemoteError } from "../../../src/lib/remote-error.ts";
import { get } from "../../../src/model/json.ts";
import { json, serve } from "../../support/http-server.ts";
import { ask, document, MODEL, sent, server, sight, versions, warninglist } from "../../support/misp-knowledge.ts";
import { serveMispSim } from "../../support/misp-sim/http.ts";
import { createMispSim } from "../../support/misp-sim/sim.ts";
import { sharedOrSkip } from "../../support/shared.ts";

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
