import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { defaultFeeds, settingsOf } from "../../../src/app/feed-catalog.ts";
import listFile from "../../../src/feeds/list-file.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { packageRoot } from "../../../src/lib/package-root.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { tempDir } from "../../support/temp.ts";

const FOLDER = join(packageRoot(), "test", "golden", "lists");

/** A sample in the shape of a feed, read with the settings that the table of feeds has for it. */
interface Sample {
  readonly feed: string;
  readonly sample: string;
  readonly expected: readonly string[];
}

for (const { feed: slug, sample, expected } of JSON.parse(
  readFileSync(join(FOLDER, "expected.json"), "utf8"),
) as Sample[])
  test(`${slug}: ${sample}`, async (t) => {
    const feed = defaultFeeds().find((one) => one.slug === slug);
    assert.ok(feed, slug);
    const { type, url: _url, ...settings } = settingsOf(feed);
    assert.equal(type, "list-file");
    const path = join(FOLDER, sample);
    const context = { name: "the-list", log: silentLog, clock: new ManualClock(), cacheDir: tempDir(t) };
    const list = await listFile.create(listFile.config.parse({ path, ...settings }), context);
    const pull = await list.pull(undefined, new AbortController().signal);
    if (pull.mode === "unchanged") return assert.fail("a first pull");
    const found: string[] = [];
    for await (const { indicators, refused } of pull.pages) {
      for (const { type, pattern, value, report } of indicators) {
        const { companion, firstSeen, lastSeen, comment } = report;
        const day = (seconds: number | undefined) =>
          seconds === undefined ? undefined : new Date(seconds * 1000).toISOString().slice(0, 16);
        const aside = { port: companion?.value, from: day(firstSeen), to: day(lastSeen), comment };
        const said = Object.entries(aside).filter(([, text]) => text !== undefined);
        found.push(
          [
            `${type}${pattern === "cidr" ? "/net" : ""} ${value}`,
            ...said.map(([name, text]) => `${name}=${text}`),
          ].join(" "),
        );
      }
      for (const { value, reason } of refused) found.push(`refused ${value}: ${reason}`);
    }
    assert.deepEqual(found, expected);
  });
