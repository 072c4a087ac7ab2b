import { canReadEvent } from "./access.ts";
import { renderAttribute, renderAttributeLinks, renderObject } from "./render.ts";
import { type JsonParameters, parameters, type SimCall, type SimRoute } from "./request.ts";
import { MispException, type SimResponse } from "./respond.ts";
import { answerAttributes, searchResponse } from "./search-answer.ts";
import { answerEvents } from "./search-events.ts";
import { eventTests, namedEvents, type Search } from "./search-filter.ts";
import { readPage, truthy } from "./search-terms.ts";

const NO_PARAMETERS =
  "Restsearch queries using GET and no parameters are not allowed. If you have passed parameters via a JSON body, make sure you use POST requests.";

export const SEARCH_ROUTES: readonly SimRoute[] = [
  {
    method: "*",
    pattern: "attributes/restSearch",
    handle: (call) => answerAttributes(toSearch(call, ["returnFormat", "value"])),
  },
  {
    method: "*",
    pattern: "events/restSearch",
    handle: (call) => answerEvents(toSearch(call, ["returnFormat", "value"])),
  },
  { method: "*", pattern: "objects/restSearch", handle: (call) => answerObjects(toSearch(call, ["returnFormat"])) },
];

/** Parameters come from a POST's body (of any other method nothing is read: no filter) or from the path of a GET. */
export function toSearch(call: SimCall, positional: readonly string[]): Search {
  return { state: call.sim.state, caller: call, params: readParameters(call, positional), now: call.sim.now() };
}

function readParameters(call: SimCall, positional: readonly string[]): JsonParameters {
  const { method, args, named, body } = call;
  if (method === "POST") return parameters(body);
  if (method !== "GET" && method !== "HEAD") return {};
  if (args.length === 0 && named.size === 0) throw new MispException(400, NO_PARAMETERS);
  const found: Record<string, unknown> = Object.fromEntries(named);
  for (const [at, arg] of args.entries())
    if (positional[at] !== undefined && arg !== "null") found[positional[at]] = arg;
  return found;
}

function answerObjects(search: Search): SimResponse {
  const { state, params, caller } = search;
  const ofEvent = eventTests(search);
  const found = (namedEvents(search) ?? [...state.events.values()])
    .filter((event) => canReadEvent(caller, event) && ofEvent.every((test) => test(event)))
    .flatMap((event) => event.objects.map((object) => ({ event, object })));
  const { limit, offset } = readPage(params["limit"], params["page"]);
  const page = limit === undefined ? found : found.slice(offset, offset + limit);
  const rows = page.map(({ event, object }) => ({
    Object: {
      ...renderObject(object),
      ...(truthy(params["metadata"])
        ? {}
        : {
            Attribute: event.attributes
              .filter(({ objectId }) => objectId === object.id)
              .map((attribute) => ({
                ...renderAttribute(attribute),
                value1: attribute.value1,
                value2: attribute.value2,
                AttributeTag: renderAttributeLinks(state, attribute),
              })),
          }),
      Event: { id: String(event.id), info: event.info, org_id: String(event.orgId), orgc_id: String(event.orgcId) },
    },
  }));
  const body = `{"response": [${rows.map((row) => JSON.stringify(row)).join(",")}]}\n`;
  return searchResponse("json", body, page.length, 0);
}
