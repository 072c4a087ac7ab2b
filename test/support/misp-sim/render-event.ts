import { eachTag, type Json, renderAttribute, renderObject, renderOrg, tagNumber } from "./render.ts";
import { decayAsked, decayScores, renderSightings, warnings } from "./search-extras.ts";
import { deletedAsked, type Search } from "./search-filter.ts";
import { truthy } from "./search-terms.ts";
import type { MispState, SimAttribute, SimEvent, SimTagLink } from "./state.ts";

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
    attribute_count: String(event.attributes.reduce((count, { deleted }) => count + Number(!deleted), 0)),
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
  const galaxies = truthy(params["excludeGalaxy"]) ? [] : renderGalaxies(state, event.tags, "event_tag_id");
  if (keep) {
    const shown = event.attributes.filter((attribute) => keep(attribute, event));
    rendered["Attribute"] = shown
      .filter(({ objectId }) => objectId === 0)
      .flatMap((attribute) => renderMember(search, event, attribute) ?? []);
    rendered["ShadowAttribute"] = [];
    rendered["Object"] = renderObjects(search, event, shown);
    rendered["EventReport"] = [];
  }
  rendered["RelatedEvent"] = [];
  rendered["Galaxy"] = galaxies;
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

function renderMember(search: Search, event: SimEvent, attribute: SimAttribute): Json | undefined {
  const { state, params, caller, now } = search;
  const rendered = renderAttribute(attribute);
  if (truthy(params["enforceWarninglist"]) && warnings(state, attribute).length > 0) return undefined;
  rendered["Galaxy"] = truthy(params["excludeGalaxy"]) ? [] : renderGalaxies(state, attribute.tags, "attribute_tag_id");
  const decay = decayAsked(params);
  if (decay.show) {
    const scores = decayScores(state, { attribute, event }, now, {});
    if (scores.rendered.length > 0) rendered["decay_score"] = scores.rendered;
  }
  rendered["ShadowAttribute"] = [];
  const sightings = renderSightings(state, caller, { attribute, event });
  if (sightings.length > 0) rendered["Sighting"] = sightings;
  const tags = renderEventTags(state, attribute.tags);
  if (tags.length > 0) rendered["Tag"] = tags;
  return rendered;
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
