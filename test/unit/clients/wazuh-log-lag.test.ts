import assert from "node:assert/strict";
import { test } from "node:test";
import { LagMeter } from "../../../src/clients/wazuh-log-lag.ts";
import { ManualClock } from "../../support/manual-clock.ts";

const HOUR_MS = 3_600_000;

test("a line without an end is no lag: nobody can read it, and it gets no older", () => {
  const clock = new ManualClock(Date.parse("2026-11-20T12:00:00Z"));
  const lag = new LagMeter(clock);
  lag.delivered(Buffer.from('{"timestamp":"2026-11-20T11:00:00.000+0000"}'));
  lag.measured(16, 16);
  assert.deepEqual(lag.read(), { bytes: 16, seconds: 0 });
  lag.measured(500, 16);
  assert.deepEqual(lag.read(), { bytes: 500, seconds: HOUR_MS / 1000 });
});
