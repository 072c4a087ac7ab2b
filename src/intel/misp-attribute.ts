import { createHash } from "node:crypto";
import type {
  Companion,
  EventContext,
  IndicatorReport,
  QuarantinedIndicator,
  ReportedIndicator,
} from "../model/indicator.ts";
import { isJsonObject, type JsonObject, type JsonValue, member, text } from "../model/json.ts";
import { canonicalIndicators } from "./indicator-value.ts";
import { tagNames } from "./misp-tags.ts";
import { type Half, type Reading, ruleOf } from "./misp-types.ts";
import type { ReportFilter } from "./report-filter.ts";

/** Longest attribute value that is looked at, in characters; longer ones are refused. */
export const MAX_VALUE = 8192;
const MAX_COMMENT = 1024;
const MAX_WORD = 128;
const MAX_COMPANION = 1024;
/** What is kept of a refused value, so that a person recognises it. */
const MAX_REFUSED = 256;

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** How a feed wants its attributes read. */
export interface AttributeOptions {
  /** Name of the configured feed. */
  readonly feed: string;
  /** Only attributes with to_ids 1 (default true). */
  readonly toIdsOnly?: boolean;
  /** Which reports are taken. Reading an attribute asks `attribute()` alone: whoever reads the event asks `event()` first. */
  readonly filter?: ReportFilter;
}

/** Where the attributes of one or many events are collected. */
export interface Collected {
  attributes: number;
  readonly indicators: ReportedIndicator[];
  readonly skipped: Map<string, number>;
  readonly refused: QuarantinedIndicator[];
}

export function newCollection(): Collected {
  return { attributes: 0, indicators: [], skipped: new Map(), refused: [] };
}

/** A UUID in lower case, or undefined. */
export function uuidOf(value: JsonValue | undefined): string | undefined {
  const word = typeof value === "string" ? value.trim() : "";
  return UUID.test(word) ? word.toLowerCase() : undefined;
}

/** A stable UUID (version 8) made of words: for attributes and events that come without one. */
export function derivedUuid(...words: readonly string[]): string {
  const hex = createHash("sha256").update(words.join("\u0000")).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Epoch seconds out of MISP's spellings: seconds, milliseconds or microseconds as number or string, or ISO 8601. */
export function epochSeconds(value: JsonValue | undefined): number | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  const word = String(value).trim().slice(0, 40);
  let seconds = /^\d{1,17}$/.test(word) ? Number(word) : Math.floor(Date.parse(word) / 1000);
  while (seconds > 1e11) seconds = Math.floor(seconds / 1000);
  return Number.isFinite(seconds) && seconds > 0 ? seconds : undefined;
}

export function isTrue(value: JsonValue | undefined): boolean {
  return value === true || value === 1 || (typeof value === "string" && /^(?:1|true)$/i.test(value.trim()));
}

/** A string (or number) of a record, trimmed, cut to `max`; undefined when empty or of another type. */
export function shortText(record: JsonValue | undefined, key: string, max: number): string | undefined {
  const found = isJsonObject(record) ? text(record, key) : undefined;
  return found?.trim().slice(0, max) || undefined;
}

/**
 * Reads one attribute into `into`: indicators, or why there are none. Total: whatever the attribute holds, it ends as an
 * indicator, as skipped or as refused. `object` is the MISP object around it; its comment and dates fill gaps.
 */
export function readAttribute(
  attribute: JsonValue,
  event: EventContext,
  options: AttributeOptions,
  into: Collected,
  object?: JsonObject,
): void {
  into.attributes++;
  const useless = skipReason(attribute, options);
  const usable = useless === undefined && isJsonObject(attribute);
  const draft = usable ? reportOf(attribute, event, options, object) : undefined;
  const skipped = useless ?? (draft && options.filter?.attribute(draft, event));
  if (skipped !== undefined) {
    into.skipped.set(skipped, (into.skipped.get(skipped) ?? 0) + 1);
    return;
  }
  const parts = partsOf(attribute);
  let unused = draft;
  for (const part of typeof parts === "string" ? [parts] : parts) {
    const read = typeof part === "string" ? part : canonicalIndicators(part.reading, part.value);
    if (typeof read === "string") {
      into.refused.push(refusal(attribute, event, options, read));
      continue;
    }
    const companion = typeof part === "string" ? undefined : part.companion;
    for (const { type, pattern, value, weak } of read) {
      // Nearly all attributes are one indicator: theirs is the draft itself, as copying it takes longer than making it.
      const report = unused ?? withoutCompanion(draft as MutableReport);
      unused = undefined;
      report.weak = weak;
      if (companion !== undefined) report.companion = companion;
      into.indicators.push({ type, pattern, value, report });
    }
  }
}

/** Why the attribute is none of our business, or undefined. */
function skipReason(attribute: JsonValue, options: AttributeOptions): string | undefined {
  if (!isJsonObject(attribute)) return undefined;
  if (isTrue(member(attribute, "deleted"))) return "deleted in MISP";
  if ((options.toIdsOnly ?? true) && !isTrue(member(attribute, "to_ids"))) return "to_ids is 0";
  const type = typeOf(attribute);
  const rule = ruleOf(type);
  if (rule === undefined) return "a type that Tipline does not know";
  return rule.kind === "refused" ? `type ${type}: ${rule.reason}` : undefined;
}

/** A value that matches alone, with the other half of its composite. */
interface Part {
  readonly reading: Reading;
  readonly value: string;
  readonly companion?: Companion;
}

/** The parts of the attribute that match alone, or why it cannot be used. */
function partsOf(attribute: JsonValue): readonly Part[] | string {
  if (!isJsonObject(attribute)) return `an attribute must be an object, not ${kindOf(attribute)}`;
  const raw = member(attribute, "value");
  const value = typeof raw === "number" ? String(raw) : raw;
  if (typeof value !== "string") return `a value must be text, not ${kindOf(raw)}`;
  if (value.length > MAX_VALUE) return `longer than ${MAX_VALUE} characters`;
  const clean = value.trim();
  if (clean === "") return "an empty value";
  const rule = ruleOf(typeOf(attribute));
  if (rule === undefined || rule.kind === "refused") return "a type that carries no observable";
  if (rule.kind === "single") return [{ reading: rule, value: clean }];
  const bar = rule.cut === "first" ? clean.indexOf("|") : clean.lastIndexOf("|");
  if (bar < 0) return "a composite needs two halves with a bar between them";
  const [first, second] = rule.halves;
  const left = clean.slice(0, bar).trim();
  const right = clean.slice(bar + 1).trim();
  return [...half(first, left, second, right), ...half(second, right, first, left)];
}

function half(one: Half, value: string, other: Half, otherValue: string): readonly Part[] {
  if (one.alone === undefined) return [];
  if (otherValue === "") return [{ reading: one.alone, value }];
  return [
    { reading: one.alone, value, companion: { kind: other.companion, value: otherValue.slice(0, MAX_COMPANION) } },
  ];
}

function refusal(
  attribute: JsonValue,
  event: EventContext,
  options: AttributeOptions,
  reason: string,
): QuarantinedIndicator {
  return {
    feed: options.feed,
    eventUuid: event.uuid,
    attributeUuid: uuidOf(member(attribute, "uuid")) ?? "",
    attributeType: typeOf(attribute),
    value: (text(attribute, "value") ?? "").slice(0, MAX_REFUSED),
    reason,
  };
}

type MutableReport = { -readonly [Key in keyof IndicatorReport]: IndicatorReport[Key] };

function withoutCompanion({ companion: _, ...report }: MutableReport): MutableReport {
  return report;
}

function typeOf(attribute: JsonValue): string {
  return shortText(attribute, "type", MAX_WORD) ?? "";
}

function reportOf(
  attribute: JsonValue,
  event: EventContext,
  options: AttributeOptions,
  object: JsonObject | undefined,
): MutableReport {
  const attributeType = typeOf(attribute);
  const attributeValue = (text(attribute, "value") ?? "").trim();
  const comment = shortText(attribute, "comment", MAX_COMMENT) ?? shortText(object, "comment", MAX_COMMENT);
  const timestamp = epochSeconds(member(attribute, "timestamp"));
  const firstSeen = epochSeconds(member(attribute, "first_seen")) ?? epochSeconds(member(object, "first_seen"));
  const lastSeen = epochSeconds(member(attribute, "last_seen")) ?? epochSeconds(member(object, "last_seen"));
  const draft: MutableReport = {
    feed: options.feed,
    event,
    attributeUuid: uuidOf(member(attribute, "uuid")) ?? derivedUuid(event.uuid, attributeType, attributeValue),
    attributeType,
    category: shortText(attribute, "category", MAX_WORD) ?? "",
    attributeValue,
    toIds: isTrue(member(attribute, "to_ids")),
    weak: false,
    tags: tagNames(attribute),
  };
  // Spreads of what may be absent take longer than all the rest.
  if (comment !== undefined) draft.comment = comment;
  if (timestamp !== undefined) draft.timestamp = timestamp;
  if (firstSeen !== undefined) draft.firstSeen = firstSeen;
  if (lastSeen !== undefined) draft.lastSeen = lastSeen;
  return draft;
}

function kindOf(value: JsonValue | undefined): string {
  if (value === undefined) return "absent";
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `${typeof value === "object" ? "an" : "a"} ${typeof value}`;
}
