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

/**
 * A batch on its way between threads: column by column, words that repeat once. As objects it would take the receiver as long
 * to copy as to parse.
 */
export interface Columns {
  readonly attributes: number;
  readonly events: readonly string[];
  readonly skipped: ReadonlyMap<string, number>;
  readonly refused: readonly QuarantinedIndicator[];
  readonly words: readonly string[];
  /** `WIDTH` numbers an indicator. */
  readonly numbers: Float64Array<ArrayBuffer>;
  readonly values: readonly string[];
  readonly uuids: readonly string[];
  /** The attribute's value where it is spelled otherwise. */
  readonly spellings: ReadonlyMap<number, string>;
  readonly tags: ReadonlyMap<number, readonly string[]>;
  readonly companions: ReadonlyMap<number, Companion>;
}

const WIDTH = 10;
const TO_IDS = 1;
const WEAK = 2;
/** For a word or a time that is not there. */
const NONE = -1;
const NO_TAGS: readonly string[] = [];

export function toColumns({ attributes, events, skipped, refused, indicators }: RowBatch): Columns {
  const words = new Map<string, number>();
  const word = (text: string | undefined): number => {
    if (text === undefined) return NONE;
    const known = words.get(text);
    if (known !== undefined) return known;
    words.set(text, words.size);
    return words.size - 1;
  };
  const places = new Map(events.map((uuid, at) => [uuid, at]));
  const numbers = new Float64Array(indicators.length * WIDTH);
  const spellings = new Map<number, string>();
  const tags = new Map<number, readonly string[]>();
  const companions = new Map<number, Companion>();
  indicators.forEach(({ type, pattern, value, report }, at) => {
    const to = at * WIDTH;
    numbers[to] = places.get(report.event.uuid) as number;
    numbers[to + 1] = word(type);
    numbers[to + 2] = word(pattern);
    numbers[to + 3] = word(report.attributeType);
    numbers[to + 4] = word(report.category);
    numbers[to + 5] = word(report.comment);
    numbers[to + 6] = (report.toIds ? TO_IDS : 0) | (report.weak ? WEAK : 0);
    numbers[to + 7] = report.timestamp ?? NONE;
    numbers[to + 8] = report.firstSeen ?? NONE;
    numbers[to + 9] = report.lastSeen ?? NONE;
    if (report.attributeValue !== value) spellings.set(at, report.attributeValue);
    if (report.tags.length > 0) tags.set(at, report.tags);
    if (report.companion !== undefined) companions.set(at, report.companion);
  });
  const values = indicators.map(({ value }) => value);
  const uuids = indicators.map(({ report }) => report.attributeUuid);
  return {
    attributes,
    events,
    skipped,
    refused,
    words: [...words.keys()],
    numbers,
    values,
    uuids,
    spellings,
    tags,
    companions,
  };
}

/** The batch again. `contexts`: by event UUID; those of all its events are there. */
export function fromColumns(columns: Columns, feed: string, contexts: ReadonlyMap<string, EventContext>): RowBatch {
  const { attributes, skipped, refused, events, words, numbers, values } = columns;
  const ofEvents = events.map((uuid) => contexts.get(uuid) as EventContext);
  const indicators = values.map((value, at): ReportedIndicator => {
    const from = at * WIDTH;
    const report = reportAt(columns, at, feed, ofEvents[numbers[from] as number] as EventContext);
    const type = words[numbers[from + 1] as number] as IndicatorType;
    const pattern = words[numbers[from + 2] as number] as IndicatorPattern;
    return { type, pattern, value: value as CanonicalValue, report };
  });
  return { attributes, skipped: new Map(skipped), refused: [...refused], events, indicators };
}

type MutableReport = { -readonly [Key in keyof IndicatorReport]: IndicatorReport[Key] };

function reportAt(columns: Columns, at: number, feed: string, event: EventContext): IndicatorReport {
  const { words, numbers, values, uuids, spellings, tags, companions } = columns;
  const from = at * WIDTH;
  const flags = numbers[from + 6] as number;
  const report: MutableReport = {
    feed,
    event,
    attributeUuid: uuids[at] as string,
    attributeType: words[numbers[from + 3] as number] as string,
    category: words[numbers[from + 4] as number] as string,
    attributeValue: spellings.get(at) ?? (values[at] as string),
    toIds: (flags & TO_IDS) !== 0,
    weak: (flags & WEAK) !== 0,
    tags: tags.get(at) ?? NO_TAGS,
  };
  const comment = numbers[from + 5] as number;
  const [timestamp, firstSeen, lastSeen] = [numbers[from + 7], numbers[from + 8], numbers[from + 9]] as [
    number,
    number,
    number,
  ];
  const companion = companions.get(at);
  if (comment !== NONE) report.comment = words[comment] as string;
  if (timestamp !== NONE) report.timestamp = timestamp;
  if (firstSeen !== NONE) report.firstSeen = firstSeen;
  if (lastSeen !== NONE) report.lastSeen = lastSeen;
  if (companion !== undefined) report.companion = companion;
  return report;
}
