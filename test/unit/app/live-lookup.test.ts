import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { HIT_TTL_MS, NEGATIVE_TTL_MS } from "../../../src/app/live-cache.ts";
import { type LiveAnswer, lookupLive } from "../../../src/app/live-lookup.ts";
import { connectServer, findServers, type LiveServer, type ServerSettings } from "../../../src/app/live-servers.ts";
import { mispConnection } from "../../../src/clients/misp-connection.ts";
import { feedFilter } from "../../../src/contract/feed-filter.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { ADMIN_KEY } from "../../support/misp-sim/defaults.ts";
import { serveMispSim } from "../../support/misp-sim/http.ts";
import { createMispSim } from "../../support/misp-sim/sim.ts";
import { tempDir } from "../../support/temp.ts";

const NEVER = new AbortController().signal;
const WARNINGLISTS = { count: 0, entries: 0, check: () => [] };

async function rig(t: TestContext) {
  const sim = createMispSim();
  const event = sim.edit.addEvent({ info: "held", tags: ["tlp:amber"] });
  const add = (type: string, value: string, toIds = true) => sim.edit.addAttribute(event, { type, value, toIds });
  add("ip-dst", "45.5.200.1");
  add("ip-dst", "45.5.200.2", false);
  add("domain", "evil.example");
  add("md5", "d41d8cd98f00b204e9800998ecf8427e");
  sim.edit.publish(event);
  const draft = sim.edit.addEvent({ info: "draft" });
  sim.edit.addAttribute(draft, { type: "domain", value: "draft.example" });
  const state = { down: false };
  const url = await serveMispSim(t, sim, {
    interfere(_request, response) {
      if (state.down) response.socket?.destroy();
      return state.down;
    },
  });
  const clock = new ManualClock();
  const cacheDir = tempDir(t);
  const settings: ServerSettings = {
    name: "lab",
    connection: mispConnection.parse({ url, key: ADMIN_KEY }),
    toIdsOnly: true,
    publishedOnly: true,
    pageSize: 10_000,
    sightings: false,
  };
  const connect = (more: Partial<ServerSettings> = {}, options: { all?: boolean; cacheDir?: undefined } = {}) => {
    const server = connectServer({ ...settings, ...more }, { clock, log: silentLog, cacheDir, ...options });
    t.after(() => server.misp.close());
    return server;
  };
  const ask = async (server: LiveServer, ...values: string[]) => {
    const answers: LiveAnswer[] = [];
    const options = { servers: [server], warninglists: WARNINGLISTS, now: () => clock.now() };
    for await (const answer of lookupLive(values, options, NEVER)) answers.push(answer);
    return answers;
  };
  return { sim, url, clock, cacheDir, connect, ask, state, add };
}

const found = (answers: readonly LiveAnswer[]) =>
  answers.map(({ result }) => result.indicators.map(({ value }) => value));

test("answers in order, by the filters of the feed, with the event's context", async (t) => {
  const { connect, ask } = await rig(t);
  const values = ["45.5.200.1", "45.5.200.2", "nope.example", "https://www.evil.example/x", "draft.example"];
  const answers = await ask(connect(), ...values);
  assert.deepEqual(found(answers), [["45.5.200.1"], [], [], ["evil.example"], []]);
  const report = answers[0]?.result.indicators[0]?.reports[0];
  assert.equal(report?.feed, "lab");
  assert.deepEqual([report?.event.info, report?.event.tags, report?.event.orgc], ["held", ["tlp:amber"], "LAB-CERT"]);
  assert.deepEqual(found(await ask(connect({}, { all: true }), ...values)), [
    ["45.5.200.1"],
    ["45.5.200.2"],
    [],
    ["evil.example"],
    ["draft.example"],
  ]);
  const filters = feedFilter.parse({ max_tlp: "green" });
  assert.deepEqual(found(await ask(connect({ filters }), "45.5.200.1")), [[]]);
});

test("what is dangerous to match is refused, not found", async (t) => {
  const { connect, ask } = await rig(t);
  const [answer] = await ask(connect(), "D41D8CD98F00B204E9800998ECF8427E");
  assert.deepEqual(answer?.result.indicators, []);
  assert.match(answer?.refused[0]?.reason ?? "", /empty file/);
});

test("a value that means something to the search is not asked for, and one that may be held otherwise says so", async (t) => {
  const { sim, connect, ask } = await rig(t);
  const answers = await ask(connect(), "!45.5.200.1", "%", "", "  ", "x".repeat(10_000));
  assert.deepEqual(
    answers.map(({ notAsked }) => notAsked !== undefined),
    [true, true, true, true, true],
  );
  assert.equal(sim.requests.length, 0);
  const [path] = await ask(connect(), "C:\\Users\\Public\\evil.exe");
  assert.match(path?.leftOut ?? "", /%public%\/evil\.exe: it begins or ends with %/);
});

test("answers are kept on disk: an hour when there is one, a quarter when there is none", async (t) => {
  const { sim, clock, connect, ask } = await rig(t);
  await ask(connect(), "45.5.200.1", "nope.example");
  const asked = sim.requests.length;
  clock.advance(NEGATIVE_TTL_MS - 1);
  const again = await ask(connect(), "45.5.200.1", "nope.example");
  assert.equal(sim.requests.length, asked, "a new process asks nothing");
  assert.deepEqual(
    again.map(({ servers }) => [servers[0]?.cached, servers[0]?.stale, clock.now() - (servers[0]?.at ?? 0)]),
    [
      [true, false, NEGATIVE_TTL_MS - 1],
      [true, false, NEGATIVE_TTL_MS - 1],
    ],
  );
  clock.advance(1);
  const later = await ask(connect(), "45.5.200.1", "nope.example");
  assert.deepEqual(
    later.map(({ servers }) => servers[0]?.cached),
    [true, false],
  );
  clock.advance(HIT_TTL_MS - NEGATIVE_TTL_MS);
  assert.equal((await ask(connect(), "45.5.200.1"))[0]?.servers[0]?.cached, false);
});

test("the file is its owner's alone, holds no key, and a broken one is asked anew", async (t) => {
  const { sim, cacheDir, connect, ask } = await rig(t);
  await ask(connect(), "45.5.200.1");
  const dir = join(cacheDir, "live-lookup");
  const [name = ""] = readdirSync(dir);
  assert.equal(statSync(join(dir, name)).mode & 0o777, 0o600);
  assert.equal(statSync(dir).mode & 0o077, 0);
  const text = readFileSync(join(dir, name), "utf8");
  assert.ok(text.includes("45.5.200.1") && !text.includes(ADMIN_KEY) && !name.includes(ADMIN_KEY));
  for (const broken of ["", "{", "[]", text.replace('"at"', '"ta"'), text.replace("1/", "9/"), text.slice(0, -20)]) {
    writeFileSync(join(dir, name), broken);
    const before = sim.requests.length;
    assert.deepEqual(found(await ask(connect(), "45.5.200.1")), [["45.5.200.1"]]);
    assert.ok(sim.requests.length > before, broken.slice(0, 20));
  }
});

test("another key, filter or server has answers of its own", async (t) => {
  const { cacheDir, connect, ask, url } = await rig(t);
  await ask(connect(), "45.5.200.1");
  await ask(connect({}, { all: true }), "45.5.200.1");
  await ask(
    connect({ connection: mispConnection.parse({ url, key: "orguser000orguser000orguser000orguser000" }) }),
    "45.5.200.1",
  );
  await ask(connect({ name: "other" }), "45.5.200.1");
  await ask(connect({}, { cacheDir: undefined }), "45.5.200.1");
  assert.equal(readdirSync(join(cacheDir, "live-lookup")).length, 4);
});

test("a server that is down: fresh answers serve, old ones say so, none is no answer", async (t) => {
  const { clock, connect, ask, state } = await rig(t);
  await ask(connect(), "45.5.200.1", "nope.example");
  state.down = true;
  clock.advance(HIT_TTL_MS + 60_000);
  const [known, negative, never] = await ask(connect(), "45.5.200.1", "nope.example", "never.example");
  assert.deepEqual(
    known?.result.indicators.map(({ value }) => value),
    ["45.5.200.1"],
  );
  for (const old of [known, negative]) {
    assert.deepEqual([old?.servers[0]?.stale, clock.now() - (old?.servers[0]?.at ?? 0)], [true, HIT_TTL_MS + 60_000]);
    assert.match(old?.servers[0]?.error ?? "", /closed the connection|cannot be reached/);
  }
  assert.equal(never?.servers[0]?.at, undefined);
  assert.match(never?.servers[0]?.error ?? "", /cannot be reached/);
});

test("two servers: one indicator with a report of each, and the one that fails is named", async (t) => {
  const first = await rig(t);
  const second = await rig(t);
  const servers = [first.connect({ name: "one" }), second.connect({ name: "two" })];
  const run = async () => {
    const options = { servers, warninglists: WARNINGLISTS, now: () => first.clock.now() };
    for await (const answer of lookupLive(["45.5.200.1"], options, NEVER)) return answer;
    return assert.fail();
  };
  assert.deepEqual(
    (await run()).result.indicators[0]?.reports.map(({ feed }) => feed),
    ["one", "two"],
  );
});

test("values are asked for in few requests, each of at most 1,000 spellings", async (t) => {
  const { sim, connect, ask } = await rig(t);
  const values = Array.from({ length: 500 }, (_, n) => `n${n}.some.where.example`);
  assert.equal((await ask(connect(), ...values)).length, 500);
  assert.ok(sim.requests.length <= 6, `${sim.requests.length} requests`);
  for (const { body } of sim.requests) {
    const { value } = JSON.parse(body.toString()) as { value: string[] };
    assert.ok(value.length > 0 && value.length <= 1000);
  }
  await assert.rejects(ask(connect(), ...Array.from({ length: 10_001 }, () => "x")), /at most 10000 values/);
});

test("servers come from the command line or the configuration, keys from a file or the environment", async (t) => {
  const dir = tempDir(t);
  const keyFile = join(dir, "key");
  writeFileSync(keyFile, ADMIN_KEY, { mode: 0o600 });
  const config = join(dir, "tipline.yaml");
  writeFileSync(
    config,
    `feeds:\n  a: {type: misp-server, url: "https://a.test", key_file: ${keyFile}}\n  b: {type: misp-server, url: "https://b.test", key_file: ${keyFile}, to_ids_only: false}\n  c: {type: list-file, path: /x, value_type: ip}\n`,
  );
  const names = async (flags: Parameters<typeof findServers>[0], env = {}) =>
    (await findServers(flags, env)).servers.map(({ name }) => name);
  assert.deepEqual(await names({ server: "https://m.test:8443", keyFile, feedNames: [] }), ["m.test:8443"]);
  assert.deepEqual(await names({ server: "https://m.test", feedNames: [] }, { TIPLINE_MISP_KEY: ADMIN_KEY }), [
    "m.test",
  ]);
  assert.deepEqual(await names({ config, feedNames: [] }), ["a", "b"]);
  assert.deepEqual(await names({ config, feedNames: ["b"] }), ["b"]);
  const usage = { code: "TIP_USAGE_INVALID" };
  await assert.rejects(names({ server: "https://m.test", feedNames: [] }), usage);
  await assert.rejects(
    names({ server: "https://u:secret@m.test", keyFile, feedNames: [] }),
    (error: Error) => !error.message.includes("secret"),
  );
  await assert.rejects(
    names({ server: "https://m.test", keyFile, proxy: "http://u:s3cret@proxy", feedNames: [] }),
    (error: Error) => /--proxy/.test(error.message) && !error.message.includes("s3cret"),
  );
  await assert.rejects(names({ config, feedNames: ["c"] }), usage);
  await assert.rejects(names({ config, insecure: true, feedNames: [] }), usage);
});
