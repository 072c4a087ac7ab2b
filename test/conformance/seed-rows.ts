import type { MispState, SimEvent, SimTagLink } from "../support/misp-sim/state.ts";
import { splitValue } from "../support/misp-sim/types.ts";
import { bulkTag, eventTagId, type FilledAttribute, fillAttributes, fillEvent, isBulk } from "./filling.ts";
import type { Harvest, Row } from "./harvest.ts";

/** Puts events that no recording creates, with all their rows, as they were when the reading recordings began. */
export function putEvents(state: MispState, harvest: Harvest, ids: readonly number[]): void {
  for (const id of ids) {
    const shown = harvest.events.get(id);
    const rule = isBulk(id) ? fillEvent(id) : undefined;
    const fields = shown ? { ...eventFields(shown), userId: creator(state, shown) } : rule;
    if (fields === undefined) throw new Error(`event ${id} is neither recorded nor made by rule`);
    const uuid = harvest.uuid("event", id) ?? state.uuid("event", id);
    const tags = shown ? tagNames(shown) : [bulkTag(id)];
    state.putEvent({ ...rule, ...fields, uuid, tags: eventLinks(state, id, tags), attributes: [], objects: [] });
  }
  for (const filling of fillAttributes(ids.flatMap((id) => state.events.get(id) ?? []))) {
    const shown = harvest.attributes.get(filling.id);
    putAttribute(state, shown ? { ...filling, ...attributeFields(shown) } : filling, harvest);
  }
  const others = [...harvest.attributes].filter(
    ([id, row]) => ids.includes(Number(row["event_id"])) && !state.attributes.has(id),
  );
  putAttributes(
    state,
    harvest,
    others.map(([id]) => id),
  );
}

function creator(state: MispState, row: Row): number {
  for (const { id, email } of state.users.values()) if (email === row["event_creator_email"]) return id;
  return 1;
}

/** Puts rows as they were first shown. */
export function putAttributes(state: MispState, harvest: Harvest, ids: readonly number[]): void {
  for (const id of ids) {
    const row = harvest.attributes.get(id);
    if (row) putAttribute(state, { ...attributeFields(row), id, tagNames: tagNames(row) }, harvest);
  }
}

function putAttribute(state: MispState, filled: FilledAttribute, harvest: Harvest): void {
  const { tagNames: names, ...rest } = filled;
  const uuid = harvest.uuid("attribute", rest.id) ?? `ffffffff-ffff-4fff-8fff-${String(rest.id).padStart(12, "0")}`;
  state.putAttribute({ ...rest, uuid, tags: names.map((name) => link(state, "attribute_tag", name)) });
}

function link(state: MispState, table: string, name: string): SimTagLink {
  const id = state.nextId(table);
  state.seen(table, id);
  return { id, tagId: state.tagNamed(name)?.id ?? 0, local: false };
}

function eventLinks(state: MispState, eventId: number, names: readonly string[]): SimTagLink[] {
  const id = eventTagId(eventId);
  if (names.length > 0) state.seen("event_tag", id);
  return names.map((name) => ({ id, tagId: state.tagNamed(name)?.id ?? 0, local: false }));
}

/** Of an event or an attribute, without those that an attribute inherits. */
function tagNames(row: Row): string[] {
  const links = Array.isArray(row["EventTag"]) ? (row["EventTag"] as Row[]) : [];
  const tags = Array.isArray(row["Tag"]) ? (row["Tag"] as Row[]) : links.map((link) => link["Tag"] as Row);
  return tags.filter((tag) => tag["inherited"] === undefined).map((tag) => String(tag["name"]));
}

export function attributeFields(row: Row): Omit<FilledAttribute, "id" | "tagNames"> {
  const text = (name: string) => String(row[name] ?? "");
  const [value1, value2] = splitValue(text("type"), text("value"));
  return {
    eventId: Number(row["event_id"]),
    objectId: Number(row["object_id"]),
    objectRelation: row["object_relation"] === null ? null : text("object_relation"),
    category: text("category"),
    type: text("type"),
    value1,
    value2,
    toIds: row["to_ids"] === true,
    timestamp: Number(row["timestamp"]),
    distribution: Number(row["distribution"]),
    sharingGroupId: Number(row["sharing_group_id"]),
    comment: text("comment"),
    deleted: row["deleted"] === true,
    disableCorrelation: row["disable_correlation"] === true,
    firstSeen: row["first_seen"] === null ? null : text("first_seen"),
    lastSeen: row["last_seen"] === null ? null : text("last_seen"),
  };
}

export function eventFields(row: Row): Omit<SimEvent, "tags" | "attributes" | "objects" | "userId"> {
  const text = (name: string) => String(row[name] ?? "");
  const number = (name: string) => Number(row[name] ?? 0);
  return {
    id: number("id"),
    uuid: text("uuid"),
    orgId: number("org_id"),
    orgcId: number("orgc_id"),
    info: text("info"),
    date: text("date"),
    threatLevelId: number("threat_level_id"),
    analysis: number("analysis"),
    distribution: number("distribution"),
    sharingGroupId: number("sharing_group_id"),
    timestamp: number("timestamp"),
    publishTimestamp: number("publish_timestamp"),
    sightingTimestamp: number("sighting_timestamp"),
    published: row["published"] === true,
    locked: row["locked"] === true,
    disableCorrelation: row["disable_correlation"] === true,
    proposalEmailLock: row["proposal_email_lock"] === true,
    extendsUuid: text("extends_uuid"),
  };
}
