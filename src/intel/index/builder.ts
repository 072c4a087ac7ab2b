import { rmSync } from "node:fs";
import { setImmediate as pause } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { TiplineError } from "../../lib/errors.ts";
import type { EventContext, IndicatorPattern, IndicatorType, ReportedIndicator } from "../../model/indicator.ts";
import { ContextWriter } from "./contexts.ts";
import { GateKeys } from "./gate-keys.ts";
import { groupReports } from "./grouping.ts";
import type { Seed } from "./hash.ts";
import { attributeKey, eventKey, indicatorKey, type KeyHash } from "./keys.ts";
import { bytes, type Column, orderOfPairs, sortedPairs, words } from "./numbers.ts";
import {
  encodeEvent,
  encodeReport,
  MAX_RECORD,
  MAX_VALUE_BYTES,
  type RecordHead,
  readHead,
  readValue,
  typeCode,
  typeOfCode,
  withFeed,
} from "./records.ts";
import { contextsPath, EVENT_ROW, indexPath, type Segment, type SegmentHeader, writeSegment } from "./segment.ts";
import { buildExact } from "./tables.ts";

export interface BuilderOptions {
  readonly seed: Seed;
  /** An overlay remembers the key of each of its reports, so that it hides what older layers say of the same attributes. */
  readonly overlay: boolean;
}

/** What a finished segment holds. */
export interface BuiltSegment {
  readonly header: SegmentHeader;
  readonly indexBytes: number;
}

interface EventEntry {
  readonly key: KeyHash;
  readonly feed: number;
  /** The object last seen; its content, digested, and its record. */
  context: EventContext | undefined;
  content: string;
  ref: number;
  reports: number;
}

/**
 * Writes one segment: indicators are added one by one, their contexts go straight to the file, and only hashes are kept (about
 * 25 bytes a report). An indicator with several reports gets one entry; a report added twice counts once, the later one.
 */
export class SegmentBuilder {
  readonly #path: string;
  readonly #options: BuilderOptions;
  readonly #contexts: ContextWriter;
  readonly #feeds = new Map<string, number>();
  readonly #events = new Map<string, EventEntry>();
  readonly #withdrawnFeeds = new Set<string>();
  readonly #withdrawn = { events: [words(), words()], attributes: [words(), words()] } as const;
  readonly #attributes = [words(), words()] as const;
  readonly #reports = { high: words(), low: words(), ref: words(), type: bytes() };
  readonly #gate: GateKeys;
  #last: EventEntry | undefined;

  /** `path` is the common part of the names of the two files. They must not exist. */
  constructor(path: string, options: BuilderOptions) {
    this.#path = path;
    this.#options = options;
    this.#contexts = new ContextWriter(contextsPath(path));
    this.#gate = new GateKeys(options.seed);
  }

  /** Reports taken so far, doubled ones included. */
  get reports(): number {
    return this.#reports.ref.length;
  }

  /** Older layers show nothing of this feed any more. */
  withdrawFeed(feed: string): void {
    this.#withdrawnFeeds.add(feed);
  }

  /** Older layers show nothing of this event any more. */
  withdrawEvent(feed: string, eventUuid: string): void {
    pushKey(this.#withdrawn.events, eventKey(this.#options.seed, feed, eventUuid));
  }

  /** Older layers show nothing of this attribute any more. */
  withdrawAttribute(feed: string, eventUuid: string, attributeUuid: string): void {
    const event = eventKey(this.#options.seed, feed, eventUuid);
    pushKey(this.#withdrawn.attributes, attributeKey(event, attributeUuid));
  }

  /** Takes a report in. Returns the reason when the index cannot hold the indicator. */
  add(indicator: ReportedIndicator): string | undefined {
    const { type, pattern, value, report } = indicator;
    const refusal = this.#gateOf(type, pattern, value);
    if (refusal !== undefined) return refusal;
    const event = this.#eventOf(report.feed, report.event);
    const keys = {
      indicator: indicatorKey(this.#options.seed, type, pattern, value),
      event: event.key,
      attribute: attributeKey(event.key, report.attributeUuid),
    };
    const record = encodeReport(indicator, event.feed, keys);
    if (record.length > MAX_RECORD) return "context too large";
    const ref = this.#contexts.append(record);
    this.#entered(keys.indicator, keys.attribute, ref, typeCode(type), event);
    return undefined;
  }

  /**
   * Takes over a record of another segment of the same seed, whose feed has this name. The event's record must have been taken
   * over before by {@link copyEvent}.
   */
  copyReport(record: Buffer, head: RecordHead, feed: string): void {
    const event = this.#events.get(head.keys.event.join());
    if (event === undefined) throw new TiplineError("TIP_INTERNAL", "a report was copied before its event");
    this.#gateOf(head.type, head.pattern, readValue(record));
    const ref = this.#contexts.append(withFeed(record, this.#feedNumber(feed)));
    this.#entered(head.keys.indicator, head.keys.attribute, ref, typeCode(head.type), event);
  }

  /** Hides of older layers what another overlay of the same seed hides, its own reports included. */
  copyTombstones({ header, sections }: Segment): void {
    for (const feed of header.withdrawnFeeds) this.#withdrawnFeeds.add(feed);
    pushRows(this.#withdrawn.events, sections.withdrawnEvents);
    pushRows(this.#withdrawn.attributes, sections.withdrawnAttributes);
    pushRows(this.#withdrawn.attributes, sections.attributes);
  }

  hasEvent(head: RecordHead): boolean {
    return this.#events.has(head.keys.event.join());
  }

  copyEvent(record: Buffer, feed: string): void {
    const { keys } = readHead(record);
    const number = this.#feedNumber(feed);
    const ref = this.#contexts.append(withFeed(record, number));
    this.#events.set(keys.event.join(), {
      key: keys.event,
      feed: number,
      context: undefined,
      content: "",
      ref,
      reports: 0,
    });
  }

  #entered(indicator: KeyHash, attribute: KeyHash, ref: number, type: number, event: EventEntry): void {
    event.reports++;
    this.#reports.high.push(indicator[0]);
    this.#reports.low.push(indicator[1]);
    this.#reports.ref.push(ref);
    this.#reports.type.push(type);
    if (this.#options.overlay) pushKey(this.#attributes, attribute);
  }

  #feedNumber(feed: string): number {
    let number = this.#feeds.get(feed);
    if (number === undefined) {
      number = this.#feeds.size;
      if (number > 65_535) throw new TiplineError("TIP_INTERNAL", "more than 65,536 feeds in one index");
      this.#feeds.set(feed, number);
    }
    return number;
  }

  /** Enters the indicator's gate keys; the reason when it cannot be held. */
  #gateOf(type: IndicatorType, pattern: IndicatorPattern, value: string): string | undefined {
    if (!value.isWellFormed()) return "not well-formed Unicode";
    if (value.length > MAX_VALUE_BYTES / 3) return "value too long";
    return this.#gate.add(type, pattern, value) ? undefined : "too general: nothing in it tells it apart";
  }

  #eventOf(feed: string, context: EventContext): EventEntry {
    if (this.#last?.context === context && this.#feeds.get(feed) === this.#last.feed) return this.#last;
    const key = eventKey(this.#options.seed, feed, context.uuid);
    const content = contentOf(context);
    let entry = this.#events.get(key.join());
    if (entry === undefined) {
      entry = { key, feed: this.#feedNumber(feed), context, content: "", ref: 0, reports: 0 };
      this.#events.set(key.join(), entry);
    }
    if (entry.content !== content) {
      const record = encodeEvent(context, entry.feed, key);
      if (record.length > MAX_RECORD) {
        throw new TiplineError(
          "TIP_FEED_INVALID",
          `event ${context.uuid} of feed ${feed} has ${record.length} bytes of context`,
        );
      }
      entry.ref = this.#contexts.append(record);
      entry.content = content;
    }
    entry.context = context;
    this.#last = entry;
    return entry;
  }

  /** Writes both files to the disk. Gives the event loop a turn now and then; the builder is spent afterwards. */
  async finish(): Promise<BuiltSegment> {
    try {
      return await this.#write();
    } finally {
      this.#contexts.close();
    }
  }

  async #write(): Promise<BuiltSegment> {
    const events = this.#eventRows();
    const feeds = [...this.#feeds.keys()].map((name) => ({ name, reports: 0 }));
    const reports = {
      high: this.#reports.high.view(),
      low: this.#reports.low.view(),
      ref: this.#reports.ref.view(),
      type: this.#reports.type.view(),
    };
    const groups = await groupReports(reports, this.#contexts, events);
    for (let row = 0; row < events.length; row += EVENT_ROW) {
      const feed = feeds[events[row + 4] as number];
      if (feed) feed.reports += events[row + 3] as number;
    }
    await pause();
    const exact = buildExact(groups.ref.length, (put) => {
      for (let i = 0; i < groups.ref.length; i++) {
        put(groups.high[i] as number, groups.low[i] as number, groups.ref[i] as number);
      }
    });
    await pause();
    const gate = this.#gate.build();
    await pause();
    this.#contexts.sync();
    const header: SegmentHeader = {
      seed: this.#options.seed,
      feeds,
      withdrawnFeeds: [...this.#withdrawnFeeds],
      indicators: groups.ref.length,
      reports: groups.reports,
      gateKeys: gate.keys,
      byType: Object.fromEntries(groups.byType.map((count, code) => [typeOfCode(code), count]).filter(([, n]) => n)),
      prefixes4: gate.prefixes4,
      prefixes6: gate.prefixes6,
      plainNumbers: gate.plainNumbers,
      oddNumbers: gate.oddNumbers,
      shortNames: gate.shortNames,
      contexts: { bytes: this.#contexts.bytes, crc: this.#contexts.crc },
    };
    const indexBytes = writeSegment(indexPath(this.#path), header, {
      exact,
      gateSet: gate.set,
      gateBloom: gate.bloom,
      ends: gate.ends,
      events,
      attributes: sorted(this.#attributes),
      withdrawnEvents: sorted(this.#withdrawn.events),
      withdrawnAttributes: sorted(this.#withdrawn.attributes),
      words: gate.words,
      tails: gate.tails,
    });
    return { header, indexBytes };
  }

  #eventRows(): Uint32Array {
    const entries = [...this.#events.values()];
    const high = Uint32Array.from(entries, ({ key }) => key[0]);
    const low = Uint32Array.from(entries, ({ key }) => key[1]);
    const rows = new Uint32Array(entries.length * EVENT_ROW);
    orderOfPairs(high, low).forEach((from, to) => {
      const { key, ref, reports, feed } = entries[from] as EventEntry;
      rows.set([key[0], key[1], ref, reports, feed], to * EVENT_ROW);
    });
    return rows;
  }

  /** Closes and removes what was written. */
  abort(): void {
    this.#contexts.close();
    for (const path of [contextsPath(this.#path), indexPath(this.#path)]) rmSync(path, { force: true });
  }
}

type Pairs = readonly [Column<Uint32Array>, Column<Uint32Array>];

function pushKey(columns: Pairs, key: KeyHash): void {
  columns[0].push(key[0]);
  columns[1].push(key[1]);
}

function pushRows(columns: Pairs, rows: Uint32Array): void {
  for (let at = 0; at < rows.length; at += 2) pushKey(columns, [rows[at] as number, rows[at + 1] as number]);
}

function sorted(columns: Pairs): Uint32Array {
  return sortedPairs(columns[0].view(), columns[1].view());
}

/** Tells two versions of an event apart without keeping either. */
function contentOf(context: EventContext): string {
  const text = JSON.stringify(context);
  return `${text.length}.${crc32(text)}`;
}
