import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parse } from "yaml";
import sysmon from "../../../../src/extractors/sysmon.ts";
import { parseRules } from "../../../../src/setup/wazuh/rule-catalog.ts";
import {
  agentConf,
  packetbeatConf,
  renderVisibility,
  takesLinuxSysmon,
  VISIBILITY_FILES,
  type VisibilityOptions,
  visibilityIds,
} from "../../../../src/setup/wazuh/visibility.ts";
import { parseXml } from "../../../../src/setup/wazuh/xml.ts";
import { rulesRig } from "../../../support/rules-rig.ts";
import { tempDir } from "../../../support/temp.ts";
import { STOCK_RULES } from "../../../support/wazuh-sim/stock-rules.ts";

const IDS = visibilityIds();
const stockIds = new Set(Object.values(STOCK_RULES).flatMap((text) => parseRules(text).map(({ id }) => id)));

/** An engine with our rules, the visibility rules for what it has, and the decoder. */
function rig(t: TestContext, options: VisibilityOptions = {}) {
  const prefix = tempDir(t);
  const files = renderVisibility({ knownIds: stockIds, ...options });
  mkdirSync(join(prefix, "etc/decoders"), { recursive: true });
  for (const { kind, name, content } of files)
    if (kind === "decoders") writeFileSync(join(prefix, "etc/decoders", name), content);
  const rules = files.filter(({ kind }) => kind === "rules").map(({ name, content }) => [name, content]);
  const made = rulesRig(prefix, options, Object.fromEntries(rules));
  assert.deepEqual(made.engine.rules.messages, []);
  return made;
}

function sysmonEvent(id: number, data: Readonly<Record<string, string>>): string {
  const fields = Object.entries(data).map(([name, value]) => `<Data Name='${name}'>${value}</Data>`);
  const event =
    "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>" +
    `<Provider Name='Microsoft-Windows-Sysmon' Guid='{5770385f-c22a-43e0-bf4c-06f5698ffbd9}'/><EventID>${id}</EventID>` +
    "<Version>5</Version><Level>4</Level><Task>1</Task><Opcode>0</Opcode><Keywords>0x8000000000000000</Keywords>" +
    "<EventRecordID>9</EventRecordID><Channel>Microsoft-Windows-Sysmon/Operational</Channel><Computer>win-01</Computer>" +
    `</System><EventData>${fields.join("")}</EventData></Event>`;
  return `f:[002] (win-01) 10.0.0.9->EventChannel:${JSON.stringify({ Message: "x", Event: event })}`;
}

test("Sysmon's base events become alerts in the groups that integrations filter by", (t) => {
  const { fire } = rig(t);
  const query = fire(sysmonEvent(22, { QueryName: "c2.example", Image: "C:\\x.exe" }));
  assert.deepEqual([query?.id, query?.level], [IDS.sysmon[22], 3]);
  assert.ok(query?.groups.includes("sysmon_event_22") && query.groups.includes("sysmon"));
  assert.match(query?.description ?? "", /DNS query for c2\.example/);
  for (const id of [1, 3, 6, 7, 11, 12, 13, 14, 15] as const)
    assert.equal(fire(sysmonEvent(id, { Image: "C:\\x.exe" }))?.id, IDS.sysmon[id], `event ${id}`);
  assert.equal(fire(sysmonEvent(29, { TargetFilename: "C:\\x.exe" }))?.id, IDS.sysmon[29]);
  assert.equal(fire(sysmonEvent(5, { Image: "C:\\x.exe" })), undefined, "not lifted");
});

test("a rule whose stock parent this Wazuh lacks is left out, with its comment; the rest stays", () => {
  const few = renderVisibility({ knownIds: new Set([61_600, 61_603, 61_605]), parts: ["sysmon"] })[0]?.content ?? "";
  assert.deepEqual(
    parseRules(few).map(({ id }) => id),
    [IDS.sysmon[1], IDS.sysmon[3], IDS.sysmon[29]],
  );
  assert.doesNotMatch(few, /the best source for domain indicators/);
  const older = rulesOf({ knownIds: stockIds });
  assert.ok(!older.includes(IDS.sysmon[17]) && older.includes(IDS.sysmon[22]) && older.includes(IDS.packetbeat.dns));
});

const rulesOf = (options: VisibilityOptions) =>
  renderVisibility(options)
    .filter(({ kind }) => kind === "rules")
    .flatMap(({ content }) => parseRules(content).map(({ id }) => id));

test("parts, blocks and levels; decoders come first, and every name is one that uninstall knows", () => {
  const names = renderVisibility().map(({ kind, name }) => `${kind}/${name}`);
  assert.deepEqual(names.toSorted(), VISIBILITY_FILES.map(({ kind, name }) => `${kind}/${name}`).toSorted());
  assert.equal(renderVisibility()[0]?.kind, "decoders");
  assert.deepEqual(
    renderVisibility({ parts: ["packetbeat"] }).map(({ kind }) => kind),
    ["rules"],
  );
  const moved = renderVisibility({ block: 119_000, logAlertLevel: 5, parts: ["packetbeat"] })[0]?.content ?? "";
  assert.deepEqual(
    parseRules(moved).map(({ id, level }) => [id, level]),
    Object.values(visibilityIds(119_000).packetbeat).map((id, at) => [id, at === 0 ? 0 : 5]),
  );
});

const flow = (change: object) => ({
  "@timestamp": "2026-11-21T21:45:50.015Z",
  agent: { type: "packetbeat", version: "8.15.0" },
  event: { dataset: "flow", action: "network_flow", kind: "event" },
  flow: { final: true },
  type: "flow",
  ...change,
});

test("Packetbeat's documents become alerts: DNS, HTTP, TLS, finished flows with an outside address", (t) => {
  const { fire } = rig(t);
  const send = (document: object, location = "[001] (web-01) any->/var/log/packetbeat/tipline-20261121.ndjson") =>
    fire(`1:${location}:${JSON.stringify(document)}`)?.id;
  const { dns, http, tls, flowOut, flowIn } = IDS.packetbeat;
  const pair = (source: string, destination: string) => ({ source: { ip: source }, destination: { ip: destination } });
  const inside = pair("10.0.0.5", "10.0.0.1");
  const rows: [string, object, number | undefined][] = [
    [
      "dns",
      { ...inside, status: "OK", dns: { question: { name: "c2.example" }, answers: [{ data: "203.0.113.7" }] } },
      dns,
    ],
    ["http", { ...inside, url: { full: "http://c2.example/x" } }, http],
    ["tls", { ...inside, tls: { client: { server_name: "c2.example" } } }, tls],
    ["out", pair("10.0.0.5", "203.0.113.7"), flowOut],
    ["in", pair("203.0.113.7", "10.0.0.5"), flowIn],
    ["out, IPv6", pair("fd00::5", "2a00:1450::1"), flowOut],
    ["inside", inside, undefined],
    ["inside, IPv6", pair("fe80::1", "ff02::fb"), undefined],
    ["172.32 is outside", pair("172.16.0.1", "172.32.0.1"), flowOut],
    ["not over yet", { ...pair("10.0.0.5", "203.0.113.7"), flow: { final: false } }, undefined],
    ["another program", { ...pair("10.0.0.5", "203.0.113.7"), agent: { type: "filebeat" } }, undefined],
  ];
  for (const [what, change, id] of rows) assert.equal(send(flow(change)), id, what);
});

const LINUX_3 =
  '<Event><System><Provider Name="Linux-Sysmon" Guid="{ff032593-a8d3-4f13-b0d6-01fc615a0f97}"/><EventID>3</EventID>' +
  "<Version>5</Version><Level>4</Level><Task>3</Task><Opcode>0</Opcode><Keywords>0x8000000000000000</Keywords>" +
  '<TimeCreated SystemTime="2026-11-21T21:45:50.015Z"/><EventRecordID>7</EventRecordID><Correlation/>' +
  '<Execution ProcessID="42" ThreadID="42"/><Channel>Linux-Sysmon/Operational</Channel><Computer>web-01</Computer>' +
  '<Security UserId="0"/></System><EventData><Data Name="RuleName">-</Data><Data Name="Image">/usr/bin/curl</Data>' +
  '<Data Name="User">www-data</Data><Data Name="CommandLine">sh -c &lt;x&gt;</Data><Data Name="SourceIp">10.0.0.5</Data>' +
  '<Data Name="DestinationIp">203.0.113.7</Data><Data Name="DestinationPort">443</Data></EventData></Event>';

/** What the decoder's children make of a line: each adds its field. */
function decode(decoder: string, log: string): { taken: boolean; fields: Map<string, string> } {
  const [parent, ...children] = parseXml(decoder);
  const textOf = (node: typeof parent, name: string) => node?.children.find((child) => child.name === name)?.text ?? "";
  const fields = new Map<string, string>();
  for (const child of children) {
    assert.equal(textOf(child, "parent"), parent?.attributes.get("name"));
    const found = new RegExp(textOf(child, "regex")).exec(log)?.[1];
    if (found !== undefined) fields.set(textOf(child, "order"), found);
  }
  return { taken: new RegExp(textOf(parent, "prematch")).test(log), fields };
}

const tree = (fields: Map<string, string>) => {
  const data: Record<string, Record<string, string>> = { system: {}, eventdata: {} };
  for (const [path, value] of fields) {
    const [top = "", name = ""] = path.split(".");
    const branch = data[top];
    if (branch !== undefined) branch[name] = value;
  }
  return { data };
};

test("the decoder for Sysmon for Linux reads its events, in either spelling, as Tipline's extractor wants them", () => {
  for (const [linuxFields, spelled] of [
    ["camelCase", "destinationIp"],
    ["PascalCase", "DestinationIp"],
  ] as const) {
    const decoder = renderVisibility({ linuxFields })[0]?.content ?? "";
    const { taken, fields } = decode(decoder, LINUX_3);
    assert.ok(taken);
    assert.equal(fields.get("system.eventID"), "3");
    assert.equal(fields.get(`eventdata.${spelled}`), "203.0.113.7");
    const names = [...fields.keys()].map((name) => name.toLowerCase());
    assert.ok(!names.includes("eventdata.rulename"), "a dash is nothing");
    assert.equal(
      [...fields.values()].find((value) => value.startsWith("sh -c")),
      "sh -c &lt;x&gt;",
    );
    const view = sysmon.view?.(tree(fields));
    assert.equal(view?.facts?.dst, "203.0.113.7");
    assert.equal(view?.facts?.image, "/usr/bin/curl");
  }
  assert.ok(!decode(renderVisibility()[0]?.content ?? "", "sysmon starting").taken);
});

test("no second decoder for Sysmon for Linux beside one that is there", () => {
  const theirs = '<decoder name="sysmon-linux">\n  <program_name>sysmon</program_name>\n</decoder>';
  assert.ok(takesLinuxSysmon(theirs));
  assert.ok(!takesLinuxSysmon(renderVisibility()[0]?.content ?? ""));
  assert.ok(!takesLinuxSysmon('<decoder name="sshd"><program_name>^sshd</program_name></decoder>'));
});

test("the snippets are well-formed: agent.conf for Wazuh's reader, packetbeat.yml for YAML's", () => {
  const roots = parseXml(agentConf());
  assert.deepEqual(
    roots.map(({ name }) => name),
    ["agent_config", "agent_config"],
  );
  const inside = roots.flatMap(({ children }) => children.map(({ name }) => name));
  assert.deepEqual(inside, ["localfile", "syscheck", "localfile", "syscheck"]);
  for (const node of roots.flatMap(({ children }) => children.flatMap((child) => child.children)))
    if (node.name === "directories") assert.equal(node.attributes.get("check_all"), "yes");
  const yaml = parse(packetbeatConf()) as Record<string, { path?: string; filename?: string }>;
  const file = yaml["output.file"];
  assert.ok(
    agentConf().includes(`<location>${file?.path}/${file?.filename}*</location>`),
    "the agent reads what is written",
  );
});
