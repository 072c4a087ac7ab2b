import {
  fullValue,
  type MispState,
  type SimAttribute,
  type SimEvent,
  type SimObject,
  type SimTag,
  type SimTagLink,
} from "./state.ts";
import { defaultCategory, defaultToIds, normalValue, splitValue } from "./types.ts";

export type NewEvent = Partial<Omit<SimEvent, "attributes" | "objects" | "tags">> & {
  readonly tags?: readonly string[];
};

export type NewAttribute = Partial<Omit<SimAttribute, "tags" | "value1" | "value2" | "eventId">> & {
  readonly type: string;
  /** Composites as one text, `a|b`. */
  readonly value: string;
  readonly tags?: readonly string[];
};

export type NewObject = Partial<Omit<SimObject, "eventId">> & { readonly name: string };

export type AttributeChange = Partial<
  Pick<
    SimAttribute,
    | "toIds"
    | "comment"
    | "category"
    | "type"
    | "distribution"
    | "firstSeen"
    | "lastSeen"
    | "disableCorrelation"
    | "objectRelation"
  >
> & { readonly value?: string };

export type EventChange = Partial<
  Pick<SimEvent, "info" | "date" | "threatLevelId" | "analysis" | "distribution" | "extendsUuid">
>;

type EventKey = number | string | SimEvent;
type AttributeKey = number | string | SimAttribute;

/**
 * Changes as MISP makes them, with their side effects: every edit of an event, an attribute or a global tag un-publishes the
 * event and moves its timestamp; publishing moves publish_timestamp alone; sightings and local tags move nothing.
 */
export class MispEdits {
  readonly #state: MispState;
  readonly #now: () => number;

  /** `now` gives seconds. */
  constructor(state: MispState, now: () => number) {
    this.#state = state;
    this.#now = now;
  }

  addEvent(fields: NewEvent = {}): SimEvent {
    const state = this.#state;
    const now = this.#now();
    const id = fields.id ?? state.nextId("event");
    const { tags = [], ...rest } = fields;
    const event = state.putEvent({
      uuid: state.uuid("event", id),
      orgId: 1,
      orgcId: 1,
      info: `event ${id}`,
      date: new Date(now * 1000).toISOString().slice(0, 10),
      threatLevelId: 4,
      analysis: 0,
      distribution: 1,
      sharingGroupId: 0,
      timestamp: now,
      publishTimestamp: fields.published === true ? now : 0,
      sightingTimestamp: 0,
      published: false,
      locked: false,
      disableCorrelation: false,
      proposalEmailLock: false,
      extendsUuid: "",
      userId: 1,
      ...rest,
      id,
      tags: [],
      attributes: [],
      objects: [],
    });
    for (const name of tags) event.tags.push(this.#link("event_tag", name, false));
    return event;
  }

  /** Duplicates are not refused here but in the routes. */
  addAttribute(of: EventKey, fields: NewAttribute): SimAttribute {
    const event = this.#event(of);
    const { value, tags = [], ...rest } = fields;
    const id = fields.id ?? this.#state.nextId("attribute");
    const [value1, value2] = splitValue(fields.type, normalValue(fields.type, value));
    const category = fields.category ?? defaultCategory(fields.type);
    const attribute = this.#state.putAttribute({
      uuid: this.#state.uuid("attribute", id),
      objectId: 0,
      objectRelation: null,
      toIds: defaultToIds(fields.type),
      timestamp: this.#now(),
      distribution: 5,
      sharingGroupId: 0,
      comment: "",
      deleted: false,
      disableCorrelation: false,
      firstSeen: null,
      lastSeen: null,
      ...rest,
      category,
      id,
      eventId: event.id,
      value1,
      value2,
      tags: [],
    });
    for (const name of tags) attribute.tags.push(this.#link("attribute_tag", name, false));
    this.#edited(event);
    return attribute;
  }

  /** With its attributes, which bear the object's id. */
  addObject(of: EventKey, fields: NewObject, attributes: readonly NewAttribute[] = []): SimObject {
    const event = this.#event(of);
    const id = fields.id ?? this.#state.nextId("object");
    const object = this.#state.putObject({
      uuid: this.#state.uuid("object", id),
      metaCategory: "misc",
      description: "",
      templateUuid: "00000000-0000-4000-8000-000000000000",
      templateVersion: "1",
      timestamp: this.#now(),
      distribution: 5,
      sharingGroupId: 0,
      comment: "",
      deleted: false,
      firstSeen: null,
      lastSeen: null,
      ...fields,
      id,
      eventId: event.id,
    });
    for (const attribute of attributes) this.addAttribute(event, { ...attribute, objectId: id });
    this.#edited(event);
    return object;
  }

  editEvent(of: EventKey, change: EventChange): SimEvent {
    const event = this.#event(of);
    Object.assign(event, change);
    this.#edited(event);
    return event;
  }

  setThreatLevel(of: EventKey, threatLevelId: number): SimEvent {
    return this.editEvent(of, { threatLevelId });
  }

  /** `timestamp` as an edit that brings its own (a sync from another MISP, say); default now. */
  editAttribute(of: AttributeKey, change: AttributeChange, timestamp = this.#now()): SimAttribute {
    const attribute = this.#attribute(of);
    const { value, ...rest } = change;
    Object.assign(attribute, rest);
    if (value !== undefined) {
      [attribute.value1, attribute.value2] = splitValue(attribute.type, normalValue(attribute.type, value));
      this.#state.valuesChanged();
    }
    return this.#touched(attribute, timestamp);
  }

  /** Moves the timestamp and nothing else of the attribute: a re-import of the same data. */
  retimestamp(of: AttributeKey, timestamp = this.#now()): SimAttribute {
    return this.#touched(this.#attribute(of), timestamp);
  }

  softDeleteAttribute(of: AttributeKey): SimAttribute {
    const attribute = this.#attribute(of);
    attribute.deleted = true;
    return this.#touched(attribute, this.#now());
  }

  restoreAttribute(of: AttributeKey): SimAttribute {
    const attribute = this.#attribute(of);
    attribute.deleted = false;
    return this.#touched(attribute, this.#now());
  }

  hardDeleteAttribute(of: AttributeKey): void {
    const attribute = this.#attribute(of);
    this.#state.dropAttribute(attribute);
    this.#edited(this.#event(attribute.eventId));
  }

  /** With its attributes, softly. */
  deleteObject(of: number | string | SimObject): SimObject {
    const object = typeof of === "object" ? of : this.#state.object(of);
    if (object === undefined) throw new Error(`no object ${String(of)}`);
    object.deleted = true;
    object.timestamp = this.#now();
    const event = this.#event(object.eventId);
    for (const attribute of event.attributes)
      if (attribute.objectId === object.id && !attribute.deleted) this.softDeleteAttribute(attribute);
    this.#edited(event);
    return object;
  }

  deleteEvent(of: EventKey): void {
    const event = this.#event(of);
    this.#state.dropEvent(event);
    const { uuid, info, orgcId } = event;
    const id = this.#state.nextId("blocklist");
    this.#state.seen("blocklist", id);
    const orgc = this.#state.org(orgcId).name;
    this.#state.blocklist.set(uuid.toLowerCase(), { id, uuid, info, orgc, created: this.#now() });
  }

  publish(of: EventKey): SimEvent {
    const event = this.#event(of);
    event.published = true;
    event.publishTimestamp = this.#now();
    return event;
  }

  unpublish(of: EventKey): SimEvent {
    const event = this.#event(of);
    event.published = false;
    event.publishTimestamp = this.#now();
    return event;
  }

  tagEvent(of: EventKey, name: string, { local = false } = {}): SimEvent {
    const event = this.#event(of);
    event.tags.push(this.#link("event_tag", name, local));
    if (!local) this.#edited(event);
    return event;
  }

  untagEvent(of: EventKey, name: string): SimEvent {
    const event = this.#event(of);
    const local = this.#unlink(event.tags, name);
    if (!local) this.#edited(event);
    return event;
  }

  tagAttribute(of: AttributeKey, name: string, { local = false } = {}): SimAttribute {
    const attribute = this.#attribute(of);
    attribute.tags.push(this.#link("attribute_tag", name, local));
    return local ? attribute : this.#touched(attribute, this.#now());
  }

  untagAttribute(of: AttributeKey, name: string): SimAttribute {
    const attribute = this.#attribute(of);
    const local = this.#unlink(attribute.tags, name);
    return local ? attribute : this.#touched(attribute, this.#now());
  }

  /** The tag of this name, made if need be. */
  tag(name: string, fields: Partial<SimTag> = {}): SimTag {
    return (
      this.#state.tagNamed(name) ??
      this.#state.putTag({
        id: this.#state.nextId("tag"),
        name,
        colour: "#ffffff",
        exportable: true,
        hideTag: false,
        numericalValue: null,
        isGalaxy: name.startsWith("misp-galaxy:"),
        isCustomGalaxy: false,
        localOnly: false,
        orgId: 0,
        userId: 0,
        ...fields,
      })
    );
  }

  /** Stored as it is, repeats too. Moves no timestamp. */
  addSighting(
    of: AttributeKey,
    {
      type = 0,
      source = "",
      timestamp = this.#now(),
      orgId = 1,
    }: Partial<Record<"type" | "timestamp" | "orgId", number>> & { source?: string } = {},
  ): void {
    const attribute = this.#attribute(of);
    const id = this.#state.nextId("sighting");
    this.#state.seen("sighting", id);
    this.#state.sightings.push({
      id,
      uuid: this.#state.uuid("sighting", id),
      attributeId: attribute.id,
      eventId: attribute.eventId,
      orgId,
      type,
      source,
      timestamp,
    });
  }

  #edited(event: SimEvent): void {
    event.timestamp = this.#now();
    event.published = false;
  }

  #touched(attribute: SimAttribute, timestamp: number): SimAttribute {
    attribute.timestamp = timestamp;
    this.#edited(this.#event(attribute.eventId));
    return attribute;
  }

  #link(table: string, name: string, local: boolean): SimTagLink {
    const id = this.#state.nextId(table);
    this.#state.seen(table, id);
    return { id, tagId: this.tag(name).id, local };
  }

  #unlink(links: SimTagLink[], name: string): boolean {
    const tag = this.#state.tagNamed(name);
    const at = links.findIndex(({ tagId }) => tagId === tag?.id);
    if (at < 0) throw new Error(`no tag ${name} there`);
    return links.splice(at, 1)[0]?.local ?? false;
  }

  #event(of: EventKey): SimEvent {
    const event = typeof of === "object" ? of : this.#state.event(of);
    if (event === undefined) throw new Error(`no event ${String(of)}`);
    return event;
  }

  #attribute(of: AttributeKey): SimAttribute {
    const attribute = typeof of === "object" ? of : this.#state.attribute(of);
    if (attribute === undefined) throw new Error(`no attribute ${String(of)}`);
    return attribute;
  }
}

/** Whether the event holds a live row of the same value, type and category. */
export function similar(
  event: SimEvent,
  attribute: { type: string; category: string; value: string },
): SimAttribute | undefined {
  return event.attributes.find(
    (held) =>
      !held.deleted &&
      held.objectId === 0 &&
      held.type === attribute.type &&
      held.category === attribute.category &&
      fullValue(held).toLowerCase() === attribute.value.toLowerCase(),
  );
}

export { uuidOf } from "./uuid.ts";
