import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createMisp, type Misp } from "../../../src/clients/misp.ts";
import { checkCount } from "../../../src/clients/misp-filter.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { RemoteError } from "../../../src/lib/remote-error.ts";
import { Secret } from "../../../src/lib/secret.ts";
import { KEY } from "../../support/fake-misp.ts";
import { json, serve, type TestHandler } from "../../support/http-server.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const NEVER = new AbortController().signal;
const ONCE = { retry: false };

async function rig(t: TestContext) {
  const box: { handler: TestHandler; asked: number } = { handler: (_q, r) => json(r, 200, {}), asked: 0 };
  const url = await serve(t, (request, response) => {
    box.asked++;
    return box.handler(request, response);
  });
  const misp: Misp = createMisp({
    url,
    key: new Secret(KEY),
    clock: new ManualClock(),
    timeoutMs: 30_000,
    retries: 2,
    maxBytes: 1_000_000,
  });
  t.after(() => misp.close());
  return { box, misp };
}

test("a write sends JSON and gives back the object", async (t) => {
  const { box, misp } = await rig(t);
  let sent: unknown;
  box.handler = ({ method, path, body, headers }, response) => {
    sent = [method, path, headers["content-type"], JSON.parse(body)];
    json(response, 200, { Sighting: { id: "9" } });
  };
  const answer = await misp.post("/sightings/add", { uuid: "u", type: "0" }, ONCE, NEVER);
  assert.deepEqual(answer, { Sighting: { id: "9" } });
  assert.deepEqual(sent, ["POST", "/sightings/add", "application/json", { uuid: "u", type: "0" }]);
  await misp.post("/sightings/bulkSaveSightings/x", [{ type: "0" }], ONCE, NEVER);
  assert.deepEqual((sent as unknown[])[3], [{ type: "0" }]);
});

test("refusals of what was sent are told apart from missing rights", async (t) => {
  const { box, misp } = await rig(t);
  const refusals: [number, unknown, RegExp, Record<string, string[]>][] = [
    [
      200,
      { saved: false, errors: "You don't have permission to do that." },
      /permission/,
      {
        "": ["You don't have permission to do that."],
      },
    ],
    [
      200,
      { message: "Could not add the Sighting. Reason: No valid attributes found that match the criteria." },
      /did not take it: Could not add the Sighting/,
      {},
    ],
    [
      403,
      {
        saved: false,
        name: "Could not add Attribute",
        message: "Could not add Attribute",
        url: "/attributes/add",
        errors: { value: ["A similar attribute already exists for this event."] },
      },
      /Could not add Attribute; value: A similar attribute already exists/,
      { value: ["A similar attribute already exists for this event."] },
    ],
    [
      403,
      {
        saved: false,
        message: "Could not add Event",
        errors: { Event: { info: ["valueNotEmpty"], analysis: ["no"] } },
      },
      /Event\.info: valueNotEmpty; Event\.analysis: no/,
      { "Event.info": ["valueNotEmpty"], "Event.analysis": ["no"] },
    ],
    [
      403,
      { errors: { attribute_2: { value: ["bad"] } }, message: "x" },
      /attribute_2\.value: bad/,
      { "attribute_2.value": ["bad"] },
    ],
  ];
  for (const [status, body, says, fields] of refusals) {
    box.handler = (_request, response) => json(response, status, body);
    box.asked = 0;
    await assert.rejects(misp.post("/attributes/add/1", { value: "x" }, { retry: true }, NEVER), (error) => {
      assert.ok(error instanceof RemoteError && error.kind === "refused", String(error));
      assert.match(error.message, says);
      assert.deepEqual(Object.fromEntries(error.fields), fields);
      assert.equal(error.transient, false);
      return true;
    });
    assert.equal(box.asked, 1, "what was refused is not sent again");
  }
  const others: [unknown, string][] = [
    [
      { name: "You do not have permission to use this functionality.", message: "You do not have permission" },
      "forbidden",
    ],
    [{ message: "Authentication failed. Please make sure you pass the API key" }, "auth"],
  ];
  for (const [body, kind] of others) {
    box.handler = (_request, response) => json(response, 403, body);
    await assert.rejects(misp.post("/x", {}, ONCE, NEVER), { kind });
  }
});

test("hostile reasons stay small and harmless", async (t) => {
  const { box, misp } = await rig(t);
  const nest = (depth: number): unknown => (depth === 0 ? "deep" : { a: nest(depth - 1) });
  const errors = JSON.parse(
    `{"__proto__": ["x"], "constructor": ["y"], "n": ${JSON.stringify(nest(50))}, ${Array.from({ length: 500 }, (_, n) => `"f${n}": ["${"z".repeat(50)}"]`)}}`,
  ) as object;
  box.handler = (_request, response) => json(response, 403, { saved: false, message: "no", errors });
  await assert.rejects(misp.post("/x", {}, ONCE, NEVER), (error) => {
    assert.ok(error instanceof RemoteError && error.kind === "refused", String(error));
    assert.ok(error.fields.size <= 50 && error.message.length < 700);
    assert.deepEqual(error.fields.get("__proto__"), ["x"]);
    return true;
  });
  assert.equal(({} as Record<string, unknown>)["x"], undefined);
});

test("partial success is an answer", async (t) => {
  const { box, misp } = await rig(t);
  const body = { Attribute: [{ id: "1" }], errors: { attribute_1: { value: ["bad"] } } };
  box.handler = (_request, response) => json(response, 200, body);
  assert.deepEqual(await misp.post("/attributes/add/1", {}, ONCE, NEVER), body);
});

test("a write is repeated only when it may be", async (t) => {
  const { box, misp } = await rig(t);
  box.handler = (_request, response) => json(response, 500, {});
  await assert.rejects(misp.post("/x", {}, ONCE, NEVER), { kind: "server" });
  assert.equal(box.asked, 1);
  await assert.rejects(misp.post("/x", {}, { retry: true }, NEVER), { kind: "server" });
  assert.equal(box.asked, 4);
});

test("searches go through search alone, and paths stay below the base URL", async (t) => {
  const { box, misp } = await rig(t);
  for (const path of [
    "/attributes/restSearch",
    "/events/restSearch/",
    "/Attributes/RESTSearch",
    "/../x",
    "/a/../../b",
    "x",
    "//evil.test/x",
    "/a b",
    "/a\r\nX: y",
    "",
  ]) {
    const wrong = { code: "TIP_INTERNAL" };
    await assert.rejects(async () => misp.post(path, {}, ONCE, NEVER), wrong, path);
    await assert.rejects(async () => misp.get(path, NEVER), wrong, path);
    await assert.rejects(async () => misp.list(path, [], NEVER), wrong, path);
  }
  assert.equal(box.asked, 0);
});

test("lists are read as they come, and say how many bytes came", async (t) => {
  const { box, misp } = await rig(t);
  box.handler = (_request, response) => json(response, 200, [{ a: 1 }, { a: 2 }]);
  const { rows, bytes } = await misp.list("/decayingModel/index", [], NEVER);
  assert.equal(bytes(), 0);
  const read: unknown[] = [];
  for await (const row of rows) read.push(row);
  assert.deepEqual(read, [{ a: 1 }, { a: 2 }]);
  assert.equal(bytes(), 17);
});

test("counts, and never asks for rows to do so", async (t) => {
  const { box, misp } = await rig(t);
  let asked: Record<string, unknown> = {};
  box.handler = ({ body }, response) => {
    asked = JSON.parse(body) as typeof asked;
    response.writeHead(200, { "content-type": "text/plain; charset=UTF-8" }).end("63");
  };
  assert.equal(await misp.count("attributes", { to_ids: 1, limit: 1000, page: 1 }, NEVER), 63);
  assert.deepEqual(asked, { to_ids: 1, limit: 1000, page: 1, returnFormat: "count" });
  for (const filter of [{ to_ids: 1 }, { limit: 0, to_ids: 1 }, { limit: 10, eventid: [] }, { limit: 10, uuid: "" }])
    await assert.rejects(async () => misp.count("attributes", filter, NEVER), TiplineError);
  assert.throws(() => checkCount("attributes", { limit: 10, to_ids: 1 }), TiplineError);
  box.handler = (_request, response) => json(response, 200, { response: { Attribute: [] } });
  await assert.rejects(misp.count("attributes", { limit: 10 }, NEVER), /expected a count/);
});
