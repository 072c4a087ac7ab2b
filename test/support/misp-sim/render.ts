import {
  fullValue,
  type MispState,
  type SimAttribute,
  type SimEvent,
  type SimObject,
  type SimOrg,
  type SimTag,
  type SimTagLink,
} from "./state.ts";

export type Json = Record<string, unknown>;

export function renderOrg({ id, uuid, name, local }: SimOrg): Json {
  return { id: String(id), name, uuid, local };
}

/** The columns of an attribute as every answer prints them. */
export function renderAttribute(attribute: SimAttribute): Json {
  const {
    id,
    eventId,
    objectId,
    objectRelation,
    category,
    type,
    toIds,
    uuid,
    timestamp,
    distribution,
    sharingGroupId,
  } = attribute;
  return {
    id: String(id),
    event_id: String(eventId),
    object_id: String(objectId),
    object_relation: objectRelation,
    category,
    type,
    to_ids: toIds,
    uuid,
    timestamp: String(timestamp),
    distribution: String(distribution),
    sharing_group_id: String(sharingGroupId),
    comment: attribute.comment,
    deleted: attribute.deleted,
    disable_correlation: attribute.disableCorrelation,
    first_seen: attribute.firstSeen,
    last_seen: attribute.lastSeen,
    value: fullValue(attribute),
  };
}

/** The halves of a value, which some answers print beside the whole. */
export function renderHalves({ value1, value2 }: SimAttribute): Json {
  return { value1, value2 };
}

/** The tag rows of an attribute as the answer to adding one prints them. */
export function renderAttributeLinks(state: MispState, attribute: SimAttribute): Json[] {
  return attribute.tags.flatMap(({ id, tagId, local }) => {
    const tag = state.tags.get(tagId);
    if (!tag) return [];
    return [
      {
        id: String(id),
        attribute_id: String(attribute.id),
        event_id: String(attribute.eventId),
        tag_id: String(tagId),
        local,
        relationship_type: "",
        Tag: { id: String(tag.id), name: tag.name, colour: tag.colour, numerical_value: tagNumber(tag) },
      },
    ];
  });
}

export function renderObject(object: SimObject): Json {
  return {
    id: String(object.id),
    name: object.name,
    "meta-category": object.metaCategory,
    description: object.description,
    template_uuid: object.templateUuid,
    template_version: object.templateVersion,
    event_id: String(object.eventId),
    uuid: object.uuid,
    timestamp: String(object.timestamp),
    distribution: String(object.distribution),
    sharing_group_id: String(object.sharingGroupId),
    comment: object.comment,
    deleted: object.deleted,
    first_seen: object.firstSeen,
    last_seen: object.lastSeen,
  };
}

/** `numerical_value` is text where it is known. */
export function tagNumber({ numericalValue }: SimTag): string | null {
  return numericalValue === null ? null : String(numericalValue);
}

/** The tags of an attribute in a search. */
export function renderAttributeTags(state: MispState, links: readonly SimTagLink[]): Json[] {
  return eachTag(state, links, (tag, local) => ({
    id: String(tag.id),
    name: tag.name,
    colour: tag.colour,
    numerical_value: tagNumber(tag),
    is_galaxy: tag.isGalaxy,
    local,
  }));
}

/** The event's tags as an attribute inherits them. */
export function renderInheritedTags(state: MispState, links: readonly SimTagLink[]): Json[] {
  return eachTag(state, links, (tag) => ({
    id: String(tag.id),
    name: tag.name,
    colour: tag.colour,
    numerical_value: tagNumber(tag),
    inherited: 1,
  }));
}

/** The event's tags in the context of an attribute. */
export function renderContextTags(state: MispState, links: readonly SimTagLink[]): Json[] {
  return eachTag(state, links, (tag, local) => ({
    local,
    id: String(tag.id),
    name: tag.name,
    colour: tag.colour,
    numerical_value: tagNumber(tag),
  }));
}

export function eachTag(
  state: MispState,
  links: readonly SimTagLink[],
  render: (tag: SimTag, local: boolean) => Json,
): Json[] {
  return links.flatMap(({ tagId, local }) => {
    const tag = state.tags.get(tagId);
    return tag ? [render(tag, local)] : [];
  });
}

/** The event beside an attribute of a search. */
export function renderEventBrief(event: SimEvent): Json {
  return {
    org_id: String(event.orgId),
    distribution: String(event.distribution),
    publish_timestamp: String(event.publishTimestamp),
    id: String(event.id),
    info: event.info,
    orgc_id: String(event.orgcId),
    uuid: event.uuid,
  };
}

/** With `includeContext`. */
export function renderEventContext(state: MispState, event: SimEvent): Json {
  return {
    id: String(event.id),
    orgc_id: String(event.orgcId),
    org_id: String(event.orgId),
    date: event.date,
    threat_level_id: String(event.threatLevelId),
    info: event.info,
    published: event.published,
    uuid: event.uuid,
    analysis: String(event.analysis),
    timestamp: String(event.timestamp),
    distribution: String(event.distribution),
    publish_timestamp: String(event.publishTimestamp),
    sharing_group_id: String(event.sharingGroupId),
    extends_uuid: event.extendsUuid,
    ...(event.tags.length > 0 ? { Tag: renderContextTags(state, event.tags) } : {}),
    Orgc: renderOrg(state.org(event.orgcId)),
  };
}
