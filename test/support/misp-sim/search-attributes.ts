import {
  type Json,
  renderAttribute,
  renderAttributeTags,
  renderEventBrief,
  renderEventContext,
  renderInheritedTags,
} from "./render.ts";
import { decayAsked } from "./search-extras.ts";
import {
  type AttributeTest,
  attributeTests,
  eventTests,
  exactValues,
  namedEvents,
  type Search,
} from "./search-filter.ts";
import { period, readPage, terms, truthy } from "./search-terms.ts";
import { fullValue, type SimAttribute, type SimEvent } from "./state.ts";

export interface Row {
  readonly attribute: SimAttribute;
  readonly event: SimEvent;
}

/** The rows of the page, before warninglists and decay drop any. */
export function findAttributes(search: Search): Row[] {
  const { params, now } = search;
  const ofEvent = eventTests(search);
  const ofAttribute = attributeTests(search);
  const changed = period(params["timestamp"], now);
  if (changed) ofAttribute.push(({ timestamp }) => timestamp >= changed[0] && timestamp <= changed[1]);
  const { limit, offset } = readPage(params["limit"], params["page"]);
  const order = readOrder(search);
  const enough = order === undefined && limit !== undefined ? offset + limit : Number.POSITIVE_INFINITY;
  const rows: Row[] = [];
  const readable = new Map<number, SimEvent | undefined>();
  for (const attribute of candidates(search)) {
    const { eventId } = attribute;
    let event = readable.get(eventId);
    if (event === undefined && !readable.has(eventId)) {
      const held = search.state.events.get(eventId);
      event = held && ofEvent.every((test) => test(held)) ? held : undefined;
      readable.set(eventId, event);
    }
    if (event === undefined || !passes(ofAttribute, attribute, event)) continue;
    rows.push({ attribute, event });
    if (rows.length >= enough) break;
  }
  if (order) rows.sort(order);
  if (limit !== undefined) return rows.slice(offset, offset + limit);
  return rows.length < search.state.blockRows ? rows : [...rows.slice(0, search.state.blockRows), ...rows];
}

/** A plain loop: this runs for every row of the table. */
function passes(tests: readonly AttributeTest[], attribute: SimAttribute, event: SimEvent): boolean {
  for (const test of tests) if (!test(attribute, event)) return false;
  return true;
}

function candidates(search: Search): Iterable<SimAttribute> {
  const { state, params } = search;
  const events = namedEvents(search);
  if (events) return events.flatMap(({ attributes }) => attributes);
  const uuids = terms(params["uuid"]);
  if (uuids && uuids.not.length === 0 && uuids.or.every((uuid) => !uuid.includes("%") && !state.event(uuid))) {
    const found = new Set(uuids.or.map((uuid) => state.attribute(uuid)));
    return [...found].filter((each) => each !== undefined).sort((a, b) => a.id - b.id);
  }
  const values = exactValues(params["value"]);
  if (values) {
    const found = new Set(values.flatMap((value) => state.attributesValued(value)));
    return values.length === 1 ? found : [...found].sort((a, b) => a.id - b.id);
  }
  return state.attributes.values();
}

type Compare = (a: Row, b: Row) => number;

const COLLATOR = new Intl.Collator("en", { sensitivity: "base" });

const COLUMNS: Readonly<Record<string, (row: Row) => number | string>> = {
  id: ({ attribute }) => attribute.id,
  event_id: ({ attribute }) => attribute.eventId,
  timestamp: ({ attribute }) => attribute.timestamp,
  type: ({ attribute }) => attribute.type,
  category: ({ attribute }) => attribute.category,
  value: ({ attribute }) => fullValue(attribute),
  value1: ({ attribute }) => attribute.value1,
  uuid: ({ attribute }) => attribute.uuid,
  to_ids: ({ attribute }) => Number(attribute.toIds),
};

/**
 * `order` by columns of the table; undefined for none, or one that MISP would not take. Without any, the rows come in the order of
 * the index that the database uses: by type where several are asked for, else by id.
 */
function readOrder({ params, state }: Search): Compare | undefined {
  const asked = params["order"];
  if (
    state.attributesInOrder &&
    /^(?:Attribute\.)?id(?: asc)?$/.test(String(asked)) &&
    terms(params["eventid"]) === undefined
  )
    return undefined;
  const compares: Compare[] = [];
  for (const each of Array.isArray(asked) ? asked : [asked]) {
    const [name = "", direction = "asc"] = String(each ?? "")
      .trim()
      .split(/\s+/);
    const of = Object.hasOwn(COLUMNS, name.replace(/^Attribute\./, ""))
      ? COLUMNS[name.replace(/^Attribute\./, "")]
      : undefined;
    if (of) compares.push(compareBy(of, /^desc$/i.test(direction) ? -1 : 1));
  }
  if (compares.length === 0 && (terms(params["type"])?.or.length ?? 0) > 1 && terms(params["eventid"]) === undefined)
    compares.push(
      compareBy(({ attribute }) => attribute.type, 1),
      compareBy(({ attribute }) => attribute.id, 1),
    );
  if (compares.length === 0) return undefined;
  return (a, b) => {
    for (const compare of compares) {
      const result = compare(a, b);
      if (result !== 0) return result;
    }
    return 0;
  };
}

function compareBy(of: (row: Row) => number | string, sign: 1 | -1): Compare {
  return (a, b) => {
    const [left, right] = [of(a), of(b)];
    if (typeof left === "number" && typeof right === "number") return sign * (left - right);
    return sign * COLLATOR.compare(String(left), String(right));
  };
}

/** A row of the answer. `extras` are what other modules add to it: sightings, warnings and scores, in MISP's place for them. */
export function renderRow({ state, params }: Search, { attribute, event }: Row, extras: Json): Json {
  const { Sighting, warnings, decay_score } = extras;
  const row = renderAttribute(attribute);
  if (Sighting !== undefined) row["Sighting"] = Sighting;
  if (truthy(params["includeCorrelations"])) row["RelatedAttribute"] = [];
  if (truthy(params["includeEventUuid"])) row["event_uuid"] = event.uuid;
  if (warnings !== undefined) row["warnings"] = warnings;
  if (decay_score !== undefined) row["decay_score"] = decay_score;
  row["Event"] = truthy(params["includeContext"]) ? renderEventContext(state, event) : renderEventBrief(event);
  if (truthy(params["includeProposals"])) row["ShadowAttribute"] = [];
  const object = attribute.objectId === 0 ? undefined : state.objects.get(attribute.objectId);
  if (object)
    row["Object"] = {
      id: String(object.id),
      distribution: String(object.distribution),
      sharing_group_id: String(object.sharingGroupId),
    };
  const inherited = truthy(params["includeEventTags"]) || decayAsked(params).show;
  const tags = [
    ...renderAttributeTags(state, attribute.tags),
    ...(inherited ? renderInheritedTags(state, event.tags) : []),
  ];
  if (tags.length > 0) row["Tag"] = tags;
  return row;
}
