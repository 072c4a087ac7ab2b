import { DASHBOARD } from "./dashboard-shape.ts";
import {
  anything,
  chosen,
  configuration,
  flag,
  list,
  number,
  object,
  record,
  reference,
  referenceOf,
  type Shape,
  text,
  word,
} from "./shape.ts";

const string = reference("string");
const boolean = reference("boolean");

const STREAM_RULE = object({
  type: referenceOf("EXACT", "REGEX", "GREATER", "SMALLER", "PRESENCE", "CONTAINS", "ALWAYS_MATCH", "MATCH_INPUT"),
  field: string,
  value: string,
  inverted: boolean,
  description: string,
});

const LOOKUP = { name: string, title: string, description: string };
const DEFAULTS = {
  default_single_value: string,
  default_single_value_type: referenceOf("STRING", "NUMBER", "BOOLEAN", "OBJECT", "NULL"),
  default_multi_value: string,
  default_multi_value_type: referenceOf("OBJECT", "NULL"),
};

const NOTIFICATION = chosen("type", {
  "http-notification-v1": object({ type: text, url: string }),
  "http-notification-v2": object({
    type: text,
    url: string,
    skip_tls_verification: boolean,
    method: referenceOf("POST", "PUT", "GET"),
    time_zone: string,
    content_type: referenceOf("JSON", "FORM_DATA", "PLAIN_TEXT"),
    headers: string,
    body_template: string,
  }),
});

const CONDITION = object(
  { expr: word("number-ref", "number", ">=", ">", "<=", "<", "==", "&&", "||", "group") },
  { ref: text, value: number, left: anything, right: anything },
);

const SERIES = chosen("type", {
  count: object({ type: text, id: text, field: anything }),
  card: object({ type: text, id: text, field: text }),
});

const EVENT_CONFIG = chosen("type", {
  "aggregation-v1": object(
    {
      type: text,
      query: string,
      streams: list(text),
      group_by: list(text),
      series: list(SERIES),
      search_within_ms: number,
      execute_every_ms: number,
    },
    {
      conditions: object({ expression: CONDITION }),
      query_parameters: list(anything),
      filters: list(anything),
      use_cron_scheduling: flag,
      event_limit: number,
    },
  ),
});

const FIELD_SPEC = object({
  data_type: word("string"),
  providers: list(object({ type: word("template-v1"), template: text, require_values: flag }), 1),
});

const ALLOWLIST = object({ id: text, type: word("literal", "regex"), title: text, value: text });

/** By `name/version`: what Graylog's model wants in `data`. */
export const ENTITY_SHAPES: Readonly<Record<string, Shape>> = {
  "input/1": object({
    title: string,
    configuration,
    static_fields: record(string),
    type: string,
    global: boolean,
    extractors: list(anything),
  }),
  "stream/1": object(
    {
      title: string,
      disabled: boolean,
      matching_type: referenceOf("AND", "OR"),
      stream_rules: list(STREAM_RULE),
      alert_conditions: list(anything),
      alarm_callbacks: list(anything),
      outputs: list(anything),
      default_stream: boolean,
      remove_matches: boolean,
    },
    { description: string, favorite_fields: list(text) },
  ),
  "pipeline_rule/1": object({ title: string, source: string }, { description: string }),
  "pipeline/1": object({ title: string, source: string, connected_streams: list(string) }, { description: string }),
  "lookup_cache/1": object({ ...LOOKUP, configuration }, { _scope: string }),
  "lookup_adapter/1": object({ ...LOOKUP, configuration }, { _scope: string }),
  "lookup_table/1": object(
    { ...LOOKUP, cache_name: string, data_adapter_name: string, ...DEFAULTS },
    { _scope: string },
  ),
  "notification/1": object({ title: string, description: string, config: NOTIFICATION }),
  "event_definition/1": object(
    {
      title: string,
      description: string,
      priority: reference("integer"),
      alert: boolean,
      config: EVENT_CONFIG,
      field_spec: record(FIELD_SPEC),
      key_spec: list(text),
      notification_settings: object({ grace_period_ms: number }, { backlog_size: number }),
      notifications: list(object({ notification_id: string }, { notification_parameters: anything })),
      storage: list(object({ type: word("persist-to-streams-v1"), streams: list(text, 1) }), 1),
    },
    { _scope: string, is_scheduled: boolean },
  ),
  "url_whitelist_entry/1": ALLOWLIST,
  "url_allowlist_entry/1": ALLOWLIST,
  "dashboard/2": DASHBOARD,
};

const INPUT = {
  bind_address: "string",
  port: "integer",
  max_message_size: "integer",
  use_null_delimiter: "boolean",
  tls_enable: "boolean",
};

/** What a configuration needs, with the types, that Graylog only finds out when it starts what is configured. */
export const CONFIGURATIONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "org.graylog2.inputs.gelf.tcp.GELFTCPInput": { ...INPUT, decompress_size_limit: "integer" },
  "org.graylog2.inputs.raw.tcp.RawTCPInput": INPUT,
  guava_cache: {
    type: "string",
    max_size: "integer",
    expire_after_access: "integer",
    expire_after_access_unit: "string",
    expire_after_write: "integer",
    expire_after_write_unit: "string",
  },
  httpjsonpath: { type: "string", url: "string", single_value_jsonpath: "string", user_agent: "string" },
};
