import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { checkFilter, createMisp, type Misp, type MispOptions } from "../../../src/clients/misp.ts";
import { planUnits, readUnit } from "../../../src/clients/misp-walk.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { RemoteError, type RemoteKind } from "../../../src/lib/remote-error.ts";
import { Secret } from "../../../src/lib/secret.ts";
import type { JsonObject } from "../../../src/model/json.ts";
import { FakeMisp, KEY, uuid } from "../../support/fake-misp.ts";
import { json, serve, type TestHandler, tlsFixture } from "../../support/http-server.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const NEVER = new AbortController().signal;
const ONE = { eventid: ["1"], limit: 100, page: 1 };

function client(t: TestContext, url: string, more: Partial<MispOptions> = {}): Misp {
  const misp = createMisp({
    url,
    key: new Secret(KEY),
    clock: new ManualClock(),
    timeoutMs: 30_000,
    retries: 2,
    maxBytes: 1_000_000,
    ...more,
  });
  t.after(() => misp.close());
  return misp;
}

async function searched(misp: Misp, filter: JsonObject = ONE): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const row of (await misp.search("attributes", filter, NEVER)).rows) rows.push(row);
  return rows;
}

const failsAs = (kind: RemoteKind, says: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RemoteError, String(error));
  assert.equal(error.kind, kind, error.message);
  assert.match(error.message, says);
  assert.ok(!`${error.message} ${error.stack} ${JSON.stringify(error)}`.includes(KEY), "the key is in no message");
  return true;
};

test("asks as MISP wants to be asked", async (t) => {
  const fake = await FakeMisp.start(t);
  fake.add({
    id: "1",
    uuid: uuid(1, 1),
    timestamp: 1,
    published: true,
    attributes: [{ uuid: uuid(2, 1), type: "domain", value: "a.example.net" }],
  });
  const rows = await searched(client(t, `${fake.url}/`));
  assert.equal(rows.length, 1);
  const [request] = fake.requests;
  assert.equal(request?.path, "/attributes/restSearch");
  assert.equal(request?.headers.authorization, KEY);
  assert.equal(request?.headers.accept, "application/json");
  assert.equal(request?.headers["content-type"], "application/json");
  assert.deepEqual(JSON.parse(request?.body ?? ""), ONE);
});

test("never asks for everything by accident", async (t) => {
  const fake = await FakeMisp.start(t);
  const misp = client(t, fake.url);
  const wrong: JsonObject[] = [
    {},
    { limit: 10 },
    { limit: 10, to_ids: 1 },
    { limit: 10, id: "1" },
    { limit: 10, eventid: [] },
    { limit: 10, eventid: ["1", ""] },
    { limit: 10, eventid: "" },
    { limit: 10, value: null },
    { eventid: ["1"] },
    { eventid: ["1"], limit: 0 },
    { eventid: ["1"], limit: -1 },
    { eventid: ["1"], limit: "100" },
  ];
  for (const filter of wrong) {
    assert.throws(() => checkFilter("attributes", filter), TiplineError, JSON.stringify(filter));
    await assert.rejects(async () => searched(misp, filter), TiplineError);
  }
  assert.equal(fake.requests.length, 0);
});

test("tells apart what MISP answers, and says what to do", async (t) => {
  const html = "<!DOCTYPE html><html><title>Users - MISP</title></html>";
  const answers: [RemoteKind, RegExp, TestHandler][] = [
    [
      "auth",
      /valid, unexpired authentication key/,
      (_q, r) =>
        json(r, 403, {
          name: "Authentication failed. Please make sure you pass the API key",
          message: "Authentication failed.",
          url: "/",
        }),
    ],
    [
      "auth",
      /allow this host's address/,
      (_q, r) => json(r, 403, { message: "It is not possible to use this Auth key from your IP address" }),
    ],
    [
      "auth",
      /authentication key/,
      (_q, r) => {
        r.writeHead(403, { "content-type": "text/html" });
        r.end(`${html}<h2>Authentication failed. Please make sure you pass the API key`);
      },
    ],
    [
      "forbidden",
      /role.*You do not have permission/,
      (_q, r) => json(r, 403, { message: "You do not have permission to use this functionality." }),
    ],
    [
      "unexpected",
      /redirects \(302\).*login/,
      (_q, r) => {
        r.writeHead(302, { location: "/users/login" });
        r.end();
      },
    ],
    [
      "unexpected",
      /web page, not MISP's API/,
      (_q, r) => {
        r.writeHead(200, { "content-type": "text/html" });
        r.end(html);
      },
    ],
    [
      "unexpected",
      /web page/,
      (_q, r) => {
        r.writeHead(404, { "content-type": "text/html" });
        r.end(html);
      },
    ],
    ["not-found", /URL's folder/, (_q, r) => json(r, 404, { name: "Invalid action", message: "Invalid action" })],
    ["unexpected", /405.*Invalid JSON/, (_q, r) => json(r, 405, { message: "Invalid JSON" })],
    [
      "unexpected",
      /expected a list at "response.Attribute".*saved/,
      (_q, r) => json(r, 200, { saved: false, errors: "no" }),
    ],
    ["unexpected", /expected a list/, (_q, r) => json(r, 200, [])],
    ["server", /it said: key \[secret\]/, (q, r) => r.writeHead(500).end(`key ${q.headers["authorization"]}`)],
    ["server", /answered 500.*An Internal Error/, (_q, r) => json(r, 500, { name: "An Internal Error Has Occurred." })],
    ["cut-short", /ends in the middle|broke off/, (_q, r) => json(r, 200, '{"response": {"Attribute": [{"id":"1"},')],
    [
      "cut-short",
      /broke off/,
      (_q, r) => {
        r.writeHead(200, { "content-type": "application/json", "content-length": "5000" });
        r.write('{"response": {"Attribute": [{"id":"1"},', () => r.destroy());
      },
    ],
    [
      "too-large",
      /larger than 1000000/,
      (_q, r) => json(r, 200, `{"response": {"Attribute": [${'{"value":"aaaaaaaaaa"},'.repeat(60_000)}1]}}`),
    ],
    [
      "rate-limited",
      /rate limit of the key's role/,
      (_q, r) => json(r, 429, { name: "Rate limit exceeded." }, { "x-rate-limit-reset": "900" }),
    ],
  ];
  let current: TestHandler = answers[0]![2];
  const url = await serve(t, (request, response) => current(request, response));
  const misp = client(t, url);
  for (const [kind, says, handler] of answers) {
    current = handler;
    await assert.rejects(searched(misp), failsAs(kind, says));
  }
});

test("retries what passes, and only that", async (t) => {
  let left = 2;
  let asked = 0;
  let status = 503;
  const url = await serve(t, (_request, response) => {
    asked++;
    if (left-- > 0) return json(response, status, { message: "later" }, { "retry-after": "1" });
    return json(response, 200, { response: { Attribute: [{ id: "1" }] } });
  });
  const misp = client(t, url);
  assert.equal((await misp.retry(() => searched(misp), NEVER)).length, 1);
  assert.equal(asked, 3);
  [left, asked, status] = [9, 0, 500];
  await assert.rejects(
    misp.retry(() => searched(misp), NEVER),
    failsAs("server", /500/),
  );
  assert.equal(asked, 3);
  [left, asked, status] = [9, 0, 403];
  await assert.rejects(
    misp.retry(() => searched(misp), NEVER),
    failsAs("forbidden", /later/),
  );
  assert.equal(asked, 1);
});

test("a wait that is too long is not waited for", async (t) => {
  let asked = 0;
  const url = await serve(t, (_request, response) => {
    asked++;
    json(response, 429, {}, { "x-rate-limit-reset": "900" });
  });
  const misp = client(t, url);
  await assert.rejects(
    misp.retry(() => searched(misp), NEVER),
    (error) => error instanceof RemoteError && error.retryAfterMs === 900_000,
  );
  assert.equal(asked, 1);
});

test("unreachable peers and time-outs", async (t) => {
  await assert.rejects(
    searched(client(t, "http://127.0.0.1:9")),
    failsAs("unreachable", /nothing listens there|cannot be reached/),
  );
  const url = await serve(t, () => undefined);
  await assert.rejects(searched(client(t, url, { timeoutMs: 150 })), failsAs("timeout", /timeout_seconds/));
});

test("TLS is verified: own authority, wrong authority, laboratories", async (t) => {
  const fake = await FakeMisp.start(t, { tls: true });
  fake.add({ id: "1", uuid: uuid(1, 1), timestamp: 1, published: true, attributes: [] });
  await assert.rejects(searched(client(t, fake.url)), failsAs("tls", /ca_file/));
  assert.equal(fake.requests.length, 0, "the key never went to a peer that is not trusted");
  assert.deepEqual(await searched(client(t, fake.url, { caFile: tlsFixture("ca.pem") })), []);
  assert.deepEqual(await searched(client(t, fake.url, { insecure: true })), []);
  assert.throws(() => client(t, fake.url, { caFile: "/no/such.pem" }), /ca_file/);
});

test("gzip is unpacked, and bounded while it is", async (t) => {
  let body = "";
  const url = await serve(t, (_request, response) => {
    response.writeHead(200, { "content-type": "application/json", "content-encoding": "gzip" });
    response.end(gzipSync(body));
  });
  const misp = client(t, url);
  body = '{"response": {"Attribute": [{"id":"1"},{"id":"2"}]}}';
  assert.equal((await searched(misp)).length, 2);
  body = `{"response": {"Attribute": [${"1,".repeat(20_000_000)}1]}}`;
  await assert.rejects(searched(misp), failsAs("too-large", /raise the limit/));
});

test("stops when told to, also in the middle of an answer", async (t) => {
  const url = await serve(t, (_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.write('{"response": {"Attribute": [{"id":"1"},');
  });
  const misp = client(t, url);
  const stop = new AbortController();
  const { rows } = await misp.search("attributes", ONE, stop.signal);
  await assert.rejects(
    async () => {
      for await (const _ of rows) stop.abort();
      // The rest never comes; the abort ends the wait.
    },
    failsAs("aborted", /stopped/),
  );
  await assert.rejects(misp.search("attributes", ONE, AbortSignal.abort()), failsAs("aborted", /stopped/));
});

test("plans small events together and large ones page by page", () => {
  const events = [1, 2, 3, 4].map((n) => ({ id: String(n), attributeCount: [400, 500, 2500, 10][n - 1] ?? 0 }));
  const limit = 1000;
  assert.deepEqual(
    planUnits(events, limit).map(({ eventIds, page, last }) => [eventIds.join("+"), page, last]),
    [
      ["3", 1, false],
      ["3", 2, false],
      ["3", 3, true],
      ["1+2+4", 1, true],
    ],
  );
  assert.deepEqual(planUnits([], limit), []);
  assert.equal(planUnits([{ id: "1", attributeCount: 0 }], limit).length, 1);
});

test("what MISP cannot answer at once is asked for in halves, and pages go on while they are full", async (t) => {
  const fake = await FakeMisp.start(t);
  for (let n = 1; n <= 4; n++)
    fake.add({
      id: String(n),
      uuid: uuid(1, n),
      timestamp: 1,
      published: true,
      attributes: Array.from({ length: 150 }, (_, at) => ({
        uuid: uuid(n + 16, at),
        type: "domain",
        value: `n${n}-${at}.example.net`,
      })),
    });
  fake.interfere = ({ path, body }, response) => {
    const { eventid, limit } = JSON.parse(body || "{}") as { eventid?: string[]; limit?: number };
    if (path !== "/attributes/restSearch" || ((eventid?.length ?? 0) <= 1 && (limit ?? 0) <= 200)) return false;
    json(response, 500, { name: "An Internal Error Has Occurred." });
    return true;
  };
  const misp = client(t, fake.url, { retries: 0 });
  const newSink = () => {
    const pieces: Buffer[] = [];
    const values = () =>
      (
        JSON.parse(String(Buffer.concat(pieces))) as { response: { Attribute: { value: string }[] } }
      ).response.Attribute.map(({ value }) => value);
    return {
      take(chunk: Buffer) {
        pieces.push(chunk);
        return undefined;
      },
      end: async () => values().length,
      drop: () => undefined,
      values,
    };
  };
  const unit = { eventIds: ["1", "2", "3", "4"], page: 1, limit: 400, last: true };
  const reading = { misp, filter: { to_ids: 1 }, newSink, signal: NEVER };
  const parts = await readUnit(unit, reading);
  const values = parts.flatMap((part) => part.values());
  assert.equal(values.length, 600);
  assert.equal(new Set(values).size, 600);
  fake.interfere = undefined;
  const grown = await readUnit({ eventIds: ["1"], page: 1, limit: 100, last: true }, reading);
  assert.equal(grown.flatMap((part) => part.values()).length, 150);
});
