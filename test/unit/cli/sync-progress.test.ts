import assert from "node:assert/strict";
import { test } from "node:test";
import { SyncProgress } from "../../../src/cli/sync-progress.ts";

test("shows events, attributes, bytes, rate and the time left", () => {
  const progress = new SyncProgress();
  progress.update("misp", { eventsDone: 100, eventsTotal: 400, attributes: 50_000, bytes: 28 * 1024 * 1024 });
  assert.equal(
    progress.render(10_000),
    "misp  [######..................] 25%  100 of 400 events  50,000 attributes  28.0 MiB  5,000 attributes/s  30s left",
  );
});

test("adds feeds up, and shows no share where a total is unknown", () => {
  const progress = new SyncProgress();
  progress.update("a", { eventsDone: 1, eventsTotal: 2, attributes: 10, bytes: 0 });
  progress.update("b", { eventsDone: 3, attributes: 20, bytes: 0 });
  assert.equal(progress.render(1000), "2 feeds  4 events  30 attributes  30 attributes/s");
});
