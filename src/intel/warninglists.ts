import type { ObservableType } from "../model/observable.ts";

/** What a hit on a list means (our table: the public lists carry no category). */
export type WarninglistAction = "suppress" | "annotate";

export interface WarninglistHit {
  readonly name: string;
  readonly action: WarninglistAction;
}

export interface WarninglistSet {
  readonly count: number;
  readonly entries: number;
  /**
   * Lists that the value is on, honouring each list's `matching_attributes` for the MISP attribute types of the matched
   * reports. A list about hosts or addresses never covers a hash, or a URL with a path. Without attribute types those that
   * are usual for the observable's type count.
   */
  check(type: ObservableType, value: string, attributeTypes: readonly string[]): readonly WarninglistHit[];
}

export const WARNINGLIST_TYPES = ["cidr", "hostname", "string", "substring", "regex"] as const;
export type WarninglistType = (typeof WARNINGLIST_TYPES)[number];

/** One list as MISP publishes it. */
export interface Warninglist {
  /** Name of its folder; empty when it came from a server. */
  readonly slug: string;
  readonly name: string;
  readonly type: WarninglistType;
  readonly matchingAttributes: readonly string[];
  readonly entries: readonly string[];
}
