import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { bandOf, type ScoreInput, score, WEIGHTS } from "../../../src/intel/scoring.ts";
import { anIndicator, aReport } from "../../support/make.ts";

const NOW = Date.parse("2026-11-21T00:00:00Z");

function input(over: Partial<ScoreInput> = {}): ScoreInput {
  const indicator = anIndicator("domain", "bad.example");
  return {
    indicator,
    observed: { type: "domain", value: "bad.example" },
    reports: [aReport()],
    companionSeen: false,
    direction: "unknown",
    outcome: "unknown",
    suppressions: [],
    annotations: [],
    time: NOW,
    ...over,
  };
}

describe("score", () => {
  it("adds to_ids, threat level and specificity", () => {
    const { score: value, reasons } = score(input());
    assert.equal(value, WEIGHTS.toIds + 15 + WEIGHTS.specificity.exactName);
    assert.deepEqual(
      reasons.map(({ text }) => text),
      ["to_ids", "threat level high", "exact name"],
    );
  });

  it("is 0 with the reason when a match is suppressed", () => {
    const judged = score(input({ suppressions: [{ by: "warninglist", reason: "public DNS" }] }));
    assert.equal(judged.score, 0);
    assert.match(judged.reasons[0]?.text ?? "", /warninglist: public DNS/);
  });

  it("holds weak indicators at 40, even when the event succeeded", () => {
    const weak = [aReport({ weak: true })];
    assert.equal(score(input({ reports: weak, outcome: "executed" })).score, WEIGHTS.weakMost);
  });

  it("holds what was denied on its way in at 30, and lifts what succeeded to 70", () => {
    assert.equal(score(input({ direction: "inbound", outcome: "denied" })).score, WEIGHTS.deniedInboundMost);
    const faint = [aReport({ toIds: false, event: { ...aReport().event, threatLevel: 4 } })];
    assert.equal(
      score(input({ reports: faint, direction: "outbound", outcome: "allowed" })).score,
      WEIGHTS.succeededLeast,
    );
    assert.equal(score(input({ reports: faint, outcome: "success" })).score, WEIGHTS.succeededLeast);
    assert.ok(
      score(input({ reports: faint, direction: "outbound", outcome: "denied" })).score < WEIGHTS.succeededLeast,
    );
  });

  it("lowers once what our own organisation called a false positive, and does not lift it", () => {
    const falsePositive = Date.parse("2026-10-01T23:00:00Z");
    const { score: value, reasons } = score(input({ falsePositive }));
    assert.equal(value, WEIGHTS.toIds + 15 + WEIGHTS.specificity.exactName - 30);
    assert.deepEqual(reasons.at(-1), {
      points: WEIGHTS.falsePositive,
      text: "false positive by our organisation on 2026-10-01",
    });
    assert.equal(score(input({ falsePositive, outcome: "success" })).score, value);
    assert.match(score(input({ falsePositive: 9e15 })).reasons.at(-1)?.text ?? "", /an unknown day/);
  });

  it("does not lift what a list makes doubtful", () => {
    const annotated = score(input({ outcome: "success", annotations: [{ warninglist: "cloud" }] }));
    assert.equal(annotated.score, WEIGHTS.toIds + 15 + WEIGHTS.specificity.exactName + WEIGHTS.annotation);
  });

  it("bounds what many lists take away", () => {
    const annotations = ["a", "b", "c", "d"].map((warninglist) => ({ warninglist }));
    const { reasons } = score(input({ annotations }));
    const taken = reasons.filter(({ text }) => text.startsWith("on list")).reduce((sum, { points }) => sum + points, 0);
    assert.equal(taken, WEIGHTS.annotationsMost);
  });

  it("counts distinct organisations and the companion", () => {
    const reports = ["A", "B", "C"].map((orgc) => aReport({ event: { ...aReport().event, orgc } }));
    const { reasons } = score(input({ reports, companionSeen: true }));
    assert.ok(
      reasons.some(({ points, text }) => points === WEIGHTS.thirdOrganisation && text.includes("3 organisations")),
    );
    assert.ok(reasons.some(({ points }) => points === WEIGHTS.companion));
  });

  it("ages addresses and names, never hashes", () => {
    const old = [aReport({ timestamp: (NOW - 400 * 86_400_000) / 1000 })];
    const agePoints = (over: Partial<ScoreInput>) =>
      score(input({ reports: old, ...over })).reasons.find(({ text }) => text.startsWith("last reported"))?.points;
    assert.equal(agePoints({}), WEIGHTS.old.name);
    assert.equal(agePoints({ indicator: anIndicator("ip", "198.18.0.1") }), WEIGHTS.old.address);
    assert.equal(agePoints({ indicator: anIndicator("md5", `${"a".repeat(31)}1`) }), undefined);
  });

  it("names the bands", () => {
    assert.deepEqual(
      [95, 90, 89, 70, 69, 40, 39, 0].map((value) => bandOf(value, false)),
      ["critical", "critical", "high", "high", "medium", "medium", "low", "low"],
    );
    assert.equal(bandOf(100, true), "benign");
  });
});
