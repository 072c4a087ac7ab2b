import { TiplineError } from "../../lib/errors.ts";
import { bytesOf } from "./finding.ts";
import { isLoopback } from "./rules-output.ts";

export type Route = "tipline" | "graylog" | "both";

/** Files of PEM; absolute paths. */
export interface TlsFiles {
  readonly caFile: string;
  /** What we show ourselves with; both or neither. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

export interface Receiver {
  readonly host: string;
  readonly port: number;
  /** Undefined: plain. */
  readonly tls: TlsFiles | undefined;
}

export interface TiplineReceiver extends Receiver {
  readonly uri: string;
  /** Name of the environment's variable that holds the token; undefined: none is sent. */
  readonly tokenEnv: string | undefined;
}

/** What a generated configuration is made of. */
export interface FluentBitOptions {
  /** The daily files, as a glob. */
  readonly alerts: string;
  /** Folder of offsets and waiting chunks. */
  readonly stateDir: string;
  /** Bytes on the disk that may wait for each receiver, as Fluent Bit writes it: `1G`. */
  readonly limit: string;
  /** Port of Fluent Bit's own counters on loopback; undefined: none. */
  readonly monitorPort: number | undefined;
  readonly tipline: TiplineReceiver | undefined;
  readonly graylog: Receiver | undefined;
}

/** A section to write; keys as the classic format spells them. */
export interface SectionDraft {
  readonly kind: "service" | "input" | "filter" | "output";
  /** Said in a comment above it. */
  readonly about: string;
  readonly settings: readonly (readonly [key: string, value: string])[];
}

export const TAG = "wazuh.raw";

/**
 * The configuration for these options: one input of exact lines, and an output for each receiver. Throws TIP_USAGE_INVALID for a
 * value that has no place in such a file, or would send a token in clear.
 */
export function generate(options: FluentBitOptions): readonly SectionDraft[] {
  const { tipline, graylog } = options;
  if (!tipline && !graylog) throw usage("expected a receiver, found none");
  return [
    service(options),
    input(options),
    ...(tipline ? [toTipline(tipline, options)] : []),
    ...(graylog ? [toGraylog(graylog, options)] : []),
  ];
}

function service({ stateDir, monitorPort }: FluentBitOptions): SectionDraft {
  return {
    kind: "service",
    about: "Chunks wait on the disk; after an outage the next try is at most a minute away.",
    settings: [
      ["Flush", "1"],
      ["Daemon", "Off"],
      ["Log_Level", "info"],
      ...(monitorPort === undefined
        ? []
        : ([
            ["HTTP_Server", "On"],
            ["HTTP_Listen", "127.0.0.1"],
            ["HTTP_Port", portText(monitorPort)],
            ["storage.metrics", "On"],
          ] as const)),
      ["storage.path", `${path(stateDir, "the state folder")}/storage`],
      ["storage.sync", "normal"],
      ["storage.max_chunks_up", "128"],
      ["storage.backlog.mem_limit", "16M"],
      ["scheduler.base", "2"],
      ["scheduler.cap", "60"],
    ],
  };
}

function input({ alerts, stateDir }: FluentBitOptions): SectionDraft {
  return {
    kind: "input",
    about: "The file of each day, not alerts.json: so nothing is lost where Fluent Bit is down over midnight.",
    settings: [
      ["Name", "tail"],
      ["Tag", TAG],
      ["Path", path(alerts, "the alerts' files")],
      ["Key", "log"],
      ["Ignore_Older", "2d"],
      ["DB", `${path(stateDir, "the state folder")}/wazuh.db`],
      ["DB.locking", "true"],
      ["Read_from_Head", "On"],
      ["Refresh_Interval", "5"],
      ["Rotate_Wait", "30"],
      ["Buffer_Chunk_Size", "128k"],
      ["Buffer_Max_Size", "4M"],
      ["Skip_Long_Lines", "On"],
      ["storage.type", "filesystem"],
    ],
  };
}

function toTipline(receiver: TiplineReceiver, options: FluentBitOptions): SectionDraft {
  const { host, tls, tokenEnv, uri } = receiver;
  if (!tls && !isLoopback(host))
    throw usage(`expected TLS to ${host}: alerts and the token would go over the network in clear`);
  if (!/^\/[\w./-]{0,200}$/.test(uri)) throw usage("expected a path such as /v1/alerts");
  return {
    kind: "output",
    about: `Tipline: each line as {"log":"<the exact line>"}; at least once.`,
    settings: [
      ["Name", "http"],
      ["Match", TAG],
      ...address(receiver),
      ["URI", uri],
      ["Format", "json_lines"],
      ["Json_Date_Key", "false"],
      ["Compress", "gzip"],
      ...(tokenEnv === undefined ? [] : ([["Header", `Authorization Bearer \${${variable(tokenEnv)}}`]] as const)),
      ...delivery(options),
      ...encryption(tls),
    ],
  };
}

function toGraylog(receiver: Receiver, options: FluentBitOptions): SectionDraft {
  return {
    kind: "output",
    about: "Graylog's Raw/Plaintext TCP input: the line as Wazuh wrote it. TCP acknowledges nothing: at most once.",
    settings: [
      ["Name", "tcp"],
      ["Match", TAG],
      ...address(receiver),
      ["Raw_Message_Key", "$log"],
      ...delivery(options),
      ...encryption(receiver.tls),
    ],
  };
}

type Settings = SectionDraft["settings"];

function address({ host, port }: Receiver): Settings {
  if (!/^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45})$/.test(host))
    throw usage("expected a host name or an address");
  return [
    ["Host", host],
    ["Port", portText(port)],
  ];
}

function delivery({ limit }: FluentBitOptions): Settings {
  if ((bytesOf(limit) ?? 0) < 1e6) throw usage("--limit: expected a size of at least 1M, such as 1G");
  return [
    ["Workers", "1"],
    ["Retry_Limit", "no_limits"],
    ["storage.total_limit_size", limit],
  ];
}

function encryption(tls: TlsFiles | undefined): Settings {
  if (!tls) return [];
  const { caFile, certFile, keyFile } = tls;
  if ((certFile === undefined) !== (keyFile === undefined))
    throw usage("expected a client certificate and its key, or neither");
  return [
    ["tls", "On"],
    ["tls.verify", "On"],
    ["tls.verify_hostname", "On"],
    ["tls.ca_file", path(caFile, "the authority's certificate")],
    ...(certFile === undefined ? [] : ([["tls.crt_file", path(certFile, "the client's certificate")]] as const)),
    ...(keyFile === undefined ? [] : ([["tls.key_file", path(keyFile, "the client's key")]] as const)),
  ];
}

/** What means the same in both formats, unquoted: no space, no `#`, no `:`, no `$`. */
function path(text: string, what: string): string {
  if (/^\/[\w.@%+=,/*-]{1,1000}$/.test(text) && !text.split("/").includes("..")) return text;
  throw usage(`expected ${what} as an absolute path of letters, digits and . _ - + = @ % , found another`);
}

function variable(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]{0,60}$/.test(name)) return name;
  throw usage("--token-env: expected the name of a variable, such as TIPLINE_TOKEN");
}

function portText(port: number): string {
  if (Number.isInteger(port) && port > 0 && port < 65_536) return String(port);
  throw usage("expected a port from 1 to 65535");
}

function usage(message: string): TiplineError {
  return new TiplineError("TIP_USAGE_INVALID", message);
}
