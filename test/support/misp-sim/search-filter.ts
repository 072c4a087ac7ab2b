import { canReadAttribute, canReadEvent } from "./access.ts";
import type { Caller } from "./auth.ts";
import type { JsonParameters } from "./request.ts";
import { flag, fold, matcher, period, terms } from "./search-terms.ts";
import type { MispState, SimAttribute, SimEvent, SimTagLink } from "./state.ts";
import { compressIp } from "./types.ts";

export type EventTest = (event: SimEvent) => boolean;
export type AttributeTest = (attribute: SimAttribute, event: SimEvent) => boolean;

export interface Search {
  readonly state: MispState;
  readonly caller: Pick<Caller, "role" | "org">;
  readonly params: JsonParameters;
  /** Seconds. */
  readonly now: number;
}

/** Events that `eventid` names, in the order of their ids; undefined: all. */
export function namedEvents({ state, params }: Search): readonly SimEvent[] | undefined {
  const asked = terms(params["eventid"]);
  if (asked === undefined || asked.or.length + asked.and.length === 0) return undefined;
  const found = new Map<number, SimEvent>();
  for (const key of [...asked.or, ...asked.and]) {
    const event = state.event(key);
    if (event) found.set(event.id, event);
  }
  return [...found.values()].sort((a, b) => a.id - b.id);
}

/** What a search asks of the event: of an attribute's own too, except for its timestamp. */
export function eventTests(search: Search): EventTest[] {
  const { state, caller, params, now } = search;
  const tests: EventTest[] = [(event) => canReadEvent(caller, event)];
  const excluded = terms(params["eventid"])?.not;
  if (excluded && excluded.length > 0) {
    const events = new Set(excluded.map((key) => state.event(key)));
    tests.push((event) => !events.has(event));
  }
  const published = flag(params["published"]);
  if (published !== undefined) tests.push((event) => event.published === (published === 1));
  within(tests, period(params["event_timestamp"], now), (event) => event.timestamp);
  within(tests, period(params["last"], now), (event) => event.publishTimestamp);
  within(tests, period(params["publish_timestamp"], now), (event) => event.publishTimestamp);
  dates(tests, params);
  column(tests, params["threat_level_id"], (event) => [String(event.threatLevelId)]);
  column(tests, params["eventinfo"], (event) => [event.info]);
  column(tests, params["org"], (event) => {
    const { id, name, uuid } = state.org(event.orgcId);
    return [String(id), name, uuid];
  });
  const tagged = tagTest(state, params["event_tags"], ({ tags }: SimEvent) => [tags]);
  if (tagged) tests.push(tagged);
  return tests;
}

/** What it asks of the attribute, the event's tags included. */
export function attributeTests(search: Search): AttributeTest[] {
  const { state, caller, params, now } = search;
  const tests: AttributeTest[] = [deletedTest(params["deleted"])];
  if (!caller.role.siteAdmin) tests.push((attribute, event) => canReadAttribute(caller, state, event, attribute));
  const toIds = params["to_ids"] === "exclude" ? 0 : flag(params["to_ids"]);
  if (toIds !== undefined) tests.push(({ toIds: held }) => held === (toIds === 1));
  within(tests, period(params["attribute_timestamp"], now), ({ timestamp }) => timestamp);
  const values = valueTest(params["value"]);
  if (values) tests.push(values);
  column(tests, params["value1"], ({ value1 }) => [value1]);
  column(tests, params["value2"], ({ value2 }) => [value2]);
  column(tests, withMail(params["type"]), ({ type }) => [type]);
  column(tests, params["category"], ({ category }) => [category]);
  column(tests, params["object_relation"], ({ objectRelation }) => [objectRelation ?? ""]);
  column(tests, params["uuid"], ({ uuid }, event) => [uuid, event.uuid]);
  column(tests, params["sharinggroup"], ({ sharingGroupId }, event) => [
    String(sharingGroupId),
    String(event.sharingGroupId),
  ]);
  seen(tests, period(params["first_seen"], now), ({ firstSeen }) => firstSeen);
  seen(tests, until(period(params["last_seen"], now)), ({ lastSeen }) => lastSeen);
  const tagged = tagTest(state, params["tags"], (attribute: SimAttribute, event: SimEvent) => [
    attribute.tags,
    event.tags,
  ]);
  if (tagged) tests.push(tagged);
  return tests;
}

/** Value filters: either half, folded, IPv6 in its short form. NOT keeps every row, as MISP does: a second half is never the value. */
function valueTest(value: unknown): AttributeTest | undefined {
  const wanted = wantedValues(value);
  if (wanted.length === 0) return undefined;
  const any = matcher(wanted);
  return ({ value1, value2 }) => any(fold(value1)) || any(fold(value2));
}

function wantedValues(value: unknown): string[] {
  const asked = terms(value);
  return [...(asked?.or ?? []), ...(asked?.and ?? [])].map((text) => compressIp(text));
}

/** The folded values that a search names, when it names whole ones only; undefined where patterns, blanks or nothing are asked. */
export function exactValues(value: unknown): readonly string[] | undefined {
  const wanted = wantedValues(value);
  if (wanted.length === 0 || wanted.some((text) => text.startsWith("%") || text.endsWith("%"))) return undefined;
  const folded = wanted.map(fold);
  return folded.includes("") ? undefined : folded;
}

function deletedTest(value: unknown): AttributeTest {
  const wanted = deletedAsked(value);
  return ({ deleted }) => wanted.has(deleted);
}

/** The states that `deleted` asks for: live rows unless it says 1, true or "only"; `[0,1]` and `"0||1"` both. */
export function deletedAsked(value: unknown): ReadonlySet<boolean> {
  const listed = Array.isArray(value)
    ? value.map(String)
    : typeof value === "string"
      ? value.split("||")
      : [String(value ?? 0)];
  return new Set(listed.map((each) => each === "1" || each === "true" || each === "only"));
}

/** Mail senders and receivers are looked for among plain mail addresses too. */
function withMail(type: unknown): unknown {
  const asked = terms(type);
  return asked?.or.some((each) => each === "email-src" || each === "email-dst")
    ? { OR: [...asked.or, "email"], AND: asked.and, NOT: asked.not }
    : type;
}

function column<Row extends unknown[]>(
  tests: ((...row: Row) => boolean)[],
  value: unknown,
  columns: (...row: Row) => readonly string[],
): void {
  const asked = terms(value);
  if (asked === undefined) return;
  const wanted = [...asked.or, ...asked.and];
  const any = wanted.length === 0 ? undefined : matcher(wanted);
  const none = asked.not.length === 0 ? undefined : matcher(asked.not);
  tests.push((...row) => {
    const folded = columns(...row).map(fold);
    return (any === undefined || folded.some(any)) && (none === undefined || !folded.some(none));
  });
}

function within<Row extends unknown[]>(
  tests: ((...row: Row) => boolean)[],
  bounds: readonly [number, number] | undefined,
  of: (...row: Row) => number,
): void {
  if (bounds) tests.push((...row) => of(...row) >= bounds[0] && of(...row) <= bounds[1]);
}

/** One instant of `last_seen` asks for what was last seen until then. */
function until(bounds: readonly [number, number] | undefined): readonly [number, number] | undefined {
  return bounds?.[1] === Number.POSITIVE_INFINITY ? [Number.NEGATIVE_INFINITY, bounds[0]] : bounds;
}

function seen(
  tests: AttributeTest[],
  bounds: readonly [number, number] | undefined,
  of: (attribute: SimAttribute) => string | null,
): void {
  if (!bounds) return;
  tests.push((attribute) => {
    const at = of(attribute);
    return at !== null && Date.parse(at) / 1000 >= bounds[0] && Date.parse(at) / 1000 <= bounds[1];
  });
}

function dates(tests: EventTest[], params: JsonParameters): void {
  const from = params["from"] ?? (Array.isArray(params["date"]) ? params["date"][0] : params["date"]);
  const to = params["to"] ?? (Array.isArray(params["date"]) ? params["date"][1] : undefined);
  if (typeof from === "string" && from !== "") tests.push(({ date }) => date >= from);
  if (typeof to === "string" && to !== "") tests.push(({ date }) => date <= to);
}

/** Any of OR, all of AND, none of NOT; a name that no tag bears matches nothing. */
export function tagTest<Row extends unknown[]>(
  state: MispState,
  value: unknown,
  linksOf: (...row: Row) => readonly (readonly SimTagLink[])[],
): ((...row: Row) => boolean) | undefined {
  const asked = terms(value);
  if (asked === undefined) return undefined;
  const any = tagIds(state, asked.or);
  const all = asked.and.map((name) => tagIds(state, [name]));
  const none = tagIds(state, asked.not);
  return (...row) => {
    const links = linksOf(...row);
    const bears = (ids: ReadonlySet<number>) =>
      ids.size > 0 && links.some((list) => list.some(({ tagId }) => ids.has(tagId)));
    return (asked.or.length === 0 || bears(any)) && all.every(bears) && !bears(none);
  };
}

function tagIds(state: MispState, names: readonly string[]): ReadonlySet<number> {
  const ids = new Set<number>();
  if (names.length === 0) return ids;
  const fits = matcher(names);
  for (const tag of state.tags.values()) if (fits(fold(tag.name)) || names.includes(String(tag.id))) ids.add(tag.id);
  return ids;
}
