import assert from "node:assert/strict";
import { mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { openHunt } from "../../src/app/hunt-command.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { CanonicalValue } from "../../src/model/observable.ts";
import { huntRig } from "../support/hunt-rig.ts";
import { indicatorOf, matchingAlert, quietAlert } from "../support/independent-count-alerts.ts";
import { event, reported } from "../support/indicators.ts";
import { tempDir } from "../support/temp.ts";

const START = Date.UTC(2026, 9, 1);
const HOUR = 3_600_000;

const rigOf = (t: TestContext) =>
  huntRig(t, [
    reported({ type: "domain", pattern: "subdomains", value: indicatorOf(1) as CanonicalValue }, "list", event(1), 1),
  ]);
const content = (day: number) =>
  Array.from({ length: 3000 }, (_, n) =>
    n % 100 === 5 ? matchingAlert(1, { time: START + day * 24 * HOUR + n }) : quietAlert(n),
  )
    .map((line) => `${line}\n`)
    .join("");

test("a day that is compressed while the hunt is at another one is read in its packed form", async (t) => {
  const rig = await rigOf(t);
  for (const [over, home] of [
    [{ threads: 0 }, "here"],
    [{ threads: 1, tuning: { heldBytes: 0 } }, "thread"],
    [{ threads: 1, tuning: { heldBytes: 0, partBytes: 65_536 }, sketching: "neither" }, "parts"],
  ] as const) {
    const files = [0, 1, 2].map((day) => join(rig.dir, `${home}-${day}.json`));
    for (const [day, path] of files.entries()) writeFileSync(path, content(day));
    const last = files[2] as string;
    const hunted = await rig.hunt(files, {
      ...over,
      home,
      onLine() {
        writeFileSync(`${last}.gz`, gzipSync(content(2)));
        rmSync(last, { force: true });
      },
    });
    assert.deepEqual(hunted.counts.troubles, [], home);
    assert.deepEqual([hunted.lines.length, hunted.counts.files, hunted.counts.lines], [90, 3, 9000], home);
  }
});

test("a time that cannot be read is none: the alert counts in every window, with sketches and without", async (t) => {
  const rig = await rigOf(t);
  const path = join(rig.dir, "odd.json");
  const odd = matchingAlert(1).replace(/"timestamp":"[^"]*"/, '"timestamp":"21st of November"');
  writeFileSync(path, `${matchingAlert(1, { time: START })}\n${odd}\n`);
  utimesSync(path, new Date(START + 48 * HOUR), new Date(START + 48 * HOUR));
  const count = async (window: object) => (await rig.hunt([path], { window, home: "odd" })).lines.length;
  assert.equal(await count({}), 2);
  assert.equal(await count({ from: START + 47 * HOUR, to: START + 49 * HOUR }), 1);
  assert.equal(await count({ from: START + 90 * HOUR }), 1);
});

test("a hunt for what came since some time ago goes on with the time that it began with", async (t) => {
  const dir = tempDir(t);
  const [feed, alerts] = [join(dir, "misp"), join(dir, "alerts.json")];
  writeFileSync(alerts, content(0));
  writeFeed(feed);
  const cache = process.env["XDG_CACHE_HOME"];
  process.env["XDG_CACHE_HOME"] = join(dir, "cache");
  t.after(() => {
    if (cache === undefined) delete process.env["XDG_CACHE_HOME"];
    else process.env["XDG_CACHE_HOME"] = cache;
  });
  const run = async (newSince: number, stop: AbortController) => {
    const session = await openHunt({
      open: { feeds: [feed], log: silentLog },
      files: [alerts],
      window: {},
      words: [undefined, undefined, undefined, "1d"],
      newSince,
      archives: false,
      minScore: 0,
      benign: true,
      findings: true,
      deliver: false,
      resume: false,
      restart: false,
      sketches: undefined,
      threads: 0,
      log: silentLog,
      signal: stop.signal,
    });
    try {
      return (await session.run({ emit: () => undefined, onProgress: () => stop.abort() })).outcome;
    } finally {
      await session.close();
    }
  };
  const first = await run(REPORTED, new AbortController());
  assert.ok(first.interrupted);
  const stays = new AbortController();
  stays.abort = () => undefined;
  const second = await run(REPORTED + HOUR, stays);
  assert.equal(second.interrupted, false);
  assert.equal(second.summary.findings, 30);
});

const REPORTED = Date.UTC(2026, 10, 20);

function writeFeed(folder: string): void {
  const uuid = (n: number) => `00000000-0000-4000-8000-${String(n).padStart(12, "0")}`;
  const timestamp = String(REPORTED / 1000);
  const head = { info: "New", date: "2026-11-20", timestamp, Orgc: { name: "X", uuid: uuid(9) } };
  const attribute = { uuid: uuid(2), type: "domain", category: "Network activity", to_ids: true, timestamp };
  const whole = { ...head, uuid: uuid(1), analysis: "2", threat_level_id: "2", published: true };
  mkdirSync(folder);
  writeFileSync(join(folder, "manifest.json"), JSON.stringify({ [uuid(1)]: head }));
  writeFileSync(
    join(folder, `${uuid(1)}.json`),
    JSON.stringify({ Event: { ...whole, Attribute: [{ ...attribute, value: indicatorOf(1) }] } }),
  );
}
