import { type JsonParameters, parameters, type SimCall } from "./request.ts";
import { MispException, type SimResponse } from "./respond.ts";
import { instant, truthy } from "./search-terms.ts";
import { organisationOf, readableSightings, sightingRecord } from "./sightings-rows.ts";
import { fullValue } from "./state.ts";
import type { SimSighting } from "./state-knowledge.ts";

const DEFAULT_WINDOW = "30d";

/** `sightings/restSearch`, of all or of one attribute or event. X-Result-Count is always 0. */
export function searchSightings(call: SimCall): SimResponse {
  const asked = parameters(call.body);
  const rows = readableSightings(call)
    .filter(inContext(call, asked))
    .filter(inTime(asked, call.sim.now()))
    .filter(({ type }) => asked["type"] === undefined || [asked["type"]].flat().map(Number).includes(type))
    .filter(({ source }) => asked["source"] === undefined || source === asked["source"])
    .sort((a, b) => a.id - b.id);
  return asked["returnFormat"] === "csv" ? csv(rows) : json(call, asked, rows);
}

function inContext({ args, sim }: SimCall, { id, uuid }: JsonParameters): (row: SimSighting) => boolean {
  const context = args[0];
  if (context !== "attribute" && context !== "event") return () => true;
  if (id !== undefined && typeof id !== "number")
    throw new MispException(400, `Invalid ID \`${String(id)}\` provided.`);
  const key = id ?? String(uuid ?? "");
  const of = context === "attribute" ? sim.state.attribute(key) : sim.state.event(key);
  return (row) => (context === "attribute" ? row.attributeId : row.eventId) === of?.id;
}

/** Bounds include their second; `last` has no upper one. */
function inTime({ from, to, last }: JsonParameters, now: number): (row: SimSighting) => boolean {
  if (last === undefined && (from !== undefined || to !== undefined)) {
    const low = from === undefined ? 0 : instant(from, now);
    const high = to === undefined ? Number.MAX_SAFE_INTEGER : instant(to, now);
    return ({ timestamp }) => timestamp >= low && timestamp <= high;
  }
  const since = instant(last ?? DEFAULT_WINDOW, now);
  return ({ timestamp }) => timestamp >= since;
}

function headers(type: string, format: string): Record<string, string> {
  return {
    "Content-Type": `${type}; charset=UTF-8`,
    "X-Result-Count": "0",
    "X-Export-Module-Used": format,
    "X-Response-Format": format,
    "X-Skipped-Elements-Count": "0",
  };
}

function json(call: SimCall, asked: JsonParameters, rows: readonly SimSighting[]): SimResponse {
  const found = rows.map((row) => ({
    Sighting: {
      ...sightingRecord(row),
      ...attributePart(call, row, truthy(asked["includeAttribute"])),
      ...(truthy(asked["includeEvent"]) ? eventPart(call, row) : {}),
      Organisation: organisationOf(call, row),
    },
  }));
  return {
    status: 200,
    headers: headers("application/json", "json"),
    body: `{"response": ${JSON.stringify(found)}}\n`,
  };
}

function attributePart({ sim }: SimCall, row: SimSighting, whole: boolean): JsonParameters {
  const attribute = sim.state.attributes.get(row.attributeId);
  if (attribute === undefined) return {};
  const value = fullValue(attribute);
  const { id, uuid, type, category, toIds } = attribute;
  return { value, ...(whole ? { Attribute: { id: String(id), uuid, type, category, to_ids: toIds, value } } : {}) };
}

function eventPart({ sim }: SimCall, row: SimSighting): JsonParameters {
  const event = sim.state.events.get(row.eventId);
  if (event === undefined) return {};
  const { id, uuid, orgcId, orgId, info } = event;
  const Orgc = { name: sim.state.org(orgcId).name };
  return { Event: { id: String(id), uuid, orgc_id: String(orgcId), org_id: String(orgId), info, Orgc } };
}

function csv(rows: readonly SimSighting[]): SimResponse {
  const lines = rows.map(
    (row) =>
      `${row.id},${row.attributeId},${row.eventId},${row.orgId},${row.timestamp},"${row.uuid}","${row.source}",${row.type}\n`,
  );
  const body = `id,attribute_id,event_id,org_id,date_sighting,uuid,source,type\n${lines.join("")}\n`;
  return { status: 200, headers: headers("text/csv", "csv"), body };
}
