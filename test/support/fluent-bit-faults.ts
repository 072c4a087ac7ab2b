import type { SectionDraft } from "../../src/setup/fluent-bit/generate.ts";

type Settings = Readonly<Record<string, string | undefined>>;

export interface Fault {
  readonly id: string;
  readonly status: "fail" | "warn";
  /** Plugin whose section it is put into, or `service`. */
  readonly at: string;
  readonly put: Settings;
  /** What the advice says to write; default: what was there. Every key, and every value, has to be in the advice. */
  readonly cure?: Settings;
  readonly absent?: readonly string[];
  /** A filter or output of its own, in place of a changed setting. */
  readonly add?: SectionDraft;
}

const gone = undefined;
const fail = "fail" as const;
const warn = "warn" as const;
const section = (kind: SectionDraft["kind"], ...settings: [string, string][]): SectionDraft => ({
  kind,
  about: "put in",
  settings,
});

/** Each is put into a healthy file alone. */
export const FAULTS: readonly Fault[] = [
  { id: "log-level", status: warn, at: "service", put: { Log_Level: "debug" } },
  {
    id: "log-file-folder",
    status: fail,
    at: "service",
    put: { Log_File: "/var/log/fluentbit/custom.log" },
    cure: { Log_File: gone },
    absent: ["/var/log/fluentbit"],
  },
  {
    id: "plugins-file-missing",
    status: fail,
    at: "service",
    put: { Plugins_File: "/etc/fluentbit/plugins.conf" },
    cure: { Plugins_File: gone },
    absent: ["/etc/fluentbit/plugins.conf"],
  },
  {
    id: "parsers-file-missing",
    status: fail,
    at: "service",
    put: { Parsers_File: "/nowhere/parsers.conf" },
    cure: { Parsers_File: gone },
  },
  { id: "storage-sync-full", status: warn, at: "service", put: { "storage.sync": "full" } },
  {
    id: "storage-checksum",
    status: warn,
    at: "service",
    put: { "storage.checksum": "On" },
    cure: { "storage.checksum": "Off" },
  },
  {
    id: "storage-path",
    status: fail,
    at: "service",
    put: { "storage.path": gone },
    cure: { "storage.path": "/var/lib/fluent-bit/storage" },
  },
  { id: "scheduler-cap", status: warn, at: "service", put: { "scheduler.cap": gone } },
  { id: "http-server-open", status: warn, at: "service", put: { HTTP_Listen: "0.0.0.0" } },
  { id: "path-not-wazuh", status: fail, at: "tail", put: { Path: "/opt/security/feeds/wazuh-alerts.log" } },
  { id: "path-only-alerts-json", status: fail, at: "tail", put: { Path: "/var/ossec/logs/alerts/alerts.json" } },
  { id: "path-too-wide", status: fail, at: "tail", put: { Path: "/var/ossec/logs/alerts/*/*/ossec-alerts-*" } },
  { id: "db-missing", status: fail, at: "tail", put: { DB: gone }, cure: { DB: "/var/lib/fluent-bit/wazuh.db" } },
  { id: "db-relative", status: warn, at: "tail", put: { DB: "wazuh.db" }, cure: {} },
  { id: "read-from-head", status: fail, at: "tail", put: { Read_from_Head: gone } },
  { id: "refresh-interval", status: warn, at: "tail", put: { Refresh_Interval: gone } },
  { id: "rotate-wait", status: warn, at: "tail", put: { Rotate_Wait: "5" } },
  { id: "ignore-older", status: warn, at: "tail", put: { Ignore_Older: gone } },
  { id: "ignore-older-short", status: warn, at: "tail", put: { Ignore_Older: "1h" } },
  {
    id: "buffer-max-size",
    status: fail,
    at: "tail",
    put: { Buffer_Max_Size: gone, Buffer_Chunk_Size: "32k" },
    cure: { Buffer_Max_Size: "4M" },
  },
  { id: "skip-long-lines", status: fail, at: "tail", put: { Skip_Long_Lines: gone } },
  { id: "buffer-chunk-size", status: fail, at: "tail", put: { Buffer_Chunk_Size: "8M" } },
  {
    id: "truncate-long-lines",
    status: warn,
    at: "tail",
    put: { Truncate_Long_Lines: "On" },
    cure: { Truncate_Long_Lines: gone },
  },
  { id: "storage-memory", status: fail, at: "tail", put: { "storage.type": "memory" } },
  { id: "mem-buf-limit", status: warn, at: "tail", put: { Mem_Buf_Limit: "1GB" }, cure: { Mem_Buf_Limit: gone } },
  {
    id: "grep-drops-all",
    status: fail,
    at: "filter",
    put: {},
    add: section("filter", ["Name", "grep"], ["Match", "wazuh.*"], ["Regex", "message .*critical.*"]),
  },
  {
    id: "grep-drops-some",
    status: warn,
    at: "filter",
    put: {},
    add: section("filter", ["Name", "grep"], ["Match", "*"], ["Exclude", "log .*noise.*"]),
  },
  {
    id: "filter-without-match",
    status: warn,
    at: "filter",
    put: {},
    add: section("filter", ["Name", "throttle"], ["Rate", "100"]),
  },
  { id: "retry-limit", status: fail, at: "http", put: { Retry_Limit: gone } },
  { id: "retry-limit", status: fail, at: "tcp", put: { Retry_Limit: "5" } },
  { id: "workers", status: warn, at: "http", put: { Workers: gone } },
  { id: "workers", status: warn, at: "tcp", put: { Workers: "2" } },
  { id: "total-limit-size", status: warn, at: "tcp", put: { "storage.total_limit_size": gone } },
  { id: "tls-off", status: warn, at: "tcp", put: { tls: "Off" } },
  { id: "tls-verify-off", status: fail, at: "http", put: { "tls.verify": "Off" } },
  { id: "tls-hostname", status: warn, at: "tcp", put: { "tls.verify_hostname": gone } },
  { id: "tls-file-missing", status: fail, at: "tcp", put: {}, cure: {}, absent: ["/etc/fluent-bit/graylog-ca.pem"] },
  { id: "relative-path", status: warn, at: "tcp", put: { "tls.ca_file": "ca.pem" }, cure: {} },
  { id: "secret-in-clear", status: fail, at: "http", put: { Header: "Authorization Bearer abc123" }, cure: {} },
  {
    id: "secret-in-clear",
    status: fail,
    at: "http",
    put: { HTTP_Passwd: "s3cure" },
    cure: { HTTP_Passwd: `\${NAME}` },
  },
  {
    id: "no-token",
    status: fail,
    at: "http",
    put: { Header: gone },
    cure: { Header: `Authorization Bearer \${TIPLINE_TOKEN}` },
  },
  { id: "output-matches-nothing", status: fail, at: "http", put: { Match: "ossec.*" }, cure: {} },
  { id: "output-without-match", status: fail, at: "tcp", put: { Match: gone }, cure: {} },
  { id: "http-port", status: fail, at: "http", put: { Port: "9200" } },
  {
    id: "http-format",
    status: fail,
    at: "http",
    put: { Format: gone, Json_Date_Key: gone },
    cure: { Format: "json_lines" },
  },
  { id: "http-format-json", status: warn, at: "http", put: { Format: "json" } },
  { id: "json-date-key", status: warn, at: "http", put: { Json_Date_Key: gone } },
  { id: "json-date-key-true", status: fail, at: "http", put: { Json_Date_Key: "true" } },
  { id: "body-key", status: fail, at: "http", put: { Body_Key: "$log" }, cure: { Body_Key: gone } },
  { id: "content-type-header", status: warn, at: "http", put: {}, cure: {} },
  { id: "compress", status: fail, at: "http", put: { Compress: "zstd" } },
  { id: "http-gelf", status: fail, at: "http", put: { URI: "/gelf" }, cure: {} },
  { id: "raw-key-constant", status: fail, at: "tcp", put: { Raw_Message_Key: "log" } },
  { id: "raw-key-other", status: fail, at: "tcp", put: { Raw_Message_Key: "$message" } },
  { id: "tcp-format", status: fail, at: "tcp", put: { Raw_Message_Key: gone } },
  {
    id: "tcp-format-json",
    status: fail,
    at: "tcp",
    put: { Raw_Message_Key: gone, Format: "json", Json_Date_Key: "false" },
  },
  {
    id: "tcp-wrapped",
    status: warn,
    at: "tcp",
    put: { Raw_Message_Key: gone, Format: "json_lines", Json_Date_Key: "false" },
  },
  { id: "port-missing", status: fail, at: "tcp", put: { Port: gone } },
  { id: "unknown-key", status: fail, at: "http", put: { Retry_Limt: "no_limits" }, cure: {} },
  { id: "name-missing", status: fail, at: "filter", put: {}, add: section("filter", ["Match", "*"]) },
];
