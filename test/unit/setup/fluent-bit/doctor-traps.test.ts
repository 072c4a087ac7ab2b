import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { render } from "../../../../src/setup/fluent-bit/render.ts";
import { changed, examinedText, healthy, idsOf } from "../../../support/fluent-bit-config.ts";
import { tempDir } from "../../../support/temp.ts";

const INPUT = `[SERVICE]
    storage.path   /var/lib/fluent-bit/storage
    scheduler.cap  60

[INPUT]
    Name             tail
    Tag              wazuh.json
    Path             /var/ossec/logs/alerts/*/*/ossec-alerts-*.json
    Ignore_Older     2d
    DB               /var/lib/fluent-bit/wazuh.db
    Read_from_Head   On
    Refresh_Interval 5
    Rotate_Wait      30
    Buffer_Max_Size  4M
    Skip_Long_Lines  On
    storage.type     filesystem
`;
const TIMED = `
[PARSER]
    Name        wazuh
    Format      json
    Time_Key    timestamp
    Time_Format %Y-%m-%dT%H:%M:%S.%L%z
    Time_Keep   Off
`;
const GELF = `
[OUTPUT]
    Name        gelf
    Match       wazuh.*
    Host        127.0.0.1
    Port        12201
    Mode        tcp
    Retry_Limit no_limits
    storage.total_limit_size 1G
`;

describe("the gelf output", () => {
  test("on unparsed lines: every record is dropped", (t) => {
    assert.deepEqual(idsOf(examinedText(tempDir(t), INPUT + GELF)), ["gelf-short-message", "gelf-host"]);
  });

  test("on parsed alerts: short_message, host, id and arrays", (t) => {
    const ids = idsOf(examinedText(tempDir(t), `${INPUT}    Parser           wazuh\n${TIMED}${GELF}`));
    assert.deepEqual([...ids].sort(), ["gelf-arrays", "gelf-host", "gelf-id", "gelf-short-message"]);
  });

  test("with a parser that keeps the timestamp: that too", (t) => {
    const text = `${INPUT}    Parser           wazuh\n${TIMED.replace("Time_Keep   Off", "Time_Keep   On")}${GELF}`;
    assert.ok(idsOf(examinedText(tempDir(t), text)).includes("gelf-timestamp"));
  });

  test("with a nested key for short_message, and by UDP", (t) => {
    const text = `${INPUT}${GELF.replace("Mode        tcp", "Gelf_Short_Message_Key $rule['description']")}`;
    const ids = idsOf(examinedText(tempDir(t), text));
    assert.ok(ids.includes("gelf-short-message") && ids.includes("gelf-udp"));
  });

  test("behind a script nothing is claimed of what it made", (t) => {
    const lua =
      "\n[FILTER]\n    Name   lua\n    Match  wazuh.*\n    Script /etc/fluent-bit/gelf.lua\n    Call   wazuh_gelf\n";
    const folder = tempDir(t);
    const text = `${INPUT}    Parser           wazuh\n${TIMED}${lua}${GELF}`;
    assert.deepEqual(idsOf(examinedText(folder, text)), []);
    assert.deepEqual(idsOf(examinedText(folder, text, "classic", ["/etc/fluent-bit/gelf.lua"])), ["script-missing"]);
  });
});

describe("what only several sections show", () => {
  const healthyText = render(healthy(), "classic");

  test("a raw key behind a Parser has nothing to send", (t) => {
    const text = render(changed(healthy(), "tail", { Parser: "wazuh" }), "classic") + TIMED;
    assert.ok(idsOf(examinedText(tempDir(t), text)).includes("raw-key-parsed"));
  });

  test("a grep on a key that alerts have only narrows; one on a key within data too", (t) => {
    for (const key of ["full_log", "$data['srcip']", "$rule['level']"]) {
      const grep = `\n[FILTER]\n    Name grep\n    Match *\n    Regex ${key} ^x\n`;
      const text = `${INPUT}    Parser           wazuh\n${TIMED}${grep}${GELF}`;
      assert.ok(idsOf(examinedText(tempDir(t), text)).includes("grep-drops-some"), key);
    }
  });

  test("rewrite_tag gives a tag of its own; without it nothing comes", (t) => {
    const filter = "\n[FILTER]\n    Name rewrite_tag\n    Match wazuh.raw\n    Rule $log .* other.tag true\n";
    const text = healthyText.replaceAll(/(Match +)wazuh\.raw/g, "$1other.*");
    const folder = tempDir(t);
    assert.deepEqual(idsOf(examinedText(folder, text + filter)), []);
    assert.deepEqual([...idsOf(examinedText(folder, text))].sort(), [
      "input-nowhere",
      "output-matches-nothing",
      "output-matches-nothing",
    ]);
  });

  test("two inputs with one DB", (t) => {
    const again = healthyText.slice(healthyText.indexOf("[INPUT]"), healthyText.indexOf("# Tipline:"));
    assert.ok(idsOf(examinedText(tempDir(t), `${healthyText}\n${again}`)).includes("db-shared"));
  });

  test("a parser that nobody defines, and one whose file could not be read", (t) => {
    const folder = tempDir(t);
    const text = render(changed(healthy(), "tail", { Parser: "nobody" }), "classic");
    const unknown = examinedText(folder, text).find(({ id }) => id === "parser-unknown");
    assert.equal(unknown?.status, "fail");
    const unread = examinedText(folder, text.replace("Daemon ", "Parsers_File /nowhere/p.conf\n    Daemon "));
    assert.equal(unread.find(({ id }) => id === "parser-unknown")?.status, "unseen");
  });

  test("a token over the network in clear", (t) => {
    const text = render(changed(healthy(), "http", { tls: "Off" }), "classic");
    assert.deepEqual([...idsOf(examinedText(tempDir(t), text))].sort(), ["tls-off", "token-in-clear"]);
  });

  test("a secret that @SET puts into the file is in the file", (t) => {
    const text = `@SET TIPLINE_TOKEN=topsecret\n${healthyText}`;
    const findings = examinedText(tempDir(t), text);
    assert.deepEqual(idsOf(findings), ["secret-in-clear"]);
    assert.ok(!JSON.stringify(findings).includes("topsecret"));
  });

  test("keys twice, comments behind values, names with a slip", (t) => {
    const text = healthyText
      .replace("Skip_Long_Lines    On", "Skip_Long_Lines    On\n    DB.locking false")
      .replace("Rotate_Wait        30", "Rotate_Wait        30 # seconds");
    assert.deepEqual([...idsOf(examinedText(tempDir(t), text))].sort(), ["inline-comment", "key-twice"]);
  });
});

test("a file of nothing but filters, or of one endless section, is answered", (t) => {
  const folder = tempDir(t);
  const filters = "[FILTER]\n    Name grep\n    Match *\n    Regex x y\n".repeat(20_000);
  assert.ok(idsOf(examinedText(folder, INPUT + filters.slice(0, 1_000_000))).includes("too-large"));
  const keys = Array.from({ length: 50_000 }, (_, n) => `    Key${n} v\n`).join("");
  assert.ok(idsOf(examinedText(folder, `[OUTPUT]\n    Name http\n${keys}`)).includes("too-large"));
});

test("what a URI may hold of secrets is not shown", (t) => {
  const text = render(changed(healthy(), "http", { URI: "/ingest?token=hunter2" }), "classic");
  const findings = examinedText(tempDir(t), text);
  assert.ok(idsOf(findings).includes("http-uri") && !JSON.stringify(findings).includes("hunter2"));
});
