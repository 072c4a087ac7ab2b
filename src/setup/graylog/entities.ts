import type { PackOptions } from "./options.ts";
import { boolean, type Entity, entity, idOf, integer, parameter, type Reference, string } from "./value.ts";

export const FINDINGS_STREAM = "Tipline findings";
export const GELF_INPUT = "Tipline: GELF (TCP)";
export const RAW_INPUT = "Tipline: Wazuh lines (raw TCP)";
export const LOOKUP_TABLE = "tipline";
/** Graylog's stream "All messages", in every installation. */
export const DEFAULT_STREAM = "000000000000000000000001";

export const FINDINGS_STREAM_ID = idOf("stream findings");
export const NOTIFICATION_ID = idOf("notification");
const CACHE_ID = idOf("lookup cache");
const ADAPTER_ID = idOf("lookup adapter");

/** The longest frame that Graylog takes unless configured otherwise. */
const MAX_FRAME = 2_097_152;

/** Both inputs listen on TCP; the one for lines ends a message with a newline, GELF with a NUL. */
export function inputs(options: PackOptions): readonly Entity[] {
  const all = [
    options.inputs.includes("gelf")
      ? input("gelf", GELF_INPUT, "org.graylog2.inputs.gelf.tcp.GELFTCPInput", {
          port: parameter("GELF_PORT"),
          use_null_delimiter: boolean(true),
          decompress_size_limit: integer(8_388_608),
        })
      : undefined,
    options.inputs.includes("raw")
      ? input("raw", RAW_INPUT, "org.graylog2.inputs.raw.tcp.RawTCPInput", {
          port: parameter("RAW_PORT"),
          use_null_delimiter: boolean(false),
        })
      : undefined,
  ].filter((one) => one !== undefined);
  return all;

  function input(name: string, title: string, type: string, own: Readonly<Record<string, Reference>>): Entity {
    return entity("input", idOf(`input ${name}`), {
      title: string(title),
      configuration: {
        bind_address: parameter("BIND_ADDRESS"),
        recv_buffer_size: integer(1_048_576),
        max_message_size: integer(MAX_FRAME),
        number_worker_threads: integer(2),
        tcp_keepalive: boolean(true),
        charset_name: string("UTF-8"),
        ...tls(options),
        ...own,
      },
      static_fields: {},
      type: string(type),
      global: boolean(true),
      extractors: [],
    });
  }
}

/** The files are on Graylog's host. Without a key file Graylog would make a certificate that nobody can verify. */
function tls({ inputTls }: PackOptions): Readonly<Record<string, Reference>> {
  if (inputTls === undefined) return { tls_enable: boolean(false), tls_client_auth: string("disabled") };
  return {
    tls_enable: boolean(true),
    tls_cert_file: string(inputTls.certFile),
    tls_key_file: string(inputTls.keyFile),
    tls_client_auth: string(inputTls.clientCaFile === undefined ? "disabled" : "required"),
    ...(inputTls.clientCaFile !== undefined && { tls_client_auth_cert_file: string(inputTls.clientCaFile) }),
  };
}

/** By the rule of the stream findings that come by GELF are in it even where the pipeline does not run. */
export function findingsStream(): Entity {
  return entity("stream", FINDINGS_STREAM_ID, {
    title: string(FINDINGS_STREAM),
    description: string("Wazuh alerts in which Tipline found an indicator of MISP"),
    disabled: boolean(false),
    matching_type: string("OR"),
    stream_rules: [
      {
        type: string("PRESENCE"),
        field: string("tipline_finding_id"),
        value: string(""),
        inverted: boolean(false),
        description: string("GELF from Tipline; findings in raw lines are routed by the pipeline"),
      },
    ],
    alert_conditions: [],
    alarm_callbacks: [],
    outputs: [],
    default_stream: boolean(false),
    remove_matches: boolean(false),
  });
}

/** Tipline as a lookup table: one HTTP request for a value that is not in the cache, answered from memory. */
export function lookup(): readonly Entity[] {
  const scope = string("DEFAULT");
  return [
    entity("lookup_cache", CACHE_ID, {
      _scope: scope,
      name: string(`${LOOKUP_TABLE}-cache`),
      title: string("Tipline: answers of the last minute"),
      description: string("Spares Tipline repeated questions"),
      configuration: {
        type: string("guava_cache"),
        max_size: integer(20_000),
        expire_after_access: integer(0),
        expire_after_access_unit: string("SECONDS"),
        expire_after_write: integer(60),
        expire_after_write_unit: string("SECONDS"),
        ignore_null: boolean(true),
      },
    }),
    entity("lookup_adapter", ADAPTER_ID, {
      _scope: scope,
      name: string(`${LOOKUP_TABLE}-http`),
      title: string("Tipline: GET /v1/lookup"),
      description: string("Answers for every value; verdict is malicious, known_benign or none"),
      configuration: {
        type: string("httpjsonpath"),
        url: parameter("LOOKUP_URL"),
        single_value_jsonpath: string("$.verdict"),
        multi_value_jsonpath: string("$"),
        user_agent: string("Graylog"),
        headers: { Accept: string("application/json"), Authorization: parameter("LOOKUP_AUTHORIZATION") },
      },
    }),
    entity("lookup_table", idOf("lookup table"), {
      _scope: scope,
      name: string(LOOKUP_TABLE),
      title: string("Tipline: is this value known to MISP?"),
      description: string("Single value: the verdict. All values: score, event, organisation, link and more"),
      cache_name: string(CACHE_ID),
      data_adapter_name: string(ADAPTER_ID),
      default_single_value: string(""),
      default_single_value_type: string("NULL"),
      default_multi_value: string(""),
      default_multi_value_type: string("NULL"),
    }),
  ];
}

/** Graylog's events, with their messages, to Tipline: `POST /v1/graylog`. An empty template gives Graylog's standard body. */
export function notification(): Entity {
  return entity("notification", NOTIFICATION_ID, {
    title: string("Tipline: hand over for matching"),
    description: string(
      "Each message of the event is matched like an alert. Not for events about Tipline's own findings",
    ),
    config: {
      type: "http-notification-v2",
      url: parameter("NOTIFY_URL"),
      skip_tls_verification: boolean(false),
      method: string("POST"),
      time_zone: string("UTC"),
      content_type: string("JSON"),
      headers: parameter("NOTIFY_HEADERS"),
      body_template: string(""),
    },
  });
}
