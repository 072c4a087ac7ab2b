import type {
  Companion,
  EventContext,
  IndicatorPattern,
  IndicatorReport,
  IndicatorType,
  QuarantinedIndicator,
  ReportedIndicator,
} from "../model/indicator.ts";
import type { CanonicalValue } from "../model/observable.ts";
import type { RowBatch } from "./misp-rows.ts";

/** An indicator without names: 0 stands for what is not there, and for an attribute's value that is the indicator's. */
type Row = readonly [
  event: number,
  type: IndicatorType,
  pattern: IndicatorPattern,
  value: CanonicalValue,
  attributeUuid: string,
  attributeType: string,
  category: string,
  flags: number,
  attributeValue: string | 0,
  comment: string | 0,
  timestamp: number,
  firstSeen: number,
  lastSeen: number,
  tags: readonly string[] | 0,
  companion: Companion | 0,
];

interface Wire {
  readonly attributes: number;
  readonly events: readonly string[];
  readonly skipped: readonly (readonly [string, number])[];
  readonly refused: readonly QuarantinedIndicator[];
  readonly rows: readonly Row[];
}

const TO_IDS = 1;
const WEAK = 2;
const NO_TAGS: readonly string[] = [];

/** A batch on its way between threads. One string is copied at once; the structured clone of its objects takes five times as long. */
export function encodeBatch({ attributes, events, skipped, refused, indicators }: RowBatch): string {
  const places = new Map(events.map((uuid, at) => [uuid, at]));
  const rows = indicators.map(({ type, pattern, value, report }): Row => {
    const { attributeValue, comment, timestamp, firstSeen, lastSeen, tags, companion } = report;
    return [
      places.get(report.event.uuid) as number,
      type,
      pattern,
      value,
      report.attributeUuid,
      report.attributeType,
      report.category,
      (report.toIds ? TO_IDS : 0) | (report.weak ? WEAK : 0),
      attributeValue === value ? 0 : attributeValue,
      comment ?? 0,
      timestamp ?? 0,
      firstSeen ?? 0,
      lastSeen ?? 0,
      tags.length === 0 ? 0 : tags,
      companion ?? 0,
    ];
  });
  const wire: Wire = { attributes, events, skipped: [...skipped], refused, rows };
  return JSON.stringify(wire);
}

/** The batch again. `contexts`: by event UUID; those of all its events are there. */
export function decodeBatch(text: string, feed: string, contexts: ReadonlyMap<string, EventContext>): RowBatch {
  const { attributes, events, skipped, refused, rows } = JSON.parse(text) as Wire;
  const ofEvents = events.map((uuid) => contexts.get(uuid) as EventContext);
  const indicators = rows.map((row): ReportedIndicator => {
    const report = reportOf(row, feed, ofEvents[row[0]] as EventContext);
    return { type: row[1], pattern: row[2], value: row[3], report };
  });
  return { attributes, skipped: new Map(skipped), refused: [...refused], events, indicators };
}

type MutableReport = { -readonly [Key in keyof IndicatorReport]: IndicatorReport[Key] };

function reportOf(row: Row, feed: string, event: EventContext): IndicatorReport {
  const [, , , value, attributeUuid, attributeType, category, flags] = row;
  const report: MutableReport = {
    feed,
    event,
    attributeUuid,
    attributeType,
    category,
    attributeValue: row[8] === 0 ? value : row[8],
    toIds: (flags & TO_IDS) !== 0,
    weak: (flags & WEAK) !== 0,
    tags: row[13] === 0 ? NO_TAGS : row[13],
  };
  if (row[9] !== 0) report.comment = row[9];
  if (row[10] !== 0) report.timestamp = row[10];
  if (row[11] !== 0) report.firstSeen = row[11];
  if (row[12] !== 0) report.lastSeen = row[12];
  if (row[14] !== 0) report.companion = row[14];
  return report;
}
