import { TiplineError } from "../lib/errors.ts";
import type { EventContext } from "../model/indicator.ts";
import { get, isJsonObject, type JsonObject, type JsonValue, text } from "../model/json.ts";
import {
  type AttributeOptions,
  type Collected,
  epochSeconds,
  isTrue,
  newCollection,
  readAttribute,
  shortText,
  uuidOf,
} from "./misp-attribute.ts";
import { eventLink, tagNames } from "./misp-tags.ts";

const MAX_INFO = 512;
const MAX_ORG = 128;
/** `{response: [{Event}]}` is three deep; nothing real is deeper. */
const MAX_WRAPPING = 4;

export interface EventOptions extends AttributeOptions {
  /** Base URL of the MISP server that has the event, for the link. */
  readonly linkBase?: string;
}

/** An event as read: its context, and what its attributes came to. */
export interface ReadEvent extends Collected {
  readonly event: EventContext;
}

/**
 * The events in a document of any export shape: `{Event}`, `{response: [{Event}]}`, `{response: {Event}}`, a list of either, or
 * a bare event. Throws TIP_FEED_INVALID when there is none.
 */
export function eventsIn(document: JsonValue): readonly JsonObject[] {
  const events: JsonObject[] = [];
  collect(document, 0, events);
  if (events.length === 0 && !isEmptyList(document))
    throw new TiplineError("TIP_FEED_INVALID", `expected a MISP event export, found ${describe(document)}`);
  return events;
}

function collect(value: JsonValue, depth: number, events: JsonObject[]): void {
  if (depth > MAX_WRAPPING) return;
  if (Array.isArray(value)) {
    for (const item of value) collect(item, depth + 1, events);
  } else if (isJsonObject(value)) {
    const inner = get(value, "Event") ?? get(value, "response");
    if (inner !== undefined && !Object.hasOwn(value, "Attribute")) collect(inner, depth + 1, events);
    else if (Object.hasOwn(value, "uuid") && (Object.hasOwn(value, "info") || Object.hasOwn(value, "Attribute")))
      events.push(value);
  }
}

function isEmptyList(document: JsonValue): boolean {
  const list = isJsonObject(document) ? get(document, "response") : document;
  return Array.isArray(list) && list.length === 0;
}

function describe(document: JsonValue): string {
  if (Array.isArray(document)) return `a list of ${document.length} without an event in it`;
  if (!isJsonObject(document)) return `a ${document === null ? "null" : typeof document}`;
  return `an object with the keys ${Object.keys(document).slice(0, 8).join(", ").slice(0, 200) || "(none)"}`;
}

/** The context that every report of the event carries. Throws TIP_FEED_INVALID when the event has no usable UUID. */
export function eventContext(record: JsonObject, linkBase?: string): EventContext {
  const uuid = uuidOf(get(record, "uuid"));
  if (uuid === undefined)
    throw new TiplineError(
      "TIP_FEED_INVALID",
      `expected an event with a UUID, found uuid ${JSON.stringify(get(record, "uuid") ?? null).slice(0, 60)}`,
    );
  const id = text(record, "id")?.match(/^\d{1,18}$/)?.[0];
  const date = shortText(record, "date", 10)?.match(/^\d{4}-\d{2}-\d{2}$/)?.[0];
  const orgc = shortText(get(record, "Orgc"), "name", MAX_ORG) ?? shortText(get(record, "Org"), "name", MAX_ORG);
  const threatLevel = threatLevelOf(text(record, "threat_level_id"));
  const timestamp = epochSeconds(get(record, "timestamp"));
  const published = get(record, "published");
  return {
    uuid,
    info: shortText(record, "info", MAX_INFO) ?? "",
    tags: tagNames(record),
    ...(id === undefined ? {} : { id }),
    ...(date === undefined ? {} : { date }),
    ...(orgc === undefined ? {} : { orgc }),
    ...(threatLevel === undefined ? {} : { threatLevel }),
    ...(timestamp === undefined ? {} : { timestamp }),
    ...(published === undefined || published === null ? {} : { published: isTrue(published) }),
    ...(linkBase === undefined ? {} : { link: eventLink(linkBase, id ?? uuid) }),
  };
}

/** UUID of the organisation that made the event, in lower case, where the export says it. */
export function orgcUuid(record: JsonObject): string | undefined {
  return uuidOf(get(record, "Orgc", "uuid"));
}

/** Attributes in an event's document, those of its objects included. */
function attributeCount(record: JsonObject): number {
  return listOf(record, "Object").reduce<number>(
    (sum, object) => sum + (isJsonObject(object) ? listOf(object, "Attribute").length : 0),
    listOf(record, "Attribute").length,
  );
}

/** Reads one event with all its attributes, those of its objects included. */
export function readEvent(record: JsonObject, options: EventOptions): ReadEvent {
  const event = eventContext(record, options.linkBase);
  const into = newCollection();
  const unwanted = options.filter?.event(event, orgcUuid(record));
  if (unwanted !== undefined) {
    into.attributes = attributeCount(record);
    if (into.attributes > 0) into.skipped.set(unwanted, into.attributes);
    return { event, ...into };
  }
  for (const attribute of listOf(record, "Attribute")) readAttribute(attribute, event, options, into);
  for (const object of listOf(record, "Object")) {
    if (!isJsonObject(object)) continue;
    const gone = isTrue(get(object, "deleted"));
    for (const attribute of listOf(object, "Attribute"))
      readAttribute(
        gone && isJsonObject(attribute) ? { ...attribute, deleted: true } : attribute,
        event,
        options,
        into,
        object,
      );
  }
  return { event, ...into };
}

/** A list, or the values of an object: old exports number their attributes. */
function listOf(record: JsonObject, key: string): readonly JsonValue[] {
  const found = get(record, key);
  if (Array.isArray(found)) return found;
  return isJsonObject(found) ? Object.values(found) : [];
}

function threatLevelOf(word: string | undefined): 1 | 2 | 3 | 4 | undefined {
  const level = Number(word);
  return level === 1 || level === 2 || level === 3 || level === 4 ? level : undefined;
}
