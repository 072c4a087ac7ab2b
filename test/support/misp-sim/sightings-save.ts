import { type JsonParameters, parameters, type SimCall } from "./request.ts";
import { MispException } from "./respond.ts";
import { fold } from "./search-terms.ts";
import { mayRead } from "./sightings-rows.ts";
import type { SimAttribute } from "./state.ts";
import type { SimSighting } from "./state-knowledge.ts";

const NONE_GIVEN = "No valid attributes found.";
const NONE_MATCH = "No valid attributes found that match the criteria.";
const EXPIRATION = "2";

/**
 * `sightings/add`: a row for each attribute that the id, uuid, `|`-separated list in the path, value or values name among those
 * the caller may read. The last row, or why there is none.
 */
export function saveSightings(call: SimCall): SimSighting | string {
  const sent = sentFields(call.body);
  const attributes = targets(call, sent);
  if (typeof attributes === "string") return attributes;
  const type = sent["type"] ?? "0";
  if (!["0", "1", "2"].includes(String(type))) {
    return "Invalid type, please change it before you POST 1000000 sightings.";
  }
  const timestamp = sightingTime(sent, call.sim.now());
  if (timestamp === undefined) return '{"date_sighting":["This field cannot be left blank"]}';
  let last: SimSighting | undefined;
  for (const attribute of attributes) {
    // Only the text "2" replaces: MISP compares with the identity operator.
    if (type === EXPIRATION) dropExpiration(call, attribute);
    const source = typeof sent["source"] === "string" ? sent["source"] : "";
    last = putSighting(call, attribute, { type: Number(type), source, timestamp });
  }
  return last ?? NONE_MATCH;
}

function sentFields(body: unknown): JsonParameters {
  const fields = parameters(body);
  const inner = fields["Sighting"];
  return typeof inner === "object" && inner !== null && !Array.isArray(inner) ? (inner as JsonParameters) : fields;
}

function targets(call: SimCall, sent: JsonParameters): SimAttribute[] | string {
  const keys = call.args[0]?.split("|") ?? keysOf(sent["id"] ?? sent["uuid"]);
  if (keys !== undefined) {
    const found = keys.flatMap((key) => call.sim.state.attribute(key) ?? []).filter((each) => usable(call, each));
    return found.length > 0 ? found : NONE_MATCH;
  }
  const values = keysOf(sent["values"] ?? sent["value"]);
  if (values === undefined) return NONE_GIVEN;
  const found = values.flatMap((value) => bearers(call, value, parameters(sent["filters"])));
  return found.length > 0 ? found : NONE_MATCH;
}

function keysOf(value: unknown): string[] | undefined {
  if (Array.isArray(value)) return value.map(String);
  return typeof value === "string" || typeof value === "number" ? [String(value)] : undefined;
}

function bearers(call: SimCall, value: string, filters: JsonParameters): SimAttribute[] {
  const held = call.sim.state.attributesValued(fold(value));
  return held.filter((attribute) => usable(call, attribute) && admitted(attribute, filters));
}

function admitted(attribute: SimAttribute, { type, to_ids, category }: JsonParameters): boolean {
  return (
    (type === undefined || [type].flat().includes(attribute.type)) &&
    (category === undefined || [category].flat().includes(attribute.category)) &&
    (to_ids === undefined || Boolean(Number(to_ids)) === attribute.toIds)
  );
}

function usable(call: SimCall, attribute: SimAttribute): boolean {
  const event = call.sim.state.events.get(attribute.eventId);
  return !attribute.deleted && event !== undefined && mayRead(call, attribute, event);
}

/** Undefined: what was sent is no time. Milliseconds pass unchanged. */
function sightingTime({ timestamp, date, time }: JsonParameters, now: number): number | undefined {
  if (timestamp !== undefined) {
    const given = String(timestamp);
    if (/^\d{1,16}$/.test(given)) return Number(given);
    return seconds(given);
  }
  if (date !== undefined || time !== undefined) {
    return seconds(`${String(date ?? today(now))}T${String(time ?? "00:00:00")}Z`);
  }
  return now;
}

function seconds(text: string): number | undefined {
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.floor(at / 1000);
}

function today(now: number): string {
  return new Date(now * 1000).toISOString().slice(0, 10);
}

function dropExpiration({ sim, org }: SimCall, attribute: SimAttribute): void {
  const { sightings } = sim.state;
  for (let i = sightings.length - 1; i >= 0; i--) {
    const held = sightings[i];
    if (held?.type === 2 && held.attributeId === attribute.id && held.orgId === org.id) sightings.splice(i, 1);
  }
}

function putSighting(
  { sim, org }: SimCall,
  attribute: SimAttribute,
  fields: Pick<SimSighting, "type" | "source" | "timestamp"> & { readonly uuid?: string },
): SimSighting {
  const id = sim.state.nextId("sighting");
  sim.state.seen("sighting", id);
  const row = {
    id,
    uuid: sim.state.uuid("sighting", id),
    attributeId: attribute.id,
    eventId: attribute.eventId,
    orgId: org.id,
    ...fields,
  };
  sim.state.sightings.push(row);
  return row;
}

/** `sightings/bulkSaveSightings`: rows with their own uuids; how many were new. It alone moves the event's sighting_timestamp. */
export function saveBulk(call: SimCall): number {
  const event = call.sim.state.event(call.args[0] ?? "");
  if (event === undefined) throw new MispException(404, "Event not found");
  if (!Array.isArray(call.body)) return 0;
  let added = 0;
  for (const each of call.body) {
    const { attribute_uuid, type, source, date_sighting, uuid } = parameters(each);
    const attribute = event.attributes.find((held) => held.uuid === attribute_uuid);
    const known = call.sim.state.sightings.some((held) => held.uuid === uuid);
    if (attribute === undefined || known || !usable(call, attribute)) continue;
    putSighting(call, attribute, {
      type: Number(type ?? 0),
      source: String(source ?? ""),
      timestamp: Number(date_sighting ?? call.sim.now()),
      ...(typeof uuid === "string" ? { uuid } : {}),
    });
    added++;
  }
  if (added > 0) event.sightingTimestamp = call.sim.now();
  return added;
}
