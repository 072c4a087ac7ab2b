import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { createMisp, type Misp, type MispOptions } from "../../../src/clients/misp.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { RemoteError, type RemoteKind } from "../../../src/lib/remote-error.ts";
import { Secret } from "../../../src/lib/secret.ts";
import { serveProxy } from "../../support/connect-proxy.ts";
import { KEY } from "../../support/fake-misp.ts";
import { json, serve, type TestRequest, tlsFixture } from "../../support/http-server.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { tempDir } from "../../support/temp.ts";

const NEVER = new AbortController().signal;

function client(t: TestContext, url: string, more: Partial<MispOptions> = {}): Misp {
  const misp = createMisp({
    url,
    key: new Secret(KEY),
    clock: new ManualClock(),
    timeoutMs: 30_000,
    retries: 0,
    maxBytes: 1_000_000,
    ...more,
  });
  t.after(() => misp.close());
  return misp;
}

async function server(t: TestContext, options: Parameters<typeof serve>[2] = {}) {
  const seen: TestRequest[] = [];
  const url = await serve(
    t,
    (request, response) => {
      seen.push(request);
      json(response, 200, { version: "2.5.1" });
    },
    options,
  );
  return { url, seen };
}

const failsAs = (kind: RemoteKind, says: RegExp) => (error: unknown) => {
  assert.ok(error instanceof RemoteError, String(error));
  assert.equal(error.kind, kind, error.message);
  assert.match(error.message, says);
  assert.ok(!error.message.includes(KEY) && !error.message.includes("s3cret"));
  return true;
};

const version = (misp: Misp) => misp.get("/servers/getVersion", NEVER);

test("a server that wants a client certificate gets it, and says so when it does not", async (t) => {
  const { url, seen } = await server(t, { tls: true, clientCertificates: true });
  const caFile = tlsFixture("ca.pem");
  const own = { caFile, certFile: tlsFixture("client.pem"), certKeyFile: tlsFixture("client.key") };
  assert.deepEqual(await version(client(t, url, own)), { version: "2.5.1" });
  await assert.rejects(version(client(t, url, { caFile })), /client certificate.*cert_file/);
  assert.equal(seen.length, 1);
  const nginx = await serve(t, (_request, response) => {
    response.writeHead(400, { "content-type": "text/html" });
    response.end("<html><title>400 No required SSL certificate was sent</title></html>");
  });
  await assert.rejects(version(client(t, nginx)), failsAs("tls", /client certificate.*cert_file/));
});

test("PEM files are checked when the client is made", (t) => {
  const bad = join(tempDir(t), "bad.pem");
  writeFileSync(bad, "no certificate");
  const wrong: [Partial<MispOptions>, RegExp][] = [
    [{ caFile: bad }, /ca_file: expected a certificate in PEM.*bad\.pem/],
    [{ caFile: "/no/such.pem" }, /ca_file.*cannot be read/],
    [{ certFile: tlsFixture("client.pem") }, /expected both or neither/],
    [{ certFile: bad, certKeyFile: bad }, /cert_file, cert_key_file/],
    [{ certFile: tlsFixture("client.pem"), certKeyFile: tlsFixture("server.key") }, /cert_file, cert_key_file/],
    [{ proxy: "ftp://user:s3cret@proxy" }, /^proxy: expected an http or https URL/],
  ];
  for (const [options, says] of wrong)
    assert.throws(
      () => client(t, "https://127.0.0.1", options),
      (error) => error instanceof TiplineError && says.test(error.message) && !error.message.includes("s3cret"),
    );
});

test("another authority than the one given is not trusted", async (t) => {
  const { url, seen } = await server(t, { tls: true });
  await assert.rejects(version(client(t, url, { caFile: tlsFixture("client-ca.pem") })), failsAs("tls", /ca_file/));
  assert.equal(seen.length, 0);
});

test("goes through a proxy, which never sees the key", async (t) => {
  const proxy = await serveProxy(t);
  for (const tls of [false, true]) {
    const { url, seen } = await server(t, { tls, clientCertificates: tls });
    const own = tls
      ? { caFile: tlsFixture("ca.pem"), certFile: tlsFixture("client.pem"), certKeyFile: tlsFixture("client.key") }
      : {};
    assert.deepEqual(await version(client(t, url, { proxy: proxy.url, ...own })), { version: "2.5.1" });
    assert.equal(seen[0]?.headers.authorization, KEY);
    assert.equal(proxy.tunnels.at(-1)?.target, new URL(url).host);
    assert.ok(!JSON.stringify(proxy.tunnels).includes(KEY));
  }
  assert.equal(proxy.plain, 0);
});

test("TLS is verified through a proxy as well", async (t) => {
  const proxy = await serveProxy(t);
  const { url, seen } = await server(t, { tls: true });
  await assert.rejects(version(client(t, url, { proxy: proxy.url })), failsAs("tls", /ca_file/));
  assert.equal(seen.length, 0);
});

test("a proxy gets its user and password, and its refusals say what to do", async (t) => {
  const { url } = await server(t);
  const asks = await serveProxy(t, { credentials: "tip:s3cret!" });
  const withUser = asks.url.replace("//", "//tip:s3cret%21@");
  assert.deepEqual(await version(client(t, url, { proxy: withUser })), { version: "2.5.1" });
  await assert.rejects(
    version(client(t, url, { proxy: asks.url.replace("//", "//tip:s3cret-wrong@") })),
    failsAs("unreachable", /through the proxy http:\/\/127\.0\.0\.1:\d+\).*407.*user name and password/),
  );
  const refuses = await serveProxy(t, { refuses: 403 });
  await assert.rejects(version(client(t, url, { proxy: refuses.url })), failsAs("unreachable", /403.*does not allow/));
  await assert.rejects(
    version(client(t, "http://127.0.0.1:9", { proxy: asks.url.replace("//", "//tip:s3cret%21@") })),
    failsAs("unreachable", /502: it cannot reach the server/),
  );
  await assert.rejects(
    version(client(t, url, { proxy: "http://u:s3cret@127.0.0.1:9" })),
    failsAs("unreachable", /nothing listens there.*check the proxy as well/),
  );
});

test("a redirect is not followed: the key stays where it was sent", async (t) => {
  const elsewhere = await server(t);
  for (const status of [301, 302, 307, 308]) {
    const url = await serve(t, (_request, response) => {
      response.writeHead(status, { location: `${elsewhere.url}/servers/getVersion` }).end();
    });
    await assert.rejects(version(client(t, url)), failsAs("unexpected", /redirects/));
    await assert.rejects(client(t, url).post("/x", {}, { retry: true }, NEVER), failsAs("unexpected", /redirects/));
  }
  assert.equal(elsewhere.seen.length, 0);
});

test("an answer that drips in for ever ends as a time-out", async (t) => {
  const timers: NodeJS.Timeout[] = [];
  t.after(() => timers.forEach(clearInterval));
  const url = await serve(t, (_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    timers.push(setInterval(() => response.write(" "), 20));
  });
  await assert.rejects(version(client(t, url, { maxAnswerMs: 200 })), failsAs("timeout", /in time/));
});
