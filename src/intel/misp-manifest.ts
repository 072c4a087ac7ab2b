import { get, type JsonValue, text } from "../model/json.ts";
import { epochSeconds, isTrue, uuidOf } from "./misp-attribute.ts";
import type { HeldEvent } from "./misp-cursor.ts";

/** One event of a server as its index lists it. */
export interface ListedEvent {
  readonly uuid: string;
  readonly id: string;
  /** Epoch seconds; moves with every change of the event, but not with publishing. */
  readonly timestamp: number;
  readonly published: boolean;
  /** False while the event may still change within the same second. */
  readonly settled: boolean;
}

/** Timestamps count whole seconds: an event changed this recently may change again without moving its timestamp. */
const UNSETTLED_SECONDS = 3;

/** A reconciliation is not tried again sooner, in milliseconds. */
const RECONCILE_AGAIN_MS = 3_600_000;

/** A row of the event index, or undefined when it is not one. `serverTime`: the server's clock, epoch milliseconds. */
export function readListedEvent(row: JsonValue, serverTime: number | undefined): ListedEvent | undefined {
  const uuid = uuidOf(get(row, "uuid"));
  const id = text(row, "id")?.match(/^[1-9]\d{0,17}$/)?.[0];
  if (uuid === undefined || id === undefined) return undefined;
  const timestamp = epochSeconds(get(row, "timestamp")) ?? 0;
  // A timestamp of the future was set by hand or by another clock: a change would set the present time.
  const settled = serverTime === undefined || Math.abs(serverTime / 1000 - timestamp) > UNSETTLED_SECONDS;
  return { uuid, id, timestamp, published: isTrue(get(row, "published")), settled };
}

export interface PlanRules {
  readonly publishedOnly: boolean;
  /** How long an event that an edit unpublished keeps its last published version. */
  readonly graceMs: number;
  /** Epoch milliseconds. */
  readonly now: number;
}

/** What a pull has to do, and what the cursor says of the events that it does not read. */
export interface SyncPlan {
  /** New or changed; an event among them that is held keeps its version until it has been read. */
  readonly read: readonly ListedEvent[];
  /** Held, and to be withdrawn. */
  readonly withdraw: readonly string[];
  /** Held, and staying held. */
  readonly held: Map<string, HeldEvent>;
  /** An event's grace time begins: `held` says something new. */
  readonly graceBegins: boolean;
}

/**
 * Compares what is held with what the server lists. `whole`: `listed` is all that there is, so that what is missing was
 * deleted. `everything`: read also what seems unchanged.
 */
export function planSync(
  before: ReadonlyMap<string, HeldEvent>,
  listed: readonly ListedEvent[],
  rules: PlanRules,
  { whole, everything }: { readonly whole: boolean; readonly everything: boolean },
): SyncPlan {
  const held = new Map(before);
  const read: ListedEvent[] = [];
  const withdraw: string[] = [];
  let graceBegins = false;
  const missing = whole ? new Set(before.keys()) : undefined;
  for (const event of listed) {
    missing?.delete(event.uuid);
    const own = before.get(event.uuid);
    if (event.published || !rules.publishedOnly) {
      if (everything || own === undefined || isChanged(own, event)) read.push(event);
      continue;
    }
    if (own === undefined) continue;
    const since = graceSince(own, event, rules);
    if (since === undefined) {
      held.delete(event.uuid);
      withdraw.push(event.uuid);
    } else if (own.unpublishedSince === undefined) {
      held.set(event.uuid, { ...own, unpublishedSince: since });
      graceBegins = true;
    }
  }
  for (const uuid of missing ?? []) {
    held.delete(uuid);
    withdraw.push(uuid);
  }
  return { read, withdraw, held, graceBegins };
}

/** After a grace time the event is read whatever its timestamp: it was edited, and may have got its old timestamp back. */
function isChanged(own: HeldEvent, { timestamp, published }: ListedEvent): boolean {
  return (
    !own.settled || own.timestamp !== timestamp || own.published !== published || own.unpublishedSince !== undefined
  );
}

/**
 * Since when the grace time of an unpublished event runs; undefined: it has none (left). An edit moves the timestamp and
 * unpublishes; a person who takes an event back leaves the timestamp as it is.
 */
function graceSince(own: HeldEvent, { timestamp }: ListedEvent, { graceMs, now }: PlanRules): number | undefined {
  const takenBack = own.unpublishedSince === undefined && own.settled && own.timestamp === timestamp;
  // A clock that was ahead must not make the time longer.
  const since = Math.min(own.unpublishedSince ?? now, now);
  return takenBack || now - since >= graceMs ? undefined : since;
}

/** Ids that one pull looks at. */
const MOST_HINTS = 1000;

/** Hints by kind, each once; what is neither a UUID nor an id is dropped, and what is too many. */
export function cleanHints(hints: readonly string[]): {
  readonly uuids: readonly string[];
  readonly ids: readonly string[];
} {
  const uuids = new Set<string>();
  const ids = new Set<string>();
  for (const hint of hints) {
    if (uuids.size + ids.size >= MOST_HINTS) break;
    const uuid = uuidOf(hint);
    if (uuid !== undefined) uuids.add(uuid);
    else if (/^[1-9]\d{0,17}$/.test(hint)) ids.add(hint);
  }
  return { uuids: [...uuids], ids: [...ids] };
}

/**
 * Whether everything is to be read again; `every` (milliseconds) 0: never. `triedAt`: the last attempt. One that failed or was
 * held is tried again after a while only: what changed must not wait for it, nor MISP suffer.
 */
export function isReconciliationDue(
  { reconciledAt, triedAt }: { readonly reconciledAt: number; readonly triedAt: number },
  every: number,
  now: number,
): boolean {
  if (every === 0 || now - triedAt < Math.min(every, RECONCILE_AGAIN_MS)) return false;
  // A clock that was ahead must not put it off for ever.
  return Math.abs(now - reconciledAt) >= every;
}

/** When one feed reads everything again. */
export class Reconciling {
  /** Epoch milliseconds of the last attempt. */
  #triedAt = Number.NEGATIVE_INFINITY;

  /** A person waits: an attempt that failed a short while ago puts it off no more. */
  forget(): void {
    this.#triedAt = Number.NEGATIVE_INFINITY;
  }

  /** Whether it is due, which makes this an attempt; `before`: the state of the last pull. */
  begins(
    before: { readonly complete: boolean; readonly reconciledAt: number } | undefined,
    every: number,
    now: number,
  ): boolean {
    if (before?.complete !== true) return false;
    const due = isReconciliationDue({ reconciledAt: before.reconciledAt, triedAt: this.#triedAt }, every, now);
    if (due) this.#triedAt = now;
    return due;
  }
}

/** Events to be read of which a version is in force. */
export function countHeld({ read, held }: SyncPlan): number {
  return read.filter(({ uuid }) => held.has(uuid)).length;
}
