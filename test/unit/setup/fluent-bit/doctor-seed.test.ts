import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { examinedText, idsOf } from "../../../support/fluent-bit-config.ts";
import { sharedOrSkip } from "../../../support/shared.ts";
import { tempDir } from "../../../support/temp.ts";

/** The field's published file, point by point, with what the doctor calls each. */
const TEN: readonly (readonly [point: string, ids: readonly string[]])[] = [
  ["files of folders that packages do not use", ["parsers-file-missing", "plugins-file-missing", "log-file-folder"]],
  ["debug and fsync in production", ["log-level", "storage-sync-full", "storage-checksum"]],
  ["a path that Wazuh does not write", ["path-not-wazuh"]],
  ["no memory of where it was", ["db-missing", "read-from-head", "refresh-interval", "rotate-wait"]],
  ["the time of reading for the alert's", ["parser-time"]],
  ["a limit without effect, and none on the disk", ["mem-buf-limit", "total-limit-size"]],
  ["a filter that drops every alert", ["grep-drops-all"]],
  ["a receiver that is none, and an array", ["http-port", "http-uri", "http-format-json"]],
  [
    "a superfluous header, a password in clear, any certificate",
    ["content-type-header", "secret-in-clear", "tls-verify-off"],
  ],
  ["4xx dropped whatever Retry_Limit says", ["http-4xx"]],
];

const ABSENT = ["/etc/fluentbit/custom_plugins.conf", "/var/log/fluentbit"];

/** In the shape of the published file. */
const LIKE_IT = `[SERVICE]
    Flush                 3
    Log_Level             debug
    Parsers_File          /etc/fluentbit/custom_parsers.conf
    Plugins_File          /etc/fluentbit/custom_plugins.conf
    HTTP_Server           On
    HTTP_Listen           127.0.0.1
    Storage.path          /var/lib/fluent-bit/buffer/
    Storage.sync          full
    Storage.checksum      On
    Log_File              /var/log/fluentbit/custom.log

[INPUT]
    Name                  tail
    Tag                   ossec.alerts
    Path                  /opt/feeds/wazuh-alerts.log
    Parser                json
    Buffer_Max_Size       10MB
    Storage.type          filesystem
    Mem_Buf_Limit         1GB
    Skip_Long_Lines       On

[FILTER]
    Name                  grep
    Match                 ossec.*
    Regex                 message .*critical.*

[OUTPUT]
    Name                  http
    Match                 ossec.*
    Host                  monitoring.example.org
    Port                  9200
    URI                   /alerts/ingest
    Format                json
    Header                Content-Type application/json
    HTTP_User             someone
    HTTP_Passwd           hunter2hunter2
    tls                   On
    tls.verify            Off
    Retry_Limit           False
`;

function holdsTen(folder: string, text: string, secret: string): void {
  const findings = examinedText(folder, text, "classic", ABSENT);
  const ids = new Set(idsOf(findings));
  for (const [point, wanted] of TEN)
    for (const id of wanted) assert.ok(ids.has(id), `${point}: ${id} is missing of ${[...ids].join(", ")}`);
  assert.equal(new Set(TEN.flatMap(([, wanted]) => wanted)).size, TEN.flatMap(([, wanted]) => wanted).length);
  for (const { line, consequence, advice } of findings) assert.ok(line > 0 && consequence !== "" && advice !== "");
  assert.ok(!JSON.stringify(findings).includes(secret));
  const at = (id: string) => findings.find((finding) => finding.id === id)?.line;
  const lineOf = (text_: string) => text.split("\n").findIndex((line) => line.includes(text_)) + 1;
  assert.equal(at("grep-drops-all"), lineOf("Regex"));
  assert.equal(at("secret-in-clear"), lineOf("HTTP_Passwd"));
  assert.equal(at("tls-verify-off"), lineOf("tls.verify"));
  assert.equal(at("http-4xx"), lineOf("Retry_Limit"));
}

test("all ten faults of a file in the shape of the field's published one", (t) => {
  holdsTen(tempDir(t), LIKE_IT, "hunter2");
});

test("all ten faults of the field's published file itself", (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const text = readFileSync(join(shared, "seeds/001_36dd2af737541b5b.txt"), "utf8");
  const from = text.indexOf("[SERVICE]");
  const conf = text.slice(from, text.indexOf("```", from));
  assert.ok(conf.includes("[OUTPUT]"));
  const secret = /HTTP_Passwd\s+(\S+)/.exec(conf)?.[1] ?? "";
  assert.notEqual(secret, "");
  holdsTen(tempDir(t), conf, secret);
});

test("configurations that were run against Fluent Bit have warnings at most", async (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const { loadFluentBit } = await import("../../../../src/setup/fluent-bit/config-load.ts");
  const { doctorFluentBit } = await import("../../../../src/setup/fluent-bit/doctor.ts");
  for (const name of ["fluent-bit.conf", "fluent-bit.yaml", "tipline-http.conf"]) {
    const findings = doctorFluentBit(loadFluentBit(join(shared, "data/graylog", name)));
    assert.deepEqual(
      findings.filter(({ status }) => status === "fail"),
      [],
      name,
    );
    if (name === "tipline-http.conf") assert.deepEqual(idsOf(findings), ["path-open"]);
  }
});
