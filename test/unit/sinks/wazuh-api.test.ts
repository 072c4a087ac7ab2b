import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { inspect } from "node:util";
import type { SendResult, Sink } from "../../../src/contract/sink.ts";
import { silentLog } from "../../../src/lib/log.ts";
import wazuhApi from "../../../src/sinks/wazuh-api.ts";
import { FakeWazuhApi, PASSWORD, USER } from "../../support/fake-wazuh-api.ts";
import { makeFinding } from "../../support/finding.ts";
import { json, tlsFixture } from "../../support/http-server.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { tempDir } from "../../support/temp.ts";

const NEVER = new AbortController().signal;
const findings = (from: number, count: number) => Array.from({ length: count }, (_, n) => makeFinding(from + n));

async function open(t: TestContext, { tls = false, settings = {} as object } = {}) {
  const clock = new ManualClock();
  const api = await FakeWazuhApi.start(t, clock, { tls });
  const said: string[] = [];
  const say = (...words: unknown[]) => void said.push(inspect(words, { depth: 9 }));
  const log = { ...silentLog, debug: say, info: say, warn: say, error: say };
  const folder = tempDir(t);
  const file = join(folder, "password");
  writeFileSync(file, `${PASSWORD}\n`, { mode: 0o600 });
  const config = wazuhApi.config.parse({ url: api.url, user: USER, password_file: file, ...settings });
  const sink = await wazuhApi.create(config, { name: "wazuh", log, clock, cacheDir: folder });
  t.after(() => sink.close?.());
  return { api, sink, clock, said, file };
}

/** What the pipeline does with a sink that paces itself; gives the answers that were not about pacing. */
async function deliver(sink: Sink, clock: ManualClock, batch: ReturnType<typeof findings>): Promise<SendResult[]> {
  const answers: SendResult[] = [];
  let rest = batch;
  for (let call = 0; call < 1_000; call += 1) {
    const result = await sink.send(rest.slice(0, 100), NEVER);
    if (result.status === "sent") rest = rest.slice(100);
    else if (result.status === "retry") {
      rest = rest.slice(result.taken ?? 0);
      clock.advance(Math.max(50, result.afterMs ?? 500));
      if (result.paced) continue;
    }
    if (rest.length === 0) return answers;
    if (result.status !== "sent") answers.push(result);
    if (result.status === "rejected") return answers;
  }
  return assert.fail("not delivered in 1,000 calls");
}

const idsOf = (queue: readonly string[]) =>
  queue.map((message) => JSON.parse(message.slice("1:API-Webhook:".length)).misp.finding_id as string);

test("findings carry their agent, and begin as Wazuh's JSON decoder wants it", async (t) => {
  const { api, sink } = await open(t);
  assert.deepEqual(await sink.send(findings(1, 1), NEVER), { status: "sent" });
  assert.match(api.queue[0] ?? "", /^1:API-Webhook:\{"integration":"misp","misp":\{"event_id":"241"/);
  const { misp } = JSON.parse((api.queue[0] ?? "").slice("1:API-Webhook:".length));
  assert.deepEqual(misp.agent, { id: "001", name: "web-01", ip: "10.0.0.5" });
  assert.equal(sink.confirmation, undefined);
  assert.equal(api.logins, 1);
});

test("flat out for five minutes: 100 a request, never a refusal, close to 50 findings a second", async (t) => {
  const { api, sink, clock } = await open(t);
  const start = clock.now();
  const batch = findings(0, 14_500);
  assert.deepEqual(await deliver(sink, clock, batch), []);
  const seconds = (clock.now() - start) / 1000;
  assert.equal(api.queue.length, batch.length);
  assert.deepEqual(
    idsOf(api.queue).slice(-3),
    batch.slice(-3).map(({ id }) => id),
  );
  assert.ok(seconds <= 14_500 / 48 && seconds >= 14_500 / 50, `${14_500 / seconds} findings a second`);
  assert.equal(api.logins, 1, "the token is good for longer");
});

test("the token is renewed before its 900 s are over", async (t) => {
  const { api, sink, clock } = await open(t);
  for (let n = 0; n < 40; n += 1) {
    assert.deepEqual(await sink.send(findings(n, 1), NEVER), { status: "sent" });
    clock.advance(60_000);
  }
  assert.equal(api.logins, 3);
  assert.equal(api.requests.filter(({ path }) => path === "/events").length, 40, "none was refused over a token");
});

test("a token that the server no longer knows costs one login, not a finding", async (t) => {
  const { api, sink, clock } = await open(t);
  await sink.send(findings(0, 1), NEVER);
  api.epoch += 1;
  clock.advance(3_000);
  assert.deepEqual(await sink.send(findings(1, 1), NEVER), { status: "sent" });
  assert.deepEqual([api.logins, api.queue.length], [2, 2]);
});

test("a refused login waits a minute, so that the address is never locked out", async (t) => {
  const { api, sink, clock } = await open(t);
  api.password = "another";
  const batch = findings(0, 2);
  for (let n = 0; n < 60; n += 1) {
    const result = await sink.send(batch, NEVER);
    assert.ok(result.status === "retry" && result.afterMs === 60_000 && !result.paced, inspect(result));
    assert.match(result.cause.message, /answered the login with 40[13] .*check user and password_file|block_time/);
    clock.advance(result.afterMs);
    if (api.requests.at(-1)?.path !== "/security/user/authenticate") assert.fail("no login was tried");
  }
});

test("when others use up the minute it waits and loses nothing", async (t) => {
  const { api, sink, clock } = await open(t);
  await sink.send(findings(0, 1), NEVER);
  for (let n = 0; n < 40; n += 1) await fetch(`${api.url}/events`, { method: "POST", body: "{}" });
  clock.advance(3_000);
  const answers = await deliver(sink, clock, findings(1, 250));
  assert.ok(answers.length > 0 && answers.length < 10);
  for (const answer of answers)
    assert.match(answer.status === "retry" ? answer.cause.message : "", /no more requests in this minute/);
  assert.deepEqual(
    idsOf(api.queue),
    findings(0, 251).map(({ id }) => id),
  );
});

test("Retry-After is what it waits for", async (t) => {
  const { api, sink } = await open(t);
  api.instead = ({ path }, response) => {
    if (path !== "/events") return false;
    json(response, 429, { title: "Too Many Requests" }, { "retry-after": "17" });
    return true;
  };
  const result = await sink.send(findings(0, 1), NEVER);
  assert.ok(result.status === "retry" && result.afterMs === 17_000);
});

test("findings that analysisd did not get are sent again, the others are not", async (t) => {
  const { api, sink, clock } = await open(t);
  let refusals = 3;
  api.refuses = (event) => /"f0000000[37]"/.test(event) && refusals-- > 0;
  const answers = await deliver(sink, clock, findings(0, 10));
  assert.match(answers[0]?.status === "retry" ? answers[0].cause.message : "", /f00000003: .*\(1014\)/);
  assert.deepEqual(
    [...idsOf(api.queue)].sort(),
    findings(0, 10).map(({ id }) => id),
  );
});

test("none of the batch: nothing is taken", async (t) => {
  const { api, sink, clock } = await open(t);
  api.refuses = () => true;
  const result = await sink.send(findings(0, 10), NEVER);
  assert.ok(result.status === "retry" && result.taken === 0);
  api.refuses = () => false;
  clock.advance(3_000);
  assert.deepEqual(await sink.send(findings(0, 10), NEVER), { status: "sent" });
  assert.equal(api.queue.length, 10);
});

test("a finding that the API calls too large is refused alone", async (t) => {
  const { api, sink, clock } = await open(t);
  api.instead = ({ path, body }, response) => {
    const { events } = path === "/events" ? JSON.parse(body) : { events: [] };
    const bad = events.find((event: string) => event.includes("f00000002"));
    if (bad === undefined) return false;
    const data = {
      affected_items: events.filter((event: string) => event !== bad),
      total_failed_items: 1,
      failed_items: [{ error: { code: 1012, message: "too large" }, id: [bad] }],
    };
    json(response, 200, { data, message: "Some events were forwarded to analisysd", error: 2 });
    return true;
  };
  const first = await sink.send(findings(0, 5), NEVER);
  assert.ok(first.status === "retry" && first.taken === 2 && first.afterMs === 0);
  clock.advance(3_000);
  assert.equal((await sink.send(findings(2, 1), NEVER)).status, "rejected");
});

test("a request that the server calls bad is refused, so that the pipeline halves it", async (t) => {
  const { api, sink, clock } = await open(t);
  for (const status of [400, 413]) {
    api.instead = ({ path }, response) => {
      if (path === "/events") json(response, status, { title: "Bad Request", detail: "what is this" });
      return path === "/events";
    };
    const result = await sink.send(findings(0, 4), NEVER);
    assert.ok(result.status === "rejected", inspect(result));
    assert.match(
      result.cause.message,
      new RegExp(`answered POST /events with ${status} \\(Bad Request: what is this\\)`),
    );
    clock.advance(3_000);
  }
});

for (const [what, status, body, message] of [
  ["a user without the right", 403, { title: "Permission Denied", error: 4000 }, /a role with the policy event:ingest/],
  ["a manager before 4.6", 404, { title: "Not Found" }, /expected the server API of Wazuh 4\.6 or newer/],
  ["analysisd that is down", 500, { title: "Wazuh Internal Error", error: 1010 }, /answered 500/],
  ["a page that is no API", 200, "<html>sign in</html>", /expected JSON from the Wazuh server API/],
  ["200 that says nothing", 200, { message: "ok" }, /without saying which events/],
  ["200 with an error and no items", 200, { data: {}, error: 1, message: "No events" }, /without saying which events/],
  [
    "200 with more failures than it names",
    200,
    { data: { total_failed_items: 2, failed_items: [] }, error: 0 },
    /without saying/,
  ],
] as const) {
  test(`${what} means waiting, not losing`, async (t) => {
    const { api, sink } = await open(t);
    api.instead = ({ path }, response) => {
      if (path === "/events") json(response, status, body);
      return path === "/events";
    };
    const result = await sink.send(findings(0, 2), NEVER);
    assert.ok(result.status === "retry" && result.taken === 0, inspect(result));
    assert.match(result.cause.message, message);
  });
}

test("a login that gives no token says what url should be", async (t) => {
  const { api, sink } = await open(t);
  api.instead = (_, response) => {
    json(response, 200, { data: {} });
    return true;
  };
  const result = await sink.send(findings(0, 1), NEVER);
  assert.match(result.status === "retry" ? result.cause.message : "", /without a token: check that url/);
});

test("many large findings are split over requests, in order", async (t) => {
  const { api, sink, clock } = await open(t);
  const large = Array.from({ length: 100 }, (_, n) => makeFinding(n, { misp: { comment: '"'.repeat(28_000) } }));
  assert.deepEqual(await deliver(sink, clock, large), []);
  assert.ok(api.eventRequests >= 2);
  assert.deepEqual(
    idsOf(api.queue),
    large.map(({ id }) => id),
  );
});

test("TLS: its own authority is needed, and enough", async (t) => {
  for (const [ca, good] of [
    [undefined, false],
    [tlsFixture("client-ca.pem"), false],
    [tlsFixture("ca.pem"), true],
  ] as const) {
    const { api, sink } = await open(t, { tls: true, settings: ca === undefined ? {} : { ca_file: ca } });
    const result = await sink.send(findings(0, 1), NEVER);
    assert.equal(result.status, good ? "sent" : "retry", inspect(result));
    if (result.status === "retry") assert.match(result.cause.message, /no trusted connection .*ca_file/);
    assert.equal(api.requests.length > 0, good, "no password goes to a server that is not trusted");
  }
});

test("neither password nor token shows in any answer or log line", async (t) => {
  const { api, sink, said, clock, file } = await open(t, { settings: { verify: false } });
  chmodSync(file, 0o644);
  const shown: unknown[] = [];
  await sink.send(findings(0, 1), NEVER);
  const echo = (status: number) => {
    api.instead = ({ headers }, response) => {
      json(response, status, { title: "No", detail: `you said ${headers.authorization} ${PASSWORD}`.slice(0, 4_000) });
      return true;
    };
  };
  for (const status of [401, 403, 404, 429, 500, 200]) {
    echo(status);
    clock.advance(1_000_000);
    shown.push(await sink.send(findings(1, 1), NEVER));
  }
  const all = inspect([shown, said], { depth: 12 });
  assert.doesNotMatch(all, /eyJ/, "a token");
  assert.ok(!all.includes(Buffer.from(`${USER}:${PASSWORD}`).toString("base64")), "the header of the login");
  assert.ok(!all.includes(PASSWORD), "the password");
  assert.match(said.join("\n"), /not verified/);
});

test("configuration: one place for the password, no credentials in the URL, the API's own limits", () => {
  const good = { url: "https://wazuh:55000", user: "u", password: "p" };
  assert.ok(wazuhApi.config.safeParse(good).success);
  for (const bad of [
    { ...good, password: undefined },
    { ...good, password_file: "/x" },
    { ...good, url: "https://u:p@wazuh:55000" },
    { ...good, requests_per_minute: 31 },
    { ...good, url: "wazuh" },
  ])
    assert.ok(!wazuhApi.config.safeParse(bad).success, JSON.stringify(bad));
});
