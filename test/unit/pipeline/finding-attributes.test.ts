import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { enrichedAlert } from "../../../src/clients/enriched-alert.ts";
import type { Finding, JudgedMatch, Verdict } from "../../../src/model/finding.ts";
import type { IndicatorReport } from "../../../src/model/indicator.ts";
import { toFinding } from "../../../src/pipeline/finding.ts";
import { toAlert } from "../../../src/pipeline/parse-alert.ts";
import { redact } from "../../../src/pipeline/redact.ts";
import { repeatsFinding, spreadFinding, toTemplate } from "../../../src/stages/storm-findings.ts";
import { uuid } from "../../support/fake-misp.ts";
import { aReport } from "../../support/make.ts";
import { seenFinding } from "../../support/sightings.ts";

const RAW = JSON.stringify({ timestamp: "2026-11-20T12:00:00.000+0000", id: "1.1", data: { srcip: "198.18.0.7" } });

const report = (n: number, over: Partial<IndicatorReport> = {}) => aReport({ attributeUuid: uuid(2, n), ...over });

function match(reports: readonly IndicatorReport[], over: Partial<JudgedMatch> = {}, companionSeen = false) {
  return {
    match: {
      observable: { type: "ip", value: "198.18.0.7", where: "data.srcip", role: "source" },
      indicator: { type: "ip", pattern: "exact", value: "198.18.0.7", reports },
      reports,
      companionSeen,
    },
    suppressions: [],
    annotations: [],
    score: 70,
    reasons: [],
    ...over,
  } as unknown as JudgedMatch;
}

function findingOf(matches: readonly JudgedMatch[]): Finding {
  const verdict: Verdict = {
    matches,
    entity: { kind: "agent", key: "agent:001", name: "web-01" },
    direction: "unknown",
    outcome: "unknown",
    facts: {},
    score: 70,
    band: "high",
    suppressed: matches.every(({ suppressions }) => suppressions.length > 0),
    generation: "g1",
    cves: [],
    foreign: false,
  };
  return toFinding(toAlert(Buffer.from(RAW), "wazuh", 0), RAW, verdict, "live", () => "f1");
}

const numbers = ({ attributes }: Finding) => attributes?.map(({ attributeUuid }) => Number(attributeUuid.slice(-12)));

describe("attributes of a finding", () => {
  it("are the reports of what is not explained away, best first, each once", () => {
    const suppressed = { suppressions: [{ by: "warninglist", reason: "list" }] as const };
    const finding = findingOf([
      match([report(1), report(2)]),
      match([report(3)], suppressed),
      match([report(2), report(4), report(2, { feed: "other" })]),
    ]);
    assert.deepEqual(finding.attributes?.[0], {
      feed: "test-feed",
      eventUuid: "5f0f3e6a-0000-4000-8000-0000000000aa",
      attributeUuid: uuid(2, 1),
    });
    assert.deepEqual(numbers(finding), [1, 2, 4, 2]);
    assert.equal("attributes" in findingOf([match([report(1)], suppressed)]), false);
  });

  it("leave out what is too weak to convict alone, unless its other half was seen", () => {
    assert.equal(findingOf([match([report(1, { weak: true })])]).attributes, undefined);
    assert.deepEqual(numbers(findingOf([match([report(1, { weak: true })], {}, true)])), [1]);
  });

  it("are at most twenty", () => {
    const finding = findingOf([match(Array.from({ length: 30 }, (_, n) => report(n + 1)))]);
    assert.equal(finding.attributes?.length, 20);
  });

  it("survive the journal and show in no enriched alert", () => {
    const finding = findingOf([match([report(1), report(2)])]);
    const stored = JSON.parse(JSON.stringify(finding)) as Finding;
    assert.deepEqual(stored.attributes, finding.attributes);
    const { attributes: _, ...without } = finding;
    assert.equal(enrichedAlert(finding), enrichedAlert(without));
    assert.ok(!enrichedAlert(finding).includes(uuid(2, 2)));
  });

  it("do not leave above the TLP ceiling", () => {
    const finding = seenFinding(1, [1, 2], undefined, { tlp: "red" });
    assert.equal("attributes" in redact(finding, "amber"), false);
    assert.deepEqual(redact(finding, "red").attributes, finding.attributes);
  });

  it("are not on counts and spreads", () => {
    const finding = seenFinding(1, [1, 2]);
    const repeats = repeatsFinding(toTemplate(finding), { id: "r", count: 3, time: 0, quiet: false });
    assert.equal("attributes" in repeats, false);
    assert.equal("attributes" in spreadFinding(finding, "s", 21), false);
  });
});
