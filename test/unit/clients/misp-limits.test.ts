import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { createMisp, type Misp, type MispOptions } from "../../../src/clients/misp.ts";
import { connectMisp, mispConnection } from "../../../src/clients/misp-connection.ts";
import type { Clock } from "../../../src/lib/clock.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { RemoteError } from "../../../src/lib/remote-error.ts";
import { Secret } from "../../../src/lib/secret.ts";
import { KEY } from "../../support/fake-misp.ts";
import { json, serve } from "../../support/http-server.ts";

const NEVER = new AbortController().signal;
const ONE = { eventid: ["1"], limit: 100, page: 1 };

/** A clock that sleeping moves on, and that remembers how long each sleep was. */
function sleepingClock(): Clock & { readonly slept: number[] } {
  let now = Date.parse("2026-11-20T12:00:00Z");
  const slept: number[] = [];
  return {
    slept,
    now: () => now,
    async sleep(ms) {
      slept.push(ms);
      now += ms;
    },
  };
}

function client(t: TestContext, url: string, clock: Clock, more: Partial<MispOptions> = {}): Misp {
  const misp = createMisp({ url, key: new Secret(KEY), clock, timeoutMs: 30_000, retries: 2, maxBytes: 1e6, ...more });
  t.after(() => misp.close());
  return misp;
}

async function search(misp: Misp): Promise<number> {
  let count = 0;
  for await (const _ of (await misp.search("attributes", ONE, NEVER)).rows) count++;
  return count;
}

/** Two searches a window, as MISP counts them. */
async function limited(t: TestContext, clock: Clock) {
  let used = 0;
  let windowEnds = 0;
  let refused = 0;
  const url = await serve(t, ({ path }, response) => {
    if (!path.endsWith("/restSearch")) return json(response, 200, { version: "2.5.1" });
    if (clock.now() >= windowEnds) {
      used = 0;
      windowEnds = clock.now() + 900_000;
    }
    const headers = (rest: number) => ({
      "x-rate-limit-limit": "2",
      "x-rate-limit-remaining": String(rest),
      "x-rate-limit-reset": String(Math.ceil((windowEnds - clock.now()) / 1000)),
    });
    if (used >= 2) {
      refused++;
      return json(response, 429, { name: "Rate limit exceeded." }, headers(0));
    }
    used++;
    return json(response, 200, { response: { Attribute: [{ id: "1" }] } }, headers(2 - used));
  });
  return { url, refused: () => refused };
}

test("when the budget of the window is used up the next search waits for the next one", async (t) => {
  const clock = sleepingClock();
  const { url, refused } = await limited(t, clock);
  const waits: string[] = [];
  const misp = client(t, url, clock, { maxWaitMs: 1_000_000, onWait: (_ms, why) => waits.push(why) });
  for (let at = 0; at < 5; at++) assert.equal(await search(misp), 1);
  assert.equal(refused(), 0, "it never ran into the limit");
  assert.deepEqual(clock.slept, [900_000, 900_000]);
  assert.match(waits[0] ?? "", /rate limit of the key's role \(2 searches\) is used up until 2026-11-20 12:15:00Z/);
  assert.deepEqual(misp.status().rateLimit, { limit: 2, remaining: 1, resetAt: clock.now() + 900_000 });
});

test("a wait that is too long is an error that says when, and other requests go on", async (t) => {
  const clock = sleepingClock();
  const { url, refused } = await limited(t, clock);
  const misp = client(t, url, clock, { maxWaitMs: 60_000 });
  await search(misp);
  await search(misp);
  await assert.rejects(search(misp), (error) => {
    assert.ok(error instanceof RemoteError && error.kind === "rate-limited");
    assert.match(error.message, /used up until 2026-11-20 12:15:00Z, in 15 min; raise it in MISP/);
    assert.equal(error.retryAfterMs, 900_000);
    return true;
  });
  assert.deepEqual(await misp.get("/servers/getVersion", NEVER), { version: "2.5.1" });
  assert.equal(refused(), 0);
});

test("a second client with the same key knows of it, another key does not", async (t) => {
  const clock = sleepingClock();
  const { url, refused } = await limited(t, clock);
  const first = client(t, url, clock);
  await search(first);
  await search(first);
  await assert.rejects(search(client(t, url, clock)), { kind: "rate-limited" });
  assert.equal(refused(), 0);
  await assert.rejects(search(client(t, url, clock, { key: new Secret("another-key-of-the-same-user-0000000000") })), {
    kind: "rate-limited",
  });
  assert.equal(refused(), 1);
});

test("a 429 is waited for as it says, then asked again", async (t) => {
  const clock = sleepingClock();
  let left = 1;
  const url = await serve(t, (_request, response) =>
    left-- > 0
      ? json(response, 429, {}, { "retry-after": "30" })
      : json(response, 200, { response: { Attribute: [{ id: "1" }] } }),
  );
  const misp = client(t, url, clock);
  assert.equal(await misp.retry(() => search(misp), NEVER), 1);
  assert.ok((clock.slept[0] ?? 0) >= 30_000 && (clock.slept[0] ?? 0) <= 33_000, String(clock.slept));
});

test("what stays down is not asked any more, by anybody in the process", async (t) => {
  const clock = sleepingClock();
  let asked = 0;
  const url = await serve(t, (_request, response) => {
    asked++;
    json(response, 503, {});
  });
  const misp = client(t, url, clock);
  for (let at = 0; at < 3; at++) await assert.rejects(misp.get("/servers/getVersion", NEVER));
  assert.equal(asked, 5);
  const before = clock.slept.length;
  await assert.rejects(client(t, url, clock).get("/servers/getVersion", NEVER), { kind: "paused" });
  assert.equal(asked, 5);
  assert.equal(clock.slept.length, before, "it fails at once");
  assert.equal(misp.status().circuit.state, "open");
});

test("an expiring key is told of, once a day", async (t) => {
  const clock = sleepingClock();
  let expires = "2026-12-31T00:00:00+00:00";
  const url = await serve(t, (_request, response) =>
    json(
      response,
      200,
      { version: "2.5.1" },
      { "x-auth-key-expiration": expires, date: "Fri, 20 Nov 2026 12:00:00 GMT" },
    ),
  );
  const told: string[] = [];
  const log = { ...silentLog, warn: (message: string) => void told.push(message) };
  const misp = connectMisp(mispConnection.parse({ url, key: KEY }), clock, log);
  t.after(() => misp.close());
  await misp.get("/servers/getVersion", NEVER);
  assert.equal(misp.status().keyExpiresAt, Date.parse(expires));
  assert.equal(misp.status().clockSkewMs, 0);
  assert.deepEqual(told, [], "six weeks are time enough");
  expires = "2026-11-30T00:00:00+00:00";
  for (let day = 0; day < 3; day++) {
    await clock.sleep(86_400_000);
    for (let at = 0; at < 3; at++) await misp.get("/servers/getVersion", NEVER);
  }
  assert.equal(told.length, 3);
  assert.match(told[0] ?? "", /expires soon/);
});
