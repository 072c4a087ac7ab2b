import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { LiveGeneration } from "../../../src/app/generation.ts";
import { Health } from "../../../src/app/health.ts";
import { knowledgeStore, surroundings, surroundingsGently } from "../../../src/app/knowledge.ts";
import { KnowledgeKeeper, knowledgeJson } from "../../../src/app/knowledge-keeper.ts";
import { type Config, parseConfig } from "../../../src/config/load.ts";
import type { Feed, KnowledgePiece } from "../../../src/contract/feed.ts";
import { type Log, silentLog } from "../../../src/lib/log.ts";
import type { StoredJournal } from "../../../src/store/journal.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { tempDir } from "../../support/temp.ts";

const NEVER = new AbortController().signal;
const PUBLIC_DNS = "List of known IPv4 public DNS resolvers";
const BUILT_IN = "Tipline: well-known public DNS resolvers";
const UUID = "684998e4-847a-4f95-94fe-2ffa705e2926";

const list = (name: string, entries: readonly string[], version = 1): KnowledgePiece => ({
  kind: "warninglist",
  key: name,
  version: `${version}`,
  document: { name, type: "cidr", version, matching_attributes: ["ip-dst"], list: entries },
});

/** A feed that gives these pieces, or throws; counts how often it was asked and whether two asked at once. */
class Server implements Feed {
  pieces: readonly KnowledgePiece[] = [];
  failure: Error | undefined;
  asked = 0;
  under = 0;
  most = 0;
  pull(): Promise<never> {
    throw new Error("not asked here");
  }
  async *knowledge(): AsyncGenerator<KnowledgePiece> {
    this.asked++;
    this.most = Math.max(this.most, ++this.under);
    try {
      await new Promise((resolve) => setImmediate(resolve));
      yield* this.pieces;
      if (this.failure) throw this.failure;
    } finally {
      this.under--;
    }
  }
}

async function configured(
  t: TestContext,
  more: object = {},
  feeds: Readonly<Record<string, object>> = { misp: {}, partner: {} },
): Promise<Config> {
  const servers = Object.entries(feeds).map(([name, settings], at) => [
    name,
    { type: "misp-server", url: `http://127.0.0.1:${at + 1}`, key: "0".repeat(40), ...settings },
  ]);
  return parseConfig(
    JSON.stringify({ state_dir: tempDir(t), feeds: Object.fromEntries(servers), ...more }),
    "test.yaml",
  );
}

function keeperOf(
  config: Config,
  servers: Readonly<Record<string, Feed>>,
  clock = new ManualClock(),
  log: Log = silentLog,
) {
  const changes: string[] = [];
  const store = knowledgeStore(config.state_dir, log);
  const feeds = Object.entries(servers).map(([name, feed]) => ({ name, feed }));
  const onChange = () => void changes.push(surroundings({ config, log }).mark);
  const keeper = new KnowledgeKeeper({ config, feeds, store, clock, log, onChange, random: () => 0.5 });
  return { keeper, store, changes, clock };
}

const hits = (config: Config, value: string) =>
  surroundings({ config, log: silentLog }).warninglists.check("ip", value, ["ip-dst"]);

test("the servers' lists and the built-in ones are together, each under its own name", async (t) => {
  const config = await configured(t);
  const misp = new Server();
  const partner = new Server();
  misp.pieces = [list(PUBLIC_DNS, ["198.51.100.7", "9.9.9.9"]), list(BUILT_IN, ["198.51.100.8"])];
  partner.pieces = [list("Our networks", ["203.0.113.0/24"])];
  await keeperOf(config, { misp, partner }).keeper.refresh(NEVER);
  assert.deepEqual(hits(config, "198.51.100.7"), [{ name: PUBLIC_DNS, action: "suppress" }]);
  assert.deepEqual(hits(config, "203.0.113.9"), [{ name: "Our networks", action: "annotate" }]);
  assert.deepEqual(hits(config, "198.51.100.8"), [{ name: BUILT_IN, action: "suppress" }]);
  assert.deepEqual(hits(config, "9.9.9.9"), [{ name: PUBLIC_DNS, action: "suppress" }], "the built-in one gives way");
});

test("of lists of one name the newest counts, else the first server's", async (t) => {
  const config = await configured(t);
  const [misp, partner] = [new Server(), new Server()];
  misp.pieces = [list("A", ["198.51.100.1"], 7), list("B", ["198.51.100.2"], 7)];
  partner.pieces = [list("A", ["198.51.100.3"], 7), list("B", ["198.51.100.4"], 8)];
  await keeperOf(config, { misp, partner }).keeper.refresh(NEVER);
  const listed = [1, 2, 3, 4].map((last) => hits(config, `198.51.100.${last}`).map(({ name }) => name));
  assert.deepEqual(listed, [["A"], [], [], ["B"]]);
});

test("a configured folder alone counts; without lists of its own a server leaves the built-in ones", async (t) => {
  const dir = tempDir(t);
  mkdirSync(join(dir, "mine"));
  writeFileSync(join(dir, "mine", "list.json"), JSON.stringify(list("Mine", ["198.51.100.9"]).document));
  const own = await configured(t, { warninglists: { path: dir } });
  const misp = new Server();
  misp.pieces = [list("A", ["198.51.100.1"])];
  await keeperOf(own, { misp, partner: new Server() }).keeper.refresh(NEVER);
  assert.deepEqual([hits(own, "198.51.100.1"), hits(own, "8.8.8.8")], [[], []]);
  assert.equal(hits(own, "198.51.100.9").length, 1);

  const warnings: string[] = [];
  const log: Log = { ...silentLog, warn: (message) => void warnings.push(message) };
  const config = await configured(t);
  await keeperOf(config, { misp: new Server(), partner: misp }, undefined, log).keeper.refresh(NEVER);
  assert.deepEqual(warnings, ["the server has no warninglist enabled; the built-in ones serve"]);
  assert.deepEqual(hits(config, "8.8.8.8"), [{ name: BUILT_IN, action: "suppress" }]);
});

test("a server whose lists are not wanted is not used, whatever is still held", async (t) => {
  const config = await configured(t, {}, { misp: { warninglists: false } });
  const misp = new Server();
  misp.pieces = [list("A", ["198.51.100.1"])];
  await keeperOf(config, { misp }).keeper.refresh(NEVER);
  assert.deepEqual(hits(config, "198.51.100.1"), []);
});

test("the generation's id shows what its lists were, and goes back when they do", async (t) => {
  const config = await configured(t);
  const misp = new Server();
  const { keeper } = keeperOf(config, { misp, partner: new Server() });
  const index = { id: "20261121T231455-1a2b3c4d", createdAt: 1, index: { close: () => undefined } };
  const store = { current: () => index, refresh: () => undefined } as never;
  const own = { networks: [], domains: [], hashes: [], matchDocumentation: false };
  const live = new LiveGeneration({ store, own, ...surroundings({ config, log: silentLog }) });
  assert.equal(live.current().id, index.id, "no server's knowledge is held yet");
  const ids = [];
  for (const pieces of [
    [list("A", ["198.51.100.1"])],
    [list("A", ["198.51.100.2"], 2)],
    [list("A", ["198.51.100.1"])],
  ]) {
    misp.pieces = pieces;
    await keeper.refresh(NEVER);
    const before = live.current();
    live.adopt(await surroundingsGently({ config, log: silentLog }));
    assert.notEqual(live.current(), before);
    ids.push(live.current().id);
  }
  assert.ok(ids.every((id) => /^20261121T231455-1a2b3c4d\.[0-9a-f]{8}$/.test(id)));
  assert.deepEqual([new Set(ids).size, ids[0] === ids[2]], [2, true]);
});

test("only a change is taken into force", async (t) => {
  const config = await configured(t);
  const misp = new Server();
  const { keeper, changes } = keeperOf(config, { misp, partner: new Server() });
  misp.pieces = [list("A", ["198.51.100.1"])];
  const [first] = await keeper.refresh(NEVER);
  const [second] = await keeper.refresh(NEVER);
  misp.failure = new Error("connection lost");
  const [third] = await keeper.refresh(NEVER);
  assert.deepEqual([first?.status, second?.status, third?.status], ["changed", "unchanged", "failed"]);
  assert.equal(changes.length, 1);
  assert.equal(hits(config, "198.51.100.1").length, 1, "what is held stays");
  assert.equal(knowledgeJson([third!])[0]?.["error"], "connection lost");
});

test("own false positives and their feed reach the judging", async (t) => {
  const config = await configured(t);
  const misp = new Server();
  misp.pieces = [{ kind: "false-positives", key: "own", version: "1", document: { [UUID]: 1_795_000_000 } }];
  await keeperOf(config, { misp, partner: new Server() }).keeper.refresh(NEVER);
  const { standing } = surroundings({ config, log: silentLog });
  const report = { feed: "misp", attributeUuid: UUID } as never;
  assert.equal(standing.falsePositive(report), 1_795_000_000_000);
  assert.equal(standing.falsePositive({ feed: "partner", attributeUuid: UUID } as never), undefined);
});

test("knowledge of a feed that is not configured any more is forgotten", async (t) => {
  const config = await configured(t);
  const [misp, partner] = [new Server(), new Server()];
  misp.pieces = [list("A", ["198.51.100.1"])];
  partner.pieces = [list("B", ["198.51.100.2"])];
  await keeperOf(config, { misp, partner }).keeper.refresh(NEVER);
  const fewer = { ...config, feeds: config.feeds.filter(({ name }) => name === "misp") };
  const { keeper, store, changes } = keeperOf(fewer, { misp });
  await keeper.refresh(NEVER);
  assert.deepEqual([store.held("partner"), changes.length, hits(config, "198.51.100.2")], [undefined, 1, []]);
});

test("asks once the first sync is through, again at the interval, sooner after a failure or a hint, and never twice at once", async (t) => {
  const config = await configured(t, { warninglists: { refresh: "6h" } }, { misp: {} });
  const misp = new Server();
  misp.pieces = [list("A", ["198.51.100.1"])];
  const { keeper, clock } = keeperOf(config, { misp });
  const stop = new AbortController();
  const running = keeper.run(stop.signal);
  const asked = async (times: number) => {
    for (const end = Date.now() + 60_000; misp.asked < times && Date.now() < end; )
      await new Promise((resolve) => setTimeout(resolve, 2));
    // Asks nobody, but waits for a refresh under way: only at its end is the next one due.
    await keeper.refresh(NEVER, []);
    await new Promise((resolve) => setTimeout(resolve, 20));
    return misp.asked;
  };
  assert.equal(await asked(0), 0, "not before the first sync");
  keeper.begin();
  keeper.begin();
  assert.equal(await asked(1), 1);
  clock.advance(5 * 3_600_000);
  assert.equal(await asked(1), 1);
  misp.failure = new Error("down");
  clock.advance(3_600_000);
  assert.equal(await asked(2), 2);
  clock.advance(300_000);
  assert.equal(await asked(3), 3, "after a failure");
  misp.failure = undefined;
  keeper.hint(["misp"]);
  assert.equal(await asked(4), 4, "after a hint");
  await Promise.all([keeper.refresh(NEVER), keeper.refresh(NEVER), keeper.refresh(NEVER)]);
  assert.deepEqual([misp.asked, misp.most], [7, 1]);
  stop.abort();
  await running;
});

test("its age is a trouble only after four refreshes, with the reason", async (t) => {
  const config = await configured(t, { warninglists: { refresh: "1h" } }, { misp: {} });
  const misp = new Server();
  const { keeper, clock } = keeperOf(config, { misp });
  const live = { ready: false, partial: [], current: () => ({ createdAt: 0 }) } as unknown as LiveGeneration;
  const journal = { holding: () => [] } as unknown as StoredJournal;
  const health = new Health({ clock, config, live, sources: new Map(), journal, knowledge: () => keeper.ages() });
  const troubles = () => health.troubles().filter((line) => line.includes("warninglists"));
  await keeper.refresh(NEVER);
  misp.failure = new Error("the key is refused");
  clock.advance(4 * 3_600_000);
  await keeper.refresh(NEVER);
  assert.deepEqual([troubles(), keeper.ages()[0]?.ageMs], [[], 4 * 3_600_000]);
  clock.advance(1);
  assert.deepEqual(troubles(), ["feed misp: its server's warninglists and the like are 4h old: the key is refused"]);
  misp.failure = undefined;
  await keeper.refresh(NEVER);
  assert.deepEqual([troubles(), keeper.ages()[0]?.ageMs], [[], 0]);
});
