import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { mispEvent, PARENT, rulesFile } from "../../support/wazuh-sim/fixture-rules.ts";
import { createWazuhSim } from "../../support/wazuh-sim/sim.ts";

/** Events that are no JSON: what the field's alerts come from. */
const sim = await createWazuhSim({ start: false });
after(() => sim.close());

const alertOf = (message: string, frame: { location?: string; queue?: string }) =>
  sim.document(sim.judge(message, frame)!);

test("a login over SSH: predecoder, sshd, 5715", () => {
  const line = "Nov 22 05:00:00 web-01 sshd[42]: Accepted password for joe from 192.0.2.9 port 50022 ssh2";
  const alert = alertOf(line, { location: "[001] (web-01) any->/var/log/auth.log" });
  assert.equal(alert.rule.id, "5715");
  assert.deepEqual(alert.predecoder, { program_name: "sshd", timestamp: "Nov 22 05:00:00", hostname: "web-01" });
  assert.deepEqual(alert.decoder, { parent: "sshd", name: "sshd" });
  assert.deepEqual(alert.data, { srcip: "192.0.2.9", srcport: "50022", dstuser: "joe" });
  assert.equal(alert.full_log, line);
});

test("a failed one: 5716, or 5710 for a user that does not exist", () => {
  const fails = (line: string) => sim.fires(`Nov 22 05:00:00 h sshd[1]: ${line}`, { location: "/var/log/auth.log" });
  assert.equal(fails("Failed password for root from 192.0.2.9 port 22 ssh2"), "5716");
  assert.equal(fails("Invalid user joe from 192.0.2.9 port 22"), "5710");
});

test("a web access log: its own category of rules", () => {
  const line = '192.0.2.9 - - [22/Nov/2026:05:00:00 +0000] "GET /x HTTP/1.1" 404 12 "-" "-"';
  const alert = alertOf(line, { location: "/var/log/nginx/access.log" });
  assert.equal(alert.rule.id, "31101");
  assert.deepEqual(alert.data, { protocol: "GET", srcip: "192.0.2.9", id: "404", url: "/x" });
  assert.equal(sim.fires(line.replace("404", "200"), { location: "/x" }), undefined);
});

const EVENT_3 =
  "<Event><System><Provider Name='Microsoft-Windows-Sysmon'/><EventID>3</EventID><Level>4</Level>" +
  "<Channel>Microsoft-Windows-Sysmon/Operational</Channel></System><EventData><Data Name='RuleName'>-</Data>" +
  "<Data Name='Image'>C:\\x\\y.exe</Data><Data Name='DestinationIp'>192.0.2.9</Data></EventData></Event>";

test("the event channel: win.system and win.eventdata, Windows paths with doubled backslashes", () => {
  const judged = sim.judge(JSON.stringify({ Message: "m", Event: EVENT_3 }), { location: "EventChannel", queue: "f" })!;
  const { win } = sim.document(judged).data;
  assert.equal(win.system.eventID, "3");
  assert.equal(win.system.severityValue, "INFORMATION");
  assert.deepEqual(win.eventdata, { image: "C:\\\\x\\\\y.exe", destinationIp: "192.0.2.9" });
});

test("stock Sysmon base rules are level 0 and never alert", () => {
  const judged = sim.judge(JSON.stringify({ Message: "m", Event: EVENT_3 }), { location: "EventChannel", queue: "f" });
  assert.deepEqual(judged?.verdict?.path, [7, 60_000, 60_004, 61_600, 61_605]);
  assert.equal(judged?.verdict?.written, false);
});

test("a rule by if_group of such a base event fires without a category of its own, as 92105 did on the real engine", async (t) => {
  const rule =
    '<rule id="100702" level="4"><if_group>sysmon_event3</if_group><field name="win.eventdata.destinationIp">\\.+</field><description>x</description></rule>';
  const made = await createWazuhSim({ t, start: false, rules: rulesFile(rule) });
  assert.equal(
    made.fires(JSON.stringify({ Message: "m", Event: EVENT_3 }), { location: "EventChannel", queue: "f" }),
    "100702",
  );
});

test("file integrity: 554 with a syscheck object and no data", () => {
  const attributes = { size: 5, hash_sha256: "ab".repeat(32), mtime: 1_795_280_000, inode: 7, user_name: "root" };
  const event = { type: "event", data: { path: "/tmp/x", mode: "realtime", type: "added", attributes } };
  const alert = alertOf(JSON.stringify(event), { location: "[001] (a) any->syscheck", queue: "8" });
  assert.equal(alert.rule.id, "554");
  assert.deepEqual(alert.syscheck, {
    path: "/tmp/x",
    mode: "realtime",
    size_after: "5",
    sha256_after: "ab".repeat(32),
    uname_after: "root",
    mtime_after: "2026-11-21T16:53:20",
    inode_after: 7,
    event: "added",
  });
  assert.equal(alert.decoder.name, "syscheck_new_entry");
  assert.equal(alert.full_log, "File '/tmp/x' added\nMode: realtime\n");
});

test("an undecoded line with a bad word reaches 1002, level 2, and is not written", () => {
  const judged = sim.judge("some application error", { location: "/var/log/app.log" });
  assert.equal(judged?.verdict?.rule.id, 1002);
  assert.equal(judged?.verdict?.written, false);
});

async function withDecoder(t: TestContext, decoder: string, rules: string) {
  const made = await createWazuhSim({ t, start: false, rules });
  mkdirSync(made.paths.localDecoders, { recursive: true });
  writeFileSync(join(made.paths.localDecoders, "mine.xml"), decoder);
  return { made, loaded: made.reload() };
}
const DECODER = `<decoder name="mine">
  <program_name type="pcre2">^mine$</program_name>
  <prematch type="pcre2">^\\x3CE></prematch>
</decoder>
<decoder name="mine-field">
  <parent>mine</parent>
  <regex type="pcre2">a=(\\w+)</regex>
  <order>my.a</order>
</decoder>
<decoder name="mine-field">
  <parent>mine</parent>
  <regex>ip=(\\S+)</regex>
  <order>srcip</order>
</decoder>
`;
const RULE = rulesFile(
  '<rule id="100700" level="5"><decoded_as>mine</decoded_as><field name="my.a">\\.+</field><description>$(my.a) $(srcip)</description></rule>',
);

test("a decoder of one's own: program name, prematch, children of one name one after the other", async (t) => {
  const { made, loaded } = await withDecoder(t, DECODER, RULE);
  assert.deepEqual(loaded.messages, []);
  const alert = made.document(
    made.judge("Nov 22 05:00:00 h mine[1]: <E> a=b ip=192.0.2.9", { location: "/var/log/syslog" })!,
  );
  assert.equal(alert.rule.description, "b 192.0.2.9");
  assert.deepEqual(alert.data, { srcip: "192.0.2.9", my: { a: "b" } });
  assert.deepEqual(alert.decoder, { parent: "mine", name: "mine" });
  assert.equal(made.fires("Nov 22 05:00:00 h mine[1]: a=b", { location: "x" }), undefined, "prematch");
  assert.equal(made.fires("Nov 22 05:00:00 h other[1]: <E> a=b", { location: "x" }), undefined, "program name");
});

test("a decoder file that does not read: the ruleset is refused", async (t) => {
  for (const broken of [
    DECODER.replace("</decoder>", ""),
    DECODER.replace("<parent>mine<", "<parent>none<"),
    DECODER.replace("order>my", "oder>my"),
  ]) {
    const { loaded } = await withDecoder(t, broken, RULE);
    assert.equal(loaded.ok, false);
    assert.equal(loaded.messages.at(-1)?.text, "(1202): Configuration error at 'etc/decoders/mine.xml'.");
  }
});

test("rules find a field whatever the case of its name", async (t) => {
  const upper =
    '<rule id="100701" level="5"><if_sid>100620</if_sid><field name="misp.DestinationIp">\\.+</field><description>x</description></rule>';
  const made = await createWazuhSim({ t, start: false, rules: rulesFile(PARENT, upper) });
  assert.equal(made.fires(mispEvent('"destinationIp":"x"')), "100701");
});
