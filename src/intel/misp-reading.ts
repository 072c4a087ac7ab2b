import type { EventContext } from "../model/indicator.ts";
import { get, type JsonObject, text } from "../model/json.ts";
import { type Page, PageCutter } from "./feed-pages.ts";
import { uuidOf } from "./misp-attribute.ts";
import type { HeldEvent, MispCursor } from "./misp-cursor.ts";
import { eventContext } from "./misp-event.ts";
import { countHeld, type ListedEvent, type SyncPlan } from "./misp-manifest.ts";
import type { RowBatch, WantedRows } from "./misp-rows.ts";
import type { ReportFilter } from "./report-filter.ts";

/** An event whose attributes are to be read. */
export interface WantedEvent {
  readonly id: string;
  /** As it was listed: a change after that moves its timestamp, so that the next pull reads it again. */
  readonly listed: ListedEvent;
  readonly context: EventContext;
  /** Attributes of any kind, as MISP counts them. */
  readonly attributeCount: number;
  /** Why the filters want nothing of it; undefined: its attributes decide. */
  readonly unwanted: string | undefined;
}

/** `record`: the event as `events/restSearch` with `metadata` answers. */
export function wantedEvent(
  record: JsonObject,
  listed: ListedEvent,
  { filter, linkBase }: { readonly filter: ReportFilter; readonly linkBase: string },
): WantedEvent {
  const context = eventContext(record, linkBase);
  return {
    id: listed.id,
    listed,
    context,
    attributeCount: Number(text(record, "attribute_count")) || 0,
    unwanted: filter.event(context, uuidOf(get(record, "Orgc", "uuid"))),
  };
}

/** What is wanted of an answer that these events (by id) were asked for: a server that ignores a parameter answers with others. */
export function wantedRows(
  all: readonly WantedEvent[],
  ids: readonly string[],
  options: Omit<WantedRows, "events">,
): WantedRows {
  const asked = new Set(ids);
  const events = all.flatMap(({ id, context }) => (asked.has(id) ? [[id, context] as const] : []));
  return { ...options, events: new Map(events) };
}

/** The walk of a regular pull. `partSize`: attributes after which a part of a first pull ends at the earliest. */
export function walkOf(
  plan: SyncPlan & { readonly held: Map<string, HeldEvent> },
  before: MispCursor | undefined,
  options: Pick<Walk, "parts" | "everything"> & { readonly partSize: number; readonly now: number },
): Walk {
  const { parts, everything, partSize, now } = options;
  return {
    ...plan,
    before,
    // The newest first: they are the likeliest to be seen.
    read: parts ? [...plan.read].sort((a, b) => b.timestamp - a.timestamp) : plan.read,
    most: parts ? Math.max(partSize, (before?.attributes ?? 0) / 2) : Number.POSITIVE_INFINITY,
    parts,
    everything,
    total: plan.read.length + (parts ? plan.held.size - countHeld(plan) : 0),
    reconciledAt: everything || before?.complete !== true ? now : before.reconciledAt,
  };
}

/** Attributes above which a pull is read in a thread of its own: reading them here would hold up alerts for a second. */
const LARGE = 20_000;

/** Whether `events` events of which these are the first make a large pull. */
export function isLarge(first: readonly WantedEvent[], events: number): boolean {
  const attributes = first.reduce((sum, { attributeCount }) => sum + attributeCount, 0);
  return attributes * (events / Math.max(1, first.length)) >= LARGE;
}

/** What one pull reads, and how. */
export interface Walk extends SyncPlan {
  readonly before: MispCursor | undefined;
  /** Becomes the next cursor: events that were read get their new version. */
  readonly held: Map<string, HeldEvent>;
  /** Attributes after which the pull ends, the events under way being read to their end. */
  readonly most: number;
  /** It is, or goes on with, a first pull in parts. */
  readonly parts: boolean;
  /** It reads also what seems unchanged. */
  readonly everything: boolean;
  /** Events for people to see: those to be read, and in a first pull those that have been. */
  readonly total: number;
  readonly reconciledAt: number;
  /** Contexts of all that is to be read, if they have been read. */
  readonly first?: readonly WantedEvent[];
}

/** Events (by id) that the server could not answer for, and what it said. */
export type LeftOut = Map<string, readonly [WantedEvent, Error]>;

/** Books what a pull reads: cuts it into pages, withdraws what it replaces, and keeps the account for the next cursor. */
export class Reading {
  /** Attributes read so far. */
  attributes = 0;
  readonly #held: Map<string, HeldEvent>;
  readonly #delta: boolean;
  readonly #cutter = new PageCutter();
  readonly #seen = new Set<string>();

  /** `held`: what stays in force unless it is read; it becomes what is in force after the pull. */
  constructor(held: Map<string, HeldEvent>, withdraw: readonly string[], delta: boolean) {
    this.#held = held;
    this.#delta = delta;
    this.#cutter.withdraw(withdraw);
  }

  /** Takes a batch; yields the pages that are full. An event is withdrawn when its first attribute has come. */
  *take(batch: RowBatch): Generator<Page> {
    for (const uuid of batch.events) {
      if (this.#seen.has(uuid)) continue;
      this.#seen.add(uuid);
      if (this.#delta) this.#cutter.withdraw([uuid]);
    }
    this.attributes += batch.attributes;
    yield* this.#cutter.add(batch);
  }

  /** The pages of an answer. */
  async *takeAll(batches: AsyncIterable<RowBatch>): AsyncGenerator<Page> {
    for await (const batch of batches) for (const page of this.take(batch)) yield page;
  }

  /**
   * Events in force of which nothing came although they have attributes: either none of these is wanted, or the event was
   * unpublished or deleted after its context had been read.
   */
  silent(events: readonly WantedEvent[]): readonly WantedEvent[] {
    return events.filter(
      ({ context: { uuid }, attributeCount, unwanted }) =>
        unwanted === undefined && attributeCount > 0 && this.#held.has(uuid) && !this.#seen.has(uuid),
    );
  }

  /** These have been read to their end. */
  settle(events: readonly WantedEvent[]): void {
    for (const { listed, context, attributeCount, unwanted } of events) {
      const { uuid } = context;
      const { timestamp, settled, published } = listed;
      if (this.#delta && this.#held.has(uuid) && !this.#seen.has(uuid)) this.#cutter.withdraw([uuid]);
      if (unwanted !== undefined) this.#cutter.skip(unwanted, attributeCount);
      this.#held.set(uuid, { timestamp, settled, published });
      this.#seen.delete(uuid);
    }
  }

  /** The events but those (by id) that the server could not answer for. Throws its error when half of one has been handed over. */
  without(left: LeftOut, events: readonly WantedEvent[]): readonly WantedEvent[] {
    if (left.size === 0) return events;
    return events.filter(({ id, context, attributeCount }) => {
      const found = left.get(id);
      if (found === undefined) return true;
      if (this.#seen.has(context.uuid)) throw found[1];
      this.#cutter.skip("MISP could not answer for the event", attributeCount);
      return false;
    });
  }

  /** The last page, which may be empty. */
  rest(): Page {
    return this.#cutter.rest();
  }
}
