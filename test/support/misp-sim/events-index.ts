import { canReadEvent } from "./access.ts";
import type { Json } from "./render.ts";
import { parameters, type SimCall } from "./request.ts";
import { pretty, type SimResponse } from "./respond.ts";
import { fold, period, readPage, terms, truthy } from "./search-terms.ts";
import { attributeCount, type MispState, type SimEvent, type SimOrg } from "./state.ts";

/** `/events/index`: filters in the body or in the path (`search…` is the same), not in the query. X-Result-Count: all that fit. */
export function answerIndex(call: SimCall): SimResponse {
  const { state } = call.sim;
  const params: Record<string, unknown> = {};
  for (const [name, value] of [...call.named, ...Object.entries(parameters(call.body))])
    params[name.replace(/^search/, "")] = value;
  const found = [...state.events.values()].filter((event) => canReadEvent(call, event) && fits(call, params, event));
  sort(found, String(params["sort"] ?? ""), /^desc$/i.test(String(params["direction"] ?? "")));
  const { limit, offset } = readPage(params["limit"], params["page"]);
  const page = limit === undefined ? found : found.slice(offset, offset + limit);
  const minimal = truthy(params["minimal"]);
  const rows = page.map((event) => (minimal ? minimalRow(state, event) : row(state, event)));
  return pretty(rows, 200, { "X-Result-Count": String(found.length) });
}

function fits(call: SimCall, params: Readonly<Record<string, unknown>>, event: SimEvent): boolean {
  const { state } = call.sim;
  const now = call.sim.now();
  const published = params["published"];
  if (published !== undefined && String(published) !== "2" && truthy(published) !== event.published) return false;
  const info = params["eventinfo"];
  if (info !== undefined && !fold(event.info).includes(fold(String(info)))) return false;
  for (const [name, at] of [
    ["timestamp", event.timestamp],
    ["publish_timestamp", event.publishTimestamp],
  ] as const) {
    const bounds = period(params[name], now);
    if (bounds && (at < bounds[0] || at > bounds[1])) return false;
  }
  const ids = terms(params["eventid"]);
  if (ids && !ids.or.some((key) => state.event(key) === event)) return false;
  const { id, name, uuid } = state.org(event.orgcId);
  const orgs = terms(params["org"]);
  return orgs === undefined || orgs.or.some((key) => [String(id), name, uuid].includes(key));
}

const COLUMNS: Readonly<Record<string, (event: SimEvent) => number | string>> = {
  id: ({ id }) => id,
  timestamp: ({ timestamp }) => timestamp,
  publish_timestamp: ({ publishTimestamp }) => publishTimestamp,
  date: ({ date }) => date,
  info: ({ info }) => info,
};

function sort(events: SimEvent[], name: string, descending: boolean): void {
  const of = Object.hasOwn(COLUMNS, name) ? COLUMNS[name] : undefined;
  if (!of) return;
  const sign = descending ? -1 : 1;
  events.sort((a, b) => (of(a) < of(b) ? -sign : of(a) > of(b) ? sign : sign * (a.id - b.id)));
}

function minimalRow(state: MispState, event: SimEvent): Json {
  return {
    id: String(event.id),
    timestamp: String(event.timestamp),
    sighting_timestamp: String(event.sightingTimestamp),
    published: event.published,
    uuid: event.uuid,
    orgc_uuid: state.org(event.orgcId).uuid,
  };
}

function row(state: MispState, event: SimEvent): Json {
  const clusters = event.tags.flatMap((link) => {
    const cluster = state.galaxyClusters.get(link.tagId);
    return cluster ? [{ ...cluster.index, tag_id: String(link.tagId), local: link.local, relationship_type: "" }] : [];
  });
  return {
    id: String(event.id),
    org_id: String(event.orgId),
    date: event.date,
    info: event.info,
    uuid: event.uuid,
    published: event.published,
    analysis: String(event.analysis),
    attribute_count: String(attributeCount(event)),
    orgc_id: String(event.orgcId),
    timestamp: String(event.timestamp),
    distribution: String(event.distribution),
    sharing_group_id: String(event.sharingGroupId),
    proposal_email_lock: event.proposalEmailLock,
    locked: event.locked,
    threat_level_id: String(event.threatLevelId),
    publish_timestamp: String(event.publishTimestamp),
    sighting_timestamp: String(event.sightingTimestamp),
    disable_correlation: event.disableCorrelation,
    extends_uuid: event.extendsUuid,
    protected: null,
    Org: briefOrg(state.org(event.orgId)),
    Orgc: briefOrg(state.org(event.orgcId)),
    ...(clusters.length > 0 ? { GalaxyCluster: clusters } : {}),
    EventTag: event.tags.flatMap(({ id, tagId, local }) => {
      const tag = state.tags.get(tagId);
      if (!tag) return [];
      return [
        {
          id: String(id),
          event_id: String(event.id),
          tag_id: String(tagId),
          local,
          relationship_type: "",
          Tag: { id: String(tag.id), name: tag.name, colour: tag.colour, is_galaxy: tag.isGalaxy },
        },
      ];
    }),
  };
}

function briefOrg({ id, name, uuid }: SimOrg): Json {
  return { id: String(id), name, uuid };
}
