import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type DefaultFeed, defaultFeeds, findFeed, ownFeed, settingsOf } from "../../../src/app/feed-catalog.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { sharedOrSkip } from "../../support/shared.ts";

const feeds = defaultFeeds();
const text = (feed: object) => JSON.stringify({ feeds: { one: feed } });

test("slugs are names that a configuration takes, and each is there once", () => {
  for (const { slug } of feeds) assert.match(slug, /^[a-z0-9][a-z0-9-]{1,62}$/);
  assert.equal(new Set(feeds.map(({ slug }) => slug)).size, feeds.length);
});

test("every feed that is not left out loads as configuration; the others say why", async () => {
  for (const feed of feeds)
    if (feed.left_out === undefined) await parseConfig(text(settingsOf(feed)), "x.yaml", {});
    else
      assert.throws(
        () => settingsOf(feed),
        (error) => error instanceof TiplineError && /cannot be added/.test(error.message),
      );
  assert.equal(feeds.filter(({ left_out }) => left_out !== undefined).length, 2);
});

test("every default feed of MISP is there, with its URL and settings", (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const path = join(shared, "data", "misp", "feed-metadata-defaults.json");
  const theirs = JSON.parse(readFileSync(path, "utf8")) as {
    Feed: { name: string; provider: string; url: string; source_format: string; settings?: string };
    Tag?: { name: string };
  }[];
  assert.equal(feeds.length, theirs.length);
  for (const { Feed, Tag } of theirs) {
    const ours = feeds.find(({ url }) => url === Feed.url);
    assert.ok(ours, Feed.url);
    let settings: unknown = Feed.settings || "{}";
    while (typeof settings === "string") settings = JSON.parse(settings);
    const { csv, common } = settings as {
      csv?: { value?: string; delimiter?: string };
      common?: { excluderegex?: string };
    };
    const isCsv = Feed.source_format === "csv";
    assert.deepEqual(
      [ours.name, ours.provider, ours.format, ours.tag, ours.exclude ?? ""],
      [Feed.name, Feed.provider, Feed.source_format, Tag?.name, common?.excluderegex ?? ""],
    );
    assert.equal((ours.value_columns ?? []).join(","), isCsv ? (csv?.value ?? "") : "", Feed.url);
    assert.equal(ours.delimiter ?? ",", isCsv ? csv?.delimiter || "," : ",", Feed.url);
  }
});

test("a feed is found by slug, name or URL, or by a part that only it has", () => {
  const slug = (asked: string) => {
    const found = findFeed(asked, feeds);
    return found.kind === "one"
      ? found.feed.slug
      : `${found.kind}: ${found.feeds.map((feed: DefaultFeed) => feed.slug)}`;
  };
  assert.equal(slug("urlhaus"), "urlhaus");
  assert.equal(slug("  URLHaus Malware URLs "), "urlhaus");
  assert.equal(slug("https://openphish.com/feed.txt"), "openphish");
  assert.equal(slug("tor exit"), "tor-exit-nodes");
  assert.match(slug("bambenek"), /^several: bambenek-c2-domains,/);
  assert.match(slug("feodoo"), /^none: feodo/);
  assert.equal(slug("zzzzzz"), "none: ");
  assert.match(slug(""), /^several/);
});

test("a feed of one's own: what was typed becomes settings, and what cannot be is a usage error", async () => {
  const url = "https://www.lists.example.org:8443/a.csv";
  assert.deepEqual(ownFeed({ url, format: "csv", columns: "3,4", delimiter: "|" }), {
    name: "lists-example-org",
    settings: { type: "list-file", url, format: "csv", value_column: [3, 4], delimiter: "|" },
  });
  for (const columns of ["2", "*", "indicator", "ip, url"])
    await parseConfig(text(ownFeed({ url, format: "csv", columns }).settings), "x.yaml", {});
  assert.deepEqual(ownFeed({ url, format: "misp", as: "x" }), { name: "x", settings: { type: "misp-feed", url } });
  for (const wrong of [
    { url: "/etc/passwd", format: "csv" },
    { url, format: undefined },
    { url, format: "xml" },
    { url, format: "freetext", delimiter: ";" },
    { url, format: "misp", exclude: "/x/" },
  ])
    assert.throws(
      () => ownFeed(wrong),
      (error) => error instanceof TiplineError && error.code === "TIP_USAGE_INVALID",
    );
});
