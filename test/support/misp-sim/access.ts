import type { Caller } from "./auth.ts";
import type { MispState, SimAttribute, SimEvent } from "./state.ts";

/** Whether the caller may read the event: own organisation, or shared beyond (sharing groups hold every organisation here). */
export function canReadEvent({ role, org }: Pick<Caller, "role" | "org">, event: SimEvent): boolean {
  return role.siteAdmin || event.orgId === org.id || event.orgcId === org.id || event.distribution > 0;
}

/** Of an event that may be read: not what is kept to its own organisation, itself or by its object. */
export function canReadAttribute(
  { role, org }: Pick<Caller, "role" | "org">,
  state: MispState,
  event: SimEvent,
  attribute: SimAttribute,
): boolean {
  if (role.siteAdmin || event.orgId === org.id) return true;
  const object = attribute.objectId === 0 ? undefined : state.objects.get(attribute.objectId);
  return attribute.distribution !== 0 && object?.distribution !== 0;
}

/** Whether the caller may change the event. */
export function canEditEvent({ role, org }: Pick<Caller, "role" | "org">, event: SimEvent): boolean {
  return role.siteAdmin || (role.modifyOrg && event.orgcId === org.id);
}
