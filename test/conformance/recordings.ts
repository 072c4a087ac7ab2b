import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

/** One request to a real MISP 2.5.1 and its answer. */
export interface Recording {
  readonly name: string;
  /** Epoch seconds of the answer's Date header: the server's clock. */
  readonly at: number;
  readonly request: RecordedRequest;
  readonly response: RecordedResponse;
}

export interface RecordedRequest {
  readonly method: string;
  readonly path: string;
  /** Without the ones the transport sets (Host, Content-Length, Connection). */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | undefined;
}

export interface RecordedResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Absent where only the two ends of a long body were kept. */
  readonly body: string | undefined;
  readonly head: string;
  readonly tail: string;
  readonly bytes: number;
}

interface RecordingFile {
  name: string;
  request: { method: string; path: string; headers: [string, string][]; body: string | null };
  response: {
    status: number;
    headers: [string, string][];
    body?: string;
    body_head?: string;
    body_tail?: string;
    body_bytes?: number;
  };
}

/**
 * Recordings carry whole seconds; where one of several in the same second changes what another sees, this is their
 * order, read off the ids and time stamps in the answers. All others of a second go by name.
 */
const WITHIN_A_SECOND: readonly string[] = [
  "tags_attachTagToObject_attribute",
  "attributes_addTag",
  "tags_attachTagToObject_local",
  "tags_attachTagToObject_galaxy",
  "attributes_add_single",
  "attributes_add_no_category_no_to_ids",
  "attributes_add_event_by_uuid",
  "attributes_add_list_partial_errors",
  "attributes_add_value_list",
  "attributes_add_own_uuid_timestamp",
  "attributes_add_uuid_exists",
  "attributes_edit",
  "objects_delete_soft",
  "events_view_deleted1",
  "events_view_deleted2",
  "sightings_add_by_id_path",
  "sightings_add_by_uuid_path",
  "sightings_add_by_uuid_body_false_positive",
  "sightings_add_by_id_body_expiration",
  "sightings_add_expiration_replaces",
  "sightings_add_expiration_int_type",
  "sightings_add_by_values",
  "sightings_add_by_value_single_composite",
  "sightings_add_values_with_filters",
  "sightings_add_date_time",
  "sightings_add_id_list_path",
  "sightings_add_millis_timestamp",
  "sightings_add_other_org",
  "sightings_bulkSave",
  "sightings_restSearch_attribute_int_id",
  "rs_if_none_match_first",
  "rs_if_none_match_304",
  "publish_twice",
  "unpublish",
  "unpublish_twice",
  "publish_again",
  "events_alert",
  "event_add_partial_bad_attrs",
  "event_add_minimal",
  "shadow_attributes_add_partner",
  "shadow_attributes_index",
  "rs_deleted_representation",
  "rs_deleted_with_timestamp",
  "events_delete",
  "eventBlocklists",
  "delta_sighting_timestamp",
  "delta_sighting_event_timestamp",
  "delta_toids_flip_with_to_ids1",
  "delta_toids_flip_without_filter",
  "delta_soft_delete_default",
  "delta_soft_delete_deleted01",
  "delta_soft_delete_deleted01_published1",
  "attributes_restore",
  "delta_restored",
];

/** What the recorder's text form lost: the bytes that were really sent. */
const SENT: Readonly<Record<string, () => Buffer>> = {
  rs_gzip_request: () => gzipSync('{"value": "203.0.113.77"}'),
  err_invalid_utf8: () => Buffer.concat([Buffer.from('{"value":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
};

/** Header values that the recorder's redaction of keys changed. */
const SENT_KEY: Readonly<Record<string, (key: string) => string>> = {
  err_key_lowercase: (key) => key.toLowerCase(),
};

const TRANSPORT = new Set(["host", "content-length", "connection"]);

/** Names of the files, without ending. */
export function recordingFiles(sharedFolder: string): string[] {
  const files = readdirSync(recordingsFolder(sharedFolder)).filter((file) => file.endsWith(".json"));
  return files.map((file) => file.slice(0, -".json".length));
}

function recordingsFolder(sharedFolder: string): string {
  return join(sharedFolder, "data", "misp", "recordings");
}

/** All recordings of a request and its answer, in the order in which they were made. */
export function loadRecordings(sharedFolder: string): Recording[] {
  const folder = recordingsFolder(sharedFolder);
  const recordings = recordingFiles(sharedFolder)
    .flatMap((name) => exchanges(name, JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"))))
    .map(recording);
  return recordings.sort((a, b) => a.at - b.at || rank(a.name) - rank(b.name) || (a.name < b.name ? -1 : 1));
}

/** Of a file with a list: `name#00` and so on. Messages (ZeroMQ) are no exchanges. */
function exchanges(name: string, content: unknown): RecordingFile[] {
  if (!Array.isArray(content)) return [content as RecordingFile];
  const list = content as RecordingFile[];
  return list.every((each) => "request" in each)
    ? list.map((each, at) => ({ ...each, name: `${name}#${String(at).padStart(2, "0")}` }))
    : [];
}

function rank(name: string): number {
  return WITHIN_A_SECOND.indexOf(name);
}

function recording(file: RecordingFile): Recording {
  const headers = new Map(file.response.headers.map(([name, value]) => [name.toLowerCase(), value]));
  const bytes = file.response.body_bytes ?? 0;
  const whole = file.response.body !== undefined && Buffer.byteLength(file.response.body) >= bytes;
  return {
    name: file.name,
    at: Math.floor(Date.parse(headers.get("date") ?? "") / 1000),
    request: {
      method: file.request.method,
      path: file.request.path,
      headers: file.request.headers
        .filter(([name]) => !TRANSPORT.has(name.toLowerCase()))
        .map(([name, value]) => [name, name === "Authorization" ? (SENT_KEY[file.name]?.(value) ?? value) : value]),
      body: SENT[file.name]?.() ?? (file.request.body === null ? undefined : Buffer.from(file.request.body)),
    },
    response: {
      status: file.response.status,
      headers,
      body: whole ? file.response.body : undefined,
      head: (whole ? undefined : (file.response.body_head ?? file.response.body)) ?? "",
      tail: file.response.body_tail ?? "",
      bytes,
    },
  };
}
