import type { EventContext } from "../model/indicator.ts";
import { get, type JsonObject, type JsonValue, text } from "../model/json.ts";
import { type Page, PageCutter } from "./feed-pages.ts";
import { type AttributeOptions, type Collected, newCollection, readAttribute, uuidOf } from "./misp-attribute.ts";
import type { HeldEvent } from "./misp-cursor.ts";
import { eventContext } from "./misp-event.ts";
import type { ListedEvent } from "./misp-manifest.ts";
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

/** What one answer came to. */
export interface UnitRows extends Collected {
  /** UUIDs of the events that had rows in it. */
  readonly seen: Set<string>;
}

/** Collects the attributes of these events out of one answer; rows of other events are dropped. */
export function collectRows(events: ReadonlyMap<string, WantedEvent>, options: AttributeOptions) {
  const into: UnitRows = { ...newCollection(), seen: new Set() };
  return {
    row(row: JsonValue): void {
      const context = events.get(text(row, "event_id") ?? "")?.context;
      if (context === undefined) return;
      into.seen.add(context.uuid);
      readAttribute(row, context, options, into);
    },
    done: () => into,
  };
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

  /** Takes an answer; yields the pages that are full. An event is withdrawn when its first attribute has come. */
  *take(rows: UnitRows): Generator<Page> {
    const first = [...rows.seen].filter((uuid) => !this.#seen.has(uuid));
    for (const uuid of first) this.#seen.add(uuid);
    if (this.#delta) this.#cutter.withdraw(first);
    this.attributes += rows.attributes;
    yield* this.#cutter.add(rows);
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
