import { TiplineError } from "../../lib/errors.ts";
import type {
  EventContext,
  Indicator,
  IndicatorPattern,
  IndicatorReport,
  IndicatorType,
} from "../../model/indicator.ts";
import type { JsonObject } from "../../model/json.ts";
import type { CanonicalValue, ObservableType } from "../../model/observable.ts";
import { baseName, canonicalCidr } from "../canonical.ts";
import type { IndexStats, IndicatorIndex } from "../generation.ts";
import { createNominator } from "../nominate.ts";
import { lanes, type Seed } from "./hash.ts";
import { hashIndicator, type KeyHash } from "./keys.ts";
import type { Layer, StoredReport } from "./layer.ts";
import type { RecordHead } from "./records.ts";
import { EVENT_ROW, gateOf } from "./segment.ts";

/** {@link IndicatorIndex} over layers, plus what the store needs to know of them. */
export interface LayeredIndex extends IndicatorIndex {
  readonly layers: readonly Layer[];
  /** Visible reports of one event, as far as whole events and feeds were withdrawn. */
  eventReports(event: KeyHash, feed: string): number;
}

/**
 * Opens layers, oldest first, as one index. A newer layer hides what it withdraws or reports anew; of an event's context the
 * newest version counts for all its reports. Takes over the caller's use of the layers: `close` releases them.
 */
export function openLayers(layers: readonly Layer[], quarantined = 0): LayeredIndex {
  const seed = layers[0]?.segment.header.seed ?? { a: 0, b: 0 };
  for (const { segment } of layers) {
    if (segment.header.seed.a !== seed.a || segment.header.seed.b !== seed.b) {
      throw new TiplineError("TIP_SEGMENT_CORRUPT", "layers of one generation were hashed with different seeds");
    }
  }
  const gates = layers.map(({ segment }) => gateOf(segment));
  const nominator = createNominator(gates);
  const view: View = { layers, seed, cache: new RecentIndicators() };
  const prefixes4 = presentPrefixes(layers, false);
  const prefixes6 = presentPrefixes(layers, true);
  let stats: IndexStats | undefined;
  let closed = false;
  return {
    layers,
    gates,
    get stats() {
      stats ??= count(layers, quarantined);
      return stats;
    },
    lookup(type: ObservableType, value: CanonicalValue) {
      if (type === "cve") return NONE;
      const found: Indicator[] = [];
      const probe = (as: IndicatorType, pattern: IndicatorPattern, probed: string) => {
        const indicator = merged(view, as, pattern, probed as CanonicalValue);
        if (indicator) found.push(indicator);
      };
      probe(type, "exact", value);
      if (type === "domain") {
        for (let from = 0; from >= 0; from = nextLabel(value, from)) probe("domain", "subdomains", value.slice(from));
      } else if (type === "ip") {
        for (const network of networksOf(value, value.includes(":") ? prefixes6 : prefixes4))
          probe("ip", "cidr", network);
      } else if (type === "path") {
        const name = baseName(value);
        if (name !== "") probe("filename", "exact", name);
      }
      return found;
    },
    nominates: (event: JsonObject) => nominator.nominates(event),
    nominatesText: (text: string) => nominator.nominatesText(text),
    all: () => all({ ...view, cache: NO_CACHE }),
    eventReports: (event, feed) => eventReports(layers, event, feed),
    close() {
      if (!closed) for (const layer of layers) layer.release();
      closed = true;
    },
  };
}
const NONE: readonly Indicator[] = [];

/** Reports given of one indicator: more would tell nobody more. */
const MOST_REPORTS = 1_000;
const MOST_RECENT = 4_096;
const MOST_RECENT_REPORTS = 65_536;

interface View {
  readonly layers: readonly Layer[];
  readonly seed: Seed;
  readonly cache: Pick<RecentIndicators, "get" | "set">;
}
const NO_CACHE: View["cache"] = { get: () => undefined, set: () => undefined };

/** Prefix lengths of networks in the index, longest first. */
function presentPrefixes(layers: readonly Layer[], v6: boolean): readonly number[] {
  const present = new Set(layers.flatMap(({ segment: { header } }) => (v6 ? header.prefixes6 : header.prefixes4)));
  // 128 stands for single IPv6 addresses, which have a gate key of the same kind.
  return [...present].filter((prefix) => !v6 || prefix < 128).sort((a, b) => b - a);
}

/** Networks of these prefix lengths that hold the address; of a network itself those at least as wide. */
function networksOf(value: string, prefixes: readonly number[]): readonly string[] {
  if (prefixes.length === 0) return [];
  const slash = value.indexOf("/");
  const address = slash < 0 ? value : value.slice(0, slash);
  const narrowest = slash < 0 ? 128 : Number(value.slice(slash + 1));
  return prefixes
    .filter((prefix) => prefix <= narrowest)
    .map((prefix) => canonicalCidr(`${address}/${prefix}`))
    .filter((network) => network !== undefined);
}

/** Where the parent domain starts, or -1. */
function nextLabel(name: string, from: number): number {
  const dot = name.indexOf(".", from);
  return dot < 0 ? -1 : dot + 1;
}

/**
 * The indicator with its visible reports of all layers, newest first, at most {@link MOST_REPORTS}; undefined when none is left.
 */
function merged(
  { layers, seed, cache }: View,
  type: IndicatorType,
  pattern: IndicatorPattern,
  value: CanonicalValue,
): Indicator | undefined {
  hashIndicator(seed, type, pattern, value);
  const high = lanes[0] as number;
  const low = lanes[1] as number;
  if (layers.every((layer) => layer.candidates(high, low).length === 0)) return undefined;
  const name = `${type} ${pattern} ${value}`;
  const known = cache.get(name);
  if (known !== undefined) return known.reports.length > 0 ? known : undefined;
  const reports: IndicatorReport[] = [];
  for (const [at, stored] of storedReports(layers, high, low)) {
    const { head } = stored;
    if (stored.value !== value || head.type !== type || head.pattern !== pattern || !isVisible(layers, at, stored))
      continue;
    if (reports.push((layers[at] as Layer).decode(stored, eventOf(layers, at, stored))) === MOST_REPORTS) break;
  }
  const indicator = { type, pattern, value, reports };
  cache.set(name, indicator);
  return reports.length > 0 ? indicator : undefined;
}

/** Stored reports with this hash, newest layer first, each with the number of its layer. */
function* storedReports(
  layers: readonly Layer[],
  high: number,
  low: number,
): Generator<readonly [number, StoredReport]> {
  for (let at = layers.length - 1; at >= 0; at--) {
    const layer = layers[at] as Layer;
    for (const ref of layer.candidates(high, low)) for (const stored of layer.reportsAt(ref)) yield [at, stored];
  }
}

/** Indicators that matched lately: what matches once matches again, and a famous one has many reports to read. */
class RecentIndicators {
  readonly #indicators = new Map<string, Indicator>();
  #reports = 0;

  get(name: string): Indicator | undefined {
    return this.#indicators.get(name);
  }

  set(name: string, indicator: Indicator): void {
    if (this.#indicators.size >= MOST_RECENT || this.#reports > MOST_RECENT_REPORTS) {
      this.#indicators.clear();
      this.#reports = 0;
    }
    this.#indicators.set(name, indicator);
    this.#reports += indicator.reports.length;
  }
}

/** No newer layer takes the report back. */
export function isVisible(layers: readonly Layer[], at: number, { head }: Pick<StoredReport, "head">): boolean {
  const feed = (layers[at] as Layer).feedOf(head);
  for (let newer = at + 1; newer < layers.length; newer++) if ((layers[newer] as Layer).hides(head, feed)) return false;
  return true;
}

function eventOf(layers: readonly Layer[], at: number, { head }: StoredReport): EventContext {
  for (let from = layers.length - 1; from >= at; from--) {
    const event = layers[from]?.event(head.keys.event);
    if (event) return event;
  }
  const path = layers[at]?.contexts.path ?? "";
  throw new TiplineError("TIP_SEGMENT_CORRUPT", `${path}: a report without its event`);
}

function* all(view: View): Generator<Indicator> {
  const { layers } = view;
  for (let at = layers.length - 1; at >= 0; at--) {
    const layer = layers[at] as Layer;
    const { exact } = layer.segment.sections;
    for (let slot = 0; slot < exact.length; slot += 2) {
      if (exact[slot] === 0) continue;
      const seen = new Set<string>();
      for (const { head, value } of layer.reportsAt(exact[slot + 1] as number)) {
        // One entry holds several values only when their 64-bit hashes are equal.
        if (seen.has(value)) continue;
        seen.add(value);
        if (layers.some((newer, number) => number > at && holds(newer, head, value))) continue;
        const indicator = merged(view, head.type, head.pattern, value);
        if (indicator) yield indicator;
      }
    }
  }
}

/** The layer has reports of the same indicator. */
function holds(layer: Layer, { keys, type, pattern }: RecordHead, value: string): boolean {
  for (const ref of layer.candidates(...keys.indicator)) {
    for (const stored of layer.reportsAt(ref)) {
      if (stored.value === value && stored.head.type === type && stored.head.pattern === pattern) return true;
    }
  }
  return false;
}

function eventReports(layers: readonly Layer[], event: KeyHash, feed: string): number {
  let reports = 0;
  for (let at = layers.length - 1; at >= 0; at--) {
    const layer = layers[at] as Layer;
    reports += layer.eventCount(event);
    if (layer.hidesEvent(event, feed)) break;
  }
  return reports;
}

/** `indicators` and `byType` count what newer layers hide too, until compaction; reports are exact for whole events. */
function count(layers: readonly Layer[], quarantined: number): IndexStats {
  const byType: Partial<Record<IndicatorType, number>> = {};
  const byFeed: Record<string, number> = {};
  let indicators = 0;
  layers.forEach(({ segment: { header, sections } }, at) => {
    indicators += header.indicators;
    for (const [type, n] of Object.entries(header.byType) as [IndicatorType, number][]) {
      byType[type] = (byType[type] ?? 0) + n;
    }
    for (const { name, reports } of header.feeds) {
      byFeed[name] = (byFeed[name] ?? 0) + (at === layers.length - 1 ? reports : 0);
    }
    if (at < layers.length - 1) countEvents(layers, at, sections.events, byFeed);
  });
  const reports = Object.values(byFeed).reduce((sum, n) => sum + n, 0);
  for (const [feed, n] of Object.entries(byFeed)) if (n === 0) delete byFeed[feed];
  return {
    indicators,
    reports,
    byType,
    byFeed,
    overlays: Math.max(0, layers.length - 1),
    quarantined,
    memoryBytes: layers.reduce((sum, { segment }) => sum + segment.bytes, 0),
    contextBytes: layers.reduce((sum, { contexts }) => sum + contexts.bytes, 0),
  };
}

function countEvents(layers: readonly Layer[], at: number, events: Uint32Array, byFeed: Record<string, number>): void {
  const names = (layers[at] as Layer).segment.header.feeds.map(({ name }) => name);
  const newer = layers.slice(at + 1);
  for (let row = 0; row < events.length; row += EVENT_ROW) {
    const feed = names[events[row + 4] as number] as string;
    const key: KeyHash = [events[row] as number, events[row + 1] as number];
    if (!newer.some((layer) => layer.hidesEvent(key, feed))) {
      byFeed[feed] = (byFeed[feed] ?? 0) + (events[row + 3] as number);
    }
  }
}
