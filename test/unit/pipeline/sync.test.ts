import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Feed } from "../../../src/contract/feed.ts";
import listFile from "../../../src/feeds/list-file.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { allWell, type NamedFeed, type SyncResult, syncOnce } from "../../../src/pipeline/sync.ts";
import { createSyncLoop } from "../../../src/pipeline/sync-loop.ts";
import { FakeGenerations } from "../../support/fake-generations.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { tempDir } from "../../support/temp.ts";

const NEVER = new AbortController().signal;
const options = { clock: new ManualClock(), log: silentLog };

async function listFeed(t: TestContext, name: string): Promise<NamedFeed & { say(...values: string[]): void }> {
  const path = join(tempDir(t), "list");
  const context = { name, log: silentLog, clock: options.clock, cacheDir: tempDir(t) };
  const feed = await listFile.create(listFile.config.parse({ path }), context);
  return { name, feed, say: (...values) => writeFileSync(path, values.join("\n")) };
}

const broken: Feed = {
  pull: () =>
    Promise.reject(
      new TiplineError("TIP_FEED_UNREACHABLE", "https://misp.example cannot be reached: nothing listens there"),
    ),
};
const statuses = ({ feeds }: SyncResult) => Object.fromEntries(feeds.map(({ feed, status }) => [feed, status]));

test("feeds are independent: one that fails keeps its last good reports", async (t) => {
  const store = new FakeGenerations();
  const a = await listFeed(t, "a");
  const b = await listFeed(t, "b");
  a.say("a1.example.net", "a2.example.net");
  b.say("b1.example.net");
  const first = await syncOnce([a, b], store, options, NEVER);
  assert.deepEqual(statuses(first), { a: "applied", b: "applied" });
  assert.ok(first.changed && allWell(first) && first.generation === "g1");

  a.say("a1.example.net", "a2.example.net", "a3.example.net");
  const second = await syncOnce([a, { name: "b", feed: broken }], store, options, NEVER);
  assert.deepEqual(statuses(second), { a: "applied", b: "failed" });
  assert.match(second.feeds[1]?.error?.message ?? "", /cannot be reached/);
  assert.ok(!allWell(second));
  assert.equal(store.values("a").length, 3);
  assert.deepEqual(store.values("b"), ["b1.example.net"]);

  a.say("<html>");
  const third = await syncOnce([a, b], store, options, NEVER);
  assert.deepEqual([statuses(third), third.changed], [{ a: "failed", b: "unchanged" }, false]);
  assert.equal(store.values("a").length, 3);
});

test("nothing new makes no generation; a removed feed takes only its own reports", async (t) => {
  const store = new FakeGenerations();
  const a = await listFeed(t, "a");
  const b = await listFeed(t, "b");
  a.say("x.example.net");
  b.say("x.example.net");
  await syncOnce([a, b], store, options, NEVER);
  const again = await syncOnce([a, b], store, options, NEVER);
  assert.deepEqual([statuses(again), again.changed, store.updates], [{ a: "unchanged", b: "unchanged" }, false, 1]);
  const without = await syncOnce([b], store, options, NEVER);
  assert.deepEqual(statuses(without), { a: "removed", b: "unchanged" });
  assert.deepEqual([store.values("a"), store.values("b")], [[], ["x.example.net"]]);
  const part = await syncOnce([b], store, { ...options, configured: ["b", "c"], full: true }, NEVER);
  assert.deepEqual(statuses(part), { b: "applied" });
});

test("a feed that is renamed while it cannot be reached keeps detecting under its old name", async (t) => {
  const store = new FakeGenerations();
  const a = await listFeed(t, "a");
  const b = await listFeed(t, "b");
  a.say("a1.example.net");
  b.say("b1.example.net");
  await syncOnce([a, b], store, options, NEVER);
  const renamed = { name: "c", feed: broken };
  await syncOnce([a, renamed], store, options, NEVER);
  a.say("a2.example.net");
  await syncOnce([a], store, { ...options, configured: ["a", "c"] }, NEVER);
  assert.deepEqual(store.values("b"), ["b1.example.net"]);
  await syncOnce(
    [{ ...b, name: "c", feed: await listFeedAs(t, "c", "b1.example.net") }],
    store,
    {
      ...options,
      configured: ["a", "c"],
    },
    NEVER,
  );
  assert.deepEqual([store.values("b"), store.values("c")], [[], ["b1.example.net"]]);
});

async function listFeedAs(t: TestContext, name: string, ...values: string[]): Promise<Feed> {
  const { feed, say } = await listFeed(t, name);
  say(...values);
  return feed;
}

test("a feed that shrinks is held until a person confirms", async (t) => {
  const store = new FakeGenerations();
  const a = await listFeed(t, "a");
  a.say(...Array.from({ length: 10 }, (_, n) => `n${n}.example.net`));
  await syncOnce([a], store, options, NEVER);
  a.say("n1.example.net");
  assert.deepEqual(statuses(await syncOnce([a], store, options, NEVER)), { a: "held" });
  assert.equal(store.values("a").length, 10);
  assert.deepEqual(statuses(await syncOnce([a], store, { ...options, confirmShrink: ["a"] }, NEVER)), { a: "applied" });
  assert.deepEqual(store.values("a"), ["n1.example.net"]);
});

test("progress names the feed", async (t) => {
  const a = await listFeed(t, "a");
  a.say("x.example.net");
  const seen: [string, number][] = [];
  await syncOnce([a], new FakeGenerations(), options, NEVER, (feed, { attributes }) => seen.push([feed, attributes]));
  assert.deepEqual(seen.at(-1), ["a", 1]);
});

/** A feed that counts its pulls and says something new each time. */
function counting(name: string, intervalMs: number) {
  const scheduled = {
    name,
    intervalMs,
    pulls: 0,
    feed: {
      pull: () => {
        scheduled.pulls++;
        return Promise.resolve({ mode: "unchanged" as const });
      },
    },
  };
  return scheduled;
}

async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 1));
}

test("the loop pulls each feed at its own pace, at once when hinted, and ends when told to", async () => {
  const clock = new ManualClock();
  const store = new FakeGenerations();
  const fast = counting("fast", 60_000);
  const slow = counting("slow", 3_600_000);
  const stop = new AbortController();
  const results: SyncResult[] = [];
  const loop = createSyncLoop([fast, slow], store, {
    clock,
    log: silentLog,
    random: () => 0.5,
    onResult: (result) => results.push(result),
  });
  const running = loop.run(stop.signal);
  await until(() => results.length === 1);
  assert.deepEqual([fast.pulls, slow.pulls], [1, 1]);
  clock.advance(60_000);
  await until(() => results.length === 2);
  assert.deepEqual([fast.pulls, slow.pulls], [2, 1]);
  loop.hint(["slow", "nobody"]);
  await until(() => results.length === 3);
  assert.deepEqual([fast.pulls, slow.pulls], [2, 2]);
  stop.abort();
  await running;
});

test("a generation that cannot be written is said, and the loop goes on", async (t) => {
  const clock = new ManualClock();
  const store = new FakeGenerations();
  const a = await listFeed(t, "a");
  a.say("x.example.net");
  store.failNext = new Error("ENOSPC");
  const errors: Error[] = [];
  const results: SyncResult[] = [];
  const stop = new AbortController();
  const loop = createSyncLoop([{ ...a, intervalMs: 1000 }], store, {
    clock,
    log: silentLog,
    onError: (error) => errors.push(error),
    onResult: (result) => results.push(result),
  });
  const running = loop.run(stop.signal);
  await until(() => errors.length === 1);
  clock.advance(2000);
  await until(() => results.length === 1);
  assert.deepEqual(store.values("a"), ["x.example.net"]);
  assert.equal(store.overlapping, 0);
  stop.abort();
  await running;
});

test("hints are followed at once and alone; a feed that ends its hints is still pulled", async () => {
  const clock = new ManualClock();
  const store = new FakeGenerations();
  const asked: (readonly string[] | undefined)[] = [];
  let say: (ids: readonly string[]) => void = () => undefined;
  const feed: Feed = {
    async pull(_cursor, _signal, _progress, options) {
      asked.push(options?.only);
      return { mode: "unchanged" };
    },
    async *hints(signal) {
      const queue: (readonly string[])[] = [];
      let wake: () => void = () => undefined;
      say = (ids) => {
        queue.push(ids);
        wake();
      };
      signal.addEventListener("abort", () => wake());
      while (!signal.aborted) {
        if (queue.length > 0) yield queue.shift()!;
        else
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
      }
    },
  };
  const results: SyncResult[] = [];
  const hinted: SyncResult[] = [];
  const stop = new AbortController();
  const loop = createSyncLoop([{ name: "a", feed, intervalMs: 60_000 }], store, {
    clock,
    log: silentLog,
    onResult: (result) => results.push(result),
    onHinted: (result) => hinted.push(result),
  });
  const running = loop.run(stop.signal);
  await until(() => results.length === 1);
  say(["event-1", "event-2"]);
  await until(() => hinted.length === 1);
  say(["event-1"]);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(hinted.length, 1, "the pause after hints that led to nothing is kept");
  clock.advance(250);
  await until(() => hinted.length === 2);
  clock.advance(1000);
  say([]);
  await until(() => results.length === 2);
  assert.deepEqual(asked, [undefined, ["event-1", "event-2"], ["event-1"], undefined]);
  stop.abort();
  await running;
});
