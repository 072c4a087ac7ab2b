import type { Agent, Direction, Entity, EventFacts, Outcome } from "./alert.ts";
import type { Indicator, IndicatorReport, Tlp } from "./indicator.ts";
import type { Observable } from "./observable.ts";

/** An observable that an indicator covers. `reports` are those in force (filters and allow entries applied), best first. */
export interface Match {
  readonly observable: Observable;
  readonly indicator: Indicator;
  readonly reports: readonly IndicatorReport[];
  /** Both halves of a composite attribute were seen in the alert. */
  readonly companionSeen: boolean;
}

/** Why a match does not count. Kept with the match, never hidden. */
export interface Suppression {
  /** `warninglist`: known benign; `allow`: an analyst said so; `own`: the user's own network, domain or hash. */
  readonly by: "warninglist" | "allow" | "own" | "policy";
  /** The list's name, the analyst's reason, or the policy's. */
  readonly reason: string;
}

/** A warninglist that lowers the score without suppressing. */
export interface Annotation {
  readonly warninglist: string;
}

/** `+70 to_ids`: one term of the score, readable. Caps have `points: 0` and say so in the text. */
export interface ScoreReason {
  readonly points: number;
  readonly text: string;
}

export type Band = "benign" | "low" | "medium" | "high" | "critical";

/** A match with its judgement. */
export interface JudgedMatch {
  readonly match: Match;
  readonly suppressions: readonly Suppression[];
  readonly annotations: readonly Annotation[];
  /** 0–100; 0 when suppressed. */
  readonly score: number;
  readonly reasons: readonly ScoreReason[];
  /** Reports that count no more, newest first, and why. When all have expired they are also `match.reports`. */
  readonly expired?: readonly ExpiredReport[];
}

/** A report that counts no more: too old for its type, or decayed. */
export interface ExpiredReport {
  readonly report: IndicatorReport;
  /** `last seen 412 days ago, 90 at most for addresses`. */
  readonly reason: string;
}

/**
 * `live`: matched on arrival; `retro`: re-checked later; `canary`: a test event of ours, for Wazuh only; `simulated`: an event that
 * `tipline simulate` made.
 */
export type Mode = "live" | "retro" | "canary" | "simulated";

/** What assess() says of one alert that matched. All matches are kept, best first. */
export interface Verdict {
  readonly matches: readonly JudgedMatch[];
  readonly entity: Entity;
  readonly direction: Direction;
  readonly outcome: Outcome;
  readonly facts: EventFacts;
  readonly score: number;
  readonly band: Band;
  /** Every match is suppressed: known benign. */
  readonly suppressed: boolean;
  /** Generation that decided. */
  readonly generation: string;
  /** CVE ids seen; annotation only. */
  readonly cves: readonly string[];
  /** The alert claims `integration: misp` without a valid MAC of ours. */
  readonly foreign: boolean;
}

/** The alert as far as sinks need it, plus its raw line so that enriched output is byte-true. */
export interface FindingAlert {
  readonly id: string;
  readonly node: string;
  readonly rawHash: string;
  readonly time: number;
  readonly source: string;
  readonly agent?: Agent;
  readonly location?: string;
  readonly rule?: { readonly id: string; readonly level: number; readonly description: string };
  /** The original line (UTF-8, no newline). */
  readonly raw: string;
}

/**
 * What sinks get. `alert`: one enriched alert; `repeats`: the count of findings that storm control held back for one
 * (indicator, entity) when its window ended; `spread`: one loud finding for an indicator that shows on very many entities.
 */
export interface Finding {
  /** Keyed MAC; equal for every delivery of the same finding, so that receivers can drop duplicates. */
  readonly id: string;
  readonly kind: "alert" | "repeats" | "spread";
  readonly mode: Mode;
  readonly alert: FindingAlert;
  readonly misp: MispBlock;
  /** Strictest TLP of the reports in it; undefined = untagged (counts as amber). */
  readonly tlp?: Tlp;
  /** Storm control key: best indicator and entity. */
  readonly key: { readonly indicator: string; readonly entity: string };
  readonly suppressed: boolean;
  readonly score: number;
  /** Attributes that convict (reports of matches that are not suppressed), best first, at most 20; for sightings. */
  readonly attributes?: readonly ConvictingAttribute[];
}

/** What `key.indicator` of a finding begins with whose content is withheld because of its TLP. */
export const REDACTED = "redacted";

/** The receiver may know no more of it than its id and link. */
export const isRedacted = ({ key }: Pick<Finding, "key">): boolean => key.indicator.startsWith(REDACTED);

/** An attribute by its identity on its server. */
export interface ConvictingAttribute {
  readonly feed: string;
  readonly eventUuid: string;
  readonly attributeUuid: string;
}

/**
 * The `misp` object of DESIGN §5: the one shape that Wazuh, NDJSON, GELF and tickets get. All leaves are strings because
 * Wazuh's JSON decoder turns numbers into `5.000000`; empty members are left out because it drops them anyway.
 */
export interface MispBlock {
  readonly event_id: string;
  readonly category: string;
  readonly type: string;
  readonly value: string;
  readonly source?: Readonly<
    Partial<
      Record<
        "description" | "rule_id" | "rule_level" | "alert_id" | "location" | "timestamp" | "manager" | "node",
        string
      >
    >
  >;
  /** Only on the way to Wazuh, whose rules compare agents by it: the agent of the alert, `000` for the manager itself. */
  readonly agent?: Readonly<Partial<Record<"id" | "name" | "ip", string>>>;
  readonly context?: Readonly<
    Partial<Record<"host" | "user" | "image" | "parent_image" | "command_line" | "src" | "dst", string>>
  >;
  readonly event_info?: string;
  readonly event_uuid?: string;
  readonly event_date?: string;
  readonly org?: string;
  readonly threat_level?: string;
  readonly attribute_uuid?: string;
  readonly comment?: string;
  readonly tags?: readonly string[];
  readonly tlp?: string;
  readonly mitre?: readonly string[];
  readonly first_seen?: string;
  readonly last_seen?: string;
  readonly feed?: string;
  readonly link?: string;
  readonly match?: Readonly<Partial<Record<"kind" | "where" | "observable" | "role", string>>>;
  readonly score: string;
  readonly band: string;
  readonly reasons?: readonly string[];
  /** Name of the list that explains the match away; present only then, so that a rule can test it. */
  readonly warninglist?: string;
  /** Lists that lower the score but do not explain it away. */
  readonly annotations?: readonly string[];
  readonly direction?: string;
  readonly outcome?: string;
  readonly cve?: readonly string[];
  readonly matches_count: string;
  /** Further matches, `type value` each, best first, at most 20. */
  readonly others?: readonly string[];
  readonly repeat_count?: string;
  readonly entities_count?: string;
  /** Why this finding should not be loud (`spread`: one finding spoke for all of them already); present only then. */
  readonly quiet?: string;
  readonly foreign?: string;
  readonly mode: string;
  readonly generation: string;
  readonly finding_id: string;
  /** Names of members that were cut or dropped to fit the receiver's limit. */
  readonly truncated?: string;
}
