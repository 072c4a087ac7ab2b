import assert from "node:assert/strict";
import { test } from "node:test";
import type { LiveGeneration } from "../../../src/app/generation.ts";
import { Health } from "../../../src/app/health.ts";
import { parseConfig } from "../../../src/config/load.ts";
import type { SourceLag } from "../../../src/contract/source.ts";
import type { StoredJournal } from "../../../src/store/journal.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const MINUTE_MS = 60_000;
const CONFIG = "feeds: { list: { type: list-file, path: /x } }";

/** Health of a line with one source whose lag a test sets. */
async function rig() {
  const clock = new ManualClock();
  const around = { lag: {} as SourceLag, holding: [] as string[] };
  const source = { read: () => assert.fail(), lag: () => around.lag };
  const live = { ready: false, partial: [], current: () => ({ createdAt: 0 }) } as unknown as LiveGeneration;
  const health = new Health({
    clock,
    config: await parseConfig(CONFIG, "test"),
    live,
    sources: new Map([["wazuh", source]]),
    journal: { holding: () => around.holding } as unknown as StoredJournal,
  });
  /** Lets minutes pass; each look finds the lag that `secondsAt` gives. */
  const pass = (minutes: number, secondsAt: (minute: number) => number) => {
    for (let minute = 1; minute <= minutes; minute++) {
      clock.advance(MINUTE_MS);
      around.lag = { bytes: 1, seconds: secondsAt(minute) };
      health.lookAtLags();
    }
  };
  const troubles = () => health.details().filter(({ kind }) => kind === "source");
  return { health, clock, around, pass, troubles };
}

for (const [what, secondsAt] of [
  ["stays far behind", () => 900],
  ["falls behind ever more", (minute: number) => 900 + 30 * minute],
] as const)
  test(`a source that ${what} is a trouble of its own`, async () => {
    const { health, pass, troubles } = await rig();
    pass(7, secondsAt);
    assert.match(troubles()[0]?.text ?? "", /^source wazuh: .* behind and not catching up/);
    assert.equal(troubles()[0]?.component, "wazuh");
    assert.equal(health.failsNow("wazuh"), true);
    pass(1, () => 0);
    assert.deepEqual([troubles(), health.failsNow("wazuh")], [[], false]);
  });

test("one that catches up after a downtime is none, nor one that is a little behind", async () => {
  const { pass, troubles } = await rig();
  pass(120, (minute) => 86_400 - 60 * minute);
  assert.deepEqual(troubles(), []);
  pass(120, () => 599);
  assert.deepEqual(troubles(), []);
});

test("old alerts that are read as they come are none: nothing waits", async () => {
  const { clock, around, health, troubles } = await rig();
  for (let look = 0; look < 30; look++) {
    around.lag = { bytes: look % 2, seconds: 1_000_000 };
    clock.advance(MINUTE_MS);
    health.lookAtLags();
  }
  assert.deepEqual(troubles(), []);
});

test("a source that is held by a full journal, or says itself what is wrong, is told of once", async () => {
  const { around, pass, health, troubles } = await rig();
  around.holding = ["wazuh"];
  pass(20, () => 5000);
  assert.deepEqual(troubles(), []);
  around.holding = [];
  pass(20, () => 5000);
  around.lag = { bytes: 1, seconds: 5000, trouble: "alerts.json may not be read" };
  health.lookAtLags();
  assert.deepEqual(
    troubles().map(({ text }) => text),
    ["source wazuh: alerts.json may not be read"],
  );
});

test("the line looks at the lags by itself", async () => {
  const { around, clock, health, troubles } = await rig();
  const stop = new AbortController();
  around.lag = { bytes: 1, seconds: 5000 };
  const running = health.run(stop.signal);
  while (troubles().length === 0) {
    clock.advance(MINUTE_MS);
    await new Promise((resolve) => setImmediate(resolve));
  }
  stop.abort();
  await running;
});
