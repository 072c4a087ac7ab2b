import { encodeEvent, encodeLocation } from "../clients/wazuh-queue.ts";
import type { MispBlock } from "../model/finding.ts";
import { isJsonObject, type JsonValue } from "../model/json.ts";
import type { SampleEvent } from "./wazuh/rule-catalog-checks.ts";

/** A finding as the sink would send it; nobody has it as an indicator (TEST-NET-3) and its id carries no seal. */
const FINDING: MispBlock = {
  event_id: "1",
  category: "Network activity",
  type: "ip-dst",
  value: "203.0.113.77",
  source: {
    description: "tipline doctor",
    rule_id: "5715",
    rule_level: "3",
    alert_id: "1.1",
    location: "journald",
    timestamp: "2026-01-01T00:00:00.000+0000",
  },
  agent: { id: "001", name: "tipline-doctor", ip: "192.0.2.1" },
  context: { host: "tipline-doctor", src: "203.0.113.77", dst: "192.0.2.1" },
  event_info: "A finding that tipline doctor made for wazuh-logtest",
  event_uuid: "00000000-0000-4000-8000-000000000003",
  org: "Tipline",
  threat_level: "Medium",
  attribute_uuid: "00000000-0000-4000-8000-000000000004",
  tags: ["tlp:green"],
  tlp: "green",
  feed: "doctor",
  match: { kind: "exact", where: "data.srcip", observable: "203.0.113.77", role: "source" },
  score: "60",
  band: "medium",
  reasons: ["to_ids"],
  direction: "inbound",
  matches_count: "1",
  mode: "live",
  generation: "doctor",
  finding_id: "00000000-0000-8000-8000-000000000000",
};

/** What is sent to logtest, and what the rules are judged by. */
export const SAMPLE_LOCATION = encodeLocation({ id: "001", name: "tipline-doctor", ip: "192.0.2.1" });
export const SAMPLE_LOG = encodeEvent(FINDING) ?? "";
export const SAMPLE: SampleEvent = {
  fields: flattened(SAMPLE_LOG),
  log: SAMPLE_LOG,
  location: SAMPLE_LOCATION,
  decoder: "json",
};

/** As the JSON decoder names fields; lists stand as their text. */
function flattened(log: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  const add = (value: JsonValue, path: string): void => {
    if (isJsonObject(value))
      for (const [key, child] of Object.entries(value)) add(child, path === "" ? key : `${path}.${key}`);
    else fields.set(path, typeof value === "string" ? value : JSON.stringify(value));
  };
  add(JSON.parse(log) as JsonValue, "");
  return fields;
}
