import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { Definition } from "../../src/contract/define.ts";
import type { Feed, FeedPage } from "../../src/contract/feed.ts";
import mispFeed from "../../src/feeds/misp-feed.ts";
import mispServer from "../../src/feeds/misp-server.ts";
import { eventsIn, readEvent } from "../../src/intel/misp-event.ts";
import { silentLog } from "../../src/lib/log.ts";
import { json, serve } from "../support/http-server.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { sharedOrSkip } from "../support/shared.ts";
import { tempDir } from "../support/temp.ts";

async function load<C>(t: TestContext, definition: Definition<C, Feed>, settings: object) {
  const context = { name: "real", log: silentLog, clock: new ManualClock(), cacheDir: tempDir(t) };
  const feed = await definition.create(definition.config.parse(settings), context);
  t.after(() => feed.close?.());
  const pull = await feed.pull(undefined, new AbortController().signal);
  if (pull.mode === "unchanged") throw new Error("a first pull");
  const pages: FeedPage[] = [];
  for await (const page of pull.pages) pages.push(page);
  const skipped = new Map<string, number>();
  for (const page of pages)
    for (const [reason, count] of page.skipped) skipped.set(reason, (skipped.get(reason) ?? 0) + count);
  const indicators = pages.flatMap((page) => page.indicators);
  return { indicators, refused: pages.flatMap((page) => page.refused), skipped };
}

/** Attributes in the files themselves, counted without Tipline's reader. */
function countAttributes(folder: string): number {
  let count = 0;
  const walk = (value: unknown): void => {
    if (Array.isArray(value)) for (const item of value) walk(item);
    else if (typeof value === "object" && value !== null)
      for (const [key, inner] of Object.entries(value)) {
        if (key === "Attribute" && Array.isArray(inner)) count += inner.length;
        else if (["Event", "response", "Object"].includes(key)) walk(inner);
      }
  };
  for (const name of readdirSync(folder))
    if (/^(?!manifest).*\.json$/.test(name)) walk(JSON.parse(readFileSync(join(folder, name), "utf8")));
  return count;
}

for (const [folder, least] of [
  ["events-published", 1000],
  ["feed", 200],
] as const)
  for (const toIdsOnly of [true, false])
    test(`data/misp/${folder} loads fully, to_ids_only ${toIdsOnly}`, async (t) => {
      const shared = sharedOrSkip(t);
      if (shared === undefined) return;
      const path = join(shared, "data/misp", folder);
      const { indicators, refused, skipped } = await load(t, mispFeed, { path, to_ids_only: toIdsOnly });
      const left = [...skipped.values()].reduce((sum, count) => sum + count, 0);
      // A URL without scheme and a domain|ip are one attribute and two indicators.
      const used = new Set(
        indicators.map(({ report }) => `${report.event.uuid} ${report.attributeUuid} ${report.attributeType}`),
      ).size;
      t.diagnostic(
        `${countAttributes(path)} attributes: ${indicators.length} indicators from ${used} of them, ${left} skipped, ${refused.length} refused`,
      );
      for (const [reason, count] of skipped) t.diagnostic(`skipped ${count}: ${reason}`);
      for (const { attributeType, value, reason } of refused)
        t.diagnostic(`refused ${attributeType} ${value}: ${reason}`);
      assert.equal(used + left + refused.length, countAttributes(path));
      assert.ok(indicators.length >= least);
      assert.ok(refused.length <= 3, "real events hold hardly anything unusable");
      assert.ok(!refused.some(({ attributeType }) => attributeType === "event"));
    });

test("the recorded answers of a real MISP make a full pull", async (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const recorded = (name: string): string => {
    const { body } = JSON.parse(readFileSync(join(shared, "data/misp/recordings", `${name}.json`), "utf8")).response;
    return typeof body === "string" ? body : JSON.stringify(body);
  };
  const metadata = [recorded("ev_rs_metadata_eventid"), recorded("ev_rs_full_eventid")].flatMap(
    (text) => JSON.parse(text).response,
  );
  // The index was recorded five events at a time; event 36 is not among the first.
  const index = [...JSON.parse(recorded("events_index_minimal")), { ...metadata[1].Event, orgc_uuid: "" }];
  const attributes = recorded("rs_eventid_list");
  const url = await serve(t, ({ path, body }, response) => {
    if (path === "/events/index/minimal:1")
      return json(response, 200, index, { "x-result-count": String(index.length) });
    const filter = JSON.parse(body) as { eventid: string[]; page: number };
    if (path === "/attributes/restSearch")
      return json(response, 200, filter.page === 1 ? attributes : '{"response": {"Attribute": []}}');
    return json(response, 200, {
      response: metadata.filter(({ Event }: { Event: { id: string } }) => filter.eventid.includes(Event.id)),
    });
  });
  const { indicators, skipped, refused } = await load(t, mispServer, { url, key: "k".repeat(40) });
  t.diagnostic(`${indicators.length} indicators, ${JSON.stringify([...skipped])}, ${refused.length} refused`);
  assert.ok(indicators.length >= 40);
  const c2 = indicators.find(({ value }) => value === "203.0.113.77");
  assert.ok(c2 !== undefined);
  assert.ok(c2.report.event.tags.includes("tlp:amber") && c2.report.tags.includes("tlp:red"));
  assert.equal(c2.report.event.link, `${url}/events/view/1`);
  assert.ok(indicators.some(({ pattern, value }) => pattern === "cidr" && value === "203.0.113.128/25"));
});

test("a REST event and the same event in the feed say the same", (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const uuid = "11111111-1111-4111-8111-111111111111";
  const folder = join(shared, "data/misp");
  const rest = JSON.parse(
    JSON.parse(readFileSync(join(folder, "recordings/ev_rs_full_main.json"), "utf8")).response.body,
  );
  const feed = JSON.parse(readFileSync(join(folder, "feed", `${uuid}.json`), "utf8"));
  const valuesOf = (document: never) =>
    eventsIn(document).flatMap((event) =>
      readEvent(event, { feed: "f" }).indicators.map(({ type, value }) => `${type} ${value}`),
    );
  const fromRest = new Set(valuesOf(rest as never));
  const shares = valuesOf(feed as never).filter((one) => fromRest.has(one)).length;
  assert.ok(shares >= 0.9 * fromRest.size, `${shares} of ${fromRest.size}`);
});
