import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { Feed } from "../../../src/contract/feed.ts";
import listFile from "../../../src/feeds/list-file.ts";
import mispFeed from "../../../src/feeds/misp-feed.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { take } from "../../contract/feed.contract.ts";
import { serve, type TestHandler, type TestRequest } from "../../support/http-server.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { tempDir } from "../../support/temp.ts";
import { zipOf } from "../../support/zip.ts";

const NEVER = new AbortController().signal;
const LIST = "198.51.100.7\n198.51.100.8\n";

async function make(
  t: TestContext,
  settings: object,
  definition: typeof listFile | typeof mispFeed = listFile,
): Promise<Feed> {
  const context = { name: "the-list", log: silentLog, clock: new ManualClock(), cacheDir: tempDir(t) };
  const feed = await (definition as typeof listFile).create(
    (definition as typeof listFile).config.parse(settings),
    context,
  );
  t.after(() => feed.close?.());
  return feed;
}

/** A server of one list; what it answers and what it was asked. */
async function server(t: TestContext, answer: TestHandler) {
  const asked: TestRequest[] = [];
  const url = await serve(t, (request, response) => {
    asked.push(request);
    return answer(request, response);
  });
  return { url, asked };
}

const values = async (feed: Feed) =>
  [...(await take(undefined, await feed.pull(undefined, NEVER))).values.values()].flat();

test("a list is fetched again only when its ETag or its date has changed", async (t) => {
  const modified = "Fri, 20 Nov 2026 10:00:00 GMT";
  for (const give of ["etag", "last-modified", "both", "neither"]) {
    let body = LIST;
    let sent = 0;
    const { url, asked } = await server(t, ({ headers }, response) => {
      const etag = `"${createHash("sha256").update(body).digest("hex")}"`;
      const since = body === LIST ? modified : "Fri, 20 Nov 2026 11:00:00 GMT";
      const known =
        give === "last-modified"
          ? headers["if-modified-since"] === since
          : give !== "neither" && headers["if-none-match"] === etag;
      if (!known) sent++;
      response.writeHead(known ? 304 : 200, {
        ...(give === "etag" || give === "both" ? { etag } : {}),
        ...(give === "last-modified" || give === "both" ? { "last-modified": since } : {}),
      });
      response.end(known ? undefined : body);
    });
    const feed = await make(t, { url });
    const first = await take(undefined, await feed.pull(undefined, NEVER));
    const second = await feed.pull(first.cursor, NEVER);
    assert.equal(second.mode, "unchanged", give);
    assert.equal(sent, give === "neither" ? 2 : 1, give);
    assert.equal(asked[0]?.headers["if-none-match"] ?? asked[0]?.headers["if-modified-since"], undefined);
    body = "198.51.100.9\n";
    const third = await take(first, await feed.pull(first.cursor, NEVER));
    assert.deepEqual([...third.values.values()].flat(), ["198.51.100.9"], give);
    const other = await make(t, { url, tlp: "amber" });
    assert.equal((await other.pull(third.cursor, NEVER)).mode, "full", "other settings read all anew");
  }
});

test("packed by gzip or zip, by content and by Content-Encoding, over HTTP and from a file", async (t) => {
  const zip = zipOf([
    { name: "LICENSE.md", content: "no" },
    { name: "full.csv", content: LIST },
    { name: "other.txt", content: "203.0.113.1" },
  ]);
  const bodies: [Buffer, Record<string, string>, object][] = [
    [gzipSync(LIST), {}, {}],
    [gzipSync(LIST), { "content-encoding": "gzip" }, {}],
    [gzipSync(gzipSync(LIST)), { "content-encoding": "gzip" }, {}],
    [zip, { "content-type": "text/plain" }, {}],
    [zip, {}, { zip_entry: "full.csv" }],
  ];
  for (const [body, headers, settings] of bodies) {
    const { url } = await server(t, (_request, response) => {
      response.writeHead(200, headers);
      response.end(body);
    });
    assert.deepEqual(await values(await make(t, { url, ...settings })), ["198.51.100.7", "198.51.100.8"]);
    const path = join(tempDir(t), "list");
    writeFileSync(path, body);
    if (headers["content-encoding"] === undefined)
      assert.deepEqual(await values(await make(t, { path, ...settings })), ["198.51.100.7", "198.51.100.8"]);
  }
});

test("an export that is packed is a feed of MISP's format as well", async (t) => {
  const event = {
    uuid: "5f0f3e6a-0000-4000-8000-0000000000aa",
    info: "x",
    Attribute: [
      { uuid: "5f0f3e6a-0000-4000-8000-0000000000a1", type: "domain", category: "x", value: "a.example", to_ids: true },
    ],
  };
  const json = JSON.stringify({ Event: event });
  for (const [name, body] of [
    ["export.json.gz", gzipSync(json)],
    ["export.zip", zipOf([{ name: "export.json", content: json }])],
  ] as const) {
    const { url } = await server(t, (_request, response) => {
      response.writeHead(200, { "last-modified": "Fri, 20 Nov 2026 10:00:00 GMT" });
      response.end(body);
    });
    assert.deepEqual(await values(await make(t, { url: `${url}/${name}` }, mispFeed)), ["a.example"]);
  }
});

test("what is no list, or half of one, fails the pull and says what came instead", async (t) => {
  const big = gzipSync(Buffer.alloc(3 * 1024 * 1024, "1.2.3.4\n"));
  const cases: [TestHandler, RegExp, object?][] = [
    [page(""), /expected at least one indicator, found none.*it is empty/],
    [page("# nothing today\n"), /found none.*it begins "# nothing today"/],
    [page("<!DOCTYPE html><title>Sign in</title>"), /found a web page; it begins "<!DOCTYPE html>/],
    [page("\n <html lang=en>busy</html>"), /found a web page/],
    [page("Too many requests, try again later\n"), /none of its 1 lines is an indicator/],
    [page('{"error":"rate limited"}'), /none of its 1 lines is an indicator/],
    [page('{"error":"rate limited"}'), /expected at least one indicator/, { format: "freetext" }],
    [
      page("Banned. Write to abuse@provider.example\n"),
      /expected at least one indicator/,
      { format: "freetext", value_type: "ip" },
    ],
    [
      page(`${LIST}${"garbage \u0001\u0002\n".repeat(20)}`),
      /expected 50% of its values to be indicators, found 2 of 22/,
    ],
    [page(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0])), /found binary data/],
    [page(gzipSync(LIST).subarray(0, 25)), /not a whole gzip file/],
    [page(big), /larger than/, { max_document_mib: 1 }],
    [page(big, { "content-encoding": "gzip" }), /larger than/, { max_document_mib: 1 }],
    [cut, /broke off/],
    [(_request, response) => void response.writeHead(404).end("no"), /is not there \(404\)/],
    [(_request, response) => void response.writeHead(403).end("no"), /wants credentials.*key_header/],
    [(_request, response) => void response.writeHead(304).end(), /expected 200 .*got 304/],
  ];
  for (const [answer, says, settings] of cases) {
    const { url } = await server(t, answer);
    const feed = await make(t, { url: `${url}/list`, timeout_seconds: 2, ...settings });
    await assert.rejects(
      values(feed),
      (error) => error instanceof TiplineError && /^TIP_FEED_/.test(error.code) && says.test(error.message),
      String(says),
    );
  }
});

test("the key goes out in the header that the server wants", async (t) => {
  const { url, asked } = await server(t, page(LIST));
  await values(await make(t, { url, key: "s3cret", key_header: "Auth-Key" }));
  assert.equal(asked[0]?.headers["auth-key"], "s3cret");
  assert.equal(asked[0]?.headers.authorization, undefined);
});

test("a pattern that could blow up is a fault of the configuration", () => {
  const { error } = listFile.config.safeParse({ path: "x", exclude: "/(a+)+$/" });
  assert.match(error?.message ?? "", /expected a safe pattern: /);
  assert.equal(listFile.config.safeParse({ path: "x", exclude: "/^#.*|Threatview.*/i" }).success, true);
});

function page(body: string | Buffer, headers: Record<string, string> = {}): TestHandler {
  return (_request, response) => {
    response.writeHead(200, headers);
    response.end(body);
  };
}

/** Says a length and breaks off before it, each time it is asked. */
const cut: TestHandler = (_request, response) => {
  response.writeHead(200, { "content-length": "1000" });
  response.write(LIST);
  setImmediate(() => response.destroy());
};
