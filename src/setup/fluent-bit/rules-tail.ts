import { basename, isAbsolute } from "node:path";
import { type Entry, isOpen, type Section } from "./config-file.ts";
import { alertInputs, type Examined } from "./examined.ts";
import { boolOf, bytesOf, type Finding, findingAt, type Said, secondsOf } from "./finding.ts";
import { parsersOf } from "./streams.ts";

/** Wazuh's alerts carry the whole log, and more than one copy of it; lines of 3 MB were seen to pass with 4M. */
const LEAST_BUFFER = 1e6;
const DEFAULT_BUFFER = 32e3;
const GLOB = "/var/ossec/logs/alerts/*/*/ossec-alerts-*.json";

export function tailFindings(x: Examined): readonly Finding[] {
  const tails = x.of("input", "tail");
  const alerts = new Set(alertInputs(x));
  return [
    ...nothingRead(x, alerts),
    ...tails.flatMap((tail) => [
      ...(alerts.has(tail) ? paths(x, tail) : []),
      ...offsets(x, tail),
      ...buffers(x, tail),
      ...keeping(x, tail),
      ...(alerts.has(tail) || alerts.size === 0 ? parsing(x, tail) : []),
    ]),
    ...sharedDb(x, tails),
  ];
}

type Status = "fail" | "warn" | "unseen";

/** A finding at a setting, or at the section that lacks it. */
function at(
  section: Section,
  entry: Entry | undefined,
  status: Status,
  id: string,
  [found, consequence, advice]: readonly [string, string, string],
): Finding {
  const said: Said = { found, consequence, advice };
  return findingAt(status, id, entry ?? section, said);
}

function* nothingRead(x: Examined, alerts: ReadonlySet<Section>): Generator<Finding> {
  if (alerts.size > 0 && [...alerts].some((tail) => readsAlerts(x, tail))) return;
  const tail = [...alerts][0] ?? x.of("input", "tail")[0];
  const place = tail ?? x.of("input")[0] ?? x.config.sections[0] ?? { file: x.config.path, line: 1 };
  const path = tail && x.get(tail, "path");
  if (path && isOpen(path.value))
    yield findingAt("unseen", "path-open", path, {
      found: "the path is known at the start only",
      consequence: "whether it names Wazuh's alerts cannot be told from here",
      advice: `it has to be ${GLOB}`,
    });
  else
    yield findingAt("fail", "path-not-wazuh", path ?? place, {
      found: path ? "no input reads the files that Wazuh writes" : "no tail input has a Path",
      consequence: "Wazuh writes /var/ossec/logs/alerts/alerts.json and the day's file beside it: not one alert comes",
      advice: `Path ${GLOB}, and Fluent Bit in group wazuh, which owns these files`,
    });
}

function readsAlerts(x: Examined, tail: Section): boolean {
  return pathsOf(x, tail).some((path) => /(?:^|\/)(?:alerts\.json|ossec-alerts-[^/]*)$/.test(path));
}

function pathsOf(x: Examined, tail: Section): readonly string[] {
  return (x.value(tail, "path") ?? "")
    .split(",")
    .map((path) => path.trim())
    .filter((path) => path !== "");
}

function* paths(x: Examined, tail: Section): Generator<Finding> {
  const entry = x.get(tail, "path");
  const all = pathsOf(x, tail);
  if (entry === undefined || isOpen(entry.value) || !readsAlerts(x, tail)) return;
  const daily = all.filter((path) => basename(path).startsWith("ossec-alerts-"));
  if (daily.length === 0)
    yield at(tail, entry, "fail", "path-only-alerts-json", [
      "only alerts.json is read",
      "where Fluent Bit is down over midnight, the lines before it are lost: Wazuh starts that name anew then",
      `Path ${GLOB}`,
    ]);
  for (const path of daily)
    if (!path.endsWith(".json"))
      yield at(tail, entry, "fail", "path-too-wide", [
        "the pattern also names files that are not alerts as JSON",
        "the .log of every day and the packed .json.gz come as garbage lines",
        `end it in .json: ${GLOB}`,
      ]);
  if (all.some((path) => path.includes("/archives/")))
    yield at(tail, entry, "warn", "path-archives", [
      "archives are read beside the alerts",
      "every event comes, not only those with a rule, and each alert twice",
      "leave the archives out",
    ]);
}

function* offsets(x: Examined, tail: Section): Generator<Finding> {
  const db = x.get(tail, "db");
  if (db === undefined)
    yield at(tail, db, "fail", "db-missing", [
      "DB is missing",
      "no place is remembered: each restart reads lines again, or skips those that came meanwhile",
      "DB /var/lib/fluent-bit/wazuh.db",
    ]);
  else if (!isAbsolute(db.value) && !isOpen(db.value))
    yield at(tail, db, "warn", "db-relative", [
      "DB is a relative path",
      "started in another folder, Fluent Bit finds no place and begins anew",
      "write the absolute path",
    ]);
  const head = x.get(tail, "read_from_head");
  if (boolOf(head?.value) !== true)
    yield at(tail, head, "fail", "read-from-head", [
      `Read_from_Head is ${head === undefined ? "missing" : "off"}`,
      "a file that Fluent Bit sees first at its start is read from its end: the alerts in it never come",
      "Read_from_Head On",
    ]);
  const refresh = x.get(tail, "refresh_interval");
  const every = refresh === undefined ? 60 : secondsOf(refresh.value);
  if (every !== undefined && every > 30)
    yield at(tail, refresh, "warn", "refresh-interval", [
      `Refresh_Interval is ${refresh === undefined ? "missing: 60 s" : `${every} s`}`,
      "after midnight the new day's alerts wait that long",
      "Refresh_Interval 5",
    ]);
  const wait = x.get(tail, "rotate_wait");
  const waits = wait === undefined ? 5 : secondsOf(wait.value);
  if (waits !== undefined && waits < 10)
    yield at(tail, wait, "warn", "rotate-wait", [
      `Rotate_Wait is ${wait === undefined ? "missing: 5 s" : `${waits} s`}`,
      "what Wazuh still writes into the old file after midnight is read only that long",
      "Rotate_Wait 30",
    ]);
  const older = x.get(tail, "ignore_older");
  const wild = pathsOf(x, tail).some((path) => path.includes("*"));
  if (wild && older === undefined)
    yield at(tail, older, "warn", "ignore-older", [
      "Ignore_Older is missing, and the path names the files of every day",
      "the first start sends all alerts that Wazuh still has",
      "Ignore_Older 2d",
    ]);
  else if (older !== undefined && (secondsOf(older.value) ?? Number.POSITIVE_INFINITY) < 86_400)
    yield at(tail, older, "warn", "ignore-older-short", [
      "Ignore_Older is less than a day",
      "after a longer stop of Fluent Bit the files of that time are passed over",
      "Ignore_Older 2d",
    ]);
}

function* buffers(x: Examined, tail: Section): Generator<Finding> {
  const most = x.get(tail, "buffer_max_size");
  const chunk = x.get(tail, "buffer_chunk_size");
  const bytes = most === undefined ? DEFAULT_BUFFER : bytesOf(most.value);
  const skips = x.on(tail, "skip_long_lines");
  if (bytes !== undefined && bytes < LEAST_BUFFER)
    yield at(tail, most, "fail", "buffer-max-size", [
      `Buffer_Max_Size is ${most === undefined ? "missing: 32k" : most.value.slice(0, 20)}`,
      skips
        ? "an alert of a longer line is lost, with one warning in the log"
        : "at the first longer line Fluent Bit gives up the whole file: nothing after it is sent",
      "Buffer_Max_Size 4M and Skip_Long_Lines On",
    ]);
  else if (!skips)
    yield at(tail, x.get(tail, "skip_long_lines"), "fail", "skip-long-lines", [
      "Skip_Long_Lines is off",
      "at the first line above Buffer_Max_Size Fluent Bit gives up the whole file: nothing after it is sent",
      "Skip_Long_Lines On: that one line is lost, and no other",
    ]);
  const first = chunk === undefined ? DEFAULT_BUFFER : bytesOf(chunk.value);
  if (bytes !== undefined && first !== undefined && first > bytes)
    yield at(tail, chunk, "fail", "buffer-chunk-size", [
      "Buffer_Chunk_Size is above Buffer_Max_Size",
      "Fluent Bit does not start",
      "Buffer_Chunk_Size 128k",
    ]);
  const cut = x.get(tail, "truncate_long_lines");
  if (boolOf(cut?.value) === true)
    yield at(tail, cut, "warn", "truncate-long-lines", [
      "Truncate_Long_Lines On",
      "a long alert arrives cut off: not JSON any more (and 3.2 does not know the key)",
      "remove it; Buffer_Max_Size 4M lets long alerts through whole",
    ]);
}

function* keeping(x: Examined, tail: Section): Generator<Finding> {
  const disk = x.onDisk(tail);
  if (!disk)
    yield at(tail, x.get(tail, "storage.type"), "fail", "storage-memory", [
      "storage.type is not filesystem",
      "killed while the receiver is down, Fluent Bit loses all that waits, for it remembers those lines as read",
      "storage.type filesystem here, and storage.path in [SERVICE]",
    ]);
  const limit = x.get(tail, "mem_buf_limit");
  if (disk && limit)
    yield at(tail, limit, "warn", "mem-buf-limit", [
      "Mem_Buf_Limit beside storage.type filesystem",
      "it limits nothing there",
      "remove it; storage.total_limit_size at each output bounds the disk",
    ]);
}

function* parsing(x: Examined, tail: Section): Generator<Finding> {
  const entry = x.get(tail, "parser");
  if (entry === undefined) return;
  const parser = parsersOf(x.config).get(entry.value);
  if (parser === undefined && entry.value !== "json") {
    const sure = x.config.unread.length === 0;
    yield findingAt(sure ? "fail" : "unseen", "parser-unknown", entry, {
      found: `no parser ${entry.value.slice(0, 60)} in the files that were read`,
      consequence: "without it lines stay unparsed, under one key",
      advice: "name its file with Parsers_File in [SERVICE], or remove Parser: exact lines suit Tipline best",
    });
    return;
  }
  const timed =
    parser !== undefined && x.value(parser, "time_key") === "timestamp" && x.get(parser, "time_format") !== undefined;
  if (!timed)
    yield findingAt("warn", "parser-time", entry, {
      found: `Parser ${entry.value.slice(0, 60)} does not take the time from Wazuh's timestamp`,
      consequence: "the event's time is that of reading, wrong after every stop",
      advice:
        "remove Parser (exact lines keep their time), or a parser with Time_Key timestamp, Time_Format %Y-%m-%dT%H:%M:%S.%L%z, Time_Keep Off",
    });
}

function* sharedDb(x: Examined, tails: readonly Section[]): Generator<Finding> {
  const seen = new Set<string>();
  for (const tail of tails) {
    const db = x.get(tail, "db");
    if (db === undefined) continue;
    if (seen.has(db.value))
      yield findingAt("fail", "db-shared", db, {
        found: "the DB of another input",
        consequence: "each takes the other's place in a file for its own, and skips lines",
        advice: "a DB of its own for each input",
      });
    seen.add(db.value);
  }
}
