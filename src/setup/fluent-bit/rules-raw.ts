import { isOpen, type Section } from "./config-file.ts";
import type { Examined } from "./examined.ts";
import { type Finding, findingAt } from "./finding.ts";
import { dates } from "./rules-http.ts";
import type { Shape } from "./streams.ts";

/** The tcp and gelf outputs: what Graylog's inputs take, and what they drop in silence. */
export function rawFindings(x: Examined): readonly Finding[] {
  return [
    ...x.of("output", "tcp").flatMap((output) => [...tcp(x, output), ...port(x, output, "5170")]),
    ...x.of("output", "gelf").flatMap((output) => [...gelf(x, output)]),
  ];
}

function shapes(x: Examined, output: Section): readonly Shape[] {
  return x.into(output).map((stream) => x.shape(stream, output));
}

function* port(x: Examined, output: Section, otherwise: string): Generator<Finding> {
  if (x.get(output, "port") !== undefined) return;
  yield findingAt("fail", "port-missing", output, {
    found: `Port is missing: it is ${otherwise}`,
    consequence: "no input of Graylog or Tipline is there",
    advice: "Port 5555, or that of the input",
  });
}

function* tcp(x: Examined, output: Section): Generator<Finding> {
  const raw = x.get(output, "raw_message_key");
  const entry = x.get(output, "format");
  const format = entry?.value.toLowerCase() ?? "msgpack";
  if (raw !== undefined) {
    yield* rawKey(x, output, raw.value);
    return;
  }
  if (isOpen(format)) return;
  if (format === "msgpack")
    yield findingAt("fail", "tcp-format", entry ?? output, {
      found: entry === undefined ? "neither Raw_Message_Key nor Format: it is msgpack" : "Format msgpack",
      consequence: "binary data arrives, in which Graylog finds no lines",
      advice: "Raw_Message_Key $log",
    });
  else if (format === "json" || format === "json_stream")
    yield findingAt("fail", "tcp-format-json", entry ?? output, {
      found: `Format ${format}`,
      consequence:
        "each chunk is one document without a line's end: Graylog's raw input makes one message of it, or none",
      advice: "Raw_Message_Key $log instead of Format (or Format json_lines)",
    });
  else if (x.value(output, "port") === "5555" && shapes(x, output).some(({ what }) => what === "line"))
    yield findingAt("warn", "tcp-wrapped", entry ?? output, {
      found: "Format json_lines on unparsed lines",
      consequence:
        'each alert arrives as text within JSON, {"date":…,"log":"…"}, which rules for Wazuh\'s fields do not find',
      advice: "Raw_Message_Key $log instead of Format: the line as Wazuh wrote it",
    });
  yield* dates(x, output);
}

function* rawKey(x: Examined, output: Section, value: string): Generator<Finding> {
  const entry = x.get(output, "raw_message_key") ?? output;
  if (isOpen(value)) return;
  if (!value.startsWith("$")) {
    yield findingAt("fail", "raw-key-constant", entry, {
      found: "Raw_Message_Key without $",
      consequence: "the word itself is sent for every alert, and nothing of the alert",
      advice: `Raw_Message_Key $${/^[\w.-]{1,60}$/.test(value) ? value : "log"}`,
    });
    return;
  }
  const key = value.slice(1);
  const odd = shapes(x, output).find(
    (shape) => (shape.what === "line" && shape.key !== key) || (shape.what === "alert" && !shape.keys.has(key)),
  );
  if (odd?.what === "line")
    yield findingAt("fail", "raw-key-other", entry, {
      found: "Raw_Message_Key names a key that the input does not fill",
      consequence: "there is nothing to send: the alerts are dropped",
      advice: `Raw_Message_Key $${/^[\w.-]{1,60}$/.test(odd.key) ? odd.key : "log"}`,
    });
  else if (odd)
    yield findingAt("fail", "raw-key-parsed", entry, {
      found: "the input has a Parser, so that the line is gone when it comes here",
      consequence: "there is nothing to send: the alerts are dropped",
      advice: "remove Parser from the input, or read the file by a second input without one",
    });
}

function* gelf(x: Examined, output: Section): Generator<Finding> {
  const all = shapes(x, output);
  const known = all.filter((shape) => shape.what !== "unknown");
  yield* shortMessage(x, output, all);
  const mode = x.get(output, "mode");
  if ((mode?.value.toLowerCase() ?? "udp") === "udp")
    yield findingAt("warn", "gelf-udp", mode ?? output, {
      found: mode === undefined ? "Mode is missing: it is udp" : "Mode udp",
      consequence: "what is lost on the way is lost, and nobody is told",
      advice: "Mode tcp (or tls)",
    });
  // What a script made of the records cannot be told from here.
  if (known.length === 0) return;
  const host = x.value(output, "gelf_host_key") ?? "host";
  if (known.some((shape) => !has(shape, host)))
    yield findingAt("warn", "gelf-host", x.get(output, "gelf_host_key") ?? output, {
      found: "no key holds the host",
      consequence: "Graylog shows every message without a source",
      advice: "Gelf_Host_Key with a key that a filter fills from agent.name",
    });
  const alerts = known.filter((shape) => shape.what === "alert");
  if (alerts.some(({ keys }) => keys.has("timestamp")))
    yield findingAt("warn", "gelf-timestamp", output, {
      found: "Wazuh's timestamp stays in the record",
      consequence: "it is sent as text, which Graylog passes over: messages carry the time of arrival",
      advice: "a parser with Time_Key timestamp, Time_Format %Y-%m-%dT%H:%M:%S.%L%z, Time_Keep Off",
    });
  if (alerts.some(({ keys }) => keys.has("id")))
    yield findingAt("warn", "gelf-id", output, {
      found: "the alert's id stays under that name",
      consequence: "the gelf output drops it: a message cannot be traced to its alert",
      advice: "rename it before, to wazuh_id",
    });
  if (alerts.length > 0)
    yield findingAt("warn", "gelf-arrays", output, {
      found: "arrays reach the gelf output",
      consequence:
        'their elements are joined without escaping: a " in one makes the frame invalid, and Graylog drops the message',
      advice: "join arrays in a Lua filter before, or let Tipline's gelf sink send",
    });
}

function* shortMessage(x: Examined, output: Section, all: readonly Shape[]): Generator<Finding> {
  const entry = x.get(output, "gelf_short_message_key");
  const key = entry?.value ?? "short_message";
  if (isOpen(key)) return;
  const nested = /[$.[\]']/.test(key);
  if (!nested && !all.some((shape) => shape.what !== "unknown" && !has(shape, key))) return;
  yield findingAt("fail", "gelf-short-message", entry ?? output, {
    found: nested ? "Gelf_Short_Message_Key names a nested key" : "no record has the key of short_message",
    consequence: "every record without it is dropped, and the chunk counts as delivered",
    advice: "fill a key short_message at the top by a filter (from rule.description), and name it here",
  });
}

function has(shape: Shape, key: string): boolean {
  return shape.what === "line" ? shape.key === key : shape.what === "alert" && shape.keys.has(key);
}
