import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { FeedProgress } from "../../src/contract/feed.ts";
import mispServer from "../../src/feeds/misp-server.ts";
import { canonicalHost } from "../../src/intel/canonical-host.ts";
import { silentLog } from "../../src/lib/log.ts";
import { allWell, type NamedFeed, type SyncOptions, syncOnce } from "../../src/pipeline/sync.ts";
import { openGenerations } from "../../src/store/generations.ts";
import type { GenerationStore } from "../../src/store/generations-types.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { ADMIN_KEY } from "../support/misp-sim/defaults.ts";
import { type ServeOptions, serveMispSim } from "../support/misp-sim/http.ts";
import { createMispSim, type MispSim } from "../support/misp-sim/sim.ts";
import type { SimEvent } from "../support/misp-sim/state.ts";
import { rowsOf } from "../support/misp-sync-rig.ts";
import { tempDir } from "../support/temp.ts";

const NEVER = new AbortController().signal;
const HOUR = 3_600_000;

interface Server {
  readonly sim: MispSim;
  readonly url: string;
  interfere: NonNullable<ServeOptions["interfere"]>;
}

/** A server whose clock is ours, some time after its events were made. */
async function aServer(t: TestContext, clock: ManualClock, events: number, attributes = 3): Promise<Server> {
  const sim = createMispSim({ clock: () => clock.now() });
  const server: { -readonly [K in keyof Server]: Server[K] } = { sim, url: "", interfere: () => false };
  server.url = await serveMispSim(t, sim, { interfere: (request, response) => server.interfere(request, response) });
  for (let n = 0; n < events; n++) {
    publishEvent(sim, n, attributes);
    clock.advance(1000);
  }
  clock.advance(HOUR);
  return server;
}

function publishEvent(sim: MispSim, n: number, attributes: number): SimEvent {
  const event = sim.edit.addEvent({ info: `campaign ${n}` });
  for (let at = 0; at < attributes; at++)
    sim.edit.addAttribute(event, { type: "domain", value: `n${at}.campaign${n}.example.net` });
  return sim.edit.publish(event);
}

/** `part_size` may be smaller than a person may ask for. */
async function aFeed(
  t: TestContext,
  clock: ManualClock,
  { url }: Server,
  {
    name = "misp",
    part_size = 250_000,
    ...settings
  }: { name?: string; part_size?: number } & Record<string, unknown> = {},
): Promise<NamedFeed> {
  const context = { name, log: silentLog, clock, cacheDir: tempDir(t) };
  const config = mispServer.config.parse({ url, key: ADMIN_KEY, page_size: 100, events_per_request: 2, ...settings });
  const feed = await mispServer.create({ ...config, part_size }, context);
  t.after(() => feed.close?.());
  return { name, feed };
}

function aStore(t: TestContext, clock: ManualClock): GenerationStore {
  const store = openGenerations({ dir: tempDir(t), log: silentLog, now: () => clock.now() });
  t.after(() => store.close());
  return store;
}

async function aScene(t: TestContext, events: number, attributes?: number) {
  const clock = new ManualClock();
  const server = await aServer(t, clock, events, attributes);
  const store = aStore(t, clock);
  const sync = async (feed: NamedFeed, options: Partial<SyncOptions> = {}, progress?: (p: FeedProgress) => void) => {
    const settings = { clock, log: silentLog, ...options };
    const { feeds } = await syncOnce([feed], store, settings, NEVER, (_name, state) => progress?.(state));
    const outcome = feeds.find((one) => one.feed === feed.name);
    return outcome ?? assert.fail("no outcome");
  };
  return { clock, server, store, sync };
}

const paths = ({ sim }: Server) => sim.requests.map(({ path }) => path.split("/").slice(0, 3).join("/"));

test("a first sync in parts: newest first, one outcome, progress over all of it", async (t) => {
  const { clock, server, store, sync } = await aScene(t, 10, 5);
  const feed = await aFeed(t, clock, server, { part_size: 10 });
  const seen: FeedProgress[] = [];
  const outcome = await sync(feed, {}, (state) => seen.push(state));
  assert.deepEqual(
    [outcome.status, outcome.reportsBefore, outcome.reportsAfter, outcome.added],
    ["applied", 0, 50, 50],
  );
  const listings = paths(server).filter((path) => path === "/events/index").length;
  // 10, 10, then half of what is done: 10, 15 (rounded up to whole batches), the rest.
  assert.ok(listings >= 3 && listings <= 5, `${listings} parts`);
  const asked = server.sim.requests.filter(({ path }) => path === "/attributes/restSearch");
  assert.equal(new Set(asked.flatMap(({ body }) => JSON.parse(body.toString()).eventid as string[])).size, 10);
  assert.deepEqual(JSON.parse(asked[0]?.body.toString() ?? "{}").eventid.sort(), ["10", "9"]);
  const last = seen.at(-1);
  assert.deepEqual([last?.eventsDone, last?.eventsTotal, last?.attributes], [10, 10, 50]);
  assert.ok((last?.bytes ?? 0) > 50 * 300, `${last?.bytes} bytes`);
  for (const key of ["eventsDone", "attributes", "bytes"] as const)
    assert.deepEqual(
      seen.map((state) => state[key]),
      seen.map((state) => state[key]).sort((a, b) => a - b),
    );
  assert.deepEqual(store.partialFeeds(), []);
  assert.equal((await sync(feed)).status, "unchanged");
});

test("a first sync that fails on the way keeps its parts, goes on with them, and events that went away do not stop it", async (t) => {
  const { clock, server, store, sync } = await aScene(t, 10, 5);
  const settings = { part_size: 10, concurrency: 1 };
  let left = 3;
  server.interfere = ({ path }, response) => {
    if (path !== "/attributes/restSearch" || left-- > 0) return false;
    response.writeHead(404, { "content-type": "application/json" }).end("{}");
    return true;
  };
  const failed = await sync(await aFeed(t, clock, server, settings));
  assert.equal(failed.status, "failed");
  assert.deepEqual(store.partialFeeds(), ["misp"]);
  const kept = rowsOf(store);
  assert.equal(kept.size, 6);

  const events = [...server.sim.state.events.values()];
  const gone = events[0] ?? assert.fail();
  server.interfere = ({ path }) => {
    if (path === "/events/restSearch" && server.sim.state.events.has(gone.id)) server.sim.edit.deleteEvent(gone);
    return false;
  };
  server.sim.requests.length = 0;
  const outcome = await sync(await aFeed(t, clock, server, settings));
  assert.deepEqual([outcome.status, rowsOf(store).size], ["applied", 9]);
  assert.deepEqual(store.partialFeeds(), []);
  const asked = server.sim.requests
    .filter(({ path }) => path === "/attributes/restSearch")
    .flatMap(({ body }) => JSON.parse(body.toString()).eventid as string[]);
  assert.equal(asked.filter((id) => kept.has(server.sim.state.event(id)?.uuid ?? "")).length, 0);
});

test("what a renamed feed held stays until the last part of the new one is there", async (t) => {
  const { clock, server, store, sync } = await aScene(t, 8, 5);
  await sync(await aFeed(t, clock, server, { name: "old" }));
  let left = 3;
  server.interfere = ({ path }, response) => {
    if (path !== "/attributes/restSearch" || left-- > 0) return false;
    response.writeHead(404, { "content-type": "application/json" }).end("{}");
    return true;
  };
  const renamed = await aFeed(t, clock, server, { name: "new", part_size: 10, concurrency: 1 });
  assert.equal((await sync(renamed)).status, "failed");
  assert.equal(store.current()?.stats.byFeed["old"], 40);
  server.interfere = ({ path }, response) => {
    if (path !== "/events/index/minimal:1") return false;
    response.writeHead(404, { "content-type": "application/json" }).end("{}");
    return true;
  };
  assert.equal((await sync(renamed)).status, "failed");
  assert.equal(store.current()?.stats.byFeed["old"], 40);
  server.interfere = () => false;
  assert.equal((await sync(renamed)).status, "applied");
  assert.deepEqual({ ...store.current()?.stats.byFeed }, { new: 40 });
});

test("everything is read again once a day; what moved no timestamp is seen then, and what is in its grace time stays", async (t) => {
  const { clock, server, store, sync } = await aScene(t, 4);
  const feed = await aFeed(t, clock, server, { grace: "48h" });
  await sync(feed);
  const [first, second] = [...server.sim.state.events.values()] as [SimEvent, SimEvent];
  server.sim.edit.tagEvent(first, "tlp:green", { local: true });
  server.sim.edit.editEvent(second, { info: "being edited" });
  clock.advance(2 * HOUR);
  await sync(feed);
  const tagged = () => JSON.stringify(rowsOf(store).get(first.uuid)).includes("tlp:green");
  assert.equal(tagged(), false);
  clock.advance(23 * HOUR);
  const outcome = await sync(feed);
  assert.deepEqual([outcome.status, outcome.added, outcome.reportsAfter], ["applied", 9, 12]);
  assert.equal(tagged(), true);
  assert.match(JSON.stringify(rowsOf(store).get(second.uuid)), /campaign 1/);
  clock.advance(HOUR);
  assert.equal((await sync(feed)).status, "unchanged");
});

test("a reconciliation that fails is not tried again at once, and changes do not wait for it", async (t) => {
  const { clock, server, store, sync } = await aScene(t, 4);
  const feed = await aFeed(t, clock, server);
  await sync(feed);
  clock.advance(25 * HOUR);
  const [first, second] = [...server.sim.state.events.values()] as [SimEvent, SimEvent];
  server.interfere = ({ path, body }, response) => {
    const ids = path === "/attributes/restSearch" ? (JSON.parse(body.toString()).eventid as string[]) : [];
    if (!ids.includes(String(second.id))) return false;
    response.writeHead(404, { "content-type": "application/json" }).end("{}");
    return true;
  };
  assert.equal((await sync(feed)).status, "failed");
  server.sim.edit.publish(server.sim.edit.editEvent(first, { info: "edited" }));
  clock.advance(60_000);
  assert.equal((await sync(feed)).status, "applied");
  assert.match(JSON.stringify(rowsOf(store).get(first.uuid)), /edited/);
  server.interfere = () => false;
  clock.advance(2 * HOUR);
  assert.equal((await sync(feed)).added, 12);
});

test("an event that was read while its MISP was still writing it is read again when it has more attributes", async (t) => {
  const { clock, server, store, sync } = await aScene(t, 2);
  const feed = await aFeed(t, clock, server);
  await sync(feed);
  const event = publishEvent(server.sim, 7, 2);
  event.timestamp -= 86_400;
  assert.equal((await sync(feed)).added, 2);
  const [copied] = event.attributes;
  for (const n of [1, 2, 3])
    server.sim.state.putAttribute({
      ...(copied ?? assert.fail()),
      id: 900 + n,
      uuid: `00000000-0000-4000-8000-00000000090${n}`,
      value1: `late${n}.example.net`,
    });
  clock.advance(60_000);
  assert.equal((await sync(feed)).added, 5);
  clock.advance(60_000);
  assert.equal((await sync(feed)).status, "unchanged");
  clock.advance(HOUR);
  server.sim.requests.length = 0;
  assert.equal((await sync(feed)).status, "unchanged");
  assert.deepEqual(paths(server), ["/events/index"]);
  assert.equal(rowsOf(store).get(event.uuid)?.length, 5);
});

test("quarantined indicators of an event that is read anew are counted once", async (t) => {
  const { clock, server, store, sync } = await aScene(t, 2);
  const event = publishEvent(server.sim, 7, 2);
  server.sim.edit.addAttribute(event, { type: "ip-dst", value: "127.0.0.1" });
  server.sim.edit.publish(event);
  const feed = await aFeed(t, clock, server);
  await sync(feed);
  for (let n = 0; n < 3; n++) {
    clock.advance(60_000);
    server.sim.edit.publish(server.sim.edit.editEvent(event, { info: `edit ${n}` }));
    assert.equal((await sync(feed)).status, "applied");
    assert.equal(store.current()?.stats.quarantined, 1);
  }
});

test("a feed that shrinks is held and says so at every sync, also by a delta, until a person confirms", async (t) => {
  const { clock, server, store, sync } = await aScene(t, 10, 20);
  const feed = await aFeed(t, clock, server);
  await sync(feed);
  const events = [...server.sim.state.events.values()];
  for (const event of events.slice(0, 4)) server.sim.edit.deleteEvent(event);
  for (let again = 0; again < 3; again++) {
    const outcome = await sync(feed);
    assert.deepEqual([outcome.status, outcome.reportsBefore, outcome.reportsAfter], ["held", 200, 200]);
    assert.equal(rowsOf(store).size, 10);
    clock.advance(60_000);
  }
  // What a hint names comes through meanwhile.
  server.sim.edit.publish(server.sim.edit.editEvent(events[9] as SimEvent, { info: "edited" }));
  const hinted = await sync(feed, { only: [(events[9] as SimEvent).uuid] });
  assert.equal(hinted.status, "applied");
  assert.match(JSON.stringify(rowsOf(store).get((events[9] as SimEvent).uuid)), /edited/);
  assert.equal((await sync(feed)).status, "held");
  const confirmed = await sync(feed, { confirmShrink: ["misp"] });
  assert.deepEqual([confirmed.status, confirmed.reportsAfter], ["applied", 120]);
});

test("other settings: what is live stays until all has been read anew", async (t) => {
  const { clock, server, store, sync } = await aScene(t, 6, 5);
  await sync(await aFeed(t, clock, server));
  const before = rowsOf(store);
  const changed = await aFeed(t, clock, server, { to_ids_only: false, part_size: 10 });
  server.interfere = ({ path, body }, response) => {
    const ids = path === "/attributes/restSearch" ? (JSON.parse(body.toString()).eventid as string[]) : [];
    if (!ids.includes("6")) return false;
    response.writeHead(404, { "content-type": "application/json" }).end("{}");
    return true;
  };
  assert.equal((await sync(changed)).status, "failed");
  assert.deepEqual(rowsOf(store), before);
  server.interfere = () => false;
  const outcome = await sync(changed);
  assert.deepEqual([outcome.status, outcome.added, outcome.reportsAfter], ["applied", 30, 30]);
  assert.deepEqual(store.partialFeeds(), []);
});

test("hints cost MISP no more than one look, whatever they say", async (t) => {
  const { clock, server, store, sync } = await aScene(t, 3);
  const feed = await aFeed(t, clock, server);
  assert.equal((await sync(feed, { only: ["1"] })).status, "unchanged");
  assert.equal(server.sim.requests.length, 0, "without a first pull there is nothing to hint at");
  await sync(feed);
  server.sim.requests.length = 0;
  assert.equal((await sync(feed, { only: ["", "%", "!1", "1 OR 1", "1".repeat(500)] })).status, "unchanged");
  assert.equal(server.sim.requests.length, 0);
  assert.equal((await sync(feed, { only: ["99", "00000000-0000-4000-8000-00000000dead"] })).status, "unchanged");
  const known = [...server.sim.state.events.values()].flatMap(({ id, uuid }) => [String(id), uuid]);
  assert.equal((await sync(feed, { only: [...known, ...known] })).status, "unchanged");
  assert.ok(paths(server).every((path) => path === "/events/restSearch"));
  const event = publishEvent(server.sim, 7, 2);
  server.sim.edit.deleteEvent(1);
  server.sim.requests.length = 0;
  assert.equal((await sync(feed, { only: [event.uuid, "1"] })).added, 2);
  assert.equal(server.sim.requests.length, 3, "two looks, one page");
  // That it is gone is for the next listing to say.
  assert.equal(rowsOf(store).size, 4);
  await sync(feed);
  assert.equal(rowsOf(store).size, 3);
});

test("one indicator of two servers is one indicator with two reports; removing a server removes its own", async (t) => {
  const clock = new ManualClock();
  const store = aStore(t, clock);
  const servers = [await aServer(t, clock, 2), await aServer(t, clock, 1)];
  const feeds = await Promise.all(servers.map((server, n) => aFeed(t, clock, server, { name: `misp-${n}` })));
  const settings = { clock, log: silentLog };
  assert.ok(allWell(await syncOnce(feeds, store, settings, NEVER)));
  const shared = canonicalHost("n1.campaign0.example.net") ?? assert.fail();
  const reports = () =>
    store
      .current()
      ?.index.lookup("domain", shared)
      .flatMap((one) => one.reports.map((r) => r.feed));
  assert.equal(store.current()?.index.lookup("domain", shared).length, 1);
  assert.deepEqual(reports()?.sort(), ["misp-0", "misp-1"]);
  await syncOnce(feeds.slice(0, 1), store, settings, NEVER);
  assert.deepEqual(reports(), ["misp-0"]);
  assert.deepEqual({ ...store.current()?.stats.byFeed }, { "misp-0": 6 });
});

test("filters: of events nobody wants no attribute is asked for; every filter says how much it left out", async (t) => {
  const { clock, server, store, sync } = await aScene(t, 4);
  const { edit, state } = server.sim;
  const [first, second, third] = [...state.events.values()] as [SimEvent, SimEvent, SimEvent];
  edit.publish(edit.tagEvent(first, "tlp:red"));
  edit.publish(edit.setThreatLevel(second, 1));
  edit.addAttribute(third, { type: "md5", value: "0123456789abcdef0123456789abcdef" });
  edit.publish(third);
  clock.advance(HOUR);
  const filters = { max_tlp: "amber", types: { include: ["domain"], exclude: [] } };
  const outcome = await sync(await aFeed(t, clock, server, { filters }));
  assert.deepEqual([outcome.status, outcome.added], ["applied", 9]);
  assert.equal(outcome.skipped.get("TLP is above amber"), 3);
  const searches = server.sim.requests.filter(({ path }) => path === "/attributes/restSearch");
  for (const { body } of searches) {
    const asked = JSON.parse(body.toString());
    assert.ok(!asked.eventid.includes(String(first.id)));
    assert.deepEqual([asked.type, asked.to_ids, asked.published], [["domain"], 1, 1]);
  }
  // The tag goes: the event comes.
  edit.publish(edit.untagEvent(first, "tlp:red"));
  clock.advance(HOUR);
  await sync(await aFeed(t, clock, server, { filters }));
  assert.equal(rowsOf(store).size, 4);
});
