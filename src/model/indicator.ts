import type { CanonicalValue, ObservableType } from "./observable.ts";

export type IndicatorType = Exclude<ObservableType, "cve">;

/**
 * How an indicator covers observables. `exact`: the same canonical value; `subdomains`: a domain and every name below it;
 * `cidr`: every address of a network (value is `address/prefix`, host bits zero).
 */
export type IndicatorPattern = "exact" | "subdomains" | "cidr";

/** TLP in rising order of restriction; `untagged` counts as amber where a ceiling is applied. */
export type Tlp = "clear" | "green" | "amber" | "amber+strict" | "red";

/** MISP event as context of its attributes. Times are epoch seconds as in MISP; strings are bounded by the feed that read them. */
export interface EventContext {
  /** Numeric id on its server; absent in MISP feeds. */
  readonly id?: string;
  readonly uuid: string;
  readonly info: string;
  /** `YYYY-MM-DD`. */
  readonly date?: string;
  readonly orgc?: string;
  /** 1 high, 2 medium, 3 low, 4 undefined. */
  readonly threatLevel?: 1 | 2 | 3 | 4;
  readonly published?: boolean;
  readonly timestamp?: number;
  readonly tags: readonly string[];
  /** Where an analyst opens it, if the feed knows. */
  readonly link?: string;
}

/** The other half of a composite attribute. It never matches alone; seen together with its indicator it raises the score. */
export interface Companion {
  readonly kind: "filename" | "port" | "ip" | "domain" | "regdata" | "hash" | "email";
  readonly value: string;
}

/** One attribute of one event of one feed that says the indicator is bad. Identity: (feed, event.uuid, attributeUuid, half). */
export interface IndicatorReport {
  /** Name of the configured feed. */
  readonly feed: string;
  readonly event: EventContext;
  readonly attributeUuid: string;
  /** MISP's words: `ip-dst|port`, `Network activity`, and the value as MISP has it. */
  readonly attributeType: string;
  readonly category: string;
  readonly attributeValue: string;
  readonly toIds: boolean;
  /** Too common to convict alone (bare file name, user agent, ja3, imphash, asn, ip of `domain|ip`): score at most 40. */
  readonly weak: boolean;
  readonly companion?: Companion;
  readonly comment?: string;
  readonly timestamp?: number;
  /** Epoch seconds. */
  readonly firstSeen?: number;
  readonly lastSeen?: number;
  /** Tags of the attribute itself and its object; event tags are in `event.tags`. */
  readonly tags: readonly string[];
}

/** One indicator as a feed hands it over: a value with exactly one report. The index merges equal values. */
export interface ReportedIndicator {
  readonly type: IndicatorType;
  readonly pattern: IndicatorPattern;
  readonly value: CanonicalValue;
  readonly report: IndicatorReport;
}

/** An indicator of a generation: a value and everybody who reports it (at least one). */
export interface Indicator {
  readonly type: IndicatorType;
  readonly pattern: IndicatorPattern;
  readonly value: CanonicalValue;
  readonly reports: readonly IndicatorReport[];
}

/** An indicator that is refused because matching it would drown the analysts; listed by `index quarantine`. */
export interface QuarantinedIndicator {
  readonly feed: string;
  readonly eventUuid: string;
  readonly attributeUuid: string;
  readonly attributeType: string;
  readonly value: string;
  readonly reason: string;
}
