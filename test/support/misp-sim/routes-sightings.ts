import { parameters, type SimCall, type SimRoute } from "./request.ts";
import { compact, MispException, NO_PERMISSION, pretty, type SimResponse } from "./respond.ts";
import { organisationOf, readableSightings, sightingRecord } from "./sightings-rows.ts";
import { saveBulk, saveSightings } from "./sightings-save.ts";
import { searchSightings } from "./sightings-search.ts";

export const SIGHTING_ROUTES: readonly SimRoute[] = [
  { method: "POST", pattern: "sightings/add", handle: add },
  { method: "GET", pattern: "sightings/add", handle: describeAdd },
  { method: "*", pattern: "sightings/restSearch", handle: searchSightings },
  { method: "GET", pattern: "sightings/index", handle: index },
  { method: "*", pattern: "sightings/listSightings", handle: listSightings },
  { method: "POST", pattern: "sightings/bulkSaveSightings", handle: bulkSave },
  { method: "POST", pattern: "sightings/delete", handle: remove },
  { method: "GET", pattern: "sightings/delete", handle: onlyPost },
];

function add(call: SimCall): SimResponse {
  mayWrite(call);
  const saved = saveSightings(call);
  if (typeof saved === "string") return compact({ message: `Could not add the Sighting. Reason: ${saved}` });
  return pretty({ Sighting: sightingRecord(saved) });
}

function mayWrite({ role, key }: SimCall): void {
  if (!role.sighting || key.readOnly === true) throw new MispException(403, NO_PERMISSION);
}

function describeAdd(): SimResponse {
  return pretty({
    name: "/sightings/add API description",
    description:
      "POST a simplified sighting object in JSON format to this API to add a or a list of sightings. Pass either value(s) or attribute IDs (can be uuids) to identify the target sightings.",
    mandatory_fields: { OR: ["values", "id"] },
    optional_fields: ["type", "source", "timestamp", "date", "time", "filters"],
    url: "/sightings/add",
  });
}

/** Of an event, or of all that the caller may read. */
function index(call: SimCall): SimResponse {
  const { args, sim } = call;
  const event = args[0] === undefined ? undefined : sim.state.event(args[0]);
  if (args[0] !== undefined && event === undefined) throw new MispException(404, "Invalid event.");
  const rows = readableSightings(call).filter(({ eventId }) => event === undefined || eventId === event.id);
  return pretty(
    rows
      .sort((a, b) => a.id - b.id)
      .map((row) => ({
        ...sightingRecord(row),
        attribute_uuid: sim.state.attributes.get(row.attributeId)?.uuid,
        Organisation: organisationOf(call, row),
      })),
  );
}

/** Newest first; `/ID/attribute` or `/ID/event`, or the same in the body. */
function listSightings(call: SimCall): SimResponse {
  const { args, sim, body } = call;
  const sent = parameters(body);
  const key = args[0] ?? String(sent["id"] ?? "");
  const ofEvent = (args[1] ?? sent["context"]) === "event";
  const of = ofEvent ? sim.state.event(key) : sim.state.attribute(key);
  if (of === undefined) throw new MispException(404, ofEvent ? "Invalid event." : "Invalid attribute.");
  const rows = readableSightings(call).filter((row) => (ofEvent ? row.eventId : row.attributeId) === of.id);
  return pretty(
    rows
      .sort((a, b) => b.timestamp - a.timestamp || a.id - b.id)
      .map((row) => ({ Sighting: sightingRecord(row), Organisation: { name: sim.state.org(row.orgId).name } })),
  );
}

function bulkSave(call: SimCall): SimResponse {
  mayWrite(call);
  return compact({ saved: true, success: `${saveBulk(call)} sightings added.` });
}

/** Only of the caller's own organisation, but for site admins. */
function remove(call: SimCall): SimResponse {
  mayWrite(call);
  const { args, sim, role, org } = call;
  const id = args[0] ?? "";
  const at = sim.state.sightings.findIndex((row) => String(row.id) === id || row.uuid === id);
  const row = sim.state.sightings[at];
  if (row === undefined) throw new MispException(404, "Invalid sighting.");
  if (!role.siteAdmin && row.orgId !== org.id) throw new MispException(403, NO_PERMISSION);
  sim.state.sightings.splice(at, 1);
  const message = "Sighting successfully deleted.";
  return pretty({ saved: true, success: true, name: message, message, url: `/sightings/delete/${id}`, id });
}

function onlyPost(): SimResponse {
  throw new MispException(405, "This action can only be accessed via a post request.");
}
