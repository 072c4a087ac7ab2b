import {
  type Json,
  renderAttribute,
  renderAttributeTags,
  renderEventBrief,
  renderEventContext,
  renderInheritedTags,
} from "./render.ts";
import { decayAsked } from "./search-extras.ts";
import { attributeTests, eventTests, namedEvents, type Search } from "./search-filter.ts";
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
  const order = readOrder(params);
  const enough = order === undefined && limit !== undefined ? offset + limit : Number.POSITIVE_INFINITY;
  const rows: Row[] = [];
  const readable = new Map<SimEvent, boolean>();
  for (const row of candidates(search)) {
    let wanted = readable.get(row.event);
    if (wanted === undefined) {
      wanted = ofEvent.every((test) => test(row.event));
      readable.set(row.event, wanted);
    }
    if (!wanted || !ofAttribute.every((test) => test(row.attribute, row.event))) continue;
    rows.push(row);
    if (rows.length >= enough) break;
  }
  if (order) rows.sort(order);
  if (limit !== undefined) return rows.slice(offset, offset + limit);
  return rows.length < search.state.blockRows ? rows : [...rows.slice(0, search.state.blockRows), ...rows];
}

function* candidates(search: Search): Generator<Row> {
  const { state, params } = search;
  const events = namedEvents(search);
  const uuids = terms(params["uuid"]);
  if (events) {
    for (const event of events) for (const attribute of event.attributes) yield { attribute, event };
    return;
  }
  if (uuids && uuids.not.length === 0 && uuids.or.every((uuid) => !uuid.includes("%") && !state.event(uuid))) {
    const found = new Set(uuids.or.map((uuid) => state.attribute(uuid)));
    for (const attribute of [...found].filter((each) => each !== undefined).sort((a, b) => a.id - b.id))
      yield { attribute, event: state.events.get(attribute.eventId) as SimEvent };
    return;
  }
  for (const attribute of state.attributes.values()) {
    const event = state.events.get(attribute.eventId);
    if (event) yield { attribute, event };
  }
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
function readOrder(params: Search["params"]): Compare | undefined {
  const asked = params["order"];
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

/** A row of the answer; decay scores, sightings and warnings are added by their own modules. */
export function renderRow({ state, params }: Search, { attribute, event }: Row): Json {
  const row = renderAttribute(attribute);
  if (truthy(params["includeCorrelations"])) row["RelatedAttribute"] = [];
  if (truthy(params["includeEventUuid"])) row["event_uuid"] = event.uuid;
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
