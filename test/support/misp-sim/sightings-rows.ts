import { canReadAttribute, canReadEvent } from "./access.ts";
import type { JsonParameters, SimCall } from "./request.ts";
import type { SimAttribute, SimEvent } from "./state.ts";
import type { SimSighting } from "./state-knowledge.ts";

/** As every sightings route prints it. */
export function sightingRecord(row: SimSighting): JsonParameters {
  return {
    id: String(row.id),
    attribute_id: String(row.attributeId),
    event_id: String(row.eventId),
    org_id: String(row.orgId),
    date_sighting: String(row.timestamp),
    uuid: row.uuid,
    source: row.source,
    type: String(row.type),
  };
}

export function organisationOf({ sim }: Pick<SimCall, "sim">, row: SimSighting): JsonParameters {
  const { id, uuid, name } = sim.state.org(row.orgId);
  return { id: String(id), uuid, name };
}

/** On attributes that the reader may read; others' sightings only on events of the reader's own organisation (MISP's default policy). */
export function readableSightings({ sim, org, role }: Pick<SimCall, "sim" | "org" | "role">): SimSighting[] {
  return sim.state.sightings.filter((row) => {
    const attribute = sim.state.attributes.get(row.attributeId);
    const event = sim.state.events.get(row.eventId);
    if (attribute === undefined || event === undefined) return false;
    if (!mayRead({ sim, org, role }, attribute, event)) return false;
    return role.siteAdmin || row.orgId === org.id || event.orgId === org.id;
  });
}

export function mayRead(
  { sim, org, role }: Pick<SimCall, "sim" | "org" | "role">,
  attribute: SimAttribute,
  event: SimEvent,
): boolean {
  const caller = { org, role };
  return canReadEvent(caller, event) && canReadAttribute(caller, sim.state, event, attribute);
}
