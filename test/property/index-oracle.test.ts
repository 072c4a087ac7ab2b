import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { baseName, canonicalCidr } from "../../src/intel/canonical.ts";
import { SegmentBuilder } from "../../src/intel/index/builder.ts";
import { mergeLayers } from "../../src/intel/index/compact.ts";
import { Layer } from "../../src/intel/index/layer.ts";
import { openLayers } from "../../src/intel/index/layers.ts";
import type { EventContext, Indicator, ReportedIndicator } from "../../src/model/indicator.ts";
import type { CanonicalValue, ObservableType } from "../../src/model/observable.ts";
import { event, fuzzRuns, type GeneratedValue, generatedValue, reported } from "../support/indicators.ts";
import { withTemp } from "../support/temp.ts";

interface Addition {
  readonly value: GeneratedValue;
  readonly feed: string;
  readonly event: number;
  readonly version: number;
  readonly attribute: number;
}

interface Step {
  readonly additions: readonly Addition[];
  readonly withdrawnFeeds: readonly string[];
  readonly withdrawnEvents: readonly (readonly [string, number])[];
  readonly withdrawnAttributes: readonly (readonly [string, number, number])[];
  /** Merge the layers from this one on afterwards. */
  readonly merge: number | undefined;
}

const feed = fc.constantFrom("misp", "list");
const eventNumber = fc.nat(2);
const attributeNumber = fc.nat(12);
const step: fc.Arbitrary<Step> = fc.record({
  additions: fc.array(
    fc.record({ value: generatedValue, feed, event: eventNumber, version: fc.nat(1), attribute: attributeNumber }),
    { maxLength: 14 },
  ),
  withdrawnFeeds: fc.oneof(
    { weight: 5, arbitrary: fc.constant([]) },
    { weight: 1, arbitrary: fc.array(feed, { maxLength: 1 }) },
  ),
  withdrawnEvents: fc.array(fc.tuple(feed, eventNumber), { maxLength: 1 }),
  withdrawnAttributes: fc.array(fc.tuple(feed, eventNumber, attributeNumber), { maxLength: 2 }),
  merge: fc.option(fc.nat(2), { nil: undefined, freq: 3 }),
});

/** The naive index: a Map of reports and plain loops. */
class Oracle {
  readonly reports = new Map<string, ReportedIndicator>();
  readonly events = new Map<string, EventContext>();

  apply(one: Step): void {
    const additions = one.additions.map(toReport);
    const gone = new Set([
      ...one.withdrawnAttributes.map(([name, number, attribute]) => key(name, event(number).uuid, uuidOf(attribute))),
      ...additions.map(({ report }) => key(report.feed, report.event.uuid, report.attributeUuid)),
    ]);
    for (const [id, { report }] of this.reports) {
      const withdrawn =
        one.withdrawnFeeds.includes(report.feed) ||
        one.withdrawnEvents.some(
          ([name, number]) => name === report.feed && event(number).uuid === report.event.uuid,
        ) ||
        gone.has(key(report.feed, report.event.uuid, report.attributeUuid));
      if (withdrawn) this.reports.delete(id);
    }
    for (const addition of additions) {
      const { report, type, pattern, value } = addition;
      const id = JSON.stringify([key(report.feed, report.event.uuid, report.attributeUuid), type, pattern, value]);
      this.reports.set(id, addition);
      this.events.set(`${report.feed} ${report.event.uuid}`, report.event);
    }
  }

  lookup(type: ObservableType, value: string): readonly Indicator[] {
    return this.all().filter((indicator) => covers(indicator, type, value));
  }

  all(): readonly Indicator[] {
    const found = new Map<string, { indicator: ReportedIndicator; reports: ReportedIndicator["report"][] }>();
    for (const indicator of this.reports.values()) {
      const { type, pattern, value, report } = indicator;
      const id = JSON.stringify([type, pattern, value]);
      const entry = found.get(id) ?? { indicator, reports: [] };
      entry.reports.push({ ...report, event: this.events.get(`${report.feed} ${report.event.uuid}`) as EventContext });
      found.set(id, entry);
    }
    return [...found.values()].map(({ indicator: { type, pattern, value }, reports }) => ({
      type,
      pattern,
      value,
      reports,
    }));
  }
}

const key = (...parts: readonly string[]) => parts.join(" ");
const uuidOf = (attribute: number) => `6f000000-0000-4000-8000-${String(attribute).padStart(12, "0")}`;
const toReport = (one: Addition) =>
  reported(one.value, one.feed, event(one.event, one.version), one.attribute, `v${one.version}`);

function covers(indicator: Indicator, type: ObservableType, value: string): boolean {
  if (type === "path" && indicator.type === "filename") return indicator.value === baseName(value);
  if (indicator.type !== type) return false;
  if (indicator.pattern === "subdomains") return value === indicator.value || value.endsWith(`.${indicator.value}`);
  if (indicator.pattern === "cidr") {
    const prefix = indicator.value.slice(indicator.value.indexOf("/") + 1);
    return canonicalCidr(`${value}/${prefix}`) === indicator.value;
  }
  return indicator.value === value;
}

function normal(indicators: Iterable<Indicator>): readonly unknown[] {
  return [...indicators]
    .map((indicator) => ({
      ...indicator,
      reports: indicator.reports.map((report) => JSON.stringify(sortKeys(report))).sort(),
    }))
    .map((indicator) => JSON.stringify(indicator))
    .sort();
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, sortKeys(member)]),
  );
}

test("the index equals a naive Map through adds, withdrawals, overlays and compaction", async () => {
  await withTemp(async (dir) => {
    let files = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { minLength: 1, maxLength: 5 }),
        fc.array(generatedValue, { maxLength: 20 }),
        fc.nat(),
        async (steps, probes, seed) => {
          const oracle = new Oracle();
          let layers: Layer[] = [];
          const builder = (overlay: boolean) => {
            const path = join(dir, `segment-${files++}`);
            return { path, builder: new SegmentBuilder(path, { seed: { a: seed, b: seed ^ 0x5bd1e995 }, overlay }) };
          };
          for (const [number, one] of steps.entries()) {
            oracle.apply(one);
            const next = builder(number > 0);
            for (const name of one.withdrawnFeeds) next.builder.withdrawFeed(name);
            for (const [name, of] of one.withdrawnEvents) next.builder.withdrawEvent(name, event(of).uuid);
            for (const [name, of, attribute] of one.withdrawnAttributes) {
              next.builder.withdrawAttribute(name, event(of).uuid, uuidOf(attribute));
            }
            for (const addition of one.additions) assert.equal(next.builder.add(toReport(addition)), undefined);
            await next.builder.finish();
            layers.push(new Layer(next.path));
            if (one.merge === undefined || one.merge >= layers.length) continue;
            const merged = builder(one.merge > 0);
            await mergeLayers(layers, one.merge, merged.builder);
            await merged.builder.finish();
            for (const old of layers.slice(one.merge)) old.release();
            layers = [...layers.slice(0, one.merge), new Layer(merged.path)];
          }
          const index = openLayers(layers);
          try {
            assert.deepEqual(normal(index.all()), normal(oracle.all()));
            const asked = [...probes, ...steps.flatMap(({ additions }) => additions.map(({ value }) => value))];
            for (const { type, value } of asked) {
              if (value.includes("/") && type === "ip") continue;
              for (const probe of type === "domain" ? [value, `sub.${value}`] : [value]) {
                assert.deepEqual(
                  normal(index.lookup(type, probe as CanonicalValue)),
                  normal(oracle.lookup(type, probe)),
                );
              }
            }
            for (const { pattern, value } of oracle.all()) {
              if (pattern !== "cidr") assert.equal(index.nominates({ text: value }), true, value);
            }
            if (layers.length === 1) {
              assert.equal(index.stats.indicators, oracle.all().length);
              assert.equal(index.stats.reports, oracle.reports.size);
            }
          } finally {
            index.close();
          }
        },
      ),
      { numRuns: fuzzRuns(60) },
    );
  });
});
