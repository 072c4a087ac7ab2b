import type { EventContext } from "../model/indicator.ts";
import { get, type JsonObject, type JsonValue, text } from "../model/json.ts";
import { type Page, PageCutter } from "./feed-pages.ts";
import { type AttributeOptions, newCollection, readAttribute, uuidOf } from "./misp-attribute.ts";
import type { HeldEvent, MispCursor } from "./misp-cursor.ts";
import { eventContext } from "./misp-event.ts";
import type { ListedEvent, SyncPlan } from "./misp-manifest.ts";
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

/** Rows that came together, not parsed yet. */
export interface Rows {
  parse(): readonly JsonValue[];
}

/** One answer: its rows as they came, and the events that they are wanted of. Parsed it would be many times as large. */
export interface UnitRows {
  readonly groups: readonly Rows[];
  readonly events: ReadonlyMap<string, WantedEvent>;
  readonly options: AttributeOptions;
}

/** Keeps one answer, which the events of these ids were asked for, for `Reading.take`. */
export function collectRows(all: ReadonlyMap<string, WantedEvent>, ids: readonly string[], options: AttributeOptions) {
  const events = new Map(ids.flatMap((id) => (all.has(id) ? [[id, all.get(id) as WantedEvent]] : [])));
  const groups: Rows[] = [];
  return { take: (group: Rows) => void groups.push(group), done: (): UnitRows => ({ groups, events, options }) };
}

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

  /**
   * Takes an answer, a group of rows at a time; yields the pages that are full. Rows of events that nobody asked for are dropped;
   * an event is withdrawn when its first attribute has come.
   */
  *take({ groups, events, options }: UnitRows): Generator<Page> {
    for (const group of groups) {
      const into = newCollection();
      for (const row of group.parse()) {
        const context = events.get(text(row, "event_id") ?? "")?.context;
        if (context === undefined) continue;
        if (!this.#seen.has(context.uuid)) {
          this.#seen.add(context.uuid);
          if (this.#delta) this.#cutter.withdraw([context.uuid]);
        }
        readAttribute(row, context, options, into);
      }
      this.attributes += into.attributes;
      yield* this.#cutter.add(into);
    }
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

  /** The last page, which may be empty. */
  rest(): Page {
    return this.#cutter.rest();
  }
}
