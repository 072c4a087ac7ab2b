import { encodeEvent, encodeLocation } from "../../clients/wazuh-queue.ts";
import { CANARY_LOCATION, canaryEvent } from "../../intel/canary.ts";
import type { MispBlock } from "../../model/finding.ts";
import { isJsonObject, type JsonValue } from "../../model/json.ts";
import type { SampleEvent } from "./rule-catalog-checks.ts";
import type { RuleName } from "./rules.ts";

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

/** Of other types, shown elsewhere: what takes one need not take another. Of events of their own, so that no rule counts them together. */
const DOMAIN = changed({ event_id: "2", type: "domain", value: "doctor.invalid", tlp: "amber", band: "low" });
const URL = changed({ event_id: "3", type: "url", value: "http://doctor.invalid/x", tlp: "clear", band: "high" });
const HASH = changed({
  event_id: "4",
  category: "Payload delivery",
  type: "sha256",
  value: "0".repeat(64),
  tlp: "red",
});
const RETURNED: MispBlock = { ...FINDING, event_id: "5", mode: "canary", value: "canary.doctor.invalid" };

function changed(change: Partial<MispBlock>): MispBlock {
  const tags = change.tlp === undefined ? FINDING.tags : [`tlp:${change.tlp}`];
  return { ...FINDING, ...change, ...(tags && { tags }) };
}

const TROUBLE = JSON.stringify({
  integration: "misp",
  misp: { error: "a trouble that tipline doctor made", trouble: "delivery", component: "doctor", state: "begun" },
});
const CANARY = canaryEvent({ id: "doctor", domain: "canary.doctor.invalid", sent: "2026-01-01T00:00:00.000Z" });

/** An event that is sent to logtest, and what the rules are judged by. */
export interface Sample {
  /** For people: `a finding of a domain`. */
  readonly what: string;
  /** The rule that it is for; one below may take it. */
  readonly fires: RuleName;
  /** Rules on its way, each of which another one may go before. */
  readonly path: readonly RuleName[];
  /** Names of the fields that differ from event to event begin so. */
  readonly prefix: "misp." | "tipline_canary.";
  readonly log: string;
  readonly event: SampleEvent;
}

const LOCATION = encodeLocation({ id: "001", name: "tipline-doctor", ip: "192.0.2.1" });

/** The plain finding first. */
export const SAMPLES: readonly Sample[] = [
  match("a finding", FINDING),
  match("a finding of a domain", DOMAIN),
  match("a finding of a URL", URL),
  match("a finding of a file's hash", HASH),
  match("a canary that comes back", RETURNED),
  sample("an error", "error", ["parent", "error"], "misp.", TROUBLE, "misp"),
  sample("a canary on its way", "canaryProbe", ["canaryRoot"], "tipline_canary.", CANARY, CANARY_LOCATION),
];

function match(what: string, block: MispBlock): Sample {
  return sample(what, "match", ["parent", "match"], "misp.", encodeEvent(block) ?? "", LOCATION);
}

function sample(
  what: string,
  fires: RuleName,
  path: readonly RuleName[],
  prefix: Sample["prefix"],
  log: string,
  location: string,
): Sample {
  return { what, fires, path, prefix, log, event: { fields: flattened(log), log, location, decoder: "json" } };
}

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
