import assert from "node:assert/strict";
import fs, { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import type { FeedPage, FeedPull } from "../../../src/contract/feed.ts";
import { type Log, silentLog } from "../../../src/lib/log.ts";
import type { ReportedIndicator } from "../../../src/model/indicator.ts";
import type { CanonicalValue } from "../../../src/model/observable.ts";
import { openGenerations } from "../../../src/store/generations.ts";
import type { FeedChange, GenerationStore } from "../../../src/store/generations-types.ts";
import { event, reported } from "../../support/indicators.ts";
import { tempDir } from "../../support/temp.ts";

const value = (text: string) => text as CanonicalValue;
const domain = (name: string, feed: string, of: number, attribute: number, version = 0): ReportedIndicator =>
  reported({ type: "domain", pattern: "subdomains", value: value(name) }, feed, event(of, version), attribute);

function page(indicators: readonly ReportedIndicator[], withdrawnEvents: readonly string[] = []): FeedPage {
  return { indicators, withdrawnEvents, skipped: new Map([["to_ids is 0", 1]]), refused: [] };
}

function pull(
  feed: string,
  mode: "full" | "delta",
  pages: readonly FeedPage[],
  cursor: string,
  failure?: Error,
): FeedChange {
  async function* each() {
    yield* pages;
    if (failure) throw failure;
  }
  const answer: FeedPull = { mode, pages: each(), cursor: () => cursor };
  return { feed, pull: answer };
}

const full = (feed: string, indicators: readonly ReportedIndicator[], cursor = "c") =>
  pull(feed, "full", [page(indicators)], cursor);
const has = (store: GenerationStore, name: string) =>
  (store.current()?.index.lookup("domain", value(name)).length ?? 0) > 0;
const many = (feed: string, count: number) =>
  Array.from({ length: count }, (_, i) => domain(`h${i}.evil.example`, feed, i % 5, i));

test("a full pull replaces the feed, a delta changes it, both survive a restart", async (t) => {
  const dir = tempDir(t);
  let store = openGenerations({ dir, log: silentLog });
  assert.equal(store.current(), undefined);
  assert.equal(store.cursor("a"), undefined);
  const first = await store.update({
    changes: [full("a", [domain("one.example", "a", 1, 1), domain("two.example", "a", 2, 2)], "c1")],
  });
  assert.equal(first.changed, true);
  assert.deepEqual(first.feeds[0]?.skipped, new Map([["to_ids is 0", 1]]));
  await store.update({
    changes: [pull("a", "delta", [page([domain("three.example", "a", 1, 3)], [event(1).uuid])], "c2")],
  });
  for (const reopen of [false, true]) {
    if (reopen) store = openGenerations({ dir, log: silentLog });
    assert.equal(has(store, "one.example"), false);
    assert.equal(has(store, "www.two.example"), true);
    assert.equal(has(store, "three.example"), true);
    assert.equal(store.cursor("a"), "c2");
    assert.equal(store.current()?.index.stats.reports, 2);
    assert.deepEqual(store.feeds(), ["a"]);
  }
  await store.update({ changes: [full("a", [domain("four.example", "a", 1, 3)], "c3")] });
  assert.equal(has(store, "two.example"), false);
  assert.equal(store.current()?.index.stats.overlays, 0);
  assert.deepEqual(store.verify(), []);
  store.close();
});

test("removing a feed takes back only its own reports", async (t) => {
  const store = openGenerations({ dir: tempDir(t), log: silentLog });
  const shared = (feed: string) => domain("both.example", feed, 1, 1);
  await store.update({ changes: [full("a", [shared("a"), domain("a.example", "a", 1, 2)]), full("b", [shared("b")])] });
  assert.deepEqual(
    store
      .current()
      ?.index.lookup("domain", value("both.example"))[0]
      ?.reports.map(({ feed }) => feed)
      .sort(),
    ["a", "b"],
  );
  const result = await store.update({ changes: [], removedFeeds: ["a", "never-there"] });
  assert.deepEqual(
    result.feeds.map(({ feed, status }) => [feed, status]),
    [["a", "removed"]],
  );
  assert.equal(has(store, "a.example"), false);
  assert.deepEqual(
    store
      .current()
      ?.index.lookup("domain", value("both.example"))[0]
      ?.reports.map(({ feed }) => feed),
    ["b"],
  );
  assert.deepEqual(store.feeds(), ["b"]);
  store.close();
});

test("a feed that fails counts for nothing and the others go on", async (t) => {
  const dir = tempDir(t);
  const store = openGenerations({ dir, log: silentLog });
  await store.update({ changes: [full("a", [domain("old.example", "a", 1, 1)], "c1")] });
  const result = await store.update({
    changes: [
      pull("a", "full", [page([domain("half.example", "a", 1, 2)])], "c2", new Error("connection reset")),
      full("b", [domain("b.example", "b", 1, 1)]),
    ],
  });
  assert.deepEqual(
    result.feeds.map(({ feed, status, error }) => [feed, status, error?.message]),
    [
      ["a", "failed", "connection reset"],
      ["b", "applied", undefined],
    ],
  );
  assert.equal(has(store, "old.example"), true);
  assert.equal(has(store, "half.example"), false);
  assert.equal(store.cursor("a"), "c1");
  assert.equal(readdirSync(dir).filter((name) => name.endsWith(".idx")).length, 2);
  store.close();
});

test("a feed that shrinks by more than 30% is held until it is confirmed", async (t) => {
  const store = openGenerations({ dir: tempDir(t), log: silentLog });
  await store.update({ changes: [full("a", many("a", 100), "c1")] });
  const held = await store.update({ changes: [full("a", many("a", 69), "c2")] });
  assert.equal(held.feeds[0]?.status, "held");
  assert.equal(held.changed, false);
  assert.equal(store.cursor("a"), "c1");
  const delta = await store.update({ changes: [pull("a", "delta", [page([], [event(0).uuid, event(1).uuid])], "c2")] });
  assert.equal(delta.feeds[0]?.status, "held");
  const fine = await store.update({ changes: [full("a", many("a", 71), "c2")] });
  assert.equal(fine.feeds[0]?.status, "applied");
  const confirmed = await store.update({ changes: [full("a", [], "c3")], confirmShrink: ["a"] });
  assert.deepEqual(
    [confirmed.feeds[0]?.status, confirmed.feeds[0]?.reportsBefore, confirmed.feeds[0]?.reportsAfter],
    ["applied", 71, 0],
  );
  assert.equal(has(store, "h1.evil.example"), false);
  store.close();
});

test("overlays become one, large ones a new base; old files go", async (t) => {
  const dir = tempDir(t);
  const store = openGenerations({ dir, log: silentLog });
  await store.update({ changes: [full("a", many("a", 200))] });
  for (let round = 0; round < 20; round++) {
    const change = pull(
      "a",
      "delta",
      [page([domain(`d${round}.example`, "a", 100 + round, 1000 + round)])],
      `c${round}`,
    );
    await store.update({ changes: [change] });
    assert.ok((store.current()?.index.stats.overlays ?? 0) <= 8);
  }
  assert.equal(store.current()?.index.stats.reports, 220);
  for (let round = 0; round < 20; round++) assert.equal(has(store, `d${round}.example`), true);
  await store.update({
    changes: [
      pull("a", "delta", [page(many("a", 150).map((one) => ({ ...one, value: value(`x.${one.value}`) })))], "z"),
    ],
  });
  assert.equal(store.current()?.index.stats.overlays, 0);
  assert.equal(has(store, "h1.evil.example"), false);
  assert.equal(has(store, "x.h1.evil.example"), true);
  assert.equal(has(store, "h199.evil.example"), true);
  const asked = await store.update({ changes: [], compact: true });
  assert.equal(asked.compacted, false);
  assert.ok(readdirSync(dir).filter((name) => name.endsWith(".json")).length <= 2);
  assert.ok(readdirSync(dir).length < 30, readdirSync(dir).join());
  store.close();
});

test("dangerous indicators are quarantined with their reason, the rest goes live", async (t) => {
  const dir = tempDir(t);
  let store = openGenerations({ dir, log: silentLog });
  const bad = domain("github.io", "a", 1, 2);
  const refused = {
    feed: "a",
    eventUuid: event(2).uuid,
    attributeUuid: "u",
    attributeType: "ip-src",
    value: "999.1.1.1",
    reason: "not an address",
  };
  const pages = [{ ...page([domain("fine.example", "a", 1, 1), bad]), refused: [refused] }];
  const result = await store.update({ changes: [pull("a", "full", pages, "c")] });
  assert.equal(result.feeds[0]?.quarantined, 2);
  store.close();
  store = openGenerations({ dir, log: silentLog, readOnly: true });
  assert.deepEqual(
    [...store.quarantine()].map(({ value: text, reason }) => [text, reason]),
    [
      ["github.io", "public suffix"],
      ["999.1.1.1", "not an address"],
    ],
  );
  assert.equal(store.current()?.index.stats.quarantined, 2);
  assert.equal(has(store, "evil.github.io"), false);
  assert.equal(has(store, "fine.example"), true);
  await assert.rejects(store.update({ changes: [] }), /read only/);
  store.close();
});

test("quarantined entries leave with their event or feed", async (t) => {
  const store = openGenerations({ dir: tempDir(t), log: silentLog });
  await store.update({
    changes: [full("a", [domain("github.io", "a", 1, 1), domain("co.uk", "a", 2, 2), domain("ok.example", "a", 3, 3)])],
  });
  await store.update({ changes: [pull("a", "delta", [page([], [event(1).uuid])], "c")] });
  assert.deepEqual(
    [...store.quarantine()].map(({ value: text }) => text),
    ["co.uk"],
  );
  await store.update({ changes: [], removedFeeds: ["a"] });
  assert.deepEqual([...store.quarantine()], []);
  store.close();
});

test("a damaged generation is refused loudly and the one before serves, with its own cursors", async (t) => {
  const dir = tempDir(t);
  let store = openGenerations({ dir, log: silentLog });
  await store.update({ changes: [full("a", many("a", 10), "c1")] });
  await store.update({ changes: [pull("a", "delta", [page([domain("new.example", "a", 7, 77)])], "c2")] });
  store.close();
  const newest = readdirSync(dir).filter((name) => name.startsWith("segment-2") && name.endsWith(".idx"))[0] as string;
  const bytes = readFileSync(join(dir, newest));
  bytes[bytes.length - 70]! ^= 1;
  writeFileSync(join(dir, newest), bytes);
  const errors: string[] = [];
  const log: Log = { ...silentLog, error: (message) => errors.push(message) };
  store = openGenerations({ dir, log });
  assert.deepEqual(errors, [
    "the current generation is damaged and refused",
    "an older generation serves instead; sync to make a new one",
  ]);
  assert.equal(store.cursor("a"), "c1");
  assert.equal(has(store, "h1.evil.example"), true);
  await store.update({ changes: [pull("a", "delta", [page([domain("new.example", "a", 7, 77)])], "c2")] });
  assert.equal(has(store, "new.example"), true);
  store.close();
  errors.length = 0;
  store = openGenerations({ dir, log });
  assert.deepEqual(errors, []);
  assert.equal(has(store, "new.example"), true);
  store.close();
});

test("a reader beside the writer sees the new generation after refresh, and may go on with the old one", async (t) => {
  const dir = tempDir(t);
  const writer = openGenerations({ dir, log: silentLog });
  await writer.update({ changes: [full("a", [domain("one.example", "a", 1, 1)])] });
  const reader = openGenerations({ dir, log: silentLog, readOnly: true });
  const pinned = reader.current();
  assert.equal(reader.refresh(), false);
  for (let round = 0; round < 4; round++)
    await writer.update({ changes: [full("a", [domain(`r${round}.example`, "a", 1, 1)])] });
  assert.equal(reader.refresh(), true);
  assert.equal(has(reader, "r3.example"), true);
  assert.equal(pinned?.index.lookup("domain", value("one.example")).length, 1);
  pinned?.index.close();
  reader.close();
  writer.close();
});

test("a reader that comes while the writer goes two generations on takes the newest, without an alarm", async (t) => {
  const dir = tempDir(t);
  const writer = openGenerations({ dir, log: silentLog });
  await writer.update({ changes: [full("a", [domain("one.example", "a", 1, 1)])] });
  const old = readFileSync(join(dir, "current"), "utf8");
  for (let round = 0; round < 3; round++)
    await writer.update({ changes: [full("a", [domain(`r${round}.example`, "a", 1, 1)])] });
  const newest = readFileSync(join(dir, "current"), "utf8");
  // The writer goes on just after the reader has read the name.
  writeFileSync(join(dir, "current"), old);
  const said: string[] = [];
  const tell = (message: string) => {
    said.push(message);
  };
  const read = fs.readFileSync;
  t.mock.method(fs, "readFileSync", (...args: Parameters<typeof readFileSync>) => {
    const text = read(...args);
    writeFileSync(join(dir, "current"), newest);
    return text;
  });
  syncBuiltinESMExports();
  const reader = openGenerations({ dir, log: { ...silentLog, error: tell, warn: tell }, readOnly: true });
  t.mock.restoreAll();
  syncBuiltinESMExports();
  assert.equal(has(reader, "r2.example"), true);
  assert.deepEqual(said, []);
  assert.deepEqual(reader.verify(), []);
  reader.close();
  writer.close();
});

test("a feed that is no longer configured stays until the one that came with its going has been pulled once", async (t) => {
  const dir = tempDir(t);
  const store = openGenerations({ dir, log: silentLog });
  await store.update({ changes: [full("old", [domain("one.example", "old", 1, 1)])] });
  const broken = () => pull("new", "full", [page([domain("one.example", "new", 1, 1)])], "c", new Error("cut short"));
  const first = await store.update({ changes: [broken()], removedFeeds: ["old"] });
  assert.deepEqual(
    first.feeds.map(({ feed, status }) => [feed, status]),
    [["new", "failed"]],
  );
  assert.equal(has(store, "one.example"), true);
  await store.update({ changes: [full("new", [domain("one.example", "new", 1, 1)])], removedFeeds: ["old"] });
  assert.deepEqual(store.feeds(), ["new"]);
  assert.equal(has(store, "one.example"), true);
  await store.update({ changes: [], removedFeeds: ["new"] });
  assert.equal(has(store, "one.example"), false);
  store.close();
});

test("what cannot be cleaned up costs space, not the new generation", async (t) => {
  const dir = tempDir(t);
  const warned: string[] = [];
  const log = { ...silentLog, warn: (message: string) => void warned.push(message) };
  const store = openGenerations({ dir, log });
  await store.update({ changes: [full("a", [domain("one.example", "a", 1, 1)])] });
  // A folder of such a name cannot be removed like a file.
  mkdirSync(join(dir, "stray.tmp"));
  const { changed } = await store.update({ changes: [full("a", [domain("two.example", "a", 1, 1)])] });
  assert.equal(changed, true);
  assert.equal(warned.length, 1);
  assert.equal(has(store, "two.example"), true);
  store.close();
  const again = openGenerations({ dir, log });
  assert.equal(has(again, "two.example"), true);
  again.close();
});

test("a generation that cannot be made current leaves no descriptor open and no segment behind", async (t) => {
  const dir = tempDir(t);
  const store = openGenerations({ dir, log: silentLog });
  await store.update({ changes: [full("a", [domain("one.example", "a", 1, 1)])] });
  const files = readdirSync(dir).filter((name) => name.startsWith("segment-"));
  // Where the new `current` should be written, something else is.
  mkdirSync(join(dir, "current.tmp"));
  const open = () => readdirSync("/proc/self/fd").length;
  const before = open();
  for (let round = 0; round < 3; round++)
    await assert.rejects(
      store.update({ changes: [pull("a", "delta", [page([domain("two.example", "a", 2, 2)])], "c2")] }),
    );
  assert.equal(open(), before);
  assert.deepEqual(
    readdirSync(dir).filter((name) => name.startsWith("segment-")),
    files,
  );
  rmdirSync(join(dir, "current.tmp"));
  await store.update({ changes: [pull("a", "delta", [page([domain("two.example", "a", 2, 2)])], "c2")] });
  assert.equal(has(store, "one.example") && has(store, "two.example"), true);
  store.close();
});

test("what verify finds: a damaged context", async (t) => {
  const dir = tempDir(t);
  const store = openGenerations({ dir, log: silentLog });
  await store.update({ changes: [full("a", many("a", 10))] });
  const name = readdirSync(dir).filter((each) => each.endsWith(".ctx"))[0] as string;
  const bytes = readFileSync(join(dir, name));
  bytes[200]! ^= 1;
  writeFileSync(join(dir, name), bytes);
  assert.match(store.verify().join(), /checksum of the contexts is wrong/);
  store.close();
});
