import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { expiryRules } from "../../src/contract/expiry-schema.ts";
import { type FeedFilter, feedFilter } from "../../src/contract/feed-filter.ts";
import { createReportFilter } from "../../src/intel/report-filter.ts";
import { createStanding } from "../../src/intel/standing.ts";
import type { EventContext, IndicatorReport } from "../../src/model/indicator.ts";
import type { Knowledge } from "../../src/model/knowledge.ts";
import { fuzzRuns } from "../support/indicators.ts";
import { aReport } from "../support/make.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z") / 1000;
const DAY = 86_400;

/** Tags of the field, with near misses of each other and of the wildcards below. */
const tag = fc.constantFrom(
  "tlp:red",
  "TLP:GREEN",
  "tlp:amber+strict",
  "tlp:ex:chr",
  "PAP:RED",
  "pap:clear",
  'misp-galaxy:ransomware="Locky"',
  "misp-galaxy:ransomware",
  'false-positive:risk="low"',
  'FALSE-POSITIVE:RISK="HIGH"',
  'priority-level="severe"',
  "priority-level:severe",
  "100%",
  "",
);
const tags = fc.array(tag, { maxLength: 4 });
const pattern = fc.constantFrom("tlp:red", "TLP:%", "%", "%%", '%locky"', "misp-galaxy:%", "%risk%", "100%", "pap:r_d");
const org = fc.constantFrom("CIRCL", "circl", "CIRCL ", "CERT-EU", "55f6ea5e-2c60-40e5-964f-47a8950d210f");
const type = fc.constantFrom("ip-dst", "ip-src", "domain", "domain|ip", "md5", "url");
const seconds = fc.option(
  fc.oneof(fc.integer({ min: NOW - 900 * DAY, max: NOW + 30 * DAY }), fc.constantFrom(1, NOW, NOW - 90 * DAY)),
  { nil: undefined },
);

const anEvent: fc.Arbitrary<EventContext> = fc
  .record({ orgc: fc.option(org, { nil: undefined }), threatLevel: fc.constantFrom(1, 2, 3, 4, undefined), tags })
  .map(({ orgc, threatLevel, tags: own }) => ({
    ...aReport().event,
    tags: own,
    ...(orgc === undefined ? {} : { orgc }),
    ...(threatLevel === undefined ? {} : { threatLevel: threatLevel as 1 | 2 | 3 | 4 }),
  }));
const anyReport: fc.Arbitrary<IndicatorReport> = fc
  .record({ event: anEvent, attributeType: type, tags, timestamp: seconds, lastSeen: seconds })
  .map(({ timestamp, lastSeen, ...rest }) => ({
    ...aReport(rest),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(lastSeen === undefined ? {} : { lastSeen }),
  }));

const settings: fc.Arbitrary<FeedFilter> = fc
  .record({
    tags: fc.record({ include: fc.array(pattern, { maxLength: 2 }), exclude: fc.array(pattern, { maxLength: 2 }) }),
    orgs: fc.record({ include: fc.array(org, { maxLength: 2 }), exclude: fc.array(org, { maxLength: 2 }) }),
    types: fc.record({ include: fc.array(type, { maxLength: 2 }), exclude: fc.array(type, { maxLength: 2 }) }),
    threat_level: fc.constantFrom("high", "medium", "low", "undefined"),
    max_age: fc.constantFrom("1d", "90d", "900d", undefined),
    max_tlp: fc.constantFrom("clear", "green", "amber", "amber+strict", "red"),
    max_pap: fc.constantFrom("clear", "green", "amber", "red"),
  })
  .map((raw) => feedFilter.parse(raw));

function reasonOf(filter: FeedFilter, report: IndicatorReport, orgUuid?: string): string | undefined {
  const { event, attribute } = createReportFilter(filter, () => NOW * 1000);
  return event(report.event, orgUuid) ?? attribute(report, report.event);
}

const model = fc.record({
  uuid: fc.uuid(),
  name: fc.constant("m"),
  attributeTypes: fc.array(type, { maxLength: 4 }),
  lifetime: fc.constantFrom(0, 0.5, 3, 120, 5000),
  decaySpeed: fc.constantFrom(0.1, 1, 2.3, 30),
  threshold: fc.constantFrom(0, 30, 80, 100),
  defaultBaseScore: fc.constantFrom(0, 50, 100),
  baseScore: fc.constantFrom({}, { "false-positive:risk": 0.3, "priority-level": 0 }, { tlp: 1, PAP: 0.5 }),
  formula: fc.constantFrom("Polynomial", "polynomial", "PolynomialExtended", ""),
});
const knowledge: fc.Arbitrary<Knowledge> = fc
  .record({ decayingModels: fc.array(model, { maxLength: 3 }), sighted: seconds, falsePositive: seconds })
  .map(({ decayingModels, sighted, falsePositive }) => {
    const { attributeUuid } = aReport();
    return {
      decayingModels,
      taxonomies: [{ namespace: "false-positive", numbers: { 'false-positive:risk="low"': 75, "tlp:red": 10 } }],
      sightings: sighted === undefined ? {} : { [attributeUuid]: sighted },
      falsePositives: falsePositive === undefined ? {} : { [attributeUuid]: falsePositive },
    };
  });
const rules = fc
  .record({
    ip: fc.constantFrom("1h", "90d", "never"),
    domain: fc.constantFrom("30d", "never"),
    decay: fc.boolean(),
    maxAge: fc.constantFrom(undefined, 30 * DAY * 1000),
  })
  .map(({ maxAge, ...expiry }) => ({ expiry: expiryRules.parse(expiry), ...(maxAge === undefined ? {} : { maxAge }) }));
const kind = fc.constantFrom("ip" as const, "domain" as const, "url" as const, "md5" as const, "filename" as const);

describe("report filter", () => {
  it("never takes more when something is added to an exclude, a ceiling comes down or a level goes up", () => {
    fc.assert(
      fc.property(settings, settings, anyReport, (loose, more, report) => {
        if (reasonOf(loose, report) === undefined) return;
        const both = (key: "tags" | "orgs" | "types") => ({
          include: loose[key].include,
          exclude: [...loose[key].exclude, ...more[key].exclude],
        });
        const strict = { ...loose, tags: both("tags"), orgs: both("orgs"), types: both("types") } as FeedFilter;
        assert.notEqual(reasonOf(strict, report), undefined);
        assert.notEqual(
          reasonOf({ ...strict, max_tlp: "clear", max_pap: "clear", threat_level: "high" }, report),
          undefined,
        );
      }),
      { numRuns: fuzzRuns(500) },
    );
  });

  it("has few reasons, and none of them from the feed", () => {
    fc.assert(
      fc.property(settings, anyReport, fc.string(), (filter, report, text) => {
        const hostile = { ...report, tags: [...report.tags, text], event: { ...report.event, orgc: text } };
        const reason = reasonOf(filter, hostile, text);
        const words = JSON.stringify(filter);
        const named = /^(?:tag|organisation|type) (.*) is excluded$/s.exec(reason ?? "")?.[1];
        if (named !== undefined) assert.ok(words.includes(JSON.stringify(named)));
      }),
      { numRuns: fuzzRuns(300) },
    );
  });

  it("leaves an event out only when it leaves out each of its attributes", () => {
    fc.assert(
      fc.property(settings, anyReport, (filter, report) => {
        const open: FeedFilter = { ...filter, orgs: { include: [], exclude: [] }, threat_level: "undefined" };
        const { event, attribute } = createReportFilter(open, () => NOW * 1000);
        if (event(report.event) !== undefined) assert.notEqual(attribute(report, report.event), undefined);
      }),
      { numRuns: fuzzRuns(500) },
    );
  });
});

describe("standing", () => {
  it("is pure, and what has expired stays so as time passes", () => {
    const offset = fc.integer({ min: -400 * DAY, max: 900 * DAY });
    fc.assert(
      fc.property(
        rules,
        knowledge,
        kind,
        anyReport,
        offset,
        fc.nat(900 * DAY),
        (rule, known, of, report, at, later) => {
          const made = () => createStanding(new Map([["test-feed", rule]]), new Map([["test-feed", known]]));
          const standing = made();
          const indicator = { type: of, pattern: "exact" as const };
          const time = (NOW + at) * 1000;
          const reason = standing.expired(indicator, report, time);
          assert.equal(made().expired(indicator, report, time), reason);
          assert.equal(standing.expired(indicator, report, time), reason);
          assert.equal(standing.falsePositive(report), made().falsePositive(report));
          if (reason !== undefined) {
            assert.ok(reason.length < 200);
            assert.notEqual(standing.expired(indicator, report, time + later * 1000), undefined);
          }
        },
      ),
      { numRuns: fuzzRuns(1000) },
    );
  });

  it("lets a report that was seen or sighted later live at least as long", () => {
    fc.assert(
      fc.property(rules, knowledge, kind, anyReport, fc.nat(500 * DAY), (rule, known, of, report, later) => {
        const indicator = { type: of, pattern: "exact" as const };
        const expired = (of_: IndicatorReport) =>
          createStanding(new Map([["test-feed", rule]]), new Map([["test-feed", known]])).expired(
            indicator,
            of_,
            NOW * 1000,
          );
        if (report.lastSeen === undefined || report.timestamp === undefined) return;
        if (expired(report) !== undefined) return;
        assert.equal(expired({ ...report, lastSeen: report.lastSeen + later }), undefined);
      }),
      { numRuns: fuzzRuns(500) },
    );
  });
});
