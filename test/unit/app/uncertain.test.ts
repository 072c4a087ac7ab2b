import assert from "node:assert/strict";
import { test } from "node:test";
import { Metrics } from "../../../src/app/metrics.ts";

test("what sinks cannot know is read from them at each scrape", async () => {
  const metrics = new Metrics();
  let uncertain = 3;
  metrics.watchSinks([
    { name: "graylog", sink: { uncertain: () => uncertain } },
    { name: "wazuh", sink: {} },
  ]);
  const lines = async () =>
    (await metrics.registry.metrics()).split("\n").filter((line) => line.startsWith("tipline_uncertain_total"));
  assert.deepEqual(await lines(), ['tipline_uncertain_total{sink="graylog"} 3']);
  uncertain = 5;
  assert.deepEqual(await lines(), ['tipline_uncertain_total{sink="graylog"} 5']);
});
