import type { Finding } from "../model/finding.ts";
import type { JsonValue } from "../model/json.ts";

/**
 * How a field is sent. An index takes a field's type from the first message that has it and refuses whole messages that do not fit
 * later, so a name has one type for ever: `text` a string that is never read as a number or a date · `list` the items, joined with
 * comma and space, as text · `number` a whole number, always as a JSON number · `date` a valid instant or day in ISO 8601, always.
 */
export type FieldType = "text" | "list" | "number" | "date";

/** A field that is sent by default. Names are API: docs/graylog-fields.md lists them, dashboards and rules use them. */
export interface GelfField {
  /** As Graylog shows it; on the wire it has a `_` before it. */
  readonly name: string;
  readonly type: FieldType;
  /** Path in the `misp` object, or in the alert. */
  readonly path: readonly string[];
}

/** Members of the `misp` object that are numbers, or dates, wherever they are. */
const NUMBERS = new Set(["score", "matches_count", "repeat_count", "entities_count"]);
const DATES = new Set(["event_date", "first_seen", "last_seen", "timestamp"]);
const LISTS = new Set(["tags", "mitre", "reasons", "annotations", "cve", "others"]);

const MISP = `event_id category type value event_info event_uuid event_date org threat_level attribute_uuid comment tags tlp mitre
  first_seen last_seen feed link match.kind match.where match.observable match.role score band reasons warninglist annotations
  direction outcome context.host context.user context.image context.parent_image context.command_line context.src context.dst cve
  matches_count others repeat_count entities_count quiet foreign mode generation finding_id truncated`;

const ALERT = `id timestamp rule.id rule.level rule.description rule.groups rule.mitre.id rule.mitre.tactic rule.mitre.technique
  agent.id agent.name agent.ip manager.name cluster.node location decoder.name data.srcip data.srcport data.srcuser data.dstip
  data.dstport data.dstuser data.protocol data.url syscheck.path`;

/** Members of the `misp` object, in the order in which they are sent. */
export const MISP_FIELDS: readonly GelfField[] = words(MISP).map((path) => {
  const [first = ""] = path;
  return { name: mispName(path), type: mispType(first), path };
});

/** Members of the alert that are sent without `full`. */
export const ALERT_FIELDS: readonly GelfField[] = words(ALERT).map((path) => ({
  name: alertName(path),
  type: alertType(path),
  path,
}));

/** Fields that are neither in the `misp` object nor in the alert. */
export const OWN_FIELDS = {
  tipline_kind: "text",
  tipline_suppressed: "text",
  tipline_indicator: "text",
  tipline_entity: "text",
  tipline_shortened: "text",
  tipline_omitted: "text",
} as const satisfies Record<string, FieldType>;

export type OwnField = keyof typeof OWN_FIELDS;

/** Graylog's own fields that are set: they have no `_`. */
export const STANDARD_FIELDS = ["version", "host", "short_message", "full_message", "timestamp", "level"] as const;

export function mispName(path: readonly string[]): string {
  return plainName(["tipline", ...path]);
}

/** Named as `flatten_json` with the prefix `wazuh_` names it, so that raw lines and ours agree. */
export function alertName(path: readonly string[]): string {
  return plainName(["wazuh", ...path]);
}

/**
 * A name that Graylog keeps as it is: it drops fields with other characters without a word, and writes a dot as `_`. No part of a
 * name is empty, so that the name is the same however it is written.
 */
function plainName(parts: readonly string[]): string {
  return parts.map((part) => part.replace(/[^A-Za-z0-9_-]/g, "_") || "_").join("_");
}

export function mispType(member: string): FieldType {
  if (NUMBERS.has(member)) return "number";
  if (DATES.has(member)) return "date";
  return LISTS.has(member) ? "list" : "text";
}

export function alertType(path: readonly string[]): FieldType {
  const name = path.join(".");
  if (name === "timestamp") return "date";
  if (name === "rule.level") return "number";
  return name === "rule.groups" || name.startsWith("rule.mitre.") ? "list" : "text";
}

/** What is not in the `misp` object but in the finding. */
export function ownValues({ kind, suppressed, key }: Finding): ReadonlyMap<OwnField, JsonValue> {
  return new Map<OwnField, JsonValue>([
    ["tipline_kind", kind],
    ["tipline_suppressed", suppressed],
    ["tipline_indicator", key.indicator],
    ["tipline_entity", key.entity],
  ]);
}

function words(text: string): readonly (readonly string[])[] {
  return text
    .trim()
    .split(/\s+/)
    .map((path) => path.split("."));
}
