import { renderEvent } from "./render-event.ts";
import type { SimResponse } from "./respond.ts";
import { readFormat, searchResponse } from "./search-answer.ts";
import { attributeTests, eventTests, namedEvents, type Search, tagTest } from "./search-filter.ts";
import { columnTerms, period, readPage, terms, truthy } from "./search-terms.ts";
import type { SimAttribute, SimEvent } from "./state.ts";

/** Filters that ask for an event with an attribute like that. */
const OF_ATTRIBUTES = [
  "value",
  "type",
  "category",
  "object_relation",
  "attribute_timestamp",
  "first_seen",
  "last_seen",
  "to_ids",
];

/** All events that fit, before paging, in the order asked for. */
export function findEvents(search: Search): SimEvent[] {
  const { state, params, now } = search;
  const tests = eventTests(search);
  const changed = period(params["timestamp"], now);
  if (changed) tests.push(({ timestamp }) => timestamp >= changed[0] && timestamp <= changed[1]);
  const tagged = tagTest(state, params["tags"], (event: SimEvent) => [
    event.tags,
    ...event.attributes.map(({ tags }) => tags),
  ]);
  if (tagged) tests.push(tagged);
  const uuids = columnTerms(params["uuid"]);
  if (uuids) tests.push((event) => uuids(event.uuid) || event.attributes.some(({ uuid }) => uuids(uuid)));
  const text = columnTerms(params["searchall"]);
  if (text)
    tests.push(
      (event) =>
        text(event.info) ||
        event.attributes.some((each) => text(each.value1) || text(each.value2) || text(each.comment)),
    );
  if (OF_ATTRIBUTES.some((name) => params[name] !== undefined && terms(params[name]))) {
    const ofAttribute = attributeTests({ ...search, params: { ...params, tags: undefined, uuid: undefined } });
    tests.push((event) => event.attributes.some((attribute) => ofAttribute.every((test) => test(attribute, event))));
  }
  const found = (namedEvents(search) ?? [...state.events.values()]).filter((event) =>
    tests.every((test) => test(event)),
  );
  const order = /^(?:Event\.)?(id|timestamp|publish_timestamp|date)\s*(asc|desc)?$/i.exec(
    String(params["order"] ?? ""),
  );
  if (order) {
    const sign = order[2]?.toLowerCase() === "desc" ? -1 : 1;
    const of = SORTABLE[(order[1] ?? "id").toLowerCase()] ?? SORTABLE["id"];
    if (of) found.sort((a, b) => (of(a) < of(b) ? -sign : of(a) > of(b) ? sign : sign * (a.id - b.id)));
  }
  return found;
}

const SORTABLE: Readonly<Record<string, (event: SimEvent) => number | string>> = {
  id: ({ id }) => id,
  timestamp: ({ timestamp }) => timestamp,
  publish_timestamp: ({ publishTimestamp }) => publishTimestamp,
  date: ({ date }) => date,
};

/** `/events/restSearch`: whole events; X-Result-Count is how many fit in all. */
export function answerEvents(search: Search): SimResponse {
  const { params } = search;
  const format = readFormat(params);
  const found = findEvents(search);
  const { limit, offset } = readPage(params["limit"], params["page"]);
  const page = limit === undefined ? found : found.slice(offset, offset + limit);
  const named = terms(params["eventid"])?.or ?? [];
  const suffix = format === "json" ? "json" : "txt";
  const file = named.length === 1 ? `misp.event.${named[0]}.${suffix}` : `misp.event.list.${suffix}`;
  const headers = { "Content-Disposition": `attachment; filename="${file}"` };
  if (format === "count") return searchResponse(format, String(page.length), found.length, 0, headers);
  const keep = attributesShown(search);
  const rendered = page.map((event) => JSON.stringify({ Event: renderEvent(search, event, keep) }));
  return searchResponse(format, `{"response": [${rendered.join(",")}]}\n`, found.length, 0, headers);
}

/** Which attributes of a found event are printed: by `deleted`, `to_ids` and rights; other filters only choose the event. */
function attributesShown(search: Search): ((attribute: SimAttribute, event: SimEvent) => boolean) | undefined {
  const { params } = search;
  if (truthy(params["metadata"])) return undefined;
  const tests = attributeTests({ ...search, params: { deleted: params["deleted"], to_ids: params["to_ids"] } });
  return (attribute, event) => tests.every((test) => test(attribute, event));
}
