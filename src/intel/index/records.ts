import { crc32 } from "node:zlib";
import { TiplineError } from "../../lib/errors.ts";
import type {
  Companion,
  EventContext,
  IndicatorPattern,
  IndicatorReport,
  IndicatorType,
  ReportedIndicator,
} from "../../model/indicator.ts";
import type { CanonicalValue } from "../../model/observable.ts";
import { OBSERVABLE_TYPES } from "../../model/observable.ts";

/**
 * Records of a contexts file. Each starts on a multiple of 16 bytes, little-endian:
 * `0` crc32 of bytes 4 to length · `4` length · `8` kind · `9` type · `10` pattern · `11` flags · `12` feed (u16) ·
 * `14` bytes of value (u16) · `16` indicator hash (2×u32) · `24` event key hash · `32` attribute key hash · `40` value · then JSON.
 * What decides visibility stands at fixed places, so that layers are merged without decoding.
 */
export const RECORD_ALIGN = 16;
export const RECORD_HEADER = 40;
/** Above this a record is taken for corrupt; feeds bound their strings far below. */
export const MAX_RECORD = 16 * 1024 * 1024;
export const MAX_VALUE_BYTES = 65_535;

export const KIND_REPORT = 1;
export const KIND_EVENT = 2;
/** References of all reports of one indicator: words after the header. */
export const KIND_GROUP = 3;

const PATTERNS: readonly IndicatorPattern[] = ["exact", "subdomains", "cidr"];
const TYPES = OBSERVABLE_TYPES.filter((type): type is IndicatorType => type !== "cve");
const TYPE_CODES = new Map<string, number>(TYPES.map((type, code) => [type, code]));
const FLAG_TO_IDS = 1;
const FLAG_WEAK = 2;

/** Hashes of a record's keys. */
export interface RecordKeys {
  readonly indicator: readonly [number, number];
  readonly event: readonly [number, number];
  readonly attribute: readonly [number, number];
}

/** What the fixed part says. */
export interface RecordHead {
  readonly kind: number;
  readonly length: number;
  readonly feed: number;
  readonly type: IndicatorType;
  readonly pattern: IndicatorPattern;
  readonly keys: RecordKeys;
}

function patternCode(pattern: IndicatorPattern): number {
  return pattern === "exact" ? 0 : pattern === "subdomains" ? 1 : 2;
}

/** Number that keeps the keys of types and patterns apart; part of the file format. */
export function typeSalt(type: IndicatorType, pattern: IndicatorPattern): number {
  return 0x1000 + (TYPE_CODES.get(type) as number) * 4 + patternCode(pattern);
}

/** Number of a type in records; part of the file format. */
export function typeCode(type: IndicatorType): number {
  return TYPE_CODES.get(type) as number;
}

export function typeOfCode(code: number): IndicatorType {
  return TYPES[code] as IndicatorType;
}

const NO_KEYS: RecordKeys = { indicator: [0, 0], event: [0, 0], attribute: [0, 0] };

/** A report; its event and its feed's name stand elsewhere. The buffer is only valid until the next record is encoded. */
export function encodeReport(indicator: ReportedIndicator, feed: number, keys: RecordKeys): Buffer {
  const { report } = indicator;
  const value = report.attributeValue === indicator.value ? "0" : quoted(report.attributeValue);
  const tags = report.tags.length === 0 ? "0" : JSON.stringify(report.tags);
  const times = `${report.timestamp ?? 0},${report.firstSeen ?? 0},${report.lastSeen ?? 0}`;
  const comment = report.comment === undefined ? "0" : quoted(report.comment);
  const companion = report.companion ? JSON.stringify([report.companion.kind, report.companion.value]) : "0";
  const words = `${quoted(report.attributeUuid)},${quoted(report.attributeType)},${quoted(report.category)}`;
  const rest = `[${words},${value},${tags},${times},${comment},${companion}]`;
  const type = TYPE_CODES.get(indicator.type) as number;
  const flags = (report.toIds ? FLAG_TO_IDS : 0) | (report.weak ? FLAG_WEAK : 0);
  return encode(KIND_REPORT, [type, patternCode(indicator.pattern), flags], feed, keys, indicator.value, rest);
}

/** Printable ASCII without quotes and backslashes: most of what is written, and its own JSON. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** JSON.stringify of a string, several times as fast for the usual ones. */
function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** An event's context. The buffer is only valid until the next record is encoded. */
export function encodeEvent(event: EventContext, feed: number, eventKey: readonly [number, number]): Buffer {
  return encode(KIND_EVENT, [0, 0, 0], feed, { ...NO_KEYS, event: eventKey }, "", JSON.stringify(event));
}

export function encodeGroup(refs: Uint32Array): Buffer {
  const record = Buffer.alloc(RECORD_HEADER + refs.length * 4);
  record[8] = KIND_GROUP;
  for (let i = 0; i < refs.length; i++) record.writeUInt32LE(refs[i] as number, RECORD_HEADER + i * 4);
  return seal(record);
}

function encode(
  kind: number,
  bytes: readonly [number, number, number],
  feed: number,
  keys: RecordKeys,
  value: string,
  rest: string,
): Buffer {
  // Of UTF-16 a unit takes three bytes of UTF-8 at most.
  const room = RECORD_HEADER + (value.length + rest.length) * 3;
  const fits = room <= scratch.length;
  const record = fits ? scratch : Buffer.allocUnsafe(room);
  const view = fits ? scratchView : new DataView(record.buffer, record.byteOffset, record.length);
  // One write is nearly twice as fast as two, and nearly all values are ASCII.
  const plain = PLAIN.test(value);
  const valueBytes = plain ? value.length : record.write(value, RECORD_HEADER);
  const written = plain ? record.write(value + rest, RECORD_HEADER) : record.write(rest, RECORD_HEADER + valueBytes);
  const end = RECORD_HEADER + written + (plain ? 0 : valueBytes);
  record[8] = kind;
  record[9] = bytes[0];
  record[10] = bytes[1];
  record[11] = bytes[2];
  view.setUint16(12, feed, true);
  view.setUint16(14, valueBytes, true);
  view.setUint32(16, keys.indicator[0], true);
  view.setUint32(20, keys.indicator[1], true);
  view.setUint32(24, keys.event[0], true);
  view.setUint32(28, keys.event[1], true);
  view.setUint32(32, keys.attribute[0], true);
  view.setUint32(36, keys.attribute[1], true);
  return seal(record.subarray(0, end));
}

/** Most records are encoded in here: allocating each would take as long as filling it. */
const scratch = Buffer.allocUnsafeSlow(64 * 1024);
const scratchView = new DataView(scratch.buffer, scratch.byteOffset, scratch.length);

/** A copy of a record for another file, whose feeds are numbered otherwise. */
export function withFeed(record: Buffer, feed: number): Buffer {
  const copy = Buffer.from(record);
  copy.writeUInt16LE(feed, 12);
  return seal(copy);
}

function seal(record: Buffer): Buffer {
  record.writeUInt32LE(record.length, 4);
  record.writeUInt32LE(crc32(record.subarray(4)), 0);
  return record;
}

/** Throws TIP_SEGMENT_CORRUPT unless `record` is exactly one whole record. */
export function checkRecord(record: Buffer, where: string): void {
  const sound =
    record.length >= RECORD_HEADER &&
    record.readUInt32LE(4) === record.length &&
    record.readUInt32LE(0) === crc32(record.subarray(4));
  if (!sound) throw new TiplineError("TIP_SEGMENT_CORRUPT", `checksum of a context record is wrong at ${where}`);
}

export function readHead(record: Buffer): RecordHead {
  const pair = (at: number) => [record.readUInt32LE(at), record.readUInt32LE(at + 4)] as const;
  return {
    kind: record[8] as number,
    length: record.readUInt32LE(4),
    feed: record.readUInt16LE(12),
    type: TYPES[record[9] as number] as IndicatorType,
    pattern: PATTERNS[record[10] as number] as IndicatorPattern,
    keys: { indicator: pair(16), event: pair(24), attribute: pair(32) },
  };
}

export function readValue(record: Buffer): CanonicalValue {
  return record.toString("utf8", RECORD_HEADER, RECORD_HEADER + record.readUInt16LE(14)) as CanonicalValue;
}

/** References held by a group record. */
export function refsOf(record: Buffer): number[] {
  const refs: number[] = [];
  for (let at = RECORD_HEADER; at < record.length; at += 4) refs.push(record.readUInt32LE(at));
  return refs;
}

export function decodeEvent(record: Buffer): EventContext {
  return JSON.parse(record.toString("utf8", RECORD_HEADER)) as EventContext;
}

type Rest = readonly [
  string,
  string,
  string,
  string | 0,
  readonly string[] | 0,
  number,
  number,
  number,
  string | 0,
  readonly [Companion["kind"], string] | 0,
];

export function decodeReport(record: Buffer, feed: string, event: EventContext): IndicatorReport {
  const rest = JSON.parse(record.toString("utf8", RECORD_HEADER + record.readUInt16LE(14))) as Rest;
  const flags = record[11] as number;
  return {
    feed,
    event,
    attributeUuid: rest[0],
    attributeType: rest[1],
    category: rest[2],
    attributeValue: rest[3] === 0 ? readValue(record) : rest[3],
    toIds: (flags & FLAG_TO_IDS) !== 0,
    weak: (flags & FLAG_WEAK) !== 0,
    tags: rest[4] === 0 ? [] : rest[4],
    ...(rest[5] !== 0 && { timestamp: rest[5] }),
    ...(rest[6] !== 0 && { firstSeen: rest[6] }),
    ...(rest[7] !== 0 && { lastSeen: rest[7] }),
    ...(rest[8] !== 0 && { comment: rest[8] }),
    ...(rest[9] !== 0 && { companion: { kind: rest[9][0], value: rest[9][1] } }),
  };
}
