import assert from "node:assert/strict";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { HuntKeeper } from "../../../src/app/hunt-keeper.ts";
import type { Config } from "../../../src/config/load.ts";
import type { Commit, Journal } from "../../../src/contract/journal.ts";
import type { Clock } from "../../../src/lib/clock.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { ArrivalQueue } from "../../../src/store/hunt-arrivals.ts";
import { aGeneration } from "../../support/generation.ts";
import { indicatorOf, matchingAlert, quietAlert } from "../../support/independent-count-alerts.ts";
import { anIndicator } from "../../support/make.ts";
import { tempDir } from "../../support/temp.ts";

const NOW = Date.UTC(2026, 10, 21, 12);

/** What every keeper here is made of: one source's log, and two indicators. */
function partsIn(dir: string, maxCpuPercent: number) {
  const path = join(dir, "alerts/alerts.json");
  return {
    config: {
      state_dir: join(dir, "state"),
      hunt: {
        ...{ enabled: true, window: 7 * 86_400_000, archives: false, max_sketch_bytes: 2 ** 30 },
        max_cpu_percent: maxCpuPercent,
      },
      sources: [{ name: "w", definition: { type: "wazuh-alerts" }, settings: { path } }],
      feeds: [],
    } as unknown as Config,
    key: Buffer.alloc(32, 1),
    generation: () => aGeneration([anIndicator("domain", indicatorOf(1)), anIndicator("domain", indicatorOf(2))]),
    feeds: () => ({ configured: [], known: [], partial: [] }),
    log: silentLog,
  };
}

test("a batch gives way after its steps, waits while a source is behind, and comes to its findings", async (t) => {
  const dir = tempDir(t);
  const path = join(dir, "alerts/2026/Nov/ossec-alerts-20.json");
  mkdirSync(dirname(path), { recursive: true });
  const lines = Array.from({ length: 5000 }, (_, n) => quietAlert(n, { time: NOW - 86_400_000 }));
  lines.push(matchingAlert(1, { time: NOW - 86_400_000 }));
  writeFileSync(path, `${lines.join("\n")}\n`);
  new ArrivalQueue(join(dir, "state/hunt")).put([["domain", "subdomains", indicatorOf(1)]], NOW, NOW);

  const slept: number[] = [];
  let behind = 5;
  let looks = 0;
  const clock: Clock = {
    now: () => NOW + 60_000,
    async sleep(ms, signal) {
      if (ms >= 3_600_000 && signal)
        return await new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
      slept.push(ms);
      await nextTurn();
    },
  };
  const commits: Commit[] = [];
  const stop = new AbortController();
  const events: string[] = [];
  const keeper = new HuntKeeper({
    ...partsIn(dir, 1),
    journal: {
      backlog: () => new Map(),
      async commit(commit: Commit) {
        commits.push(commit);
        return true;
      },
    } as unknown as Journal,
    lags() {
      looks++;
      return [behind-- > 0 ? { bytes: 2 ** 30, seconds: 100 } : { bytes: 10, seconds: 1 }];
    },
    events: {
      passed: () => undefined,
      found: (count) => events.push(`found ${count}`),
      ended(outcome) {
        events.push(outcome);
        stop.abort();
      },
    },
    clock,
  });
  assert.deepEqual(keeper.pending(), { indicators: 1, oldestMs: 60_000 });
  await keeper.run(stop.signal);
  assert.deepEqual(events, ["found 1", "done"]);
  assert.deepEqual(
    commits.map(({ source, range, findings }) => [source, range === findings[0]?.id, findings[0]?.mode]),
    [["retro hunt", true, "retro"]],
  );
  assert.ok(looks > 5);
  assert.ok(slept.filter((ms) => ms === 1000).length >= 5, "it waited while the source was behind");
  assert.ok(slept.filter((ms) => ms !== 1000).length > 0, "it slept for what its steps took");
  assert.deepEqual(keeper.pending(), { indicators: 0, oldestMs: 0 });
  assert.equal(keeper.trouble(), undefined);
});

test("what goes together is hunted each up to its own arrival: later alerts were matched when they came", async (t) => {
  const dir = tempDir(t);
  const path = join(dir, "alerts/2026/Nov/ossec-alerts-21.json");
  mkdirSync(dirname(path), { recursive: true });
  const both = matchingAlert(1, { time: NOW + 45_000 }).replace("/var/log/case.json", `/x/${indicatorOf(2)}`);
  const lines = [
    matchingAlert(1, { time: NOW - 1000 }),
    matchingAlert(1, { time: NOW + 20_000 }),
    matchingAlert(2, { time: NOW + 40_000 }),
    both.replace('"data":{', `"data":{"hostname":"${indicatorOf(2)}",`),
    matchingAlert(2, { time: NOW + 61_000 }),
  ];
  writeFileSync(path, `${lines.join("\n")}\n`);
  const queue = new ArrivalQueue(join(dir, "state/hunt"));
  queue.put([["domain", "subdomains", indicatorOf(1)]], NOW, NOW);
  queue.put([["domain", "subdomains", indicatorOf(2)]], NOW + 60_000, NOW + 60_000);
  const found: number[] = [];
  const stop = new AbortController();
  const keeper = new HuntKeeper({
    ...partsIn(dir, 100),
    journal: {
      backlog: () => new Map(),
      async commit({ findings }: Commit) {
        for (const { alert } of findings) found.push(alert.time - NOW);
        return true;
      },
    } as unknown as Journal,
    lags: () => [],
    events: { passed: () => undefined, found: () => undefined, ended: () => stop.abort() },
    clock: { now: () => NOW + 120_000, sleep: () => nextTurn() },
  });
  await keeper.run(stop.signal);
  assert.deepEqual(found, [-1000, 40_000, 45_000]);
});

test("a trouble is told only when something is wrong", async (t) => {
  const dir = tempDir(t);
  const queue = new ArrivalQueue(join(dir, "hunt"));
  queue.put([["domain", "subdomains", "a.example"]], NOW - 7 * 3_600_000, NOW);
  const keeper = new HuntKeeper({
    config: { state_dir: dir, sources: [], feeds: [] } as unknown as Config,
    clock: { now: () => NOW },
    log: silentLog,
  } as never);
  assert.match(String(keeper.trouble()), /1 indicators wait to be hunted, the oldest for 7h/);
  rmSync(join(dir, "hunt"), { recursive: true });
  const fresh = new HuntKeeper({
    config: { state_dir: dir } as Config,
    clock: { now: () => NOW },
    log: silentLog,
  } as never);
  assert.equal(fresh.trouble(), undefined);
});
