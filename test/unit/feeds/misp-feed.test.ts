import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { FeedPage, FeedPull } from "../../../src/contract/feed.ts";
import mispFeed from "../../../src/feeds/misp-feed.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { uuid } from "../../support/fake-misp.ts";
import { json, serve } from "../../support/http-server.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { tempDir } from "../../support/temp.ts";

const NEVER = new AbortController().signal;

function make(t: TestContext, settings: object) {
  const feed = mispFeed.create(mispFeed.config.parse(settings), {
    name: "f",
    log: silentLog,
    clock: new ManualClock(),
    cacheDir: tempDir(t),
  });
  if (feed instanceof Promise) throw new Error("create is synchronous here");
  t.after(() => feed.close?.());
  return feed;
}

async function all(pull: FeedPull) {
  const pages: FeedPage[] = [];
  if (pull.mode !== "unchanged") for await (const page of pull.pages) pages.push(page);
  return {
    values: pages.flatMap(({ indicators }) => indicators.map(({ value }) => value)).sort(),
    withdrawn: pages.flatMap(({ withdrawnEvents }) => withdrawnEvents).sort(),
    refused: pages.flatMap(({ refused }) => refused),
    cursor: pull.mode === "unchanged" ? undefined : JSON.parse(JSON.stringify(pull.cursor())),
    mode: pull.mode,
  };
}

const eventOf = (n: number, ...values: string[]) => ({
  Event: {
    uuid: uuid(1, n),
    info: `event ${n}`,
    Attribute: values.map((value, at) => ({ uuid: uuid(n + 16, at), type: "domain", to_ids: true, value })),
  },
});
const write = (folder: string, name: string, content: unknown) =>
  writeFileSync(join(folder, name), typeof content === "string" ? content : JSON.stringify(content));

test("a broken event is reported by name, the rest is served, and its last version stays", async (t) => {
  const path = tempDir(t);
  write(path, "a.json", eventOf(1, "a.example.net"));
  write(path, "b.json", '{"Event": {"uuid"');
  const feed = make(t, { path });
  const first = await all(await feed.pull(undefined, NEVER));
  assert.deepEqual(first.values, ["a.example.net"]);
  assert.equal(first.refused.length, 1);
  assert.match(`${first.refused[0]?.value} ${first.refused[0]?.reason}`, /b\.json.*cannot be read.*expected JSON/);

  write(path, "b.json", eventOf(2, "b.example.net"));
  const second = await all(await feed.pull(first.cursor, NEVER));
  assert.deepEqual([second.mode, second.values], ["delta", ["b.example.net"]]);
  assert.deepEqual(second.withdrawn, [first.refused[0]?.eventUuid], "its entry among the refused ones goes");
  write(path, "b.json", "[]]");
  const third = await all(await feed.pull(second.cursor, NEVER));
  assert.deepEqual([third.values, third.withdrawn, third.refused.length], [[], [], 1]);
  assert.equal((await feed.pull(third.cursor, NEVER)).mode, "unchanged", "a broken event alone is no news");
  write(path, "a.json", eventOf(1, "a2.example.net"));
  const again = await all(await feed.pull(third.cursor, NEVER));
  assert.deepEqual([again.values, again.refused], [["a2.example.net"], []], "it is listed once");
  write(path, "b.json", eventOf(2, "c.example.net"));
  const fourth = await all(await feed.pull(again.cursor, NEVER));
  assert.deepEqual(fourth.values, ["c.example.net"]);
  assert.ok(fourth.withdrawn.includes(uuid(1, 2)));
});

test("skip_broken: false fails the pull and names the file", async (t) => {
  const path = tempDir(t);
  write(path, "a.json", eventOf(1, "a.example.net"));
  write(path, "b.json", "nonsense");
  const feed = make(t, { path, skip_broken: false });
  await assert.rejects(
    feed.pull(undefined, NEVER).then(all),
    (error) => error instanceof TiplineError && error.code === "TIP_FEED_INVALID" && /b\.json/.test(error.message),
  );
});

test("an event in two files stays while one of them has it", async (t) => {
  const path = tempDir(t);
  write(path, "a.json", [eventOf(1, "a.example.net"), eventOf(2, "b.example.net")]);
  write(path, "b.json", eventOf(1, "a.example.net"));
  const feed = make(t, { path });
  const first = await all(await feed.pull(undefined, NEVER));
  write(path, "b.json", eventOf(3, "new.example.net"));
  const second = await all(await feed.pull(first.cursor, NEVER));
  assert.ok(second.withdrawn.includes(uuid(1, 1)));
  assert.deepEqual([...new Set(second.values)], ["a.example.net", "b.example.net", "new.example.net"]);
});

test("other options mean a full pull", async (t) => {
  const path = tempDir(t);
  write(path, "a.json", eventOf(1, "a.example.net"));
  const first = await all(await make(t, { path }).pull(undefined, NEVER));
  assert.equal((await make(t, { path }).pull(first.cursor, NEVER)).mode, "unchanged");
  assert.equal((await make(t, { path, to_ids_only: false }).pull(first.cursor, NEVER)).mode, "full");
});

test("gzip, byte order mark, and what is too large", async (t) => {
  const path = tempDir(t);
  writeFileSync(join(path, "a.json.gz"), gzipSync(JSON.stringify(eventOf(1, "a.example.net"))));
  write(path, "b.json", `\uFEFF${JSON.stringify(eventOf(2, "b.example.net"))}`);
  writeFileSync(join(path, "bomb.json.gz"), gzipSync(Buffer.alloc(3 * 1024 * 1024, 32)));
  const { values, refused } = await all(await make(t, { path, max_document_mib: 1 }).pull(undefined, NEVER));
  assert.deepEqual(values, ["a.example.net", "b.example.net"]);
  assert.match(refused[0]?.reason ?? "", /larger than the limit/);
});

test("a hostile manifest leads nowhere", async (t) => {
  const path = tempDir(t);
  for (const manifest of ['{"../../etc/passwd": {}}', '{"__proto__": {"timestamp": 1}}', "7", '"x"', "[1]", "{"]) {
    write(path, "manifest.json", manifest);
    await assert.rejects(
      make(t, { path }).pull(undefined, NEVER).then(all),
      (error) => error instanceof TiplineError && error.code === "TIP_FEED_INVALID",
      manifest,
    );
  }
  write(path, "manifest.json", "[]");
  assert.deepEqual((await all(await make(t, { path }).pull(undefined, NEVER))).values, []);
  write(path, "manifest.json", JSON.stringify({ [uuid(1, 1)]: { timestamp: 1 }, [uuid(1, 2)]: { timestamp: 1 } }));
  write(path, `${uuid(1, 1)}.json`, eventOf(1, "a.example.net"));
  const { values, refused } = await all(await make(t, { path }).pull(undefined, NEVER));
  assert.deepEqual(values, ["a.example.net"]);
  assert.equal(refused[0]?.value, `${uuid(1, 2)}.json`);
});

test("nothing there, an empty folder, a folder for an event", async (t) => {
  const path = tempDir(t);
  const rejects = (settings: object, code: string) =>
    assert.rejects(
      make(t, settings).pull(undefined, NEVER).then(all),
      (error) => error instanceof TiplineError && error.code === code,
    );
  await rejects({ path: join(path, "absent") }, "TIP_FEED_UNREACHABLE");
  await rejects({ path }, "TIP_FEED_INVALID");
  mkdirSync(join(path, "x.json"));
  await rejects({ path }, "TIP_FEED_INVALID");
});

test("over HTTP only changed events are fetched again, and the key goes with every request", async (t) => {
  const asked: string[] = [];
  const stamps = new Map([
    [1, 100],
    [2, 100],
  ]);
  const url = await serve(t, ({ path, headers }, response) => {
    asked.push(path);
    assert.equal(headers.authorization, "letmein");
    if (path === "/f/manifest.json")
      return json(response, 200, Object.fromEntries([...stamps].map(([n, timestamp]) => [uuid(1, n), { timestamp }])));
    const n = [...stamps.keys()].find((one) => path === `/f/${uuid(1, one)}.json`);
    return n === undefined
      ? json(response, 404, {})
      : json(response, 200, eventOf(n, `n${n}-${stamps.get(n)}.example.net`));
  });
  const feed = make(t, { url: `${url}/f/manifest.json`, key: "letmein" });
  const first = await all(await feed.pull(undefined, NEVER));
  assert.deepEqual(first.values, ["n1-100.example.net", "n2-100.example.net"]);
  stamps.set(2, 101);
  asked.length = 0;
  const second = await all(await feed.pull(first.cursor, NEVER));
  assert.deepEqual([second.mode, second.values, second.withdrawn], ["delta", ["n2-101.example.net"], [uuid(1, 2)]]);
  assert.deepEqual(asked, ["/f/manifest.json", `/f/${uuid(1, 2)}.json`]);
});

test("a redirect to another origin does not take the key along", async (t) => {
  const seen: (string | undefined)[] = [];
  const other = await serve(t, ({ headers }, response) => {
    seen.push(headers.authorization);
    json(response, 200, {});
  });
  const url = await serve(t, ({ path }, response) => {
    response.writeHead(302, { location: `${other}${path}` });
    response.end();
  });
  await all(await make(t, { url, key: "letmein" }).pull(undefined, NEVER));
  assert.deepEqual(seen, [undefined]);
});

test("configuration: exactly one place, strict keys, secrets never shown", (t) => {
  for (const wrong of [
    {},
    { path: "a", url: "https://x.example/" },
    { path: "a", nonsense: 1 },
    { url: "file:///etc/passwd" },
    { url: "https://me:secret@x.example/" },
  ])
    assert.equal(mispFeed.config.safeParse(wrong).success, false, JSON.stringify(wrong));
  const parsed = mispFeed.config.parse({ url: "https://x.example/", key: "hunter2" });
  assert.ok(!JSON.stringify(parsed).includes("hunter2"));
  assert.throws(
    () => make(t, { url: "https://x.example/", key_file: "/no/such/file" }),
    (error) => error instanceof TiplineError && error.code === "TIP_CONFIG_INVALID",
  );
});
