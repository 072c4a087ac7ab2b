import { createHash } from "node:crypto";
import { RemoteError } from "../lib/remote-error.ts";
import { get, type JsonObject, type JsonValue, text } from "../model/json.ts";
import type { Misp } from "./misp.ts";

/** `"0"`: seen; `"1"`: false positive; `"2"`: expired. A string: MISP replaces an earlier expiry only for the text, not for the number. */
export type SightingType = "0" | "1" | "2";

/** A sighting that is to be told. `time`: epoch seconds. */
export interface Sighting {
  readonly attributeUuid: string;
  readonly type: SightingType;
  readonly source: string;
  readonly time: number;
}

/** A sighting as MISP has it. `org` is undefined where the server hides other organisations. */
export interface KnownSighting {
  readonly attributeUuid: string | undefined;
  readonly type: string;
  readonly source: string;
  readonly time: number;
  readonly orgId: string;
  readonly org: string | undefined;
}

/** Who a key belongs to, as far as sightings need it. */
export interface SightingReporter {
  readonly orgId: string;
  readonly orgUuid: string;
  readonly orgName: string;
  readonly role: string;
  /** The role's `perm_sighting`; a key that is read-only may not write all the same. */
  readonly maySight: boolean;
}

/** MISP has no paging for sightings; a limit must be there all the same, and is ignored. */
const LIMIT = 1_000_000;
const DAY_SECONDS = 86_400;

export async function reporterOf(misp: Misp, signal: AbortSignal): Promise<SightingReporter> {
  const me = await misp.get("/users/view/me", signal);
  const orgId = text(me, "User", "org_id");
  const orgUuid = text(me, "Organisation", "uuid");
  if (orgId === undefined || orgUuid === undefined)
    throw new RemoteError("unexpected", `${misp.url}/users/view/me: expected the key's organisation, found none`);
  return {
    orgId,
    orgUuid,
    orgName: text(me, "Organisation", "name") ?? orgUuid,
    role: text(me, "Role", "name") ?? "",
    maySight: get(me, "Role", "perm_sighting") === true,
  };
}

/**
 * Saves sightings of one event in one request and gives how many are new. MISP leaves out silently whose UUID it has already,
 * so that the same request may be sent again, and whose attribute it does not know. `undefined`: it does not know the event.
 */
export async function saveSightings(
  misp: Misp,
  eventUuid: string,
  sightings: readonly Sighting[],
  { orgUuid, orgName }: SightingReporter,
  signal: AbortSignal,
): Promise<number | undefined> {
  const rows = sightings.map((sighting) => ({
    attribute_uuid: sighting.attributeUuid,
    type: sighting.type,
    source: sighting.source,
    date_sighting: sighting.time,
    uuid: sightingUuid(sighting, orgUuid),
    Organisation: { uuid: orgUuid, name: orgName },
  }));
  try {
    const answer = await misp.post(`/sightings/bulkSaveSightings/${eventUuid}`, rows, { retry: false }, signal);
    const [, count] = /^(\d{1,9}) sighting/.exec(text(answer, "success") ?? "") ?? [];
    if (count !== undefined) return Number(count);
  } catch (thrown) {
    if (isNothingNew(thrown)) return 0;
    if (thrown instanceof RemoteError && /event not found/i.test(thrown.message)) return undefined;
    throw thrown;
  }
  throw new RemoteError("unexpected", `${misp.url}/sightings: expected how many sightings were added, found none`);
}

/** `{"saved":false,"success":"No sightings added."}`: a refusal that names no reason. */
function isNothingNew(thrown: unknown): boolean {
  return isRemote(thrown, "refused") && thrown.status === 200 && / did not take it$/.test(thrown.message);
}

/** Adds one sighting, again and again if asked again and again. False: MISP does not know the attribute. */
export async function addSighting(
  misp: Misp,
  { attributeUuid, type, source, time }: Sighting,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    const body = { type, source, timestamp: time };
    const answer = await misp.post(`/sightings/add/${attributeUuid}`, body, { retry: false }, signal);
    if (get(answer, "Sighting") === undefined)
      throw new RemoteError(
        "unexpected",
        `${misp.url}/sightings/add: expected the sighting that was added, found none`,
      );
    return true;
  } catch (thrown) {
    if (isRemote(thrown, "refused") && /no valid attributes found/i.test(thrown.message)) return false;
    throw thrown;
  }
}

/** Attributes that the organisation sighted (type 0) under this source on a UTC day; `limit` bounds how many are kept. */
export async function sightedOn(
  misp: Misp,
  day: number,
  { orgId, source, limit }: { readonly orgId: string; readonly source: string; readonly limit: number },
  signal: AbortSignal,
): Promise<Set<string>> {
  const from = day * DAY_SECONDS;
  const filter = { type: "0", source, from: String(from), to: String(from + DAY_SECONDS - 1), includeAttribute: 1 };
  const found = new Set<string>();
  // Not by `org_id`: MISP understands only a UUID there, and takes a number for no filter.
  for await (const sighting of search(misp, { ...filter, limit: LIMIT }, signal))
    if (sighting.orgId === orgId && sighting.attributeUuid !== undefined && isOf(sighting, day, source))
      if (found.size < limit) found.add(sighting.attributeUuid);
  return found;
}

/** MISP compares sources without regard to case, and a server that ignores a parameter answers with more than was asked for. */
function isOf({ type, source, time }: KnownSighting, day: number, wanted: string): boolean {
  return type === "0" && source.toLowerCase() === wanted.toLowerCase() && dayOf(time) === day;
}

/** Everything that is readable of what anybody said about some attributes, oldest first. */
export async function sightingsOf(
  misp: Misp,
  attributeUuids: readonly string[],
  signal: AbortSignal,
): Promise<readonly KnownSighting[]> {
  const found: KnownSighting[] = [];
  for (const uuid of attributeUuids) {
    const filter = { uuid, from: "1", to: String(2 ** 31 - 1), includeAttribute: 1, limit: LIMIT };
    const { rows } = await misp.retry(
      () => misp.list("/sightings/restSearch/attribute", ["response"], signal, filter),
      signal,
    );
    for await (const row of rows) {
      const sighting = readSighting(row);
      if (sighting !== undefined && sighting.attributeUuid === uuid) found.push(sighting);
    }
  }
  return found.sort((a, b) => a.time - b.time);
}

async function* search(misp: Misp, filter: JsonObject, signal: AbortSignal): AsyncGenerator<KnownSighting> {
  const { rows } = await misp.search("sightings", filter, signal);
  for await (const row of rows) {
    const sighting = readSighting(row);
    if (sighting !== undefined) yield sighting;
  }
}

function readSighting(row: JsonValue): KnownSighting | undefined {
  const record = get(row, "Sighting");
  const time = Number(text(record, "date_sighting"));
  const type = text(record, "type");
  if (!Number.isFinite(time) || type === undefined) return undefined;
  const attributeUuid = text(record, "Attribute", "uuid") ?? text(record, "attribute_uuid");
  return {
    attributeUuid: attributeUuid?.toLowerCase(),
    type,
    source: text(record, "source") ?? "",
    time,
    orgId: text(record, "org_id") ?? "",
    org: text(record, "Organisation", "name"),
  };
}

/** UTC day of epoch seconds. */
export function dayOf(seconds: number): number {
  return Math.floor(seconds / DAY_SECONDS);
}

/** RFC 4122's own namespace for URLs; the name below is none, but unique all the same. */
const NAMESPACE = Buffer.from("6ba7b8119dad11d180b400c04fd430c8", "hex");

/**
 * Equal for equal organisation, attribute, UTC day, type and source: what MISP has already it then leaves out, whoever sent it
 * and however often. A version-5 UUID, because MISP refuses versions above 5.
 */
export function sightingUuid({ attributeUuid, type, source, time }: Sighting, orgUuid: string): string {
  const name = ["tipline:sighting", orgUuid.toLowerCase(), attributeUuid, dayOf(time), type, source].join("\n");
  const hash = createHash("sha1").update(NAMESPACE).update(name, "utf8").digest().subarray(0, 16);
  hash[6] = ((hash[6] ?? 0) & 0x0f) | 0x50;
  hash[8] = ((hash[8] ?? 0) & 0x3f) | 0x80;
  return hash.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function isRemote(thrown: unknown, kind: RemoteError["kind"]): thrown is RemoteError {
  return thrown instanceof RemoteError && thrown.kind === kind;
}
