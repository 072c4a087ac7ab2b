import { get, isJsonObject, type JsonObject, type JsonValue, text } from "../model/json.ts";
import { epochSeconds, isTrue, uuidOf } from "./misp-attribute.ts";

/** One event of a server as its index lists it. */
export interface ManifestEntry {
  readonly uuid: string;
  readonly id: string;
  readonly published: boolean;
  /** Changes when the event does; empty while it may still change within the same second. */
  readonly version: string;
}

export type Manifest = Map<string, ManifestEntry>;

/** Timestamps count whole seconds: an event changed this recently may change again without moving its timestamp. */
const UNSETTLED_SECONDS = 3;

/** A row of the event index, or undefined when it is not one. `serverTime`: the server's clock, epoch milliseconds. */
export function readManifestRow(row: JsonValue, serverTime: number | undefined): ManifestEntry | undefined {
  const uuid = uuidOf(get(row, "uuid"));
  const id = text(row, "id")?.match(/^[1-9]\d{0,17}$/)?.[0];
  if (uuid === undefined || id === undefined) return undefined;
  const timestamp = epochSeconds(get(row, "timestamp")) ?? 0;
  const settled = serverTime === undefined || timestamp < serverTime / 1000 - UNSETTLED_SECONDS;
  return { uuid, id, published: isTrue(get(row, "published")), version: settled ? String(timestamp) : "" };
}

/** Events to read (new or changed) and events that are gone. Without a manifest of before, everything is to be read. */
export function diffManifest(
  before: Manifest | undefined,
  listed: Manifest,
): { readonly changed: readonly string[]; readonly gone: readonly string[] } {
  const changed = [...listed.values()].filter(
    ({ uuid, version }) => version === "" || before?.get(uuid)?.version !== version,
  );
  const gone = before === undefined ? [] : [...before.keys()].filter((uuid) => !listed.has(uuid));
  return { changed: changed.map(({ uuid }) => uuid), gone };
}

/** Uuids and versions only: ids are the server's business of the day. */
export function manifestToJson(manifest: Manifest, options: string): JsonObject {
  return { v: 1, options, events: [...manifest.values()].map(({ uuid, version }) => [uuid, version]) };
}

/** The manifest as stored, or undefined when it is not one or was made with other options. */
export function manifestFromJson(stored: JsonValue | undefined, options: string): Manifest | undefined {
  const events = get(stored, "events");
  if (!isJsonObject(stored) || get(stored, "v") !== 1 || get(stored, "options") !== options || !Array.isArray(events))
    return undefined;
  const manifest: Manifest = new Map();
  for (const entry of events) {
    const [uuid, version] = Array.isArray(entry) ? entry : [];
    if (typeof uuid !== "string" || typeof version !== "string") return undefined;
    manifest.set(uuid, { uuid, id: "", published: true, version });
  }
  return manifest;
}
