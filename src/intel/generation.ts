import type { Indicator, IndicatorType } from "../model/indicator.ts";
import type { JsonObject } from "../model/json.ts";
import type { CanonicalValue, ObservableType } from "../model/observable.ts";
import type { Gate } from "./index/gate-keys.ts";
import type { Policy } from "./policy.ts";
import type { Standing } from "./standing.ts";
import type { WarninglistSet } from "./warninglists.ts";

/** Counts of an index, for people and metrics. */
export interface IndexStats {
  readonly indicators: number;
  readonly reports: number;
  readonly byType: Readonly<Partial<Record<IndicatorType, number>>>;
  readonly byFeed: Readonly<Record<string, number>>;
  readonly overlays: number;
  readonly quarantined: number;
  /** Bytes of all in-memory sections, and of the contexts on disk. */
  readonly memoryBytes: number;
  readonly contextBytes: number;
}

/** Read side of the indicators of one generation. Immutable; a sync makes a new one. */
export interface IndicatorIndex {
  readonly stats: IndexStats;
  /**
   * Every indicator that covers the value: exact, parent domains with pattern `subdomains`, networks by longest prefix first,
   * file-name indicators for the last part of a path. The canonical value decides; a fingerprint only nominates.
   */
  lookup(type: ObservableType, value: CanonicalValue): readonly Indicator[];
  /**
   * False only if no string of the event can yield an observable that lookup() would cover (law: nominates ⊇ extract + lookup,
   * held by property tests). May be true for nothing: it only saves the time of extraction.
   */
  nominates(event: JsonObject): boolean;
  /** The same of one string; without it every string may. */
  nominatesText?(text: string): boolean;
  /** Tables of all layers for the gate over raw bytes; without them only the reference matcher can serve. */
  readonly gates?: readonly Gate[];
  /** Every indicator, streamed in no particular order: for compaction, export and lookups by event. */
  all(): Iterable<Indicator>;
  close(): void;
}

/** One consistent set of everything a judgement depends on; assess() pins one per batch and findings name its `id`. */
export interface Generation {
  readonly id: string;
  /** Epoch milliseconds of the last successful sync that made it. */
  readonly createdAt: number;
  readonly index: IndicatorIndex;
  readonly warninglists: WarninglistSet;
  readonly policy: Policy;
  readonly standing: Standing;
}
