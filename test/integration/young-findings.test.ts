import assert from "node:assert/strict";
import { test } from "node:test";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Sink } from "../../src/contract/sink.ts";
import type { Finding } from "../../src/model/finding.ts";
import type { HandleRecord } from "../../src/pipeline/pump.ts";
import { stormControl } from "../../src/stages/storm.ts";
import { makeFinding } from "../support/finding.ts";
import { type FakeSink, numberedSource } from "../support/pipeline.ts";
import { line } from "../support/pipeline-line.ts";
import { derive } from "../support/storm.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (how: { readonly type: "minor" | "major" }) => void;

const FINDINGS = 4000;
const WARM_UP = 400;
/** Of strings and members: what is left behind shows against what storm control keeps of each, about a kilobyte. */
const MEMBERS = 300;

function bigFinding(n: number): Finding {
  const filling = Object.fromEntries(Array.from({ length: MEMBERS }, (_, at) => [`m${at}`, { n, at: `${n}.${at}` }]));
  const finding = makeFinding(n, { key: { indicator: `ip:198.51.100.7/${n}`, entity: `agent:${n % 200}` } });
  // As from JSON: of its own, none of it shared.
  return JSON.parse(JSON.stringify({ ...finding, alert: { ...finding.alert, filling } })) as Finding;
}

const oldBytes = () =>
  getHeapSpaceStatistics()
    .filter(({ space_name }) => space_name === "old_space" || space_name === "large_object_space")
    .reduce((sum, { space_used_size }) => sum + space_used_size, 0);

test("findings that have been delivered are young garbage: nothing on their way makes them old", async (t) => {
  const record: HandleRecord = ({ bytes }) => ({
    findings: [bigFinding(Number(bytes.toString()))],
    deadLetters: [],
    confirmed: [],
  });
  let taken = 0;
  let before = 0;
  const sink: Sink = {
    send: async (findings) => {
      if (taken < WARM_UP && taken + findings.length >= WARM_UP) {
        collect({ type: "major" });
        before = oldBytes();
      }
      taken += findings.length;
      // As often as in a running line: twice while a finding is on its way would make it old by right.
      if (taken % 80 < findings.length) collect({ type: "minor" });
      return { status: "sent" };
    },
    close: async () => undefined,
  };
  const { run } = await line(t, ["out"]);
  await run(
    { out: sink as FakeSink },
    { numbers: numberedSource(FINDINGS, 4) },
    { handle: () => record, stage: stormControl({ derive }) },
  );
  assert.equal(taken, FINDINGS);
  const each = (oldBytes() - before) / (FINDINGS - WARM_UP);
  t.diagnostic(`${each.toFixed(0)} bytes of old objects a finding`);
  const whole = MEMBERS * 60;
  assert.ok(each < whole / 4, `${each.toFixed(0)} bytes of old objects a finding, of about ${whole}`);
});
