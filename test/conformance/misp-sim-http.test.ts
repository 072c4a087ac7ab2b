import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { request as httpsRequest } from "node:https";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { tlsFixture } from "../support/http-server.ts";
import { ADMIN_KEY, EXPIRED_KEY, LIMITED_KEY, READONLY_KEY } from "../support/misp-sim/defaults.ts";
import { recordedDelay, serveMispSim, writeAnswer } from "../support/misp-sim/http.ts";
import { createMispSim, type MispSim } from "../support/misp-sim/sim.ts";

const SEARCH = "/attributes/restSearch";

function headers(key = ADMIN_KEY): Record<string, string> {
  return { authorization: key, accept: "application/json", "content-type": "application/json" };
}

function oneEvent(): MispSim {
  const sim = createMispSim();
  const event = sim.edit.addEvent({ tags: ["tlp:amber"] });
  sim.edit.addAttribute(event, { type: "ip-dst", value: "203.0.113.77" });
  sim.edit.publish(event);
  return sim;
}

test("a gzip body is read as it is without", async (t) => {
  const url = await serveMispSim(t, oneEvent());
  const body = '{"value":"203.0.113.77","limit":5}';
  const plain = await fetch(url + SEARCH, { method: "POST", headers: headers(), body });
  const packed = await fetch(url + SEARCH, {
    method: "POST",
    headers: { ...headers(), "content-encoding": "gzip" },
    body: new Uint8Array(gzipSync(body)),
  });
  assert.equal(await packed.text(), await plain.text());
});

test("HEAD has the headers of GET and no body", async (t) => {
  const url = await serveMispSim(t, oneEvent());
  const answer = await fetch(`${url}${SEARCH}/json/value:203.0.113.77`, { method: "HEAD", headers: headers() });
  assert.deepEqual([answer.status, answer.headers.get("x-result-count"), await answer.text()], [200, "1", ""]);
});

test("an answer asked about again by its ETag is 304", async (t) => {
  const url = await serveMispSim(t, oneEvent());
  const ask = (etag: string) =>
    fetch(url + SEARCH, { method: "POST", headers: { ...headers(), "if-none-match": etag }, body: '{"limit":5}' });
  const etag = (await ask('"x"')).headers.get("etag") ?? "";
  assert.match(etag, /^"[0-9a-f]{40}"$/);
  assert.equal((await ask(etag)).status, 304);
});

test("the role's rate limit counts searches, and only those, for 15 minutes", async (t) => {
  const sim = oneEvent();
  const url = await serveMispSim(t, sim);
  const statuses: number[] = [];
  for (let i = 0; i < 4; i++)
    statuses.push(
      (await fetch(url + SEARCH, { method: "POST", headers: headers(LIMITED_KEY), body: '{"limit":1}' })).status,
    );
  assert.deepEqual(statuses, [200, 200, 200, 429]);
  assert.equal((await fetch(`${url}/events/index/minimal:1`, { headers: headers(LIMITED_KEY) })).status, 200);
  sim.advance(900);
  assert.equal(
    (await fetch(url + SEARCH, { method: "POST", headers: headers(LIMITED_KEY), body: '{"limit":1}' })).status,
    200,
  );
});

test("an expired key is refused as an unknown one, and a reader's writes are refused", async (t) => {
  const sim = oneEvent();
  const url = await serveMispSim(t, sim);
  const expired = await fetch(url + SEARCH, { method: "POST", headers: headers(EXPIRED_KEY), body: "{}" });
  assert.equal(expired.status, 403);
  const body = '{"type":"ip-dst","value":"203.0.113.78"}';
  assert.equal(
    (await fetch(`${url}/attributes/add/1`, { method: "POST", headers: headers(READONLY_KEY), body })).status,
    403,
  );
  assert.equal(sim.state.attributes.size, 1);
});

test("a fault can take the place of an answer, or change one", async (t) => {
  const sim = oneEvent();
  const url = await serveMispSim(t, sim, {
    interfere: (request, response) => {
      if (request.path !== SEARCH) return false;
      const answer = sim.handle(request);
      writeAnswer(response, request.method, { ...answer, status: 502, body: "<html>" });
      return true;
    },
  });
  const answer = await fetch(url + SEARCH, { method: "POST", headers: headers(), body: "{}" });
  assert.deepEqual([answer.status, await answer.text()], [502, "<html>"]);
  assert.equal((await fetch(`${url}/events/index/minimal:1`, { headers: headers() })).status, 200);
});

test("over TLS with the test authority's certificate", async (t) => {
  const url = await serveMispSim(t, oneEvent(), { tls: true });
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const options = { ca: readFileSync(tlsFixture("ca.pem")), headers: headers(), servername: "localhost" };
    httpsRequest(`${url}/events/index/minimal:1`, options, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on("error", reject)
      .end();
  });
  assert.equal(status, 200);
});

test("the recorded delay grows with the rows, and more with sightings", () => {
  const ask = (body: string, rows: number) =>
    recordedDelay(
      { method: "POST", path: SEARCH, headers: {}, body: Buffer.from(body) },
      { status: 200, headers: {}, body: "x".repeat(560 * rows) },
    );
  assert.ok(Math.abs(ask("{}", 10_000) - 390) < 40, "10,000 rows took 387 ms");
  assert.ok(Math.abs(ask("{}", 50_000) - 1700) < 150, "50,000 rows took 1,698 ms");
  assert.ok(ask('{"includeSightings":1}', 5000) > 2000, "5,000 rows with sightings took 2,384 ms");
});
