import { eachTag, type Json, renderAttribute, renderObject, renderOrg, tagNumber } from "./render.ts";
import { decayAsked, decayScores, renderSightings, warnings } from "./search-extras.ts";
import { deletedAsked, type Search } from "./search-filter.ts";
import { truthy } from "./search-terms.ts";
import { attributeCount, type MispState, type SimAttribute, type SimEvent, type SimTagLink } from "./state.ts";

/** The columns of an event, in the order in which MISP prints them. */
export function renderEventColumns(state: MispState, event: SimEvent): Json {
  return {
    id: String(event.id),
    orgc_id: String(event.orgcId),
    org_id: String(event.orgId),
    date: event.date,
    threat_level_id: String(event.threatLevelId),
    info: event.info,
    published: event.published,
    uuid: event.uuid,
    attribute_count: String(attributeCount(event)),
    analysis: String(event.analysis),
    timestamp: String(event.timestamp),
    distribution: String(event.distribution),
    proposal_email_lock: event.proposalEmailLock,
    locked: event.locked,
    publish_timestamp: String(event.publishTimestamp),
    sharing_group_id: String(event.sharingGroupId),
    disable_correlation: event.disableCorrelation,
    extends_uuid: event.extendsUuid,
    protected: null,
    event_creator_email: state.users.get(event.userId)?.email ?? "",
  };
}

/** An event as a search and a view print it. `keep` undefined: without its attributes and objects. */
export function renderEvent(
  search: Search,
  event: SimEvent,
  keep: ((attribute: SimAttribute, event: SimEvent) => boolean) | undefined,
): Json {
  const { state, caller, params } = search;
  const rendered = renderEventColumns(state, event);
  if (!caller.role.siteAdmin && caller.org.id !== event.orgcId) delete rendered["event_creator_email"];
  rendered["Org"] = renderOrg(state.org(event.orgId));
  rendered["Orgc"] = renderOrg(state.org(event.orgcId));
  const group = state.sharingGroups.get(event.sharingGroupId);
  if (group) rendered["SharingGroup"] = group;
  const shown = keep && event.attributes.filter((attribute) => keep(attribute, event));
  if (shown) {
    rendered["Attribute"] = shown
      .filter(({ objectId }) => objectId === 0)
      .flatMap((attribute) => renderMember(search, event, attribute) ?? []);
    rendered["ShadowAttribute"] = [];
  }
  rendered["RelatedEvent"] = [];
  rendered["Galaxy"] = truthy(params["excludeGalaxy"]) ? [] : renderGalaxies(state, event.tags, "event_tag_id");
  if (shown) {
    rendered["Object"] = renderObjects(search, event, shown);
    rendered["EventReport"] = [];
  }
  rendered["CryptographicKey"] = [];
  const tags = renderEventTags(state, event.tags);
  if (tags.length > 0) rendered["Tag"] = tags;
  return rendered;
}

/** Those that `deleted` asks for, with the attributes that are shown. */
function renderObjects(search: Search, event: SimEvent, shown: readonly SimAttribute[]): Json[] {
  const asked = deletedAsked(search.params["deleted"]);
  return event.objects
    .filter(({ deleted }) => asked.has(deleted))
    .map((object) => ({
      ...renderObject(object),
      ObjectReference: [],
      Attribute: shown
        .filter(({ objectId }) => objectId === object.id)
        .flatMap((attribute) => renderMember(search, event, attribute) ?? []),
    }));
}

/** The galaxies behind tags, each with its clusters. */
function renderGalaxies(state: MispState, links: readonly SimTagLink[], linkName: string): Json[] {
  const galaxies = new Map<unknown, Json & { GalaxyCluster: Json[] }>();
  for (const { id, tagId, local } of links) {
    const known = state.galaxyClusters.get(tagId);
    if (!known) continue;
    const galaxy = galaxies.get(known.galaxy["id"]) ?? { ...known.galaxy, GalaxyCluster: [] };
    galaxies.set(known.galaxy["id"], galaxy);
    galaxy.GalaxyCluster.push({
      ...known.cluster,
      tag_id: tagId,
      [linkName]: String(id),
      local,
      relationship_type: false,
    });
  }
  return [...galaxies.values()];
}

const MEMBER_COLUMNS = [
  ...["id", "type", "category", "to_ids", "uuid", "event_id", "distribution", "timestamp", "comment"],
  ...["sharing_group_id", "deleted", "disable_correlation", "object_id", "object_relation", "first_seen", "last_seen"],
  "value",
];

/** Inside an event MISP prints the columns of an attribute in another order than in a search. */
function inEventOrder(columns: Json): Json {
  return Object.fromEntries(MEMBER_COLUMNS.map((name) => [name, columns[name]]));
}

function renderMember(search: Search, event: SimEvent, attribute: SimAttribute): Json | undefined {
  const { state, params, caller, now } = search;
  const rendered = inEventOrder(renderAttribute(attribute));
  const hits =
    truthy(params["enforceWarninglist"]) || truthy(params["includeWarninglistHits"]) ? warnings(state, attribute) : [];
  if (hits.length > 0 && truthy(params["enforceWarninglist"])) return undefined;
  if (hits.length > 0 && attribute.toIds) rendered["warnings"] = throughCache(state, attribute, hits);
  rendered["Galaxy"] = truthy(params["excludeGalaxy"]) ? [] : renderGalaxies(state, attribute.tags, "attribute_tag_id");
  const decay = decayAsked(params);
  if (decay.show) {
    const scores = decayScores(state, { attribute, event }, now, {});
    if (scores.rendered.length > 0) rendered["decay_score"] = scores.rendered;
  }
  rendered["ShadowAttribute"] = [];
  const tags = renderEventTags(state, attribute.tags);
  if (tags.length > 0) rendered["Tag"] = tags;
  const sightings = renderSightings(state, caller, { attribute, event });
  if (sightings.length > 0) rendered["Sighting"] = sightings;
  return rendered;
}

function throughCache(state: MispState, { id }: SimAttribute, hits: readonly Json[]): Json[] {
  const cached = state.cachedWarnings.has(id);
  state.cachedWarnings.add(id);
  return hits.map((hit) => (cached ? { ...hit, warninglist_id: Number(hit["warninglist_id"]) } : hit));
}

/** Tags inside an event. */
export function renderEventTags(state: MispState, links: readonly SimTagLink[]): Json[] {
  return eachTag(state, links, (tag, local) => ({
    id: String(tag.id),
    name: tag.name,
    colour: tag.colour,
    exportable: tag.exportable,
    user_id: String(tag.userId),
    hide_tag: tag.hideTag,
    numerical_value: tagNumber(tag),
    is_galaxy: tag.isGalaxy,
    is_custom_galaxy: tag.isCustomGalaxy,
    local_only: tag.localOnly,
    local,
    relationship_type: null,
  }));
}
