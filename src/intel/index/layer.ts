import type { EventContext, IndicatorReport } from "../../model/indicator.ts";
import type { CanonicalValue } from "../../model/observable.ts";
import { ContextReader } from "./contexts.ts";
import type { KeyHash } from "./keys.ts";
import { findRow } from "./numbers.ts";
import { decodeEvent, decodeReport, KIND_GROUP, type RecordHead, readHead, readValue, refsOf } from "./records.ts";
import { contextsPath, EVENT_ROW, indexPath, loadSegment, type Segment } from "./segment.ts";
import { findExact } from "./tables.ts";

/** A stored report of one indicator, not yet decoded. */
export interface StoredReport {
  readonly ref: number;
  readonly record: Buffer;
  readonly head: RecordHead;
  readonly value: CanonicalValue;
}

const MOST_EVENTS_CACHED = 2_048;

/**
 * One opened segment. Generations share it: a sync replaces an overlay and keeps the base, so it is counted who uses it, and the
 * last `release` closes the file.
 */
export class Layer {
  readonly path: string;
  readonly segment: Segment;
  readonly contexts: ContextReader;
  readonly withdrawnFeeds: ReadonlySet<string>;
  readonly #events = new Map<number, EventContext>();
  #users = 1;

  /**
   * Throws TIP_SEGMENT_CORRUPT when a file is not as it was written (of the contexts only the length is checked here). `segment`: the
   * same index as another thread has loaded it.
   */
  constructor(path: string, segment: Segment = loadSegment(indexPath(path))) {
    this.path = path;
    this.segment = segment;
    this.contexts = new ContextReader(contextsPath(path), this.segment.header.contexts.bytes);
    this.withdrawnFeeds = new Set(this.segment.header.withdrawnFeeds);
  }

  retain(): this {
    this.#users++;
    return this;
  }

  release(): void {
    if (--this.#users === 0) this.contexts.close();
  }

  /** True when reports of older layers with these keys count no more. */
  hides(head: RecordHead, feed: string): boolean {
    const { attributes, withdrawnAttributes } = this.segment.sections;
    if (this.hidesEvent(head.keys.event, feed)) return true;
    const [high, low] = head.keys.attribute;
    return findRow(attributes, 2, high, low) >= 0 || findRow(withdrawnAttributes, 2, high, low) >= 0;
  }

  /** True when this layer withdraws the whole event, or its feed, from older ones. */
  hidesEvent(event: KeyHash, feed: string): boolean {
    return this.withdrawnFeeds.has(feed) || findRow(this.segment.sections.withdrawnEvents, 2, event[0], event[1]) >= 0;
  }

  /** References of what may be this indicator; `high` and `low` are its hash. Nearly always none, and then cheap. */
  candidates(high: number, low: number): readonly number[] {
    return findExact(this.segment.sections.exact, high, low);
  }

  /** The reports that an entry of the exact table refers to, the last added first, hidden or not. */
  *reportsAt(ref: number): Generator<StoredReport> {
    const record = this.contexts.record(ref);
    const head = readHead(record);
    if (head.kind === KIND_GROUP) for (const each of refsOf(record).reverse()) yield* this.reportsAt(each);
    else yield { ref, record, head, value: readValue(record) };
  }

  feedOf(head: RecordHead): string {
    return this.segment.header.feeds[head.feed]?.name ?? "";
  }

  /** This layer's version of an event, if it has one. */
  event(key: KeyHash): EventContext | undefined {
    const ref = this.#eventRef(key);
    if (ref === undefined) return undefined;
    let event = this.#events.get(ref);
    if (event === undefined) {
      event = decodeEvent(this.contexts.record(ref));
      if (this.#events.size >= MOST_EVENTS_CACHED) this.#events.clear();
      this.#events.set(ref, event);
    }
    return event;
  }

  eventRecord(key: KeyHash): Buffer | undefined {
    const ref = this.#eventRef(key);
    return ref === undefined ? undefined : this.contexts.record(ref);
  }

  #eventRef(key: KeyHash): number | undefined {
    const { events } = this.segment.sections;
    const row = findRow(events, EVENT_ROW, key[0], key[1]);
    return row < 0 ? undefined : events[row * EVENT_ROW + 2];
  }

  /** Reports of an event in this layer. */
  eventCount(key: KeyHash): number {
    const { events } = this.segment.sections;
    const row = findRow(events, EVENT_ROW, key[0], key[1]);
    return row < 0 ? 0 : (events[row * EVENT_ROW + 3] as number);
  }

  decode({ record, head }: StoredReport, event: EventContext): IndicatorReport {
    return decodeReport(record, this.feedOf(head), event);
  }
}
