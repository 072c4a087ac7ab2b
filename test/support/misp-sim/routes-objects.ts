import { canReadEvent } from "./access.ts";
import { type Json, renderAttribute, renderAttributeLinks, renderHalves, renderObject } from "./render.ts";
import type { SimCall, SimRoute } from "./request.ts";
import { MispException, pretty, type SimResponse } from "./respond.ts";
import { editable, unwrap } from "./routes-attributes.ts";
import { done, list, objectFields } from "./routes-events.ts";
import type { MispState, SimEvent, SimObject } from "./state.ts";
import { validateAttribute } from "./validate.ts";

export const OBJECT_ROUTES: readonly SimRoute[] = [
  { method: "POST", pattern: "objects/add", needs: "add", handle: add },
  { method: "POST", pattern: "objects/delete", needs: "add", handle: remove },
  { method: "DELETE", pattern: "objects/delete", needs: "add", handle: remove },
  { method: "GET", pattern: "objects/view", handle: view },
];

function add(call: SimCall): SimResponse {
  const { state, edit } = call.sim;
  const event = editable(call, state.event(call.args[0] ?? ""));
  const sent = unwrap(call.body, "Object");
  const fields = objectFields(sent, 5);
  const object = edit.addObject(event, {
    ...fields,
    description: fields.description || (TEMPLATES[fields.templateUuid] ?? ""),
  });
  for (const attribute of list(sent["Attribute"])) {
    const result = validateAttribute(state, event, attribute);
    if ("attribute" in result) edit.addAttribute(event, { ...result.attribute, objectId: object.id });
  }
  const attributes = members(state, event, object).map(({ AttributeTag: _, ...attribute }) => attribute);
  return pretty({ Object: { ...renderObject(object), Attribute: attributes } });
}

/** Descriptions that an object without its own takes from its template. */
const TEMPLATES: Readonly<Record<string, string>> = {
  "688c46fb-5edb-40a3-8273-1af7923e2215": "File object describing a file with meta-information",
};

/** The answer names the event. */
function remove(call: SimCall): SimResponse {
  const object = call.sim.state.object(call.args[0] ?? "");
  if (object === undefined) throw new MispException(404, "Invalid object.");
  const event = editable(call, call.sim.state.events.get(object.eventId));
  call.sim.edit.deleteObject(object);
  return done("Object deleted", `/objects/delete/${event.id}`, event.id);
}

function view(call: SimCall): SimResponse {
  const object = call.sim.state.object(call.args[0] ?? "");
  const event = object && call.sim.state.events.get(object.eventId);
  if (!object || !event || !canReadEvent(call, event)) throw new MispException(404, "Invalid object.");
  const { id, info, orgId, orgcId } = event;
  return pretty({
    Object: {
      ...renderObject(object),
      Event: { id: String(id), info, org_id: String(orgId), orgc_id: String(orgcId) },
      Attribute: members(call.sim.state, event, object).map((attribute) => ({ ...attribute, AttributeTag: [] })),
    },
  });
}

function members(state: MispState, event: SimEvent, object: SimObject): Json[] {
  return event.attributes
    .filter(({ objectId }) => objectId === object.id)
    .map((attribute) => ({
      ...renderAttribute(attribute),
      ...renderHalves(attribute),
      AttributeTag: renderAttributeLinks(state, attribute),
    }));
}
