import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveGeneration } from "../../../src/app/generation.ts";
import type { FeedPull } from "../../../src/contract/feed.ts";
import { NO_OWN_ASSETS } from "../../../src/intel/policy.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { openGenerations } from "../../../src/store/generations.ts";
import { anIndicator, aReport } from "../../support/make.ts";
import { tempDir } from "../../support/temp.ts";

function part(feed: string, value: string, more: boolean): Exclude<FeedPull, { mode: "unchanged" }> {
  const report = aReport({ feed });
  const page = {
    indicators: [{ ...anIndicator("domain", value), report }],
    withdrawnEvents: [],
    skipped: new Map(),
    refused: [],
  };
  const pages = (async function* () {
    yield page;
  })();
  return { mode: "full", pages, cursor: () => ({}), more: () => more };
}

test("a first pull is not enough to read alerts against before its last part, nor after a restart in between", async (t) => {
  const dir = tempDir(t);
  const open = () => {
    const store = openGenerations({ dir, log: silentLog });
    const warninglists = { count: 0, entries: 0, check: () => [] };
    return { store, live: new LiveGeneration({ store, warninglists, own: NO_OWN_ASSETS }) };
  };
  const first = open();
  assert.equal(first.live.ready, false);
  await first.store.update({ changes: [{ feed: "misp", pull: part("misp", "a.example.net", true) }] });
  assert.equal(first.live.ready, false, "the part is in the store only");
  first.live.refresh();
  assert.equal(first.live.ready, false, "the part alone");
  assert.deepEqual(first.live.partial, ["misp"]);
  first.store.close();
  const second = open();
  assert.equal(second.live.ready, false, "after a restart");
  await second.store.update({ changes: [{ feed: "misp", pull: part("misp", "b.example.net", false) }] });
  second.live.refresh();
  assert.equal(second.live.ready, true);
  await second.store.update({ changes: [{ feed: "late", pull: part("late", "c.example.net", true) }] });
  second.live.refresh();
  assert.equal(second.live.ready, true, "another feed's first pull does not stop what works");
  second.store.close();
});
