import { fold } from "./search-terms.ts";
import type {
  SimDecayingModel,
  SimGalaxyCluster,
  SimSighting,
  SimTaxonomy,
  SimWarninglist,
} from "./state-knowledge.ts";
import { uuidOf } from "./uuid.ts";

/** Seconds since the epoch are called `timestamp`, as in MISP. Ids are numbers here and strings on the wire. */
export interface SimOrg {
  readonly id: number;
  readonly uuid: string;
  readonly name: string;
  readonly local: boolean;
}

export interface SimRole {
  readonly id: number;
  readonly name: string;
  readonly add: boolean;
  readonly modify: boolean;
  readonly modifyOrg: boolean;
  readonly publish: boolean;
  readonly tagger: boolean;
  readonly tagEditor: boolean;
  readonly sighting: boolean;
  readonly sync: boolean;
  readonly siteAdmin: boolean;
  /** Calls of attributes and events restSearch in 15 minutes; absent: no limit. */
  rateLimit?: number;
}

export interface SimUser {
  readonly id: number;
  readonly email: string;
  readonly orgId: number;
  readonly roleId: number;
}

export interface SimKey {
  readonly key: string;
  readonly userId: number;
  readonly readOnly?: boolean;
  /** The only addresses it may be used from. */
  readonly allowedIps?: readonly string[];
  /** Seconds; past: refused as unknown, to come: announced in a header. */
  expiration?: number;
}

export interface SimTag {
  id: number;
  name: string;
  colour: string;
  exportable: boolean;
  hideTag: boolean;
  numericalValue: number | null;
  isGalaxy: boolean;
  isCustomGalaxy: boolean;
  localOnly: boolean;
  orgId: number;
  userId: number;
}

/** A tag on an event or an attribute. */
export interface SimTagLink {
  readonly id: number;
  readonly tagId: number;
  readonly local: boolean;
}

export interface SimAttribute {
  readonly id: number;
  readonly uuid: string;
  readonly eventId: number;
  /** 0: in no object. */
  objectId: number;
  objectRelation: string | null;
  category: string;
  type: string;
  value1: string;
  /** Second half of a composite, else "". */
  value2: string;
  toIds: boolean;
  timestamp: number;
  distribution: number;
  sharingGroupId: number;
  comment: string;
  deleted: boolean;
  disableCorrelation: boolean;
  /** As MISP prints it (`2026-10-02T00:00:00.000000+00:00`), or null. */
  firstSeen: string | null;
  lastSeen: string | null;
  tags: SimTagLink[];
}

export interface SimObject {
  readonly id: number;
  readonly uuid: string;
  readonly eventId: number;
  name: string;
  metaCategory: string;
  description: string;
  templateUuid: string;
  templateVersion: string;
  timestamp: number;
  distribution: number;
  sharingGroupId: number;
  comment: string;
  deleted: boolean;
  firstSeen: string | null;
  lastSeen: string | null;
}

export interface SimEvent {
  readonly id: number;
  readonly uuid: string;
  orgId: number;
  orgcId: number;
  info: string;
  /** YYYY-MM-DD */
  date: string;
  threatLevelId: number;
  analysis: number;
  distribution: number;
  sharingGroupId: number;
  timestamp: number;
  publishTimestamp: number;
  sightingTimestamp: number;
  published: boolean;
  locked: boolean;
  disableCorrelation: boolean;
  proposalEmailLock: boolean;
  extendsUuid: string;
  userId: number;
  tags: SimTagLink[];
  /** In the order of their ids. */
  readonly attributes: SimAttribute[];
  readonly objects: SimObject[];
  /** attribute_count less the live attributes: MISP keeps a counter, which adding a list does not move. Absent: 0. */
  countDrift?: number;
}

export interface SimBlocked {
  readonly id: number;
  readonly uuid: string;
  readonly info: string;
  readonly orgc: string;
  /** Seconds. */
  readonly created: number;
}

/** What the tables of a MISP hold. Plain data with the indexes that a search needs; `MispEdits` gives changes their side effects. */
export class MispState {
  readonly orgs = new Map<number, SimOrg>();
  readonly roles = new Map<number, SimRole>();
  readonly users = new Map<number, SimUser>();
  readonly keys = new Map<string, SimKey>();
  /** By event id and by attribute id, in the order of insertion: the order of an answer that asks for none. */
  readonly events = new Map<number, SimEvent>();
  readonly attributes = new Map<number, SimAttribute>();
  /** Whether that is the order of the ids too. */
  attributesInOrder = true;
  readonly objects = new Map<number, SimObject>();
  readonly tags = new Map<number, SimTag>();
  readonly sightings: SimSighting[] = [];
  readonly warninglists = new Map<number, SimWarninglist>();
  readonly taxonomies = new Map<number, SimTaxonomy>();
  readonly decayingModels = new Map<number, SimDecayingModel>();
  /** As an event that is shared with one prints it, by id. */
  readonly sharingGroups = new Map<number, Readonly<Record<string, unknown>>>();
  /** Clusters behind galaxy tags, by tag id. */
  readonly galaxyClusters = new Map<number, SimGalaxyCluster>();
  /** Attributes whose warnings a view has looked up before: MISP then takes them from its cache, which keeps ids as numbers. */
  readonly cachedWarnings = new Set<number>();
  /** Events that were deleted, by UUID: MISP takes them no more. */
  readonly blocklist = new Map<string, SimBlocked>();
  /** The UUID of a new row that brings none; a replay puts in those that the recorded server chose. */
  uuid: (table: string, id: number) => string = uuidOf;
  /**
   * Rows that MISP reads at once (memory_limit in MB times 50). A search without limit that finds as many answers the first such
   * block twice.
   */
  blockRows = 102_400;
  readonly #uuids = new Map<string, SimEvent | SimAttribute | SimObject>();
  readonly #tagNames = new Map<string, SimTag>();
  #values: Map<string, SimAttribute[]> | undefined;
  readonly #lastIds = new Map<string, number>();

  /** Next free id of a table; `seen` moves it on. */
  nextId(table: string): number {
    return (this.#lastIds.get(table) ?? 0) + 1;
  }

  seen(table: string, id: number): void {
    if (id > (this.#lastIds.get(table) ?? 0)) this.#lastIds.set(table, id);
  }

  putOrg(org: SimOrg): SimOrg {
    this.orgs.set(org.id, org);
    return org;
  }

  /** Puts a row as it is, without side effects; its children are put by themselves. */
  putEvent(event: SimEvent): SimEvent {
    this.seen("event", event.id);
    this.events.set(event.id, event);
    this.#uuids.set(event.uuid.toLowerCase(), event);
    return event;
  }

  putAttribute(attribute: SimAttribute): SimAttribute {
    const event = this.events.get(attribute.eventId);
    if (event === undefined) throw new Error(`no event ${attribute.eventId} for attribute ${attribute.id}`);
    if (attribute.id < this.nextId("attribute")) this.attributesInOrder = false;
    this.seen("attribute", attribute.id);
    this.attributes.set(attribute.id, attribute);
    this.valuesChanged();
    this.#uuids.set(attribute.uuid.toLowerCase(), attribute);
    insertById(event.attributes, attribute);
    return attribute;
  }

  putObject(object: SimObject): SimObject {
    const event = this.events.get(object.eventId);
    if (event === undefined) throw new Error(`no event ${object.eventId} for object ${object.id}`);
    this.seen("object", object.id);
    this.objects.set(object.id, object);
    this.#uuids.set(object.uuid.toLowerCase(), object);
    insertById(event.objects, object);
    return object;
  }

  putTag(tag: SimTag): SimTag {
    this.seen("tag", tag.id);
    this.tags.set(tag.id, tag);
    this.#tagNames.set(tag.name.toLowerCase(), tag);
    return tag;
  }

  dropAttribute(attribute: SimAttribute): void {
    this.valuesChanged();
    this.attributes.delete(attribute.id);
    this.#uuids.delete(attribute.uuid.toLowerCase());
    const event = this.events.get(attribute.eventId);
    const at = event?.attributes.indexOf(attribute) ?? -1;
    if (at >= 0) event?.attributes.splice(at, 1);
  }

  dropEvent(event: SimEvent): void {
    this.valuesChanged();
    for (const { id, uuid } of event.attributes) {
      this.attributes.delete(id);
      this.#uuids.delete(uuid.toLowerCase());
    }
    for (const { id, uuid } of event.objects) {
      this.objects.delete(id);
      this.#uuids.delete(uuid.toLowerCase());
    }
    this.events.delete(event.id);
    this.#uuids.delete(event.uuid.toLowerCase());
  }

  /** By id or UUID. */
  event(key: number | string): SimEvent | undefined {
    const found = this.#find(key, this.events);
    return found !== undefined && "attributes" in found ? found : undefined;
  }

  attribute(key: number | string): SimAttribute | undefined {
    const found = this.#find(key, this.attributes);
    return found !== undefined && "value1" in found ? found : undefined;
  }

  object(key: number | string): SimObject | undefined {
    const found = this.#find(key, this.objects);
    return found !== undefined && "templateUuid" in found ? found : undefined;
  }

  tagNamed(name: string): SimTag | undefined {
    return this.#tagNames.get(name.toLowerCase());
  }

  /** Attributes one half of whose value folds to this, in the order of the table. */
  attributesValued(folded: string): readonly SimAttribute[] {
    this.#values ??= valueIndex(this.attributes.values());
    return this.#values.get(folded) ?? [];
  }

  /** To be told when a value is changed in place. */
  valuesChanged(): void {
    this.#values = undefined;
  }

  /** Whether any event, attribute or object bears this UUID. */
  hasUuid(uuid: string): boolean {
    return this.#uuids.has(uuid.toLowerCase());
  }

  org(id: number): SimOrg {
    return this.orgs.get(id) ?? { id, uuid: "00000000-0000-4000-8000-000000000000", name: `org ${id}`, local: false };
  }

  #find<T>(key: number | string, table: ReadonlyMap<number, T>): T | SimEvent | SimAttribute | SimObject | undefined {
    const text = String(key);
    return /^\d{1,15}$/.test(text) ? table.get(Number(text)) : this.#uuids.get(text.toLowerCase());
  }
}

/** attribute_count as MISP prints it. */
export function attributeCount({ attributes, countDrift = 0 }: SimEvent): number {
  return attributes.reduce((count, { deleted }) => count + Number(!deleted), countDrift);
}

/** `value` as MISP prints it: the halves of a composite with `|` between. */
export function fullValue({ type, value1, value2 }: SimAttribute): string {
  return value2 === "" || !(type.includes("|") || type === "malware-sample") ? value1 : `${value1}|${value2}`;
}

function valueIndex(attributes: Iterable<SimAttribute>): Map<string, SimAttribute[]> {
  const index = new Map<string, SimAttribute[]>();
  for (const attribute of attributes) {
    const halves = [fold(attribute.value1), fold(attribute.value2)];
    for (const half of new Set(halves)) {
      if (half === "") continue;
      const held = index.get(half);
      if (held) held.push(attribute);
      else index.set(half, [attribute]);
    }
  }
  return index;
}

function insertById<T extends { readonly id: number }>(rows: T[], row: T): void {
  let at = rows.length;
  while (at > 0 && (rows[at - 1] as T).id > row.id) at--;
  if (rows[at - 1]?.id === row.id) rows[at - 1] = row;
  else rows.splice(at, 0, row);
}
