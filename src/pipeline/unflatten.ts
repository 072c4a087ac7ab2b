import { isJsonObject, type JsonObject, type JsonValue } from "../model/json.ts";

/**
 * Objects of Wazuh's alerts and of the products in them, as they stand in names that were joined by `_`. Names joined by dots
 * need no list: a dot separates.
 */
const OBJECTS = new Set(
  (
    "rule agent manager decoder predecoder cluster syscheck syscheck_audit syscheck_audit_process syscheck_audit_user data data_win " +
    "data_win_system data_win_eventdata data_eventdata data_http data_tls data_dns data_dns_question data_alert data_audit " +
    "data_audit_execve data_aws data_aws_useridentity data_office365 data_gcp data_gcp_protopayload data_gcp_jsonpayload " +
    "data_gcp_jsonpayload_connection data_gcp_protopayload_authenticationinfo data_gcp_protopayload_requestmetadata data_github " +
    "data_azure data_osquery data_osquery_columns data_source data_destination data_client data_server data_process"
  ).split(" "),
);
const MAX_MEMBERS = 5_000;
const MAX_PARTS = 12;
const FLAT = /^(?:data|syscheck|rule|agent|decoder|predecoder)[._]./;

/** An event with its flattened members as objects, and where each of them stood: `data.http.url` → `data_http_url`. */
export interface Nested {
  readonly event: JsonObject;
  readonly written: ReadonlyMap<string, string>;
}

const AS_WRITTEN: ReadonlyMap<string, string> = new Map();

/**
 * Graylog, Splunk and others flatten documents (`data_win_eventdata_image`, `data.http.url`). Gives the same event when there is
 * nothing to undo; otherwise a copy in which the members stand where extractors look for them.
 */
export function unflatten(event: JsonObject): Nested {
  let flat = false;
  for (const key in event) {
    if (FLAT.test(key)) {
      flat = true;
      break;
    }
  }
  if (!flat) return { event, written: AS_WRITTEN };
  const written = new Map<string, string>();
  const root: Tree = Object.create(null);
  const keys = Object.keys(event).slice(0, MAX_MEMBERS);
  for (const key of keys) if (!FLAT.test(key)) root[key] = event[key]!;
  for (const key of keys) {
    if (!FLAT.test(key)) continue;
    const path = partsOf(key);
    if (put(root, path, event[key]!)) written.set(path.join("."), key);
  }
  return { event: root as JsonObject, written };
}

interface Tree {
  [key: string]: JsonValue;
}

function partsOf(key: string): readonly string[] {
  if (key.includes(".")) return key.split(".", MAX_PARTS);
  const parts: string[] = [];
  let from = 0;
  for (let at = key.indexOf("_"); at >= 0 && parts.length < MAX_PARTS; at = key.indexOf("_", at + 1)) {
    if (!OBJECTS.has(key.slice(0, at).toLowerCase())) continue;
    parts.push(key.slice(from, at));
    from = at + 1;
  }
  parts.push(key.slice(from));
  return parts;
}

/** False where something else already stands there. Objects of the event itself are never written to. */
function put(root: Tree, path: readonly string[], value: JsonValue): boolean {
  let at = root;
  for (const part of path.slice(0, -1)) {
    const inner = Object.hasOwn(at, part) ? at[part] : undefined;
    if (inner === undefined) {
      const made: Tree = Object.create(null);
      at[part] = made as JsonObject;
      at = made;
    } else if (isJsonObject(inner) && Object.getPrototypeOf(inner) === null) at = inner as Tree;
    else return false;
  }
  const last = path.at(-1)!;
  if (Object.hasOwn(at, last)) return false;
  at[last] = value;
  return true;
}
