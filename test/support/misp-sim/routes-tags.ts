import { tagRecord, taxonomyRecord } from "./records.ts";
import { type JsonParameters, parameters, type SimCall, type SimRoute } from "./request.ts";
import { compact, MispException, NO_PERMISSION, pretty, type SimResponse } from "./respond.ts";
import type { MispState, SimTag } from "./state.ts";

export const TAG_ROUTES: readonly SimRoute[] = [
  { method: "GET", pattern: "tags/index", handle: index },
  { method: "GET", pattern: "tags/view", handle: view },
  { method: "GET", pattern: "tags/search", handle: search },
  { method: "POST", pattern: "tags/add", handle: add },
  { method: "POST", pattern: "tags/attachTagToObject", handle: attach },
  { method: "GET", pattern: "tags", handle: index },
];

/** All of them, whatever limit or page the query string names. */
function index({ sim }: SimCall): SimResponse {
  const counts = counted(sim.state);
  const tags = [...sim.state.tags.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return compact({
    Tag: tags.map((tag) => ({
      ...tagRecord(tag),
      favourite: false,
      ...taxonomyOf(sim.state, tag),
      count: counts.events.get(tag.id) ?? 0,
      attribute_count: counts.attributes.get(tag.id) ?? 0,
    })),
  });
}

function view({ sim, args }: SimCall): SimResponse {
  const tag = sim.state.tags.get(Number(args[0]));
  if (tag === undefined) throw new MispException(404, "Invalid tag");
  const counts = counted(sim.state, tag.id);
  return pretty({
    ...tagRecord(tag),
    count: counts.events.get(tag.id) ?? 0,
    attribute_count: counts.attributes.get(tag.id) ?? 0,
  });
}

/** `%` stands for anything. A name with a colon is a named parameter to CakePHP, not a term: nothing is found. */
function search({ sim, args }: SimCall): SimResponse {
  const term = args[0];
  if (term === undefined) return pretty([]);
  const pieces = term.toLowerCase().split("%");
  const found = [...sim.state.tags.values()].filter(({ name }) => like(name.toLowerCase(), pieces));
  return pretty(found.sort((a, b) => a.id - b.id).map((tag) => ({ Tag: tagRecord(tag) })));
}

function like(name: string, pieces: readonly string[]): boolean {
  const [first = "", ...rest] = pieces;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const [i, piece] of rest.entries()) {
    const last = i === rest.length - 1;
    const found = last ? name.length - piece.length : name.indexOf(piece, at);
    if (found < at || !name.startsWith(piece, found)) return false;
    at = found + piece.length;
  }
  return at === name.length;
}

/** An existing name is answered with the tag as it is. */
function add({ sim, body, role, key }: SimCall): SimResponse {
  if (!role.tagEditor || key.readOnly === true) throw new MispException(403, NO_PERMISSION);
  const sent = parameters(body);
  const fields = (sent["Tag"] ?? sent) as JsonParameters;
  const name = fields["name"];
  if (typeof name !== "string" || name === "") throw new MispException(403, "Could not add Tag");
  const colour = typeof fields["colour"] === "string" ? fields["colour"] : "#0088cc";
  return pretty({ Tag: tagRecord(sim.edit.tag(name, { colour, exportable: fields["exportable"] !== false })) });
}

/** To an event or an attribute, by UUID. A site admin makes the tag that does not exist yet. */
function attach({ sim, body, role, org, key }: SimCall): SimResponse {
  if (!role.tagger || key.readOnly === true) throw new MispException(403, NO_PERMISSION);
  const { uuid, tag: given, local: wanted } = parameters(body);
  const local = Number(wanted ?? 0) === 1;
  const event = sim.state.event(String(uuid));
  const attribute = sim.state.attribute(String(uuid));
  const owner = event ?? (attribute && sim.state.events.get(attribute.eventId));
  if (owner === undefined) throw new MispException(404, "Invalid Target.");
  if (!role.siteAdmin && !local && owner.orgcId !== org.id) {
    throw new MispException(403, "You don't have permission to do that.");
  }
  const name = String(given);
  if (sim.state.tagNamed(name) === undefined && !role.tagEditor) throw new MispException(403, "Invalid Tag.");
  const tag = sim.edit.tag(name);
  const on = event ?? attribute;
  const what = `${event ? "Event" : "Attribute"}(${on?.id ?? 0})`;
  const label = `${local ? "Local" : "Global"} tag ${tag.name}(${tag.id})`;
  if (on?.tags.some((link) => link.tagId === tag.id)) {
    return attached(`${label} already attached to ${what}.`);
  }
  if (event) sim.edit.tagEvent(event, tag.name, { local });
  else if (attribute) sim.edit.tagAttribute(attribute, tag.name, { local });
  return attached(`${label} successfully attached to ${what}.`);
}

function attached(message: string): SimResponse {
  return pretty({ saved: true, success: true, name: message, message, url: "/tags/attachTagToObject" });
}

function taxonomyOf(state: MispState, tag: SimTag): JsonParameters {
  const namespace = tag.name.split(":", 1)[0];
  for (const taxonomy of state.taxonomies.values()) {
    if (taxonomy.namespace !== namespace || !taxonomy.enabled) continue;
    const entry = taxonomy.entries.find((each) => String(each["tag"]).toLowerCase() === tag.name.toLowerCase());
    if (entry) return { Taxonomy: { ...taxonomyRecord(taxonomy), expanded: entry["expanded"] } };
  }
  return {};
}

/** Events and attributes by tag id; deleted attributes count too. */
function counted(state: MispState, only?: number): { events: Map<number, number>; attributes: Map<number, number> } {
  const counts = { events: new Map<number, number>(), attributes: new Map<number, number>() };
  const add = (table: Map<number, number>, id: number) => {
    if (only === undefined || only === id) table.set(id, (table.get(id) ?? 0) + 1);
  };
  for (const event of state.events.values()) for (const { tagId } of event.tags) add(counts.events, tagId);
  for (const attribute of state.attributes.values()) {
    for (const { tagId } of attribute.tags) add(counts.attributes, tagId);
  }
  return counts;
}
