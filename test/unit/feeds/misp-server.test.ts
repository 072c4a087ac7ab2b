import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { FeedPage } from "../../../src/contract/feed.ts";
import mispServer from "../../../src/feeds/misp-server.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { type Log, type LogFields, silentLog } from "../../../src/lib/log.ts";
import type { JsonValue } from "../../../src/model/json.ts";
import { FakeMisp, KEY, uuid } from "../../support/fake-misp.ts";
import { json, tlsFixture } from "../../support/http-server.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { tempDir } from "../../support/temp.ts";

const NEVER = new AbortController().signal;
const HOUR_AGO = Math.floor(Date.now() / 1000) - 3600;

async function open(t: TestContext, fake: FakeMisp, settings: object = {}, log: Log = silentLog) {
  const context = { name: "f", log, clock: new ManualClock(), cacheDir: tempDir(t) };
  const feed = await mispServer.create(
    mispServer.config.parse({ url: fake.url, key: KEY, page_size: 100, ...settings }),
    context,
  );
  t.after(() => feed.close?.());
  let cursor: JsonValue | undefined;
  return async () => {
    const pull = await feed.pull(cursor, NEVER);
    if (pull.mode === "unchanged") return { mode: pull.mode, values: [], withdrawn: [], indicators: [] };
    const pages: FeedPage[] = [];
    for await (const page of pull.pages) pages.push(page);
    cursor = JSON.parse(JSON.stringify(pull.cursor()));
    const indicators = pages.flatMap((page) => page.indicators);
    return {
      mode: pull.mode,
      values: indicators.map(({ value }) => value).sort(),
      withdrawn: pages.flatMap((page) => page.withdrawnEvents),
      indicators,
    };
  };
}

const domain = (n: number, at: number, more: object = {}) => ({
  uuid: uuid(n + 16, at),
  type: "domain",
  value: `n${n}-${at}.example.net`,
  ...more,
});
const add = (fake: FakeMisp, n: number, count: number, more: object = {}) =>
  fake.add({
    id: String(n),
    uuid: uuid(1, n),
    timestamp: HOUR_AGO,
    published: true,
    attributes: Array.from({ length: count }, (_, at) => domain(n, at)),
    ...more,
  });

test("a full pull: published events only, to_ids only, with the event's context and a link", async (t) => {
  const fake = await FakeMisp.start(t);
  add(fake, 1, 2, { tags: ["tlp:amber"], info: "campaign" });
  add(fake, 2, 1, { published: false });
  fake.events.get("1")?.attributes.push(domain(1, 7, { to_ids: false }), domain(1, 8, { deleted: true }), {
    ...domain(1, 9),
    tags: ["tlp:red"],
  });
  const pull = await open(t, fake);
  const { mode, values, indicators } = await pull();
  assert.equal(mode, "full");
  assert.deepEqual(values, ["n1-0.example.net", "n1-1.example.net", "n1-9.example.net"]);
  const { event, feed, tags } = indicators[2]?.report ?? assert.fail("three");
  assert.deepEqual(event, {
    id: "1",
    uuid: uuid(1, 1),
    info: "campaign",
    tags: ["tlp:amber"],
    date: "2026-11-15",
    orgc: "LAB-CERT",
    threatLevel: 1,
    timestamp: HOUR_AGO,
    published: true,
    link: `${fake.url}/events/view/1`,
  });
  assert.deepEqual([feed, tags], ["f", ["tlp:red"]]);
  const everything = await (await open(t, fake, { published_only: false, to_ids_only: false }))();
  assert.equal(everything.values.length, 5);
});

test("large events come page by page, small ones together", async (t) => {
  const fake = await FakeMisp.start(t);
  add(fake, 1, 350);
  for (let n = 2; n <= 20; n++) add(fake, n, 9);
  const { values } = await (await open(t, fake, { events_per_request: 50 }))();
  assert.equal(new Set(values).size, 350 + 19 * 9);
  assert.equal(values.length, 350 + 19 * 9);
  const searches = fake.requests.filter(({ path }) => path === "/attributes/restSearch");
  assert.ok(searches.length <= 8, `${searches.length} searches`);
  for (const { body } of searches) assert.ok((JSON.parse(body).eventid as string[]).length > 0);
});

test("only what changed is asked for again; deletes and unpublishing withdraw", async (t) => {
  const fake = await FakeMisp.start(t);
  for (let n = 1; n <= 5; n++) add(fake, n, 2);
  add(fake, 6, 1, { published: false });
  const pull = await open(t, fake);
  await pull();
  assert.equal((await pull()).mode, "unchanged");

  fake.requests.length = 0;
  const two = fake.events.get("2");
  if (two) [two.attributes, two.timestamp] = [[domain(2, 0)], HOUR_AGO + 1];
  fake.events.delete("3");
  const four = fake.events.get("4");
  if (four) four.published = false;
  const six = fake.events.get("6");
  if (six) six.published = true;
  const { mode, values, withdrawn } = await pull();
  assert.equal(mode, "delta");
  assert.deepEqual(values, ["n2-0.example.net", "n6-0.example.net"]);
  assert.deepEqual(
    [...withdrawn].sort(),
    [2, 3, 4, 6].map((n) => uuid(1, n)),
  );
  assert.equal(fake.requests.length, 3, "index, contexts, attributes");
});

test("an event changed this very second is read again next time", async (t) => {
  const fake = await FakeMisp.start(t);
  add(fake, 1, 1, { timestamp: Math.floor(Date.now() / 1000) });
  const pull = await open(t, fake);
  await pull();
  fake.events.get("1")?.attributes.push(domain(1, 5));
  assert.deepEqual((await pull()).values, ["n1-0.example.net", "n1-5.example.net"]);
});

test("an event that is unpublished between listing and reading keeps its last version", async (t) => {
  const fake = await FakeMisp.start(t);
  add(fake, 1, 1);
  const pull = await open(t, fake);
  await pull();
  const one = fake.events.get("1");
  if (one) one.timestamp = HOUR_AGO + 5;
  fake.interfere = ({ path }) => {
    if (path === "/events/restSearch" && one) one.published = false;
    return false;
  };
  const { values, withdrawn } = await pull();
  assert.deepEqual([values, withdrawn], [[], []]);
});

test("half an index is not taken for all of it", async (t) => {
  const fake = await FakeMisp.start(t);
  add(fake, 1, 1);
  fake.interfere = ({ path }, response) => {
    if (!path.startsWith("/events/index")) return false;
    json(response, 200, [], { "x-result-count": "436" });
    return true;
  };
  await assert.rejects(
    (await open(t, fake))(),
    (error) => error instanceof TiplineError && /expected 436 events/.test(error.message),
  );
});

test("a server that ignores the filter does no harm", async (t) => {
  const fake = await FakeMisp.start(t);
  for (let n = 1; n <= 3; n++) add(fake, n, 2);
  const pull = await open(t, fake, { events_per_request: 1 });
  fake.interfere = ({ path, body }, response) => {
    if (path !== "/attributes/restSearch" || body === "{}") return false;
    const rows = [...fake.events.values()].flatMap((event) =>
      event.attributes.map((one) => ({ ...one, to_ids: true, event_id: event.id, value: one.value })),
    );
    json(response, 200, { response: { Attribute: rows } });
    return true;
  };
  const { values } = await pull();
  assert.equal(values.length, 6);
});

test("the key comes from a file, TLS is verified, and not verifying is said aloud", async (t) => {
  const fake = await FakeMisp.start(t, { tls: true });
  add(fake, 1, 1);
  const key_file = join(tempDir(t), "key");
  writeFileSync(key_file, `${KEY}\n`, { mode: 0o600 });
  const said: (string | LogFields | undefined)[] = [];
  const log: Log = { ...silentLog, warn: (message, fields) => void said.push(message, fields) };
  assert.equal(
    (await (await open(t, fake, { key: undefined, key_file, ca_file: tlsFixture("ca.pem") }, log))()).values.length,
    1,
  );
  assert.deepEqual(said, []);
  await assert.rejects((await open(t, fake))(), /ca_file/);
  assert.equal((await (await open(t, fake, { verify: false }, log))()).values.length, 1);
  assert.match(String(said[0]), /not verified/);
  assert.ok(!JSON.stringify(said).includes(KEY));
});

test("configuration: a key is needed, one of the two ways", () => {
  const url = "https://misp.example";
  for (const wrong of [
    { url },
    { url, key: "a", key_file: "b" },
    { key: "a" },
    { url: "misp.example", key: "a" },
    { url, key: "a", pagesize: 5 },
  ])
    assert.equal(mispServer.config.safeParse(wrong).success, false, JSON.stringify(wrong));
});

test("a large pull, which is read in a thread of its own, says what a small one of the same says", async (t) => {
  const fake = await FakeMisp.start(t);
  for (let n = 1; n <= 2; n++) add(fake, n, 10_100, { tags: ["tlp:amber"] });
  const large = await (await open(t, fake, { page_size: 10_000 }))();
  assert.equal(large.values.length, 20_200);
  assert.equal(new Set(large.values).size, 20_200);
  const tags = large.indicators.map(({ report }) => report.event.tags.join());
  assert.deepEqual([...new Set(tags)], ["tlp:amber"]);
  const [one] = (await smallPull(t)).indicators;
  assert.deepEqual(
    large.indicators.find(({ value }) => value === one?.value),
    { ...one, report: { ...one?.report, event: large.indicators[0]?.report.event } },
  );
});

async function smallPull(t: TestContext) {
  const fake = await FakeMisp.start(t);
  add(fake, 1, 1, { tags: ["tlp:amber"] });
  return (await open(t, fake))();
}

test("an event that MISP cannot answer for is left out and told of; what was in force of it stays", async (t) => {
  const fake = await FakeMisp.start(t);
  for (let n = 1; n <= 4; n++) add(fake, n, 2);
  let broken = ["3"];
  fake.interfere = ({ path, body }, response) => {
    const { eventid = [] } = JSON.parse(body || "{}") as { eventid?: string[] };
    if (path !== "/attributes/restSearch" || !eventid.some((id) => broken.includes(id))) return false;
    json(response, 500, { name: "An Internal Error Has Occurred." });
    return true;
  };
  const told: (LogFields | undefined)[] = [];
  const log = { ...silentLog, warn: (_: string, fields?: LogFields) => void told.push(fields) };
  const pull = await open(t, fake, {}, log);
  const first = await pull();
  assert.deepEqual(
    [...new Set(first.indicators.map(({ report }) => report.event.uuid))].sort(),
    [1, 2, 4].map((n) => uuid(1, n)),
  );
  assert.deepEqual(
    told.map((fields) => fields?.["event"]),
    ["3"],
  );
  assert.equal((await pull()).mode, "unchanged", "it rests");
  broken = [];
  add(fake, 3, 3, { timestamp: HOUR_AGO + 60 });
  const second = await pull();
  assert.equal(second.values.length, 3, "it is read as soon as it changes");
  broken = ["1", "2", "3", "4"];
  for (let n = 1; n <= 4; n++) add(fake, n, 1, { timestamp: HOUR_AGO + 120 });
  await assert.rejects(pull(), /answered 500/, "a server that answers for nothing is not one with a broken event");
  broken = ["1"];
  assert.equal((await pull()).values.length, 3);
});
