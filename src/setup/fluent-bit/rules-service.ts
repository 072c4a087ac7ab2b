import { dirname, isAbsolute } from "node:path";
import { isOpen, type Where } from "./config-file.ts";
import type { Examined } from "./examined.ts";
import { boolOf, type Finding, findingAt, secondsOf } from "./finding.ts";

/** An hour between two tries is what a person takes for "it does not work". */
const LONGEST_CAP_S = 600;

export function serviceFindings(x: Examined): readonly Finding[] {
  return [...files(x), ...logging(x), ...storage(x), ...scheduler(x), ...monitoring(x)];
}

function* files(x: Examined): Generator<Finding> {
  const plugins = x.service("plugins_file");
  if (plugins && known(plugins.value) && !x.exists(plugins.value))
    yield findingAt("fail", "plugins-file-missing", plugins, {
      found: `Plugins_File ${plugins.value} is not on this machine`,
      consequence: "5.x does not start; 3.2 and 4.2 log an error at every start",
      advice: "remove the line unless plugins of your own are loaded (packages keep theirs in /etc/fluent-bit)",
    });
  const log = x.service("log_file");
  if (log && known(log.value) && !x.exists(dirname(log.value)))
    yield findingAt("fail", "log-file-folder", log, {
      found: `Log_File ${log.value}: its folder is not on this machine`,
      consequence: "Fluent Bit cannot open its log, and every message goes with a complaint to stderr",
      advice: "remove the line (the journal has stderr), or make the folder",
    });
  const named: readonly Where[] = x
    .of("service")
    .flatMap((service) =>
      ["parsers_file", "plugins_file", "streams_file", "log_file"].flatMap((key) => x.all(service, key)),
    )
    .filter(({ value }) => !isAbsolute(value) && !isOpen(value));
  for (const where of named)
    yield findingAt("warn", "relative-path", where, {
      found: "a relative path",
      consequence:
        "Fluent Bit looks in the folder that it is started in first, so a file of the same name there wins in silence",
      advice: "write the absolute path",
    });
}

const known = (path: string): boolean => isAbsolute(path) && !isOpen(path);

function* logging(x: Examined): Generator<Finding> {
  const level = x.service("log_level");
  if (level && ["debug", "trace"].includes(level.value.toLowerCase()))
    yield findingAt("warn", "log-level", level, {
      found: `Log_Level ${level.value.toLowerCase()}`,
      consequence: "several lines of log for each chunk: disk and processor go into the log",
      advice: "Log_Level info",
    });
}

function* storage(x: Examined): Generator<Finding> {
  const sync = x.service("storage.sync");
  if (sync?.value.toLowerCase() === "full")
    yield findingAt("warn", "storage-sync-full", sync, {
      found: "storage.sync full",
      consequence: "every write waits for the disk (fsync)",
      advice: "storage.sync normal: what Fluent Bit was killed with is kept all the same; only a power cut is not",
    });
  const checksum = x.service("storage.checksum");
  if (checksum && boolOf(checksum.value) === true)
    yield findingAt("warn", "storage-checksum", checksum, {
      found: "storage.checksum On",
      consequence: "a checksum is computed at every write of a chunk",
      advice: "storage.checksum Off",
    });
  const at = x.serviceAt() ?? x.of("input")[0];
  if (at && x.service("storage.path") === undefined && x.of("input").some((input) => x.onDisk(input)))
    yield findingAt("fail", "storage-path", at, {
      found: "storage.path is missing, and an input wants storage.type filesystem",
      consequence: "Fluent Bit has nowhere to keep chunks: it does not start, or keeps them in memory",
      advice: "storage.path /var/lib/fluent-bit/storage in [SERVICE]",
    });
}

function* scheduler(x: Examined): Generator<Finding> {
  const cap = x.service("scheduler.cap");
  const at = cap ?? x.serviceAt() ?? x.of("output")[0];
  const seconds = cap === undefined ? 2000 : secondsOf(cap.value);
  if (!at || seconds === undefined || seconds <= LONGEST_CAP_S) return;
  yield findingAt("warn", "scheduler-cap", at, {
    found: cap === undefined ? "scheduler.cap is missing: it is 2000 s" : `scheduler.cap ${seconds} s`,
    consequence: "after an outage of the receiver alerts may come half an hour after it is back",
    advice: "scheduler.base 2 and scheduler.cap 60 in [SERVICE]",
  });
}

function* monitoring(x: Examined): Generator<Finding> {
  if (boolOf(x.service("http_server")?.value) !== true) return;
  const listen = x.service("http_listen");
  const at = listen ?? x.service("http_server");
  const address = listen?.value ?? "0.0.0.0";
  if (at && ["0.0.0.0", "::", "*"].includes(address))
    yield findingAt("warn", "http-server-open", at, {
      found: `HTTP_Server listens on ${address}`,
      consequence: "whoever reaches this host reads Fluent Bit's counters, and its settings",
      advice: "HTTP_Listen 127.0.0.1",
    });
}
