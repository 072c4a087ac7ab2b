import { createHash } from "node:crypto";
import { AGENTS, type AgentKey, hex, type Shape } from "./shape.ts";

/** The event channel writes values with doubled backslashes; the message has them single. */
const doubled = (text: string) => text.replaceAll("\\", "\\\\").replaceAll('"', '\\"');

interface WindowsEvent {
  readonly provider: string;
  readonly guid: string;
  readonly channel: string;
  readonly eventId: string;
  readonly severity?: string;
  readonly title: string;
  readonly data: Readonly<Record<string, string>>;
}
function windows(agent: AgentKey, rule: string, event: WindowsEvent, description?: string): Shape {
  return {
    agent,
    rule,
    ...(description === undefined ? {} : { description }),
    body: (time, serial) => {
      const lines = Object.entries(event.data).map(
        ([key, value]) => `${key[0]?.toUpperCase()}${key.slice(1)}: ${value}`,
      );
      return {
        decoder: { name: "windows_eventchannel" },
        data: {
          win: {
            system: {
              providerName: event.provider,
              providerGuid: event.guid,
              eventID: event.eventId,
              version: "5",
              level: "4",
              task: event.eventId,
              opcode: "0",
              keywords: "0x8000000000000000",
              systemTime: `${time.toISOString().slice(0, -1)}${hex(String(serial), 4).replace(/\D/g, "7")}Z`,
              eventRecordID: String(180_400 + serial),
              processID: "2456",
              threadID: "3616",
              channel: event.channel,
              computer: `${AGENTS[agent].name}.tern.local`,
              severityValue: event.severity ?? "INFORMATION",
              message: `"${event.title}:\r\n${lines.join("\r\n")}"`,
            },
            eventdata: Object.fromEntries(Object.entries(event.data).map(([key, value]) => [key, doubled(value)])),
          },
        },
        location: "EventChannel",
      };
    },
  };
}

const SYSMON_TITLES: Readonly<Record<string, string>> = {
  "1": "Process Create",
  "3": "Network connection detected",
  "11": "File created",
  "13": "Registry value set",
  "22": "Dns query",
};
export function sysmon(
  agent: AgentKey,
  rule: string,
  eventId: string,
  data: Readonly<Record<string, string>>,
  description?: string,
): Shape {
  const person = agent === "anna" ? "TERN\\anna" : agent === "bjorn" ? "TERN\\bjorn" : "NT AUTHORITY\\SYSTEM";
  const guid = hex(`${agent}${data["image"]}`, 32);
  const processGuid = `{${guid.slice(0, 8)}-${guid.slice(8, 12)}-691c-${guid.slice(12, 16)}-000000001b00}`;
  return windows(
    agent,
    rule,
    {
      provider: "Microsoft-Windows-Sysmon",
      guid: "{5770385f-c22a-43e0-bf4c-06f5698ffbd9}",
      channel: "Microsoft-Windows-Sysmon/Operational",
      eventId,
      title: SYSMON_TITLES[eventId] ?? "Event",
      data: {
        ruleName: "-",
        processGuid,
        processId: String(Number.parseInt(guid.slice(16, 19), 16) * 4),
        user: person,
        ...data,
      },
    },
    description,
  );
}
export function process(
  agent: AgentKey,
  rule: string,
  image: string,
  commandLine: string,
  parent: string,
  hashes?: string,
  description?: string,
): Shape {
  const sum = (algorithm: string) => createHash(algorithm).update(image.toLowerCase()).digest("hex").toUpperCase();
  const own = `SHA1=${sum("sha1")},MD5=${sum("md5")},SHA256=${sum("sha256")},IMPHASH=${hex(image, 32).toUpperCase()}`;
  return sysmon(
    agent,
    rule,
    "1",
    {
      image,
      originalFileName: image.split("\\").at(-1) ?? image,
      commandLine,
      currentDirectory: "C:\\Windows\\system32\\",
      integrityLevel: "Medium",
      hashes: hashes ?? own,
      parentImage: parent,
      parentCommandLine: `"${parent}"`,
    },
    description ?? (rule === "100150" ? `Sysmon - process created: ${image}` : undefined),
  );
}
export function connection(
  agent: "anna" | "bjorn" | "dc",
  image: string,
  ip: string,
  port: number,
  sourcePort: number,
): Shape {
  return sysmon(
    agent,
    "100151",
    "3",
    {
      image,
      protocol: "tcp",
      initiated: "true",
      sourceIsIpv6: "false",
      sourceIp: AGENTS[agent].ip,
      sourcePort: String(sourcePort),
      destinationIsIpv6: "false",
      destinationIp: ip,
      destinationPort: String(port),
    },
    `Sysmon - network connection to ${ip} by ${image}`,
  );
}
export function dnsQuery(agent: AgentKey, image: string, name: string, results: string): Shape {
  return sysmon(
    agent,
    "100152",
    "22",
    { image, queryName: name, queryStatus: "0", queryResults: results },
    `Sysmon - DNS query for ${name}`,
  );
}
/** Security and System log events; `provider` by channel. */
export function eventLog(
  agent: AgentKey,
  rule: string,
  eventId: string,
  channel: "Security" | "System" | "Application",
  title: string,
  data: Readonly<Record<string, string>>,
): Shape {
  const provider = {
    Security: "Microsoft-Windows-Security-Auditing",
    System: "Service Control Manager",
    Application: "Microsoft-Windows-Security-SPP",
  }[channel];
  const guid =
    channel === "Security" ? "{54849625-5478-4994-a5ba-3e3b0328c30d}" : "{555908d1-a6d7-4695-8e1e-26931d2012f4}";
  const severity = channel !== "Security" ? "INFORMATION" : eventId === "4625" ? "AUDIT_FAILURE" : "AUDIT_SUCCESS";
  return windows(agent, rule, { provider, guid, channel, eventId, severity, title, data });
}
