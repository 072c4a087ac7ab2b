import { isOpen, type Section } from "./config-file.ts";
import type { Examined } from "./examined.ts";
import { boolOf, type Finding, findingAt } from "./finding.ts";
import { isLoopback } from "./rules-output.ts";

/** Where Tipline takes alerts, and where Graylog takes GELF. */
const TIPLINE_URI = "/v1/alerts";
const GELF_URI = "/gelf";
const OUR_COMPRESSION = new Set(["gzip", "false", "none", "off"]);

/** Ports that are others', with whose they are. */
const PORTS_OF_OTHERS: ReadonlyMap<string, string> = new Map([
  ["9200", "the Wazuh indexer's"],
  ["9300", "the Wazuh indexer's"],
  ["55000", "the Wazuh server API's"],
  ["5555", "Graylog's raw TCP input's, which does not speak HTTP"],
  ["1514", "Wazuh's agents'"],
  ["1515", "Wazuh's enrolment's"],
]);

export function httpFindings(x: Examined): readonly Finding[] {
  return x
    .of("output", "http")
    .flatMap((output) => [
      ...target(x, output),
      ...format(x, output),
      ...dates(x, output),
      ...bodies(x, output),
      ...token(x, output),
    ]);
}

const uriOf = (x: Examined, output: Section): string => x.value(output, "uri") ?? "/";

function* target(x: Examined, output: Section): Generator<Finding> {
  const uri = x.get(output, "uri");
  const port = x.get(output, "port");
  const path = uriOf(x, output);
  const whose = PORTS_OF_OTHERS.get(port?.value ?? "");
  if (port && whose !== undefined)
    yield findingAt("fail", "http-port", port, {
      found: `port ${port.value} is ${whose}`,
      consequence: "neither Tipline nor a Graylog input is there: every chunk is refused, and thrown away at a 4xx",
      advice: `Tipline: Port 9628, URI ${TIPLINE_URI}; Graylog: the tcp output with Raw_Message_Key $log to port 5555`,
    });
  if (path === GELF_URI)
    yield findingAt("fail", "http-gelf", uri ?? output, {
      found: "Graylog's GELF HTTP input is the receiver",
      consequence:
        "it takes one message a request and answers 202 before it looks: of a chunk's lines all but one are lost",
      advice: "the tcp output with Raw_Message_Key $log to Graylog's raw TCP input, or Tipline's own gelf sink",
    });
  else if (path !== TIPLINE_URI && !isOpen(path)) {
    yield findingAt(whose === undefined ? "warn" : "fail", "http-uri", uri ?? output, {
      found: `URI ${path.replace(/\?.*$/s, "?…").slice(0, 80)} is neither Tipline's nor Graylog's`,
      consequence: "what does not know the path answers 404, and Fluent Bit throws the chunk away",
      advice: `URI ${TIPLINE_URI} for Tipline`,
    });
    yield findingAt("warn", "http-4xx", x.get(output, "retry_limit") ?? output, {
      found: "a receiver of which it is not known that it keeps 4xx for what is wrong for good",
      consequence:
        "Retry_Limit does not help there: at every 4xx but 408 and 429 (a wrong password, a path, a body too large) the chunk is dropped",
      advice:
        "Tipline answers 429 or 503 for what will pass; watch Fluent Bit's counter retries_failed and dropped_records",
    });
  }
}

function* format(x: Examined, output: Section): Generator<Finding> {
  const entry = x.get(output, "format");
  const name = entry?.value.toLowerCase() ?? "msgpack";
  if (name === "json_lines" || isOpen(name)) return;
  if (name === "json" || name === "json_stream")
    yield findingAt("warn", "http-format-json", entry ?? output, {
      found: `Format ${name}`,
      consequence: "each chunk becomes one document, an array with a date added: no raw input takes it apart",
      advice: "Format json_lines and Json_Date_Key false",
    });
  else
    yield findingAt("fail", "http-format", entry ?? output, {
      found: entry === undefined ? "Format is missing: it is msgpack" : `Format ${name.slice(0, 20)}`,
      consequence: "the receiver cannot read it and answers 4xx: every chunk is thrown away",
      advice: "Format json_lines",
    });
}

/** Also of the tcp output, where it writes JSON. */
export function* dates(x: Examined, output: Section): Generator<Finding> {
  const entry = x.get(output, "json_date_key");
  const format = x.value(output, "format")?.toLowerCase() ?? "";
  if (!format.startsWith("json")) return;
  const value = entry?.value.toLowerCase();
  if (value !== undefined && ["true", "on", "yes"].includes(value))
    yield findingAt("fail", "json-date-key-true", entry ?? output, {
      found: `Json_Date_Key ${value}`,
      consequence: `each record gets a key that is called "${value}"`,
      advice: "Json_Date_Key false: the alert has its own timestamp",
    });
  else if (value === undefined || value === "date")
    yield findingAt("warn", "json-date-key", entry ?? output, {
      found: "Json_Date_Key is not false",
      consequence: 'each record gets a key "date" with the time of reading',
      advice: "Json_Date_Key false",
    });
  else if (value === "timestamp" && keepsTimestamp(x, output))
    yield findingAt("warn", "json-date-key-twice", entry ?? output, {
      found: "Json_Date_Key timestamp, and the alert keeps its own",
      consequence: "each record has the key twice, and which one counts is up to the receiver",
      advice: "Json_Date_Key false",
    });
}

function keepsTimestamp(x: Examined, output: Section): boolean {
  return x.into(output).some((stream) => {
    const shape = x.shape(stream, output);
    return shape.what === "alert" && shape.keys.has("timestamp");
  });
}

function* bodies(x: Examined, output: Section): Generator<Finding> {
  const body = x.get(output, "body_key");
  if (body)
    yield findingAt("fail", "body-key", body, {
      found: "Body_Key",
      consequence: "without Headers_Key Fluent Bit does not start; with it, it makes a request for every alert",
      advice: "remove both: Format json_lines sends the chunk in one request",
    });
  const type = x.all(output, "header").find(({ value }) => /^content-type\s/i.test(value));
  if (type)
    yield findingAt("warn", "content-type-header", type, {
      found: "a header Content-Type",
      consequence: "the format sets it: this one comes beside it, or contradicts it",
      advice: "remove the line",
    });
  const compress = x.get(output, "compress");
  if (compress && !isOpen(compress.value) && !OUR_COMPRESSION.has(compress.value.toLowerCase()))
    yield findingAt("fail", "compress", compress, {
      found: `Compress ${compress.value.slice(0, 20)}`,
      consequence: "Tipline unpacks gzip only: it cannot read what comes, and nothing arrives",
      advice: "Compress gzip",
    });
}

function* token(x: Examined, output: Section): Generator<Finding> {
  const host = x.value(output, "host") ?? "127.0.0.1";
  if (uriOf(x, output) !== TIPLINE_URI || isLoopback(host)) return;
  const header = x.all(output, "header").find(({ value }) => /^authorization\s/i.test(value));
  if (header === undefined)
    yield findingAt("fail", "no-token", output, {
      found: "no Header Authorization",
      consequence: "Tipline asks for a token on every address but loopback: it refuses what comes, and nothing arrives",
      advice: `Header Authorization Bearer \${TIPLINE_TOKEN}`,
    });
  else if (boolOf(x.value(output, "tls")) !== true && !isOpen(host))
    yield findingAt("fail", "token-in-clear", header, {
      found: "a token goes to another host without TLS",
      consequence: "whoever is on the way can send alerts in your name",
      advice: "tls On, tls.verify On, tls.verify_hostname On, tls.ca_file /path/ca.pem",
    });
}
