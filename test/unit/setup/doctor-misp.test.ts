import assert from "node:assert/strict";
import { chmodSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { connectMisp, type MispConnection, mispConnection } from "../../../src/clients/misp-connection.ts";
import { feedFilter } from "../../../src/contract/feed-filter.ts";
import { silentLog } from "../../../src/lib/log.ts";
import type { Check } from "../../../src/setup/checks.ts";
import { type DoctorMisp, doctorMisp } from "../../../src/setup/doctor-misp.ts";
import { json, serve, tlsFixture } from "../../support/http-server.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import {
  ADMIN_KEY,
  EXPIRED_KEY,
  EXPIRING_KEY,
  IP_LIMITED_KEY,
  LIMITED_KEY,
  ORGUSER_KEY,
  READONLY_KEY,
} from "../../support/misp-sim/defaults.ts";
import { type ServeOptions, serveMispSim } from "../../support/misp-sim/http.ts";
import { createMispSim } from "../../support/misp-sim/sim.ts";
import { tempDir } from "../../support/temp.ts";

const NEVER = new AbortController().signal;
const NOW = Date.UTC(2026, 10, 21, 21, 30);

async function server(t: TestContext, options: ServeOptions = {}) {
  const sim = createMispSim();
  const event = sim.edit.addEvent({ info: "published", tags: ["tlp:red"] });
  for (let n = 0; n < 8; n++) sim.edit.addAttribute(event, { type: "ip-dst", value: `45.5.200.${n}`, toIds: n < 6 });
  sim.edit.addAttribute(event, { type: "comment", value: "text", toIds: true });
  sim.edit.publish(event);
  const draft = sim.edit.addEvent({ info: "draft" });
  sim.edit.addAttribute(draft, { type: "domain", value: "draft.example", toIds: true });
  return { sim, url: await serveMispSim(t, sim, options) };
}

interface Examined extends Partial<Omit<DoctorMisp, "connection">> {
  readonly key?: string;
  readonly settings?: object;
}

async function examine(t: TestContext, url: string, { key = READONLY_KEY, settings = {}, ...more }: Examined = {}) {
  const clock = new ManualClock(NOW);
  const connection: MispConnection = mispConnection.parse({
    url,
    timeout_seconds: 5,
    ...("key_file" in settings ? {} : { key }),
    ...settings,
  });
  const misp = connectMisp(connection, clock, silentLog, { retries: 0, maxWaitMs: 1000 });
  t.after(() => misp.close());
  const checks: Check[] = [];
  const subject: DoctorMisp = {
    connection,
    misp,
    toIdsOnly: true,
    publishedOnly: true,
    pageSize: 10_000,
    sightings: false,
    now: () => clock.now(),
    ...more,
  };
  for await (const check of doctorMisp(subject, NEVER)) checks.push(check);
  for (const { found, advice } of checks) assert.ok(!`${found} ${advice}`.includes(key), "the key is in no text");
  return {
    all: checks,
    one(name: string): Check {
      return (
        checks.find((check) => check.name === name) ?? assert.fail(`no check ${name}: ${checks.map((c) => c.name)}`)
      );
    },
  };
}

function is(check: Check, status: Check["status"], found: RegExp, advice: RegExp = /^$/): void {
  assert.equal(check.status, status, JSON.stringify(check));
  assert.match(check.found, found);
  assert.match(check.advice, advice);
}

test("a server as it should be: everything is looked at, from the wire up", async (t) => {
  const { sim, url } = await server(t, { tls: true });
  const { all, one } = await examine(t, url, { settings: { ca_file: tlsFixture("ca.pem") } });
  assert.deepEqual(
    all.map(({ name }) => name),
    [
      "connection",
      "certificate",
      "API and key",
      "version",
      "key expiry",
      "clock",
      "user",
      "rights",
      "rate limit",
      "warninglists",
      "content",
      "filters",
      "taken",
      "page size",
    ],
  );
  is(one("connection"), "ok", /127\.0\.0\.1, connected in \d+ ms/);
  is(one("certificate"), "ok", /localhost, issued by Tipline test authority, TLSv1\.3, valid for \d+ more days/);
  is(one("version"), "ok", /^MISP 2\.5\.1$/);
  is(one("user"), "ok", /^readonly@lab\.test of LAB-CERT, role Read Only$/);
  is(one("rights"), "ok", /all that is needed/);
  is(one("content"), "ok", /^2 events readable \(1 published\), 10 attributes on the server$/);
  is(one("filters"), "ok", /^10, to_ids leaves 8 \(removes 2, 20%\), published leaves 7 \(removes 1, 13%\)$/);
  is(one("taken"), "ok", /^6 of 7 attributes looked at \(left out: type comment: .*: 1, 14%\)$/);
  is(one("warninglists"), "warn", /none enabled/, /enable/);
  for (const { path, body } of sim.requests.filter((request) => request.path.includes("restSearch"))) {
    const filter = JSON.parse(body.toString()) as Record<string, unknown>;
    assert.ok(Number(filter["limit"]) > 0, path);
    assert.ok(filter["returnFormat"] === "count" || Array.isArray(filter["eventid"]), body.toString());
  }
});

test("what each filter leaves out is counted with the others in force", async (t) => {
  const { url } = await server(t);
  const all = await examine(t, url, { toIdsOnly: false, publishedOnly: false });
  is(all.one("filters"), "ok", /^10$/);
  const published = await examine(t, url, { toIdsOnly: false });
  is(published.one("filters"), "ok", /^10, published leaves 9 \(removes 1, 10%\)$/);
  const filters = feedFilter.parse({ max_tlp: "amber" });
  is((await examine(t, url, { filters })).one("taken"), "warn", /^0 of 7.*TLP is above amber: 7, 100%/, /loosen/);
});

test("keys: refused, expired, for another address, expiring, with too many rights, with too few", async (t) => {
  const { url } = await server(t);
  const wrong: [string, RegExp][] = [
    ["x".repeat(40), /refuses the key \(403\).*40 characters/],
    [EXPIRED_KEY, /refuses the key/],
    [IP_LIMITED_KEY, /from this address: allow this host's address/],
  ];
  for (const [key, found] of wrong) {
    const { all, one } = await examine(t, url, { key });
    is(one("API and key"), "fail", found);
    assert.equal(all.at(-1)?.name, "API and key", "what depends on it is left out");
  }
  is((await examine(t, url, { key: EXPIRING_KEY })).one("key expiry"), "ok", /2026-12-31, in 39 days/);
  const later = { key: EXPIRING_KEY, now: () => Date.UTC(2026, 11, 25) };
  is((await examine(t, url, later)).one("key expiry"), "warn", /in 6 days/, /new key/);
  is((await examine(t, url, { key: ADMIN_KEY })).one("rights"), "warn", /site admin/, /Read Only is enough/);
  is((await examine(t, url, { key: ORGUSER_KEY, sightings: true })).one("rights"), "ok", /read and write sightings/);
  is((await examine(t, url, { sightings: true })).one("rights"), "fail", /may not write sightings/, /perm_sighting/);
});

test("a rate limit is said, and what it cuts off is no failure", async (t) => {
  const { url } = await server(t);
  const { one, all } = await examine(t, url, { key: LIMITED_KEY });
  is(one("rate limit"), "warn", /^3 searches in 15 minutes$/, /rate_limit_count/);
  assert.ok(
    all.some(({ name, status, found }) => name === "filters" && status === "warn" && /used up until/.test(found)),
  );
});

test("trust: wrong authority, unverified, plain http, key file", async (t) => {
  const { url } = await server(t, { tls: true });
  const wrong = await examine(t, url, { settings: { ca_file: tlsFixture("client-ca.pem") } });
  is(wrong.all.at(-1) as Check, "fail", /no trusted connection.*ca_file/);
  is((await examine(t, url, { settings: { verify: false } })).one("certificate"), "warn", /not verified/, /ca_file/);
  const plain = await server(t);
  is((await examine(t, plain.url)).one("certificate"), "warn", /plain http/, /https/);
  const file = join(tempDir(t), "misp.key");
  writeFileSync(file, READONLY_KEY);
  chmodSync(file, 0o644);
  is(
    (await examine(t, plain.url, { settings: { key_file: file } })).one("key file"),
    "warn",
    /other users/,
    /chmod 600/,
  );
  chmodSync(file, 0o600);
  is((await examine(t, plain.url, { settings: { key_file: file } })).one("key file"), "ok", /owner alone/);
});

test("not there, not MISP, too old, another time", async (t) => {
  const gone = await examine(t, "http://127.0.0.1:9");
  is(gone.all.at(-1) as Check, "fail", /nothing listens there/);
  is((await examine(t, "http://no-such-host.invalid")).all.at(-1) as Check, "fail", /name/);
  const html = await serve(t, (_request, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<!DOCTYPE html><html>");
  });
  is((await examine(t, html)).all.at(-1) as Check, "fail", /web page, not MISP's API/);
  const versions: [string, Check["status"]][] = [
    ["2.4.190", "warn"],
    ["2.5.30", "ok"],
    ["2.6.0", "warn"],
    ["3.0.0", "warn"],
    ["2.3.1", "fail"],
    ["?", "fail"],
  ];
  for (const [version, status] of versions) {
    const interfere = (request: { path: string }, response: ServerResponse) => {
      if (request.path !== "/servers/getVersion") return false;
      json(response, 200, { version }, { date: new Date(NOW - 120_000).toUTCString() });
      return true;
    };
    const { url } = await server(t, { interfere });
    const { one } = await examine(t, url);
    assert.equal(one("version").status, status, version);
    is(one("clock"), "warn", /120 s behind|1[12]\d s behind/, /NTP/);
  }
});

test("a large server is counted in a sample of its events", async (t) => {
  const { sim, url } = await server(t, {
    interfere(request, response) {
      if (!request.path.startsWith("/attributes/attributeStatistics")) return false;
      json(response, 200, { "ip-dst": "12000000" });
      return true;
    },
  });
  const { one } = await examine(t, url);
  is(one("filters"), "ok", /^10 of 2 events picked by chance/);
  for (const { body } of sim.requests.filter(({ path }) => path.includes("restSearch")))
    assert.ok(Array.isArray((JSON.parse(body.toString()) as { eventid: unknown }).eventid));
});

test("ZeroMQ that cannot be reached is a warning with what to do", async (t) => {
  const { url } = await server(t);
  is((await examine(t, url, { zmq: "tcp://127.0.0.1:9" })).one("ZeroMQ"), "warn", /^tcp:\/\/127/, /ZeroMQ_enable/);
  is((await examine(t, url, { zmq: url.replace("http", "tcp") })).one("ZeroMQ"), "ok", /connected/);
});

test("a server that fails at one thing is asked the others", async (t) => {
  const { url } = await server(t, {
    interfere(request, response) {
      if (!/warninglists|attributeStatistics|users\/view/.test(request.path)) return false;
      json(response, 404, { message: "gone" });
      return true;
    },
  });
  const { one } = await examine(t, url);
  is(one("user"), "warn", /not there/, /cannot be seen/);
  is(one("warninglists"), "warn", /not there/, /ships with/);
  is(one("content"), "ok", /2 events readable \(1 published\)$/);
  is(one("page size"), "ok", /10,000/);
});
