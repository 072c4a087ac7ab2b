import type { Indicator, IndicatorReport, ReportedIndicator } from "../model/indicator.ts";
import type { CanonicalValue } from "../model/observable.ts";
import { baseName, canonicalCidr } from "./canonical.ts";
import type { IndicatorIndex } from "./generation.ts";

/** An index over a few indicators in memory: for answers that are looked at once. It covers values as the large one does. */
export function smallIndex(indicators: Iterable<Indicator>): IndicatorIndex {
  const byKey = new Map<string, Indicator>();
  const prefixes = new Set<number>();
  for (const indicator of indicators) {
    const key = keyOf(indicator.type, indicator.pattern, indicator.value);
    const before = byKey.get(key);
    byKey.set(key, before === undefined ? indicator : { ...indicator, reports: joined(before, indicator) });
    if (indicator.pattern === "cidr") prefixes.add(Number(indicator.value.split("/")[1]));
  }
  const longestFirst = [...prefixes].sort((a, b) => b - a);
  let reports = 0;
  for (const indicator of byKey.values()) reports += indicator.reports.length;
  return {
    stats: {
      indicators: byKey.size,
      reports,
      byType: {},
      byFeed: {},
      overlays: 0,
      quarantined: 0,
      memoryBytes: 0,
      contextBytes: 0,
    },
    lookup(type, value) {
      if (type === "cve") return [];
      const keys = [keyOf(type, "exact", value)];
      if (type === "domain")
        for (let from = 0; from >= 0; from = nextLabel(value, from))
          keys.push(keyOf("domain", "subdomains", value.slice(from)));
      else if (type === "ip")
        for (const network of networks(value, longestFirst)) keys.push(keyOf("ip", "cidr", network));
      else if (type === "path") keys.push(keyOf("filename", "exact", baseName(value)));
      return keys.flatMap((key) => byKey.get(key) ?? []);
    },
    nominates: () => true,
    all: () => byKey.values(),
    close: () => undefined,
  };
}

/** What a feed hands over, as indicators with one report each; the index merges equal ones. */
export function indicatorsOf(reported: Iterable<ReportedIndicator>): Indicator[] {
  return Array.from(reported, ({ report, ...indicator }) => ({ ...indicator, reports: [report] }));
}

/** The same report of the same attribute counts once. */
function joined(before: Indicator, more: Indicator): readonly IndicatorReport[] {
  const held = new Set(before.reports.map(identity));
  return [...before.reports, ...more.reports.filter((report) => !held.has(identity(report)))];
}

function identity({ feed, event, attributeUuid, attributeType }: IndicatorReport): string {
  return `${feed}\n${event.uuid}\n${attributeUuid}\n${attributeType}`;
}

function networks(value: CanonicalValue, prefixes: readonly number[]): readonly string[] {
  const [address = "", own] = value.split("/");
  return prefixes
    .filter((prefix) => own === undefined || prefix <= Number(own))
    .flatMap((prefix) => canonicalCidr(`${address}/${prefix}`) ?? []);
}

function nextLabel(name: string, from: number): number {
  const dot = name.indexOf(".", from);
  return dot < 0 ? -1 : dot + 1;
}

function keyOf(type: string, pattern: string, value: string): string {
  return `${type}\n${pattern}\n${value}`;
}
