import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import mispFeed from "../../src/feeds/misp-feed.ts";
import mispServer from "../../src/feeds/misp-server.ts";
import { silentLog } from "../../src/lib/log.ts";
import { syncOnce } from "../../src/pipeline/sync.ts";
import { openGenerations } from "../../src/store/generations.ts";
import type { GenerationStore } from "../../src/store/generations-types.ts";
import { FakeMisp, KEY, uuid } from "../support/fake-misp.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { withTemp } from "../support/temp.ts";

const NEVER = new AbortController().signal;
const EVENTS = 4;

/** One change: of a file of the folder or of an event of the server, by what it holds afterwards; undefined: gone. */
interface Change {
  readonly where: "folder" | "server";
  readonly event: number;
  readonly values: readonly number[] | "broken" | "unpublished" | undefined;
}

const change: fc.Arbitrary<Change> = fc.record({
  where: fc.constantFrom("folder", "server"),
  event: fc.integer({ min: 1, max: EVENTS }),
  values: fc.oneof(
    { weight: 5, arbitrary: fc.uniqueArray(fc.integer({ min: 0, max: 6 }), { maxLength: 4 }) },
    fc.constantFrom("broken" as const, "unpublished" as const, undefined),
  ),
});

const nameOf = (n: number) => `shared${n}.example.net`;
const attributesOf = (event: number, values: readonly number[]) =>
  values.map((n) => ({ uuid: uuid(event + 16, n), type: "domain", value: nameOf(n) }));

/** `feed event value` of every report in the generation. */
function reportsOf(store: GenerationStore): readonly string[] {
  const reports: string[] = [];
  const { index } = store.current() ?? {};
  for (const { value, reports: list } of index?.all() ?? [])
    for (const { feed, event } of list) reports.push(`${feed} ${event.uuid.slice(-1)} ${value}`);
  return reports.sort();
}

test("after any changes a sync leaves what the folder and the server say, report by report", async (t) => {
  const fake = await FakeMisp.start(t);
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.uniqueArray(change, { minLength: 1, maxLength: 3, selector: ({ where, event }) => `${where} ${event}` }),
        { minLength: 1, maxLength: 6 },
      ),
      async (steps) => {
        await withTemp(async (dir) => {
          const folder = join(dir, "feed.d");
          mkdirSync(folder);
          fake.events.clear();
          const clock = new ManualClock();
          const context = (name: string) => ({ name, log: silentLog, clock, cacheDir: dir });
          const feeds = [
            { name: "folder", feed: await mispFeed.create(mispFeed.config.parse({ path: folder }), context("folder")) },
            {
              name: "server",
              feed: await mispServer.create(
                mispServer.config.parse({ url: fake.url, key: KEY, page_size: 100, grace: "0s" }),
                context("server"),
              ),
            },
          ];
          const store = openGenerations({ dir: join(dir, "generations"), log: silentLog });
          // Something that always stands, so that the folder is never empty and never all broken.
          writeFileSync(
            join(folder, "zero.json"),
            JSON.stringify({ Event: { uuid: uuid(1, 9), info: "x", Attribute: [] } }),
          );
          const model = { folder: new Map<number, readonly number[]>(), server: new Map<number, readonly number[]>() };
          let time = 1_700_000_000;
          for (const changes of steps) {
            for (const { where, event, values } of changes) {
              time++;
              const file = join(folder, `${event}.json`);
              if (where === "folder") {
                if (values === undefined) rmSync(file, { force: true });
                // A file changes its size or its time with every edit; here always its size.
                else if (values === "broken" || values === "unpublished")
                  writeFileSync(file, `{"Event": ${time}`.padEnd(100 + (time % 1000)));
                else
                  writeFileSync(
                    file,
                    JSON.stringify({
                      Event: {
                        uuid: uuid(1, event),
                        info: "x",
                        Attribute: attributesOf(event, values).map((one) => ({ ...one, to_ids: true })),
                      },
                    }).padEnd(2000 + (time % 1000)),
                  );
                if (values === undefined) model.folder.delete(event);
                else if (typeof values !== "string") model.folder.set(event, values);
              } else {
                const id = String(event);
                if (values === undefined || values === "broken") fake.events.delete(id);
                else {
                  const held = fake.events.get(id);
                  const attributes = values === "unpublished" ? (held?.attributes ?? []) : attributesOf(event, values);
                  fake.add({
                    id,
                    uuid: uuid(1, event),
                    timestamp: time,
                    published: values !== "unpublished",
                    attributes,
                  });
                }
                if (values === undefined || typeof values === "string") model.server.delete(event);
                else model.server.set(event, values);
              }
            }
            const result = await syncOnce(feeds, store, { clock, log: silentLog }, NEVER);
            for (const { status, error } of result.feeds)
              assert.ok(status === "applied" || status === "unchanged", error?.stack ?? status);
            const expected = (["folder", "server"] as const).flatMap((feed) =>
              [...model[feed]].flatMap(([event, values]) => values.map((n) => `${feed} ${event} ${nameOf(n)}`)),
            );
            assert.deepEqual(reportsOf(store), expected.sort());
          }
          store.close();
          for (const { feed } of feeds) await feed.close?.();
        });
      },
    ),
    { numRuns: Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 25) },
  );
});
