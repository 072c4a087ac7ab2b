import { FINDINGS_STREAM_ID, NOTIFICATION_ID } from "./entities.ts";
import type { PackOptions } from "./options.ts";
import { type EventPart, milliseconds } from "./parts.ts";
import { boolean, type Entity, entity, idOf, integer, string } from "./value.ts";

/** Where Graylog keeps events that are alerts or not: its stream "All events". */
const EVENTS_STREAM = "000000000000000000000002";

/** An event definition; without a series every message is an event. */
export function eventDefinition(part: EventPart, options: PackOptions): Entity {
  const { fields, key } = part;
  return entity("event_definition", idOf(`event ${part.id}`), {
    _scope: string("DEFAULT"),
    title: string(part.title),
    description: string(filled(part.description, options)),
    priority: integer(part.priority),
    alert: boolean(true),
    config: {
      type: "aggregation-v1",
      query: string(filled(part.query, options)),
      filters: [],
      streams: part.streams === "findings" ? [FINDINGS_STREAM_ID] : [],
      group_by: part.group_by,
      ...aggregation(part, options),
      search_within_ms: milliseconds(filled(part.within, options)),
      execute_every_ms: milliseconds(part.every),
      use_cron_scheduling: false,
      event_limit: 1000,
    },
    field_spec: Object.fromEntries(fields.map((field) => [field, fieldSpec(field)])),
    key_spec: key,
    notification_settings: { grace_period_ms: milliseconds(part.grace), backlog_size: part.backlog },
    notifications:
      part.notify === undefined ? [] : [{ notification_id: string(NOTIFICATION_ID), notification_parameters: null }],
    storage: [{ type: "persist-to-streams-v1", streams: [EVENTS_STREAM] }],
    is_scheduled: boolean(true),
  });
}

function aggregation(
  { series: { type, field }, at }: EventPart,
  { hosts }: PackOptions,
): Readonly<Record<string, unknown>> {
  const [threshold] = Object.entries(at);
  if (type === undefined || threshold === undefined) return { series: [] };
  const [expr, limit] = threshold;
  const id = `${type}-${field ?? ""}`;
  return {
    series: [{ type, id, field: field ?? null }],
    conditions: {
      expression: {
        expr,
        left: { expr: "number-ref", ref: id },
        right: { expr: "number", value: limit === "{hosts}" ? hosts : limit },
      },
    },
  };
}

const fieldSpec = (field: string) => ({
  data_type: "string",
  providers: [{ type: "template-v1", template: `\${source.${field}}`, require_values: false }],
});

function filled(text: string, { minScore, hosts, silentAfter }: PackOptions): string {
  return text
    .replaceAll("{score}", String(minScore))
    .replaceAll("{hosts}", String(hosts))
    .replaceAll("{silent}", silentAfter);
}
