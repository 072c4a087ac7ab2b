import { isAbsolute } from "node:path";
import { type Entry, isOpen, type Section } from "./config-file.ts";
import type { Examined } from "./examined.ts";
import { boolOf, type Finding, findingAt } from "./finding.ts";
import { matches } from "./streams.ts";

/** Outputs for looking at, which deliver nothing. */
const IDLE = new Set(["stdout", "null", "counter", "exit"]);
const ORDERED = new Set(["http", "tcp"]);
const NETWORK = new Set(["http", "tcp", "gelf", "forward", "es", "opensearch", "splunk", "loki", "syslog", "kafka"]);

export function outputFindings(x: Examined): readonly Finding[] {
  const outputs = x.of("output");
  return [
    ...nowhere(x, outputs),
    ...outputs.flatMap((output) => [
      ...matching(x, output),
      ...(IDLE.has(x.plugin(output)) ? [] : [...retrying(x, output), ...order(x, output), ...disk(x, output)]),
      ...(NETWORK.has(x.plugin(output)) ? encrypted(x, output) : []),
    ]),
    ...x.config.sections.flatMap((section) => [...secrets(section, x)]),
  ];
}

function* nowhere(x: Examined, outputs: readonly Section[]): Generator<Finding> {
  const place = x.of("input")[0];
  if (outputs.length === 0 && place)
    yield findingAt("fail", "no-output", place, {
      found: "there is no output",
      consequence: "nothing is sent",
      advice: "`tipline install fluent-bit --print` shows one",
    });
  if (outputs.length === 0) return;
  for (const input of x.of("input")) {
    const tags = x.streams.filter((stream) => stream.input === input).map(({ tag }) => tag);
    if (tags.length === 0 || tags.some((tag) => outputs.some((output) => matches(output, tag, x.config)))) continue;
    yield findingAt("fail", "input-nowhere", x.get(input, "tag") ?? input, {
      found: "no output's Match takes what this input reads",
      consequence: "it is read and thrown away",
      advice: "give the output a Match that fits this Tag",
    });
  }
}

function* matching(x: Examined, output: Section): Generator<Finding> {
  const match = x.get(output, "match") ?? x.get(output, "match_regex");
  if (match === undefined)
    yield findingAt("fail", "output-without-match", output, {
      found: "an output without Match",
      consequence: "Fluent Bit leaves it out: nothing is sent",
      advice: "Match with the input's Tag",
    });
  else if (x.of("input").length > 0 && x.into(output).length === 0)
    yield findingAt("fail", "output-matches-nothing", match, {
      found: "no input and no rewrite_tag gives a tag that this Match takes",
      consequence: "nothing is sent",
      advice: "Match with the input's Tag",
    });
}

const ENDLESS = new Set(["no_limits", "false", "off"]);

function* retrying(x: Examined, output: Section): Generator<Finding> {
  const entry = x.get(output, "retry_limit");
  if (entry !== undefined && (ENDLESS.has(entry.value.toLowerCase()) || isOpen(entry.value))) return;
  yield findingAt("fail", "retry-limit", entry ?? output, {
    found: entry === undefined ? "Retry_Limit is missing: it is 1" : `Retry_Limit ${entry.value.slice(0, 20)}`,
    consequence: "a receiver that is away for some seconds costs the alerts of that time",
    advice: "Retry_Limit no_limits",
  });
}

function* order(x: Examined, output: Section): Generator<Finding> {
  const entry = x.get(output, "workers");
  if (!ORDERED.has(x.plugin(output)) || (entry && (isOpen(entry.value) || ["0", "1"].includes(entry.value)))) return;
  yield findingAt("warn", "workers", entry ?? output, {
    found: entry === undefined ? "Workers is missing: there are 2" : `Workers ${entry.value.slice(0, 10)}`,
    consequence: "alerts arrive out of order",
    advice: "Workers 1",
  });
}

function* disk(x: Examined, output: Section): Generator<Finding> {
  if (x.get(output, "storage.total_limit_size") || !x.into(output).some(({ input }) => x.onDisk(input))) return;
  yield findingAt("warn", "total-limit-size", output, {
    found: "storage.total_limit_size is missing",
    consequence: "while the receiver is away chunks fill the disk, which is the one that Wazuh writes to",
    advice: "storage.total_limit_size 1G",
  });
}

function* encrypted(x: Examined, output: Section): Generator<Finding> {
  const tls = x.get(output, "tls");
  const host = x.value(output, "host") ?? "127.0.0.1";
  if (boolOf(tls?.value) !== true) {
    if (isLoopback(host)) return;
    const open = isOpen(host);
    yield findingAt("warn", "tls-off", tls ?? output, {
      found: `tls is off${open ? "" : ", and the receiver is another host"}`,
      consequence: "whoever is on the way reads the alerts, and what proves that they are yours",
      advice: "tls On, tls.verify On, tls.verify_hostname On, tls.ca_file /path/ca.pem",
    });
    return;
  }
  const verify = x.get(output, "tls.verify");
  if (verify && boolOf(verify.value) === false)
    yield findingAt("fail", "tls-verify-off", verify, {
      found: "tls.verify Off",
      consequence: "any certificate will do: whoever is on the way can take the alerts and the password",
      advice: "tls.verify On, and tls.ca_file with the certificate of the receiver's authority",
    });
  else if (boolOf(x.value(output, "tls.verify_hostname")) !== true)
    yield findingAt("warn", "tls-hostname", x.get(output, "tls.verify_hostname") ?? tls ?? output, {
      found: "tls.verify_hostname is not on",
      consequence: "every certificate of that authority will do, whatever name is in it",
      advice: "tls.verify_hostname On",
    });
  for (const key of ["tls.ca_file", "tls.crt_file", "tls.key_file"]) yield* certificate(x, x.get(output, key));
}

function* certificate(x: Examined, entry: Entry | undefined): Generator<Finding> {
  if (entry === undefined || isOpen(entry.value)) return;
  if (!isAbsolute(entry.value))
    yield findingAt("warn", "relative-path", entry, {
      found: "a relative path",
      consequence: "which file is read depends on the folder that Fluent Bit is started in",
      advice: "write the absolute path",
    });
  else if (!x.exists(entry.value))
    yield findingAt("fail", "tls-file-missing", entry, {
      found: `${entry.key} names a file that is not on this machine`,
      consequence: "no connection comes about: the output does not start, or refuses every certificate",
      advice: "put the file there, readable for Fluent Bit's user",
    });
}

export function isLoopback(host: string): boolean {
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[?::1\]?)$/i.test(host);
}

const SECRET_KEY =
  /(?:^|[._])(?:passwd|password|passphrase|token|secret|api_?key|shared_key|key_passwd|http_passwd|secret_key|access_key)$/;
const SECRET_HEADER =
  /^(authorization|proxy-authorization|x-api-key|api-key|x-auth-token|x-access-token|cookie|x-requested-token)\s+(.+)$/i;

/** What is secret stands in the file as the name of a variable, which only the environment fills. */
function* secrets(section: Section, x: Examined): Generator<Finding> {
  for (const raw of section.entries) {
    const value = secretOf(raw);
    if (value === undefined) continue;
    // As written: `@SET` in the file is the file.
    const filled = x.all(section, raw.key).find(({ line, file }) => line === raw.line && file === raw.file) ?? raw;
    const text = secretOf(filled) ?? value;
    if (isOpen(text)) continue;
    yield findingAt("fail", "secret-in-clear", raw, {
      found: `a secret stands in the file (${SECRET_HEADER.test(raw.value) ? "Header" : raw.key})`,
      consequence: "whoever reads the file, a backup or a ticket with it has the secret",
      advice: `write \${NAME} in its place, and NAME=… into an EnvironmentFile of the service that only root may read; then change the secret`,
    });
  }
}

function secretOf({ key, value }: Entry): string | undefined {
  if (key === "header") return SECRET_HEADER.exec(value)?.[2];
  return SECRET_KEY.test(key) ? value : undefined;
}
