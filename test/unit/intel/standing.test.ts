import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { expiryRules } from "../../../src/contract/expiry-schema.ts";
import { type AgeRules, createStanding } from "../../../src/intel/standing.ts";
import { DEFAULT_EXPIRY, NEVER_EXPIRES } from "../../../src/model/expiry.ts";
import type { IndicatorReport, IndicatorType } from "../../../src/model/indicator.ts";
import type { Knowledge } from "../../../src/model/knowledge.ts";
import { aReport } from "../../support/make.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const DAY = 86_400_000;
const ATTRIBUTE = aReport().attributeUuid;
const NOTHING_KNOWN: Knowledge = { taxonomies: [], decayingModels: [], falsePositives: {}, sightings: {} };
const MODEL = {
  uuid: "073fae4a-2377-4cfa-bd34-2516830d33c3",
  name: "NIDS",
  attributeTypes: ["ip-dst"],
  lifetime: 120,
  decaySpeed: 2,
  threshold: 30,
  defaultBaseScore: 80,
  baseScore: { "false-positive:risk": 1 },
  formula: "Polynomial",
};

function agedDays(days: number, over: Partial<IndicatorReport> = {}): IndicatorReport {
  return aReport({ timestamp: (NOW - days * DAY) / 1000, ...over });
}

function standing(rules: AgeRules, knowledge: Partial<Knowledge> = {}) {
  return createStanding(new Map([["test-feed", rules]]), new Map([["test-feed", { ...NOTHING_KNOWN, ...knowledge }]]));
}

function reason(type: IndicatorType, report: IndicatorReport, rules: AgeRules = { expiry: DEFAULT_EXPIRY }) {
  return standing(rules).expired({ type, pattern: "exact" }, report, NOW);
}

describe("expiry by type", () => {
  it("lets addresses expire after 90 days and names and URLs after 365, hashes and the rest never", () => {
    assert.equal(reason("ip", agedDays(90)), undefined);
    assert.equal(reason("ip", agedDays(412)), "last seen 412 days ago, 90 at most for addresses");
    assert.equal(reason("domain", agedDays(365)), undefined);
    assert.equal(reason("domain", agedDays(366)), "last seen 366 days ago, 365 at most for domains");
    assert.equal(reason("url", agedDays(366)), "last seen 366 days ago, 365 at most for URLs");
    for (const type of ["sha256", "md5", "x509", "filename", "email", "ja3"] as const)
      assert.equal(reason(type, agedDays(9999)), undefined);
  });

  it("counts from last_seen, else from the attribute's timestamp, and never without a date", () => {
    assert.equal(reason("ip", agedDays(400, { lastSeen: NOW / 1000 - 5 })), undefined);
    assert.match(reason("ip", agedDays(1, { lastSeen: (NOW - 100 * DAY) / 1000 })) ?? "", /100 days ago/);
    assert.equal(reason("ip", aReport()), undefined);
    assert.equal(reason("ip", agedDays(-400)), undefined);
  });

  it("does not judge feeds without rules", () => {
    assert.equal(reason("ip", agedDays(400, { feed: "another" })), undefined);
  });

  it("goes by the configuration", () => {
    assert.deepEqual(expiryRules.parse({}), DEFAULT_EXPIRY, "what the schema promises is what holds without a word");
    const month = expiryRules.parse({ ip: "30d", hash: "36h" });
    assert.match(reason("ip", agedDays(31), { expiry: month }) ?? "", /31 days ago, 30 at most for addresses/);
    assert.match(reason("sha1", agedDays(2), { expiry: month }) ?? "", /2 days ago, 2 at most for hashes/);
    assert.equal(reason("domain", agedDays(364), { expiry: month }), undefined);
    assert.equal(reason("ip", agedDays(9999), { expiry: expiryRules.parse("never") }), undefined);
    for (const wrong of [{ ip: "0d" }, { ip: 90 }, { decay: "yes" }, { ipv4: "9d" }, "always"])
      assert.equal(expiryRules.safeParse(wrong).success, false);
  });

  it("holds the feed's max_age between pulls, whatever the type", () => {
    const rules = { expiry: NEVER_EXPIRES, maxAge: 10 * DAY };
    assert.equal(reason("sha256", agedDays(10), rules), undefined);
    assert.equal(reason("sha256", agedDays(11), rules), "last seen 11 days ago, 10 at most by the feed's max_age");
  });
});

describe("decay", () => {
  const rules = { expiry: { ...DEFAULT_EXPIRY, decay: true } };
  const ip = { type: "ip", pattern: "exact" } as const;
  const ofType = (days: number, over: Partial<IndicatorReport> = {}) =>
    agedDays(days, { attributeType: "ip-dst", ...over });

  it("decides in the place of the limit by type", () => {
    const { expired } = standing(rules, { decayingModels: [MODEL] });
    // 80 × (1 − √(46 ÷ 120)) = 30.5 and one day later 29.9.
    assert.equal(expired(ip, ofType(46), NOW), undefined);
    assert.equal(
      expired(ip, ofType(47), NOW),
      "last seen 47 days ago, decayed: 29.9 of 80 points left, 30 needed (NIDS)",
    );
    const long = standing(rules, { decayingModels: [{ ...MODEL, lifetime: 9999 }] });
    assert.equal(long.expired(ip, ofType(400), NOW), undefined);
  });

  it("counts as decayed only what every model of its type calls so", () => {
    const { expired } = standing(rules, { decayingModels: [MODEL, { ...MODEL, lifetime: 3 }] });
    assert.equal(expired(ip, ofType(10), NOW), undefined);
    assert.match(expired(ip, ofType(47), NOW) ?? "", /decayed/);
  });

  it("falls back to the limit by type where no model that can be computed covers it, or nothing is known", () => {
    const unknown = { ...MODEL, formula: "Sightings" };
    for (const known of [{ decayingModels: [MODEL] }, { decayingModels: [unknown] }, {}]) {
      const { expired } = standing(rules, known);
      const type = "decayingModels" in known && known.decayingModels.includes(MODEL) ? "ip-src" : "ip-dst";
      assert.match(expired(ip, ofType(91, { attributeType: type }), NOW) ?? "", /90 at most/);
      assert.equal(expired(ip, ofType(89, { attributeType: type }), NOW), undefined);
    }
    const { expired } = createStanding(new Map([["test-feed", rules]]), new Map());
    assert.match(expired(ip, ofType(91), NOW) ?? "", /90 at most/);
  });

  it("counts from the last sighting by others unless the attribute was edited after it", () => {
    const sightings = { [ATTRIBUTE]: (NOW - 10 * DAY) / 1000 };
    const { expired } = standing(rules, { decayingModels: [MODEL], sightings });
    assert.equal(expired(ip, ofType(300), NOW), undefined);
    assert.equal(expired(ip, ofType(300, { lastSeen: (NOW - 200 * DAY) / 1000 }), NOW), undefined);
    assert.match(expired(ip, ofType(5, { lastSeen: (NOW - 200 * DAY) / 1000 }), NOW) ?? "", /200 days ago/);
  });

  it("is off unless asked for", () => {
    const { expired } = standing({ expiry: DEFAULT_EXPIRY }, { decayingModels: [MODEL] });
    assert.equal(expired(ip, ofType(89), NOW), undefined);
  });
});

describe("false positives", () => {
  it("are those of the feed's own server, until the attribute is edited", () => {
    const at = NOW / 1000 - 3600;
    const { falsePositive } = standing({ expiry: NEVER_EXPIRES }, { falsePositives: { [ATTRIBUTE]: at } });
    assert.equal(falsePositive(agedDays(5)), at * 1000);
    assert.equal(falsePositive(aReport()), at * 1000);
    assert.equal(falsePositive(aReport({ timestamp: at })), at * 1000);
    assert.equal(falsePositive(aReport({ timestamp: at + 1 })), undefined);
    assert.equal(falsePositive(agedDays(5, { feed: "another" })), undefined);
    assert.equal(falsePositive(agedDays(5, { attributeUuid: "constructor" })), undefined);
  });

  it("may be dated in milliseconds", () => {
    const { falsePositive } = standing({ expiry: NEVER_EXPIRES }, { falsePositives: { [ATTRIBUTE]: NOW } });
    assert.equal(falsePositive(agedDays(5)), NOW);
  });
});
