import { canonicalize } from "../../src/intel/canonical.ts";
import type { Finding } from "../../src/model/finding.ts";
import type { IndicatorReport, IndicatorType, ReportedIndicator } from "../../src/model/indicator.ts";

/** A report with everything a test does not care about filled in. */
export function aReport(over: Partial<IndicatorReport> = {}): IndicatorReport {
  return {
    feed: "test-feed",
    event: {
      id: "241",
      uuid: "5f0f3e6a-0000-4000-8000-0000000000aa",
      info: "Test event",
      orgc: "TEST-CERT",
      threatLevel: 1,
      tags: ["tlp:green"],
    },
    attributeUuid: "5f0f3e6a-0000-4000-8000-0000000000a1",
    attributeType: "domain",
    category: "Network activity",
    attributeValue: "bad.example",
    toIds: true,
    weak: false,
    tags: [],
    ...over,
  };
}

/** An indicator as a feed would hand it over; `value` is canonicalised. */
export function anIndicator(
  type: IndicatorType,
  value: string,
  over: Partial<IndicatorReport> = {},
  pattern: ReportedIndicator["pattern"] = type === "domain" ? "subdomains" : "exact",
): ReportedIndicator {
  const canonical = canonicalize(type, value);
  if (canonical === undefined) throw new Error(`not a ${type}: ${value}`);
  return { type, pattern, value: canonical, report: aReport({ attributeType: type, attributeValue: value, ...over }) };
}

/** A finding with everything a test does not care about filled in. */
export function aFinding(id: string, over: Partial<Finding> = {}): Finding {
  const raw = JSON.stringify({
    timestamp: "2026-11-21T10:00:00.000+0000",
    id: "1795297550.1318",
    agent: { id: "001", name: "web-01" },
    data: { srcip: "198.18.0.7" },
  });
  return {
    id,
    kind: "alert",
    mode: "live",
    alert: {
      id: "1795297550.1318",
      node: "manager",
      rawHash: "0".repeat(64),
      time: Date.parse("2026-11-21T10:00:00Z"),
      source: "wazuh",
      agent: { id: "001", name: "web-01", ip: "10.0.0.5" },
      raw,
    },
    misp: {
      event_id: "241",
      category: "Network activity",
      type: "ip-dst",
      value: "198.18.0.7",
      score: "75",
      band: "high",
      matches_count: "1",
      mode: "live",
      generation: "g1",
      finding_id: id,
    },
    key: { indicator: "ip:198.18.0.7", entity: "agent:001" },
    suppressed: false,
    score: 75,
    ...over,
  };
}
