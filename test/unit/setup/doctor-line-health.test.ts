import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { JsonObject } from "../../../src/model/json.ts";
import { ownIdentity } from "../../../src/setup/doctor-host-access.ts";
import type { LineSubject } from "../../../src/setup/doctor-line.ts";
import { healthHops } from "../../../src/setup/doctor-line-health.ts";
import { walkChain } from "../../../src/setup/doctor-line-walk.ts";
import { type CanaryState, writeCanaryState } from "../../../src/store/canary-state.ts";
import { tempDir } from "../../support/temp.ts";

const NOW = Date.parse("2026-11-20T12:00:00Z");
const DAY_MS = 86_400_000;

/** What doctor says of a canary whose state is this. */
async function canaryOf(t: TestContext, state: Partial<CanaryState>, report: JsonObject = {}) {
  const stateDir = tempDir(t);
  const common = { enabled: true, updatedAt: NOW, intervalMs: 300_000, timeoutMs: 120_000, sent: 0, lost: 0 };
  writeCanaryState(stateDir, { ...common, ...state });
  const subject: LineSubject = {
    stateDir,
    who: ownIdentity(),
    start: "start it",
    restart: "restart it",
    feeds: [],
    config: { path: "tipline.yaml", digest: "" },
    healthUrl: undefined,
    now: () => NOW,
    status: async () => ({ status: "answers", report }),
  };
  for await (const check of walkChain(healthHops(subject), new AbortController().signal))
    if (check.name === "canary") return check;
  return assert.fail("no hop of that name");
}

test("a first canary that was sent a day ago and never came back is a fault", async (t) => {
  const sentAt = NOW - DAY_MS;
  const { status, found } = await canaryOf(t, { sent: 1, lastSentAt: sentAt, updatedAt: sentAt, waitsFor: "read" });
  assert.deepEqual([status, found], ["fail", "the first one did not come back for 1d"]);
});

test("so is a line that has sent none for a day", async (t) => {
  const { status, found } = await canaryOf(t, { updatedAt: NOW - DAY_MS });
  assert.deepEqual([status, found], ["fail", "none was sent for 1d"]);
});

test("one that was sent a minute ago is on its way", async (t) => {
  const { status, found } = await canaryOf(t, { sent: 1, lastSentAt: NOW - 60_000, waitsFor: "read" });
  assert.deepEqual([status, found], ["ok", "the first one is on its way"]);
});

test("where one came back, that one counts", async (t) => {
  const old = await canaryOf(t, { sent: 9, lastSentAt: NOW - 60_000, lastReturnedAt: NOW - DAY_MS });
  assert.deepEqual([old.status, old.found], ["fail", "none came back for 1d"]);
  const young = await canaryOf(t, { sent: 9, lastSentAt: NOW - DAY_MS, lastReturnedAt: NOW - 60_000 });
  assert.equal(young.status, "ok");
});

test("one that waits for a source that catches up is not a fault, unless the line says so", async (t) => {
  const sent = { sent: 1, lastSentAt: NOW - 3_600_000, waitsFor: "rule" } as const;
  const sources = { wazuh: { bytes: 5_000_000, seconds: 540 } };
  assert.equal((await canaryOf(t, sent, { sources })).status, "skip");
  assert.equal((await canaryOf(t, sent, { sources: { wazuh: { bytes: 0, seconds: 0 } } })).status, "fail");
  assert.equal((await canaryOf(t, { ...sent, waitsFor: "deliver" }, { sources })).status, "fail");
  const missing = { since: NOW - 60_000, message: "its alert was not read", hop: "read", explained: false } as const;
  assert.equal((await canaryOf(t, { ...sent, missing }, { sources })).status, "fail");
});
