import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type Resolve, reachOf } from "../../../src/clients/webhook-address.ts";
import { createWebhookClient, type WebhookOptions } from "../../../src/clients/webhook-http.ts";
import { systemClock } from "../../../src/lib/clock.ts";
import { Secret } from "../../../src/lib/secret.ts";
import { serveProxy } from "../../support/connect-proxy.ts";
import { fastClock } from "../../support/fake-clocks.ts";
import { tlsFixture } from "../../support/http-server.ts";
import { badly, WebhookReceiver } from "../../support/webhook-receiver.ts";

const NEVER = new AbortController().signal;

function clientFor(t: TestContext, url: string, more: Partial<WebhookOptions> = {}) {
  const client = createWebhookClient({
    url: new Secret(url),
    allowPrivate: true,
    timeoutMs: 20_000,
    clock: systemClock,
    ...more,
  });
  t.after(() => client.close());
  return client;
}

test("addresses by where they lead, in every spelling", () => {
  const cases: Record<string, readonly string[]> = {
    public: ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"],
    private: [
      ...["127.0.0.1", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1", "::1", "fd12::1"],
      ...["::ffff:127.0.0.1", "::ffff:7f00:1", "::127.0.0.1", "64:ff9b::10.0.0.1", "[::ffff:c0a8:101]"],
    ],
    never: [
      ...["169.254.169.254", "0.0.0.0", "255.255.255.255", "224.0.0.1", "::", "fe80::1", "fe80::1%eth0", "ff02::1"],
      ...["::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "2002:7f00:1::", "2001:0:1::1"],
      ...["100.100.100.200", "168.63.129.16", "fd00:ec2::254", "192.0.0.192", "203.0.113.1", "not an address"],
    ],
  };
  for (const [reach, addresses] of Object.entries(cases))
    for (const address of addresses) assert.equal(reachOf(address), reach, address);
});

test("an address in the URL is checked when the sink is made, in every spelling", () => {
  const make = (url: string, allowPrivate = false) =>
    createWebhookClient({ url: new Secret(url), allowPrivate, timeoutMs: 1, clock: systemClock });
  for (const host of ["127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "[::1]", "[::ffff:10.0.0.1]", "192.168.0.9"])
    assert.throws(() => make(`https://${host}/SECRET`), /allow_private: true(?!.*SECRET)/s, host);
  for (const host of ["169.254.169.254", "[::ffff:a9fe:a9fe]", "[fe80::1]", "0.0.0.0"])
    assert.throws(() => make(`https://${host}/`, true), /link-local, metadata/, host);
  assert.throws(() => make("http://hooks.example.org/"), /expected https/);
});

test("a name that leads into a private network is refused, and resolved once: the connection goes to what was checked", async (t) => {
  const receiver = await WebhookReceiver.start(t);
  const { port } = new URL(receiver.url);
  const inside: Resolve = (_name, _options, callback) =>
    callback(
      null,
      ["127.0.0.1", "::ffff:7f00:1", "10.0.0.1"].map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
    );
  const refused = clientFor(t, "https://hooks.example.org/x", { allowPrivate: false, resolve: inside });
  await assert.rejects(
    refused.post("{}", {}, NEVER),
    /refused to connect to hooks\.example\.org, which is .*allow_private/,
  );
  const metadata: Resolve = (_name, _options, callback) => callback(null, [{ address: "169.254.169.254", family: 4 }]);
  await assert.rejects(
    clientFor(t, "http://hooks.example.org/x", { resolve: metadata }).post("{}", {}, NEVER),
    /metadata/,
  );
  // A name that leads to the receiver once and into the metadata service ever after.
  let asked = 0;
  const rebinding: Resolve = (_name, _options, callback) =>
    callback(null, [{ address: asked++ === 0 ? "127.0.0.1" : "169.254.169.254", family: 4 }]);
  const own = clientFor(t, `http://hooks.example.org:${port}/x`, { resolve: rebinding });
  assert.equal((await own.post("{}", {}, NEVER)).status, 204);
  assert.equal(asked, 1);
});

test("a redirect is an answer and is not followed; Retry-After is read; an endless answer is cut", async (t) => {
  const receiver = await WebhookReceiver.start(t);
  const elsewhere = await WebhookReceiver.start(t);
  const client = clientFor(t, receiver.url);
  for (const status of [301, 302, 303, 307, 308]) {
    receiver.behave = badly.status(status, { location: elsewhere.url });
    assert.equal((await client.post("{}", {}, NEVER)).status, status);
  }
  assert.equal(elsewhere.requests.length, 0);
  receiver.behave = badly.status(429, { "retry-after": "17" }, "<b>slow</b>\u001b[31m down");
  assert.deepEqual(await client.post("{}", {}, NEVER), { status: 429, retryAfterMs: 17_000, said: "slow [31m down" });
  receiver.behave = badly.endless;
  const { status, said } = await client.post("{}", {}, NEVER);
  assert.equal(status, 200);
  assert.ok(said.length <= 160);
});

test("an error page that repeats the address or a token does not bring it into a message, whole or cut", async (t) => {
  const receiver = await WebhookReceiver.start(t);
  const hidden = [new Secret("tok-98765")];
  const address = `${receiver.url}/a%20b-SECRETTOO?code=123&sig=SECRETSIG%2F99`;
  const { pathname, search } = new URL(address);
  const echoes = [pathname, pathname + search, decodeURIComponent(pathname), "SECRETSIG/99", "tok-98765"];
  for (const echo of echoes) {
    receiver.behave = badly.status(404, {}, `<pre>Cannot POST ${echo}</pre> ${"x".repeat(120)} ${echo}`);
    const { said } = await clientFor(t, address, { hidden }).post("{}", {}, NEVER);
    assert.match(said, /Cannot POST .*…/);
    assert.doesNotMatch(said, /SECR|tok-/, echo);
  }
});

test("a receiver that is silent, breaks off or cannot be reached is an error without the address in it", async (t) => {
  const receiver = await WebhookReceiver.start(t);
  const silent = clientFor(t, receiver.url, { clock: fastClock(200) });
  receiver.behave = badly.silent;
  await assert.rejects(silent.post("{}", {}, NEVER), hidden(/did not answer in time/));
  receiver.behave = badly.reset;
  await assert.rejects(silent.post("{}", {}, NEVER), hidden(/closed the connection/));
  await assert.rejects(clientFor(t, "http://127.0.0.1:1/SECRETPATH").post("{}", {}, NEVER), hidden(/nothing listens/));
  const stop = new AbortController();
  receiver.behave = () => stop.abort();
  await assert.rejects(clientFor(t, receiver.url).post("{}", {}, stop.signal), hidden(/./));
});

const hidden = (words: RegExp) => (error: Error) => words.test(error.message) && !error.message.includes("SECRETPATH");

test("a certificate is verified, also with an authority of one's own", async (t) => {
  const receiver = await WebhookReceiver.start(t, { tls: true });
  const url = receiver.url.replace("127.0.0.1", "localhost");
  await assert.rejects(clientFor(t, url).post("{}", {}, NEVER), /ca_file/);
  await assert.rejects(clientFor(t, url, { caFile: tlsFixture("client-ca.pem") }).post("{}", {}, NEVER), /ca_file/);
  assert.equal((await clientFor(t, url, { caFile: tlsFixture("ca.pem") }).post("{}", {}, NEVER)).status, 204);
  const other: Resolve = (_name, _options, callback) => callback(null, [{ address: "127.0.0.1", family: 4 }]);
  const named = url.replace("localhost", "hooks.example.org");
  await assert.rejects(
    clientFor(t, named, { caFile: tlsFixture("ca.pem"), resolve: other }).post("{}", {}, NEVER),
    /for another name/,
  );
});

test("a proxy is used, and its password is in no error", async (t) => {
  const receiver = await WebhookReceiver.start(t);
  const proxy = await serveProxy(t, { credentials: "u:pw12345" });
  const through = new Secret(proxy.url.replace("//", "//u:pw12345@"));
  assert.equal((await clientFor(t, receiver.url, { proxy: through }).post("{}", {}, NEVER)).status, 204);
  assert.equal(proxy.tunnels.length, 1);
  const refusing = await serveProxy(t, { refuses: 403 });
  const error = await clientFor(t, receiver.url, { proxy: new Secret(refusing.url.replace("//", "//u:pw12345@")) })
    .post("{}", {}, NEVER)
    .then(() => undefined, String);
  assert.match(error ?? "", /proxy answered 403/);
  assert.doesNotMatch(error ?? "", /pw12345|SECRETPATH/);
});
