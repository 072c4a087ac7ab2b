import type { CanonicalValue, ObservableType } from "../model/observable.ts";

/** An analyst's own suppression (`tipline allow`). */
export interface AllowEntry {
  readonly type: ObservableType;
  readonly value: CanonicalValue;
  readonly reason: string;
  /** Only for this entity key. */
  readonly entity?: string;
  /** Epoch milliseconds. */
  readonly expires?: number;
  readonly createdAt: number;
  readonly by: string;
}

/** The user's side of a judgement: what is theirs and what they allowed. Pure lookups. */
export interface Policy {
  /** Why the value is not looked up at all (private range, own network, own domain, own hash), or undefined. */
  notLookedUp(type: ObservableType, value: CanonicalValue): string | undefined;
  /** The allow entry in force for the value (or a parent domain of it) on this entity at this time. */
  allowed(type: ObservableType, value: CanonicalValue, entity: string, time: number): AllowEntry | undefined;
}
