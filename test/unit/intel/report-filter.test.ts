import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { feedFilter } from "../../../src/contract/feed-filter.ts";
import { readEvent } from "../../../src/intel/misp-event.ts";
import { MISP_TYPES } from "../../../src/intel/misp-types.ts";
import { createReportFilter } from "../../../src/intel/report-filter.ts";
import type { EventContext } from "../../../src/model/indicator.ts";
import type { JsonObject } from "../../../src/model/json.ts";
import { MISP_ATTRIBUTE_TYPES } from "../../../src/model/misp-attribute-types.ts";

const NOW = Date.parse("2026-11-21T00:00:00Z");
const DAY = 86_400;
const UUID = "38a9770a-221a-4613-a6ec-b2b9b045f5fd";

function filter(settings: unknown) {
  return createReportFilter(feedFilter.parse(settings), () => NOW);
}

const event: EventContext = {
  uuid: "5f0f3e6a-0000-4000-8000-0000000000aa",
  info: "x",
  orgc: "CIRCL",
  threatLevel: 3,
  tags: ["tlp:green", 'misp-galaxy:ransomware="Locky"'],
};
const report = { attributeType: "ip-dst", tags: ["Malware:C2"], timestamp: NOW / 1000 - 10 * DAY };

describe("feedFilter", () => {
  it("takes everything by default", () => {
    const open = filter(undefined);
    assert.equal(open.event({ ...event, tags: ["tlp:red", "PAP:RED"] }), undefined);
    assert.equal(open.attribute({ ...report, timestamp: 1 }, event), undefined);
  });

  it("knows MISP's attribute types and refuses others by name", () => {
    assert.deepEqual([...MISP_ATTRIBUTE_TYPES].sort(), Object.keys(MISP_TYPES).sort());
    const refused = feedFilter.safeParse({ types: { include: ["ip-dst", "ipdst"] } });
    assert.match(refused.error?.message ?? "", /attribute type of MISP such as ip-dst, got \\"ipdst\\"/);
    assert.equal(feedFilter.safeParse({ tag: {} }).success, false);
    assert.equal(feedFilter.safeParse({ max_age: "0d" }).success, false);
  });
});

describe("createReportFilter", () => {
  it("leaves events out by organisation, by name or UUID, without regard to case", () => {
    assert.equal(filter({ orgs: { exclude: ["circl"] } }).event(event), "organisation circl is excluded");
    assert.equal(
      filter({ orgs: { exclude: [UUID.toUpperCase()] } }).event(event, UUID),
      `organisation ${UUID.toUpperCase()} is excluded`,
    );
    assert.equal(filter({ orgs: { include: ["Circl"] } }).event(event), undefined);
    assert.equal(filter({ orgs: { include: [UUID] } }).event(event, UUID), undefined);
    assert.equal(filter({ orgs: { include: ["other"] } }).event(event), "organisation is not among those wanted");
    const { orgc: _orgc, ...nobodys } = event;
    assert.equal(filter({ orgs: { include: ["other"] } }).event(nobodys), "organisation is not among those wanted");
  });

  it("leaves events out below the threat level; one without a level counts as undefined", () => {
    assert.equal(filter({ threat_level: "low" }).event(event), undefined);
    assert.equal(filter({ threat_level: "medium" }).event(event), "threat level is below medium");
    const { threatLevel: _level, ...unrated } = event;
    assert.equal(filter({ threat_level: "low" }).event(unrated), "threat level is below low");
  });

  it("looks at the tags of the event and of the attribute", () => {
    assert.equal(filter({ tags: { exclude: ["malware:c2"] } }).event(event), undefined);
    assert.equal(filter({ tags: { exclude: ["malware:c2"] } }).attribute(report, event), "tag malware:c2 is excluded");
    assert.equal(filter({ tags: { exclude: ["TLP:GREEN"] } }).event(event), "tag TLP:GREEN is excluded");
    assert.equal(filter({ tags: { include: ["malware:c2"] } }).attribute(report, event), undefined);
    assert.equal(filter({ tags: { include: ["tlp:green"] } }).attribute(report, event), undefined);
    assert.equal(filter({ tags: { include: ["x"] } }).attribute(report, event), "no tag is among those wanted");
    // An attribute may have the wanted tag, so the event is not left out for lack of it.
    assert.equal(filter({ tags: { include: ["x"] } }).event(event), undefined);
  });

  it("reads % at the ends of a tag's name as MISP does, and nowhere else", () => {
    const excluded = (pattern: string) => filter({ tags: { exclude: [pattern] } }).event(event) !== undefined;
    assert.ok(excluded("misp-galaxy:ransomware=%"));
    assert.ok(excluded('%locky"'));
    assert.ok(excluded("%RANSOM%"));
    assert.ok(excluded("%"));
    assert.equal(excluded("misp-galaxy:%Locky%x"), false);
    assert.equal(excluded("ransomware"), false);
    assert.equal(excluded("tlp:gree_"), false);
    assert.equal(excluded("tlp.green"), false);
  });

  it("holds TLP below the ceiling; untagged counts as amber", () => {
    const green = filter({ max_tlp: "green" });
    assert.equal(green.attribute(report, event), undefined);
    assert.equal(green.event({ ...event, tags: ["tlp:amber+strict"] }), "TLP is above green");
    assert.equal(green.attribute({ ...report, tags: ["tlp:red"] }, event), "TLP is above green");
    assert.equal(green.event({ ...event, tags: [] }), undefined);
    assert.equal(green.attribute({ ...report, tags: [] }, { ...event, tags: [] }), "TLP is above green");
    assert.equal(filter({ max_tlp: "amber" }).attribute({ ...report, tags: [] }, { ...event, tags: [] }), undefined);
  });

  it("holds PAP below the ceiling; untagged has none", () => {
    const amber = filter({ max_pap: "amber" });
    assert.equal(amber.event(event), undefined);
    assert.equal(amber.event({ ...event, tags: ["PAP:RED"] }), "PAP is above amber");
    assert.equal(filter({ max_pap: "clear" }).event({ ...event, tags: ["pap:white"] }), undefined);
  });

  it("chooses by type and by age", () => {
    assert.equal(filter({ types: { exclude: ["ip-dst"] } }).attribute(report, event), "type ip-dst is excluded");
    assert.equal(filter({ types: { include: ["md5"] } }).attribute(report, event), "type is not among those wanted");
    assert.equal(filter({ max_age: "10d" }).attribute(report, event), undefined);
    assert.equal(filter({ max_age: "9d" }).attribute(report, event), "older than max_age");
    const seen = { ...report, lastSeen: NOW / 1000 - DAY };
    assert.equal(filter({ max_age: "9d" }).attribute(seen, event), undefined);
    assert.equal(filter({ max_age: "1h" }).attribute({ attributeType: "md5", tags: [] }, event), undefined);
  });

  it("is counted when an event is read: all of one that is left out, and attributes one by one", () => {
    const attribute = (value: string, tag: string) => ({
      uuid: `5f0f3e6a-0000-4000-8000-${value}`,
      type: "domain",
      value: `${value}.example`,
      to_ids: true,
      Tag: [{ name: tag }],
    });
    const record = {
      uuid: event.uuid,
      info: "x",
      Orgc: { name: "CIRCL", uuid: UUID },
      Attribute: [attribute("0000000000a1", "keep"), attribute("0000000000a2", "drop")],
      Object: [{ Attribute: [attribute("0000000000a3", "drop"), { type: "comment", value: "x" }] }],
    } as unknown as JsonObject;
    const byTag = readEvent(record, { feed: "f", filter: filter({ tags: { exclude: ["drop"] } }) });
    assert.equal(byTag.indicators.length, 1);
    assert.equal(byTag.skipped.get("tag drop is excluded"), 2);
    assert.equal(byTag.attributes, 4);
    const byOrg = readEvent(record, { feed: "f", filter: filter({ orgs: { exclude: [UUID] } }) });
    assert.equal(byOrg.indicators.length, 0);
    assert.equal(byOrg.attributes, 4);
    assert.deepEqual([...byOrg.skipped], [[`organisation ${UUID} is excluded`, 4]]);
  });
});
