import { basename } from "node:path";
import type { Entry, Section } from "./config-file.ts";
import type { Examined } from "./examined.ts";
import { type Finding, findingAt } from "./finding.ts";

const SYNTAX = "Fluent Bit does not start, or reads it otherwise than it looks";
const CONSEQUENCES: ReadonlyMap<string, string> = new Map([
  ["too-large", "its faults are not all named"],
  ["parsers-file-missing", "5.1 does not start; 3.2 and 4.2 start without its parsers"],
  ["yaml-flow", 'nested values in braces fail with "unable to add variant value property"'],
  ["include", "what it holds is not read, and Fluent Bit does not start"],
]);

/** What is wrong with the text itself. */
export function textFindings(x: Examined): readonly Finding[] {
  const faults = x.config.faults.map((fault) =>
    findingAt(fault.id === "yaml-flow" ? "warn" : "fail", fault.id, fault, {
      found: fault.found,
      consequence: CONSEQUENCES.get(fault.id) ?? SYNTAX,
      advice: fault.advice,
    }),
  );
  return [...faults, ...x.config.sections.flatMap((section) => [...settings(x, section)])];
}

/** Keys that mean something more than once. */
const MANY = new Set([
  "header",
  "regex",
  "exclude",
  "rule",
  "add",
  "set",
  "remove",
  "rename",
  "hard_rename",
  "copy",
  "hard_copy",
  "condition",
  "record",
  "remove_key",
  "allowlist_key",
  "parsers_file",
  "plugins_file",
  "gelf_field",
  "decode_field",
  "decode_field_as",
  "operation",
  "wildcard",
  "nested_under",
  "parser",
  "label",
  "add_label",
]);

function* settings(x: Examined, section: Section): Generator<Finding> {
  if (section.kind === "other") return;
  const seen = new Map<string, Entry>();
  for (const entry of section.entries) {
    if (seen.has(entry.key) && !MANY.has(entry.key))
      yield findingAt("warn", "key-twice", entry, {
        found: `${entry.key.slice(0, 40)} a second time in its section (before at line ${seen.get(entry.key)?.line ?? 0})`,
        consequence: "one of the two counts, and which one is not said",
        advice: "keep one",
      });
    seen.set(entry.key, entry);
    // YAML knows comments after a value; the classic format does not.
    if (basename(entry.file).search(/\.ya?ml$/i) < 0 && /\s#\s/.test(entry.value) && !MANY.has(entry.key))
      yield findingAt("fail", "inline-comment", entry, {
        found: "a comment behind a value",
        consequence: "in the classic format it is part of the value",
        advice: "put it on a line of its own, above",
      });
    const meant = nearest(entry.key, x.plugin(section), section);
    if (meant !== undefined)
      yield findingAt("fail", "unknown-key", entry, {
        found: `${entry.key.slice(0, 40)} is no key of this plugin`,
        consequence: "Fluent Bit does not start",
        advice: `${meant} may be meant`,
      });
  }
  if (["input", "filter", "output"].includes(section.kind) && x.get(section, "name") === undefined)
    yield findingAt("fail", "name-missing", section, {
      found: "a section without Name",
      consequence: "Fluent Bit does not start",
      advice: "Name with the plugin: tail, grep, http, tcp …",
    });
}

const COMMON_IN = [
  "name",
  "tag",
  "alias",
  "log_level",
  "storage.type",
  "mem_buf_limit",
  "threaded",
  "storage.pause_on_chunks_overlimit",
];
const COMMON_OUT = [
  "name",
  "match",
  "match_regex",
  "alias",
  "log_level",
  "host",
  "port",
  "workers",
  "retry_limit",
  "storage.total_limit_size",
  "tls",
  "tls.verify",
  "tls.verify_hostname",
  "tls.debug",
  "tls.ca_file",
  "tls.ca_path",
  "tls.crt_file",
  "tls.key_file",
  "tls.key_passwd",
  "tls.vhost",
  "tls.min_version",
  "tls.max_version",
  "tls.ciphers",
  "ipv6",
  "net.keepalive",
];

/** Keys of the plugins that matter here; enough of them to know a slip of the pen by [3.2 to 5.1]. */
const KEYS: ReadonlyMap<string, readonly string[]> = new Map([
  [
    "tail",
    [
      ...COMMON_IN,
      ...["path", "path_key", "exclude_path", "key", "read_from_head", "refresh_interval", "watcher_interval"],
      ...["progress_check_interval", "progress_check_interval_nsec", "rotate_wait", "docker_mode", "docker_mode_flush"],
      ...["docker_mode_parser", "skip_long_lines", "truncate_long_lines", "exit_on_eof", "skip_empty_lines"],
      ...[
        "inotify_watcher",
        "parser",
        "tag_regex",
        "db",
        "db.sync",
        "db.locking",
        "db.journal_mode",
        "db.compare_filename",
      ],
      ...["multiline", "multiline_flush", "parser_firstline", "parser_n", "multiline.parser", "ignore_older"],
      ...["ignore_active_older_files", "offset_key", "static_batch_size", "event_batch_size", "buffer_chunk_size"],
      ...["buffer_max_size", "file_cache_advise", "unicode.encoding", "generic.encoding", "keep_file_handle"],
      ...["fstat_interval_nsec", "threaded", "routable"],
    ],
  ],
  [
    "http",
    [
      ...COMMON_OUT,
      ...["uri", "format", "header", "headers_key", "body_key", "header_tag", "compress", "proxy", "http_user"],
      ...["http_passwd", "http_method", "allow_duplicated_headers", "json_date_key", "json_date_format", "aws_auth"],
      ...["aws_region", "aws_service", "aws_profile", "log_response_payload", "gelf_timestamp_key"],
      ...[
        "gelf_short_message_key",
        "gelf_full_message_key",
        "gelf_host_key",
        "gelf_level_key",
        "http2",
        "oauth2.enable",
      ],
    ],
  ],
  ["tcp", [...COMMON_OUT, "format", "json_date_key", "json_date_format", "raw_message_key"]],
  [
    "gelf",
    [
      ...COMMON_OUT,
      ...["mode", "gelf_tag_key", "gelf_timestamp_key", "gelf_host_key", "gelf_short_message_key", "packet_size"],
      ...["gelf_full_message_key", "gelf_level_key", "compress"],
    ],
  ],
]);
const KINDS: ReadonlyMap<string, Section["kind"]> = new Map([
  ["tail", "input"],
  ["http", "output"],
  ["tcp", "output"],
  ["gelf", "output"],
]);

/** The key that an unknown one was meant to be. Others unknown may be of a later version, and are left alone. */
function nearest(key: string, plugin: string, section: Section): string | undefined {
  const keys = KINDS.get(plugin) === section.kind ? KEYS.get(plugin) : undefined;
  if (keys === undefined || keys.includes(key) || key.length > 60 || key.length < 4) return undefined;
  return keys.find((each) => each.length > 3 && distance(key, each) <= 2);
}

/** Letters to add, drop or change; 3 stands for more. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3;
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(
        Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)),
      );
    row = next;
  }
  return row[b.length] ?? 3;
}
