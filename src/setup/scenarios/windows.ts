import { alertOf, hostOf, type Scenario, type ScenarioEvent, type Simulated } from "./scenario.ts";

type Members = readonly (readonly [name: string, value: string])[];

const PROVIDER = "Microsoft-Windows-Sysmon";
const GUID = "{5770385f-c22a-43e0-bf4c-06f5698ffbd9}";
const CHANNEL = "Microsoft-Windows-Sysmon/Operational";
const PROCESS = "{00000000-0000-0000-0000-000000000001}";

const utcTime = ({ time }: Simulated) => new Date(time).toISOString().replace("T", " ").replace("Z", "");
const lower = (name: string) => `${name.charAt(0).toLowerCase()}${name.slice(1)}`;

/** Sysmon writes hashes as `SHA1=…,MD5=…`; only the listed one is given. */
const hashes = ({ type, value }: Simulated) => `${type.toUpperCase()}=${value.toUpperCase()}`;

function computer(of: Simulated): string {
  return hostOf(of);
}

/** As the agent sends it: the event's XML, attributes in single quotes as Windows renders them, beside its message. */
function channelEvent(of: Simulated, eventId: string, message: string, members: Members): ScenarioEvent {
  const data = members.map(([name, value]) => `<Data Name='${name}'>${value}</Data>`).join("");
  const system =
    `<Provider Name='${PROVIDER}' Guid='${GUID}'/><EventID>${eventId}</EventID><Version>5</Version><Level>4</Level><Task>${eventId}</Task>` +
    `<Opcode>0</Opcode><Keywords>0x8000000000000000</Keywords><TimeCreated SystemTime='${new Date(of.time).toISOString()}'/>` +
    `<EventRecordID>4242</EventRecordID><Correlation/><Execution ProcessID='4242' ThreadID='4243'/><Channel>${CHANNEL}</Channel>` +
    `<Computer>${computer(of)}</Computer><Security UserID='S-1-5-18'/>`;
  const xml = `<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>${system}</System><EventData>${data}</EventData></Event>`;
  return {
    kind: "f",
    location: "EventChannel",
    message: JSON.stringify({ Message: messageOf(message, members), Event: xml }),
  };
}

function messageOf(message: string, members: Members): string {
  return `${message}:\r\n${members.map(([name, value]) => `${name}: ${value}`).join("\r\n")}`;
}

function channelAlert(
  of: Simulated,
  eventId: string,
  message: string,
  members: Members,
  rule: Parameters<typeof alertOf>[1],
) {
  return alertOf(of, rule, {
    decoder: { name: "windows_eventchannel" },
    data: {
      win: {
        system: {
          providerName: PROVIDER,
          providerGuid: GUID,
          eventID: eventId,
          version: "5",
          level: "4",
          task: eventId,
          opcode: "0",
          keywords: "0x8000000000000000",
          systemTime: new Date(of.time).toISOString(),
          eventRecordID: "4242",
          processID: "4242",
          threadID: "4243",
          channel: CHANNEL,
          computer: computer(of),
          severityValue: "INFORMATION",
          message: `"${messageOf(message, members)}"`,
        },
        // Wazuh doubles the backslashes of event data, and leaves out what Sysmon has no value for.
        eventdata: Object.fromEntries(
          members
            .filter(([, value]) => value !== "-")
            .map(([name, value]) => [lower(name), value.replaceAll("\\", "\\\\")]),
        ),
      },
    },
    location: "EventChannel",
  });
}

const processMembers = (of: Simulated): Members => [
  ["RuleName", "-"],
  ["UtcTime", utcTime(of)],
  ["ProcessGuid", PROCESS],
  ["ProcessId", "4242"],
  ["Image", `C:\\Users\\Public\\${of.mark}.exe`],
  ["FileVersion", "1.0.0.0"],
  ["Description", "Simulated"],
  ["Product", "Tipline"],
  ["Company", "Tipline"],
  ["OriginalFileName", `${of.mark}.exe`],
  ["CommandLine", `C:\\Users\\Public\\${of.mark}.exe`],
  ["CurrentDirectory", "C:\\Users\\Public\\"],
  ["User", "TIPLINE\\simulated"],
  ["LogonGuid", PROCESS],
  ["LogonId", "0x4242"],
  ["TerminalSessionId", "1"],
  ["IntegrityLevel", "Medium"],
  ["Hashes", hashes(of)],
  ["ParentProcessGuid", PROCESS],
  ["ParentProcessId", "4241"],
  ["ParentImage", "C:\\Windows\\System32\\cscript.exe"],
  ["ParentCommandLine", "cscript.exe"],
];

export const sysmonProcess: Scenario = {
  name: "sysmon-process",
  summary: "Sysmon 1: a program with a listed hash starts (from cscript.exe, which stock rules alert on)",
  types: ["sha256", "md5", "sha1"],
  event: (of) => channelEvent(of, "1", "Process Create", processMembers(of)),
  alert: (of) =>
    channelAlert(of, "1", "Process Create", processMembers(of), {
      level: 4,
      description: "Scripting interpreter spawned a new process",
      id: "92000",
      groups: ["sysmon", "sysmon_eid1_detections", "windows"],
    }),
  alerts: { rule: "92000" },
};

const networkMembers = (of: Simulated): Members => [
  ["RuleName", "-"],
  ["UtcTime", utcTime(of)],
  ["ProcessGuid", PROCESS],
  ["ProcessId", "4242"],
  ["Image", `C:\\Users\\Public\\${of.mark}.exe`],
  ["User", "TIPLINE\\simulated"],
  ["Protocol", "tcp"],
  ["Initiated", "true"],
  ["SourceIsIpv6", String(of.value.includes(":"))],
  ["SourceIp", "10.0.0.5"],
  ["SourcePort", "50123"],
  ["DestinationIsIpv6", String(of.value.includes(":"))],
  ["DestinationIp", of.value],
  ["DestinationPort", "5985"],
];

export const sysmonNetwork: Scenario = {
  name: "sysmon-network",
  summary: "Sysmon 3: a program connects to a listed address (port 5985, which stock rules alert on)",
  types: ["ip"],
  event: (of) => channelEvent(of, "3", "Network connection detected", networkMembers(of)),
  alert: (of) =>
    channelAlert(of, "3", "Network connection detected", networkMembers(of), {
      level: 4,
      description: `Detected WinRM activity from 10.0.0.5 to ${of.value}`,
      id: "92110",
      groups: ["sysmon", "sysmon_eid3_detections", "windows"],
    }),
  alerts: { rule: "92110" },
};

const dnsMembers = (of: Simulated): Members => [
  ["RuleName", "-"],
  ["UtcTime", utcTime(of)],
  ["ProcessGuid", PROCESS],
  ["ProcessId", "4242"],
  ["QueryName", of.value],
  ["QueryStatus", "9003"],
  ["QueryResults", "-"],
  ["Image", `C:\\Users\\Public\\${of.mark}.exe`],
  ["User", "TIPLINE\\simulated"],
];

export const sysmonDns: Scenario = {
  name: "sysmon-dns",
  summary: "Sysmon 22: a program asks for a listed name",
  types: ["domain"],
  event: (of) => channelEvent(of, "22", "Dns query", dnsMembers(of)),
  alert: (of) =>
    channelAlert(of, "22", "Dns query", dnsMembers(of), {
      level: 3,
      description: `Sysmon event 22: DNS query for ${of.value}`,
      id: "100661",
      groups: ["windows", "sysmon", "tipline_visibility", "sysmon_event_22"],
    }),
  alerts: { lacks: "a rule that lifts Sysmon event 22 above level 0" },
};
