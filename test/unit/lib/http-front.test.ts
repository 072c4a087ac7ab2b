import assert from "node:assert/strict";
import { Agent, request } from "node:http";
import { test } from "node:test";
import { checkHttp } from "../../../src/app/http-check.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { ListeningFront } from "../../../src/lib/http-front.ts";
import { BodyBudget } from "../../../src/lib/http-front-budget.ts";
import { parseListenAddress } from "../../../src/lib/http-front-listen.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { Secret } from "../../../src/lib/secret.ts";

const front = (listen: string) => new ListeningFront({ listen, log: silentLog });
const ok = () => ({ status: 200, body: "ok" });

test("an address is one with a port; what is no address is a fault with its key", () => {
  assert.deepEqual(parseListenAddress("127.0.0.1:9628", "k"), { host: "127.0.0.1", port: 9628, loopback: true });
  assert.deepEqual(parseListenAddress("[::1]:0", "k"), { host: "::1", port: 0, loopback: true });
  assert.equal(parseListenAddress("0.0.0.0:1", "k").loopback, false);
  assert.equal(parseListenAddress("127.9.9.9:1", "k").loopback, true);
  for (const bad of [
    "",
    ":1",
    "host:1",
    "127.0.0.1",
    "127.0.0.1:",
    "127.0.0.1:65536",
    "127.0.0.1:-1",
    "127.evil.example:1",
  ])
    assert.throws(() => parseListenAddress(bad, "http.listen"), {
      code: "TIP_CONFIG_INVALID",
      message: /^http\.listen: /,
    });
});

test("nothing opens without a route; a path has one owner; beyond loopback a token is needed", async () => {
  assert.equal(await front("127.0.0.1:0").listen(), undefined);
  const twice = front("127.0.0.1:0");
  twice.mount("POST", "/a", ok, { owner: "sources.a" });
  twice.mount("GET", "/a", ok, { owner: "sources.a" });
  assert.throws(() => twice.mount("POST", "/a", ok, { owner: "sources.b" }), {
    message: /^sources\.b: another component/,
  });
  assert.throws(() => front("0.0.0.0:0").mount("POST", "/a", ok, { owner: "lookup" }), {
    message: /expected token_file/,
  });
  assert.doesNotThrow(() => front("0.0.0.0:0").mount("POST", "/a", ok, { owner: "lookup", token: new Secret("t") }));
  assert.throws(() => front("off").mount("POST", "/a", ok, { owner: "lookup" }), { message: /http\.listen is off/ });
});

test("`config check` says the same", async () => {
  const check = async (more: string) =>
    checkHttp(await parseConfig(`feeds: {a: {type: list-file, path: a}}\n${more}`, "f.yaml"));
  await check("http: {listen: '0.0.0.0:1'}");
  await check("http: {listen: '0.0.0.0:1'}\nlookup: {token: x}\nsources: {a: {type: http, token_file: /x}}");
  for (const more of [
    "http: {listen: '0.0.0.0:1'}\nlookup: {}",
    "http: {listen: '0.0.0.0:1'}\nsources: {a: {type: graylog}}",
    "http: {listen: 'off'}\nsources: {a: {type: http}}",
    "http: {listen: 'nowhere'}",
    "sources: {a: {type: http}, b: {type: http}}",
    "sources: {a: {type: http, path: /v1/lookup}}\nlookup: {}",
    "http: {listen: '0.0.0.0:1'}\nsources: {a: {type: http, token: '  '}}",
  ])
    await assert.rejects(check(more), { code: "TIP_CONFIG_INVALID" }, more);
});

test("closing lets requests under way come to their end and takes no more", async () => {
  const closing = front("127.0.0.1:0");
  let aborted = false;
  let begun: () => void = () => undefined;
  const underWay = new Promise<void>((resolve) => {
    begun = resolve;
  });
  closing.mount(
    "GET",
    "/slow",
    async ({ signal }) => {
      begun();
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      aborted = true;
      return { status: 503, body: { error: "stopping" } };
    },
    { owner: "test" },
  );
  const url = `${await closing.listen()}/slow`;
  const answer = fetch(url);
  await underWay;
  await closing.close();
  assert.equal((await answer).status, 503);
  assert.equal(aborted, true);
  await assert.rejects(fetch(url));
});

test("every answer carries the security headers, and a handler that throws is 503", async (t) => {
  const failing = front("127.0.0.1:0");
  failing.mount(
    "GET",
    "/x",
    () => {
      throw new Error("secret detail");
    },
    { owner: "test" },
  );
  const url = (await failing.listen()) ?? "";
  t.after(() => failing.close());
  for (const path of ["/x", "/y"]) {
    const response = await fetch(url + path);
    assert.equal(response.status, path === "/x" ? 503 : 404);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.match(response.headers.get("content-security-policy") ?? "", /default-src 'none'/);
    assert.ok(!(await response.text()).includes("secret detail"));
  }
});

test("bodies wait in line for room, and give up after their time or when they are told to", async () => {
  const budget = new BodyBudget(100);
  const never = new AbortController().signal;
  assert.equal(await budget.take(101, 1, never), false);
  assert.equal(await budget.take(80, 1000, never), true);
  assert.equal(await budget.take(50, 1, never), false);
  const abort = new AbortController();
  const told = budget.take(50, 60_000, abort.signal);
  const large = budget.take(90, 60_000, never);
  const small = budget.take(20, 60_000, never);
  abort.abort();
  assert.equal(await told, false);
  budget.give(80);
  assert.equal(await large, true);
  assert.equal(budget.usedBytes, 90, "the small one waits behind the large one");
  budget.give(90);
  assert.equal(await small, true);
});

test("who is refused in the middle of a body hears the answer, and the connection goes on", async (t) => {
  const guarded = front("127.0.0.1:0");
  guarded.mount("POST", "/x", ok, { owner: "test", token: new Secret("t"), maxBodyBytes: 100 });
  const url = (await guarded.listen()) ?? "";
  t.after(() => guarded.close());
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  const sockets = new Set<unknown>();
  const post = (body: Buffer) =>
    new Promise<number | undefined>((resolve, reject) => {
      const sent = request(`${url}/x`, { method: "POST", agent }, (response) => {
        response.resume().once("end", () => resolve(response.statusCode));
      });
      sent.on("socket", (socket) => sockets.add(socket)).on("error", reject);
      sent.end(body);
    });
  assert.deepEqual(
    [await post(Buffer.alloc(5_000_000)), await post(Buffer.alloc(10)), await post(Buffer.alloc(3_000_000))],
    [401, 401, 401],
  );
  assert.equal(sockets.size, 1);
});
