import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { type Clock, systemClock } from "../../src/lib/clock.ts";
import type { Log } from "../../src/lib/log.ts";
import { silentLog } from "../../src/lib/log.ts";
import http from "../../src/sources/http.ts";
import { FluentBitClient } from "../support/fluent-bit-client.ts";
import { tlsFixture } from "../support/http-server.ts";
import { until } from "../support/pipeline.ts";
import { PushRun, pushRig } from "../support/push-source.ts";

const TOKEN = "s3cret-token-of-the-test";
const lines = (count: number, from = 0) =>
  Array.from({ length: count }, (_, n) =>
    JSON.stringify({ id: `${from + n}`, rule: { id: "5710" }, text: `zeile ü ${n}` }),
  );

const rig = (t: TestContext, settings: object = {}, options: Parameters<typeof pushRig>[2] = {}) =>
  pushRig(t, (context) => http.create(http.config.parse(settings), context), options);

async function post(url: string, body: string | Buffer, headers: Record<string, string> = {}) {
  const response = await fetch(url, { method: "POST", body: new Uint8Array(Buffer.from(body)), headers });
  return { status: response.status, retryAfter: response.headers.get("retry-after"), text: await response.text() };
}

test("a Fluent Bit with two workers and gzip loses nothing through refusals, and repeats are taken once", async (t) => {
  const { source, url } = await rig(t, { token: TOKEN });
  const durable = new Set<string>();
  const client = new FluentBitClient({ url: `${url}/v1/alerts`, token: TOKEN, gzip: true, chunkBytes: 4_000 });
  t.after(() => client.stop());
  const sent = lines(2_000);
  client.feed(sent);
  // Nobody reads yet, as before the first generation.
  await until("a refusal", () => client.retries > 2);
  assert.equal(client.delivered, 0);
  const first = new PushRun(source, durable);
  await until("some deliveries", () => client.delivered > 200);
  await first.stop();
  const again = new PushRun(source, durable);
  await client.drained();
  await again.stop();
  assert.equal(client.dropped, 0);
  assert.deepEqual([...first.lines, ...again.lines].sort(), [...sent].sort());
});

test("an answer that the sender did not hear makes no second delivery, also after a restart", async (t) => {
  const { source, url } = await rig(t);
  const body = lines(1_500).join("\n");
  const durable = new Set<string>();
  const run = new PushRun(source, durable);
  assert.equal((await post(`${url}/v1/alerts`, body)).status, 200);
  assert.deepEqual(JSON.parse((await post(`${url}/v1/alerts`, body)).text), { taken: 1500, rejected: 0 });
  assert.deepEqual([run.lines.length, run.repeated.length], [1500, 2]);
  await run.stop();
  const restarted = await rig(t);
  const second = new PushRun(restarted.source, durable);
  assert.equal((await post(`${restarted.url}/v1/alerts`, gzipSync(body))).status, 200);
  assert.deepEqual([second.lines.length, second.repeated.length], [0, 2]);
  await second.stop();
});

test("the answer comes only after the commit, and 503 when the commit does not come", async (t) => {
  let expire: () => void = () => undefined;
  const sleep: Clock["sleep"] = (ms, signal) => {
    if (ms !== 25_000) return systemClock.sleep(ms, signal);
    const expired = new Promise<void>((resolve) => {
      expire = resolve;
    });
    return Promise.race([expired, systemClock.sleep(ms, signal)]);
  };
  const clock: Clock = { ...systemClock, sleep };
  const { source, url } = await rig(t, {}, { clock });
  const run = new PushRun(source);
  let release: () => void = () => undefined;
  run.before = () =>
    new Promise((resolve) => {
      release = resolve;
    });
  const held = lines(1)[0] as string;
  const answer = post(`${url}/v1/alerts`, held);
  await until("a delivery", () => source.lag?.().bytes !== 0);
  expire();
  const refused = await answer;
  assert.deepEqual([refused.status, refused.retryAfter], [503, "5"]);
  const retried = post(`${url}/v1/alerts`, held);
  run.before = () => undefined;
  release();
  assert.equal((await retried).status, 200);
  assert.deepEqual(run.lines, [held]);
  await run.stop();
});

test("who dribbles a request is cut off", async (t) => {
  const { source, url } = await rig(t, {}, { headersMs: 100, bodyIdleMs: 100 });
  const run = new PushRun(source);
  for (const head of [
    "POST /v1/alerts HTTP/1.1\r\nhost: local",
    "POST /v1/alerts HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n{",
  ]) {
    const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(head));
    await new Promise((resolve) =>
      socket
        .on("error", () => undefined)
        .once("close", resolve)
        .resume(),
    );
  }
  // On a machine that stands still for so long an honest one is cut off as well, and comes again.
  const honest = () =>
    post(`${url}/v1/alerts`, '{"id":"1"}').then(
      ({ status }) => status,
      () => undefined,
    );
  for (let attempt = 1; (await honest()) !== 200; attempt++) assert.ok(attempt < 50, "an honest one is cut off, too");
  await run.stop();
});

test("what a wrong setting causes is 503, so that a sender that drops what is refused keeps it", async (t) => {
  const logged: string[] = [];
  const log: Log = {
    ...silentLog,
    warn: (message, fields) => logged.push(JSON.stringify([message, fields])),
    child: () => log,
  };
  const { source, url } = await rig(t, { token: TOKEN }, { log });
  const run = new PushRun(source);
  const client = new FluentBitClient({ url: `${url}/v1/alerts`, token: "wrong-token", workers: 1 });
  t.after(() => client.stop());
  client.feed(lines(3));
  await until("three refusals", () => client.retries >= 3);
  assert.equal(client.dropped, 0);
  assert.deepEqual([...client.statuses.keys()], [503]);
  const auth = { authorization: `Bearer ${TOKEN}` };
  for (const [path, headers] of [
    ["/v1/alerts", {}],
    ["/v1/alert", auth],
    ["/v1/alerts", { ...auth, "content-type": "application/msgpack" }],
    ["/v1/alerts", { ...auth, "content-encoding": "zstd" }],
  ] as const) {
    const answer = await post(`${url}${path}`, Buffer.from([0x28, 0xb5, 0x2f, 0xfd]), headers);
    assert.deepEqual([answer.status, answer.retryAfter], [503, "60"], JSON.stringify([path, Object.keys(headers)]));
  }
  assert.equal((await fetch(`${url}/v1/alerts`)).status, 405);
  assert.equal((await fetch(`${url}/elsewhere`)).status, 404);
  assert.ok(logged.some((line) => line.includes("wrong token")));
  assert.ok(!logged.join().includes(TOKEN) && !logged.join().includes("wrong-token"));
  await run.stop();
});

test("every form that a body may have", async (t) => {
  const { source, url } = await rig(t);
  const run = new PushRun(source);
  const one = '{"id":"1","n":12345678901234567890,"t":"a\\nb"}';
  const json = { "content-type": "application/json" };
  const cases: [string | Buffer, Record<string, string>, string[]][] = [
    [one, json, [one]],
    [`[${one}, ${one.replace('"1"', '"2"')}\n]`, json, [one, one.replace('"1"', '"2"')]],
    [`{"id":"3",\n "a":\r\n 1}`, json, [`{"id":"3",  "a":   1}`]],
    [`{"id":"4"}{"id":"5"}\n{"id":"6"}`, json, ['{"id":"4"}', '{"id":"5"}', '{"id":"6"}']],
    [`${JSON.stringify({ date: 1.5, log: one.replace('"1"', '"7"') })}\n`, {}, [one.replace('"1"', '"7"')]],
    ['{"log":"no json at all"}\n', {}, ["no json at all"]],
    ['{"log":"kept","rule":{"id":"1"}}\n', {}, ['{"log":"kept","rule":{"id":"1"}}']],
    [gzipSync('{"id":"8"}\n{"id":"9"}'), { "content-encoding": "gzip" }, ['{"id":"8"}', '{"id":"9"}']],
    [gzipSync('{"id":"10"}'), {}, ['{"id":"10"}']],
    ['{"id":"11"}', { "content-encoding": "gzip" }, ['{"id":"11"}']],
    ["\ufeff[{\n}]", json, ["{ }"]],
    ['\ufeff{"id":"13"}\n', {}, ['{"id":"13"}']],
    ["", {}, []],
    ["\n \n", {}, [" "]],
  ];
  for (const [body, headers, expected] of cases) {
    const before = run.lines.length;
    const answer = await post(`${url}/v1/alerts`, body, headers);
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(run.lines.slice(before), expected);
  }
  const torn = await post(`${url}/v1/alerts`, '[{"id":"12"},{"id":', json);
  assert.deepEqual(JSON.parse(torn.text), { taken: 1, rejected: 1 });
  assert.match(run.rejected.at(-1)?.reason ?? "", /end of the body within value 2/);
  // Lines under the wrong type: one that is torn takes no other along.
  for (const [n, line] of ['{"a":"open', '{"a":{"b":1', '{"a":"x","b":{"c":"open'].entries()) {
    const [before, after] = [`{"id":"b${n}"}`, `{"id":"a${n}"}`];
    const answer = await post(`${url}/v1/alerts`, [before, line, after, after, ""].join("\n"), json);
    assert.deepEqual(JSON.parse(answer.text), { taken: 3, rejected: 1 }, line);
    assert.deepEqual(run.lines.slice(-3), [before, after, after]);
    assert.deepEqual([run.rejected.at(-1)?.head.toString(), run.rejected.at(-1)?.origin.at(-1)], [`${line}\n`, "2"]);
  }
  await run.stop();
});

test("a body over the limit, a gzip bomb and a damaged one leave their head in the dead letter", async (t) => {
  const { source, url } = await rig(t);
  const run = new PushRun(source);
  const limit = 16 * 1024 * 1024;
  const bomb = gzipSync(Buffer.alloc(limit * 8));
  assert.ok(bomb.length < 200_000);
  const damaged = gzipSync(lines(50).join("\n"));
  damaged[damaged.length - 6] = (damaged[damaged.length - 6] ?? 0) ^ 0xff;
  assert.equal((await post(`${url}/v1/alerts`, Buffer.alloc(limit + 1, "x"))).status, 413);
  assert.equal((await post(`${url}/v1/alerts`, bomb, { "content-encoding": "gzip" })).status, 413);
  assert.equal((await post(`${url}/v1/alerts`, damaged, { "content-encoding": "gzip" })).status, 400);
  assert.deepEqual(
    run.rejected.map(({ head }) => head.length > 0 && head.length <= 65_536),
    [true, true, true],
  );
  const big = Array.from({ length: 16 }, (_, n) => JSON.stringify({ n, pad: "p".repeat(1024 * 1024 - 100) })).join(
    "\n",
  );
  assert.equal((await post(`${url}/v1/alerts`, big)).status, 200);
  assert.equal(run.lines.length, 16);
  await run.stop();
});

test("many senders at once stay within the budget: the others wait, and nothing is lost", async (t) => {
  const { source, url } = await rig(t, {}, { budgetBytes: 20 * 1024 * 1024 });
  const run = new PushRun(source);
  const clients = Array.from({ length: 12 }, (_, n) => {
    const client = new FluentBitClient({ url: `${url}/v1/alerts`, gzip: n % 2 === 0 });
    const pad = "p".repeat(1000);
    client.feed(Array.from({ length: 3_000 }, (__, m) => JSON.stringify({ id: `${n}-${m}`, pad })));
    t.after(() => client.stop());
    return client;
  });
  for (const client of clients) await client.drained();
  assert.equal(
    clients.reduce((sum, { dropped }) => sum + dropped, 0),
    0,
  );
  assert.equal(new Set(run.lines).size, 36_000);
  assert.equal(run.lines.length, 36_000);
  await run.stop();
});

test("a client that goes away in the middle leaves nothing behind", async (t) => {
  const { source, url } = await rig(t);
  const run = new PushRun(source);
  const { port } = new URL(url);
  for (let n = 0; n < 20; n++) {
    const socket = connect(Number(port), "127.0.0.1");
    socket.write(`POST /v1/alerts HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10000000\r\n\r\n{"id":"half`);
    await new Promise((resolve) => setTimeout(resolve, 2));
    if (n % 2 === 0) socket.destroy();
    else socket.end();
    socket.on("error", () => undefined);
  }
  assert.equal((await post(`${url}/v1/alerts`, '{"id":"whole"}')).status, 200);
  assert.deepEqual(run.lines, ['{"id":"whole"}']);
  await run.stop();
});

test("garbage instead of HTTP, oversized headers and a browser's request are turned away", async (t) => {
  const { source, url } = await rig(t);
  const run = new PushRun(source);
  const { port } = new URL(url);
  const raw = (bytes: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(Number(port), "127.0.0.1", () => socket.write(bytes));
      let got = "";
      socket.on("data", (chunk) => {
        got += chunk.toString();
      });
      socket.on("error", () => undefined).once("close", () => resolve(got));
    });
  assert.match(await raw("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage\r\n\r\n"), /^HTTP\/1.1 400/);
  assert.match(await raw(`GET / HTTP/1.1\r\nhost: a\r\nx: ${"y".repeat(20_000)}\r\n\r\n`), /^HTTP\/1.1 431/);
  assert.equal((await post(`${url}/v1/alerts`, "{}", { origin: "https://evil.example" })).status, 503);
  assert.match(
    await raw("POST /v1/alerts HTTP/1.1\r\nhost: evil.example\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"),
    /^HTTP\/1.1 503/,
  );
  assert.deepEqual(run.lines, []);
  await run.stop();
});

test("TLS with client certificates: without one, or with another's, nothing gets in", async (t) => {
  const tls = {
    cert_file: tlsFixture("server.pem"),
    key_file: tlsFixture("server.key"),
    client_ca_file: tlsFixture("client-ca.pem"),
  };
  const { source, url } = await rig(t, {}, { tls });
  const run = new PushRun(source);
  const ca = readFileSync(tlsFixture("ca.pem"));
  const own = { ca, cert: readFileSync(tlsFixture("client.pem")), key: readFileSync(tlsFixture("client.key")) };
  const without = new FluentBitClient({ url: `${url}/v1/alerts`, tls: { ca } });
  const wrong = new FluentBitClient({
    url: `${url}/v1/alerts`,
    tls: { ca, cert: readFileSync(tlsFixture("server.pem")), key: readFileSync(tlsFixture("server.key")) },
  });
  const right = new FluentBitClient({ url: `${url}/v1/alerts`, tls: own });
  t.after(() => [without, wrong, right].map((client) => client.stop()));
  for (const client of [without, wrong]) client.feed(lines(1));
  await until("failed connections", () => without.retries > 1 && wrong.retries > 1);
  assert.deepEqual([[...without.statuses.keys()], [...wrong.statuses.keys()]], [[0], [0]]);
  right.feed(lines(5, 100));
  await right.drained();
  assert.equal(run.lines.length, 5);
  await run.stop();
});
