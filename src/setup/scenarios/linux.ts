import { accessLogTime, alertOf, hostOf, type Scenario, type Simulated, syslogTime } from "./scenario.ts";

const AUTH_LOG = "/var/log/auth.log";
const ACCESS_LOG = "/var/log/nginx/access.log";
const PACKETBEAT_LOG = "/var/log/packetbeat/tipline.ndjson";
const SYSLOG = "/var/log/syslog";

const sshBody = ({ value, mark }: Simulated) => `Accepted password for ${mark} from ${value} port 50022 ssh2`;
const sshLine = (of: Simulated) => `${syslogTime(of.time)} ${hostOf(of)} sshd[4242]: ${sshBody(of)}`;

export const sshLogin: Scenario = {
  name: "ssh-login",
  summary: "a login over SSH from a listed address",
  types: ["ip"],
  log: { format: "syslog", path: AUTH_LOG, line: sshLine },
  event: (of) => ({ kind: "1", location: AUTH_LOG, message: sshLine(of) }),
  alert: (of) =>
    alertOf(
      of,
      {
        level: 3,
        description: "sshd: authentication success.",
        id: "5715",
        groups: ["syslog", "sshd", "authentication_success"],
      },
      {
        full_log: sshLine(of),
        predecoder: { program_name: "sshd", timestamp: syslogTime(of.time), hostname: hostOf(of) },
        decoder: { parent: "sshd", name: "sshd" },
        data: { srcip: of.value, srcport: "50022", dstuser: of.mark },
        location: AUTH_LOG,
      },
    ),
  alerts: { rule: "5715" },
};

const webLine = ({ value, mark, time }: Simulated) =>
  `${value} - - [${accessLogTime(time)}] "GET /${mark} HTTP/1.1" 404 153 "-" "${mark}"`;

export const webAccess: Scenario = {
  name: "web-access",
  summary: "a request to a web server from a listed address, answered 404",
  types: ["ip"],
  log: { format: "syslog", path: ACCESS_LOG, line: webLine },
  event: (of) => ({ kind: "1", location: ACCESS_LOG, message: webLine(of) }),
  alert: (of) =>
    alertOf(
      of,
      { level: 5, description: "Web server 400 error code.", id: "31101", groups: ["web", "accesslog", "attack"] },
      {
        full_log: webLine(of),
        decoder: { name: "web-accesslog" },
        data: { protocol: "GET", srcip: of.value, id: "404", url: `/${of.mark}` },
        location: ACCESS_LOG,
      },
    ),
  alerts: { rule: "31101" },
};

const dnsDocument = (of: Simulated) => ({
  "@timestamp": new Date(of.time).toISOString(),
  type: "dns",
  tags: ["tipline-simulated", of.mark],
  agent: { name: hostOf(of), type: "packetbeat", version: "8.17.0" },
  client: { ip: "10.0.0.5", port: 50053 },
  destination: { ip: "10.0.0.1", port: 53 },
  network: { type: "ipv4", transport: "udp", protocol: "dns", direction: "egress" },
  resource: of.value,
  dns: {
    type: "answer",
    op_code: "QUERY",
    response_code: "NOERROR",
    question: { name: of.value, type: "A", class: "IN" },
    answers_count: 0,
  },
});
const dnsLine = (of: Simulated) => JSON.stringify(dnsDocument(of));

export const packetbeatDns: Scenario = {
  name: "packetbeat-dns",
  summary: "a DNS query for a listed name, as Packetbeat writes it",
  types: ["domain"],
  log: { format: "json", path: PACKETBEAT_LOG, line: dnsLine },
  event: (of) => ({ kind: "1", location: PACKETBEAT_LOG, message: dnsLine(of) }),
  alert: (of) =>
    alertOf(
      of,
      {
        level: 3,
        description: `Packetbeat: DNS query for ${of.value}`,
        id: "100681",
        groups: ["packetbeat", "tipline_visibility", "dns"],
      },
      { full_log: dnsLine(of), decoder: { name: "json" }, data: strings(dnsDocument(of)), location: PACKETBEAT_LOG },
    ),
  alerts: { lacks: "rules for Packetbeat" },
};

const sysmonLinux = ({ value, mark, time }: Simulated) =>
  [
    ["RuleName", "-"],
    ["UtcTime", new Date(time).toISOString().replace("T", " ").replace("Z", "")],
    ["ProcessGuid", "{00000000-0000-0000-0000-000000000001}"],
    ["ProcessId", "4242"],
    ["Image", `/tmp/${mark}`],
    ["User", "root"],
    ["Protocol", "tcp"],
    ["Initiated", "true"],
    ["SourceIsIpv6", String(value.includes(":"))],
    ["SourceIp", "10.0.0.5"],
    ["SourceHostname", "-"],
    ["SourcePort", "50123"],
    ["SourcePortName", "-"],
    ["DestinationIsIpv6", String(value.includes(":"))],
    ["DestinationIp", value],
    ["DestinationHostname", "-"],
    ["DestinationPort", "443"],
    ["DestinationPortName", "-"],
  ] as const;

function sysmonLinuxLine(of: Simulated): string {
  const host = hostOf(of);
  const data = sysmonLinux(of).map(([name, value]) => `<Data Name="${name}">${value}</Data>`);
  const time = new Date(of.time).toISOString();
  const system =
    `<Provider Name="Linux-Sysmon" Guid="{ff032593-a8d3-4f13-b0d6-01fc615a0f97}"/><EventID>3</EventID><Version>5</Version><Level>4</Level>` +
    `<Task>3</Task><Opcode>0</Opcode><Keywords>0x8000000000000000</Keywords><TimeCreated SystemTime="${time}"/><EventRecordID>4242</EventRecordID>` +
    `<Correlation/><Execution ProcessID="4242" ThreadID="4242"/><Channel>Linux-Sysmon/Operational</Channel><Computer>${host}</Computer><Security UserId="0"/>`;
  return `${syslogTime(of.time)} ${host} sysmon: <Event><System>${system}</System><EventData>${data.join("")}</EventData></Event>`;
}

export const sysmonForLinux: Scenario = {
  name: "sysmon-linux",
  summary: "a connection to a listed address, as Sysmon for Linux writes it",
  types: ["ip"],
  log: { format: "syslog", path: SYSLOG, line: sysmonLinuxLine },
  event: (of) => ({ kind: "1", location: SYSLOG, message: sysmonLinuxLine(of) }),
  alert: (of) =>
    alertOf(
      of,
      {
        level: 3,
        description: `Sysmon for Linux event 3: connection by /tmp/${of.mark} to ${of.value}`,
        id: "100672",
        groups: ["linux", "sysmon", "tipline_visibility", "sysmon_event3"],
      },
      {
        full_log: sysmonLinuxLine(of),
        predecoder: { program_name: "sysmon", timestamp: syslogTime(of.time), hostname: hostOf(of) },
        decoder: { parent: "tipline-sysmon-linux", name: "tipline-sysmon-linux" },
        data: {
          system: { eventID: "3", computer: hostOf(of), channel: "Linux-Sysmon/Operational", eventRecordID: "4242" },
          eventdata: Object.fromEntries(
            sysmonLinux(of)
              .filter(([, value]) => value !== "-")
              .map(([name, value]) => [`${name.charAt(0).toLowerCase()}${name.slice(1)}`, value]),
          ),
        },
        location: SYSLOG,
      },
    ),
  alerts: { lacks: "a decoder and rules for Sysmon for Linux" },
};

/** Wazuh's JSON decoder makes strings of scalars and leaves lists as they are. */
function strings<T extends object>(document: T): { readonly [key: string]: never } {
  const text = (_: string, value: unknown) => (typeof value === "number" ? String(value) : value);
  return JSON.parse(JSON.stringify(document, text));
}
