import { type AgentKey, clock, hex, type Shape } from "./shape.ts";

/** What Wazuh's JSON decoder makes of a document: scalars become strings, arrays stay as they are. */
function decoded(value: unknown): unknown {
  if (Array.isArray(value)) return value;
  if (typeof value === "number") return Number.isInteger(value) && value < 2 ** 31 ? String(value) : value.toFixed(6);
  if (typeof value !== "object" || value === null) return String(value);
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, decoded(inner)]));
}

/** A JSON log line, decoded the way the manager does it. */
function jsonLine(
  agent: AgentKey,
  rule: string,
  location: string,
  description: string,
  document: (time: Date, serial: number) => object,
): Shape {
  return {
    agent,
    rule,
    description,
    body: (time, serial) => {
      const record = document(time, serial);
      return { full_log: JSON.stringify(record), decoder: { name: "json" }, data: decoded(record), location };
    },
  };
}

export interface DnsAnswer {
  readonly type: string;
  readonly data: string;
}
export function packetbeat(
  client: string,
  server: string,
  name: string,
  answers: readonly DnsAnswer[],
  type = "A",
): Shape {
  return jsonLine(
    "sensor",
    "100160",
    "/var/log/packetbeat/dns.ndjson",
    `Packetbeat - DNS query for ${name}`,
    (time, serial) => ({
      "@timestamp": time.toISOString(),
      type: "dns",
      status: "OK",
      network: { direction: "outbound", protocol: "dns", transport: "udp", type: "ipv4" },
      source: { ip: client, port: 49_152 + ((serial * 37) % 16_000), bytes: 30 + name.length },
      destination: { ip: server, port: 53, bytes: 46 + name.length },
      method: "QUERY",
      query: `class IN, type ${type}, ${name}`,
      resource: name,
      dns: {
        id: (serial * 7919) % 65_536,
        op_code: "QUERY",
        response_code: answers.length > 0 ? "NOERROR" : "NXDOMAIN",
        question: { name, type, class: "IN" },
        answers_count: answers.length,
        ...(answers.length > 0
          ? { answers: answers.map((answer) => ({ name, class: "IN", ttl: "300", ...answer })) }
          : {}),
      },
    }),
  );
}
export function suricata(
  signature: string,
  category: string,
  source: readonly [string, number],
  target: readonly [string, number],
  more: object,
): Shape {
  return jsonLine(
    "sensor",
    "86601",
    "/var/log/suricata/eve.json",
    `Suricata: Alert - ${signature}`,
    (time, serial) => ({
      timestamp: time.toISOString().replace("Z", "000+0000"),
      flow_id: 1_100_000_000_000 + serial * 7_654_321,
      in_iface: "eth1",
      event_type: "alert",
      src_ip: source[0],
      src_port: source[1],
      dest_ip: target[0],
      dest_port: target[1],
      proto: "TCP",
      alert: {
        action: "allowed",
        gid: 1,
        signature_id: 2_000_000 + signature.length * 311,
        rev: 3,
        signature,
        category,
        severity: 3,
      },
      ...more,
    }),
  );
}
/** A FortiGate line: `pass` is application control (stock rule 81633), `deny` traffic (a local rule). */
export function firewall(action: "pass" | "deny", source: string, target: string, port: number, app: string): Shape {
  return {
    agent: "firewall",
    rule: action === "pass" ? "81633" : "100165",
    ...(action === "deny" ? { description: "Fortigate: traffic denied." } : {}),
    body: (time, serial) => {
      const data = {
        devname: "tern-fw1",
        devid: "FGT60FDEMO000001",
        logid: action === "pass" ? "1059028704" : "0000000013",
        type: action === "pass" ? "utm" : "traffic",
        subtype: action === "pass" ? "app-ctrl" : "forward",
        level: "notice",
        vd: "root",
        srcip: source,
        srcport: String(20_000 + ((serial * 53) % 40_000)),
        dstip: target,
        dstport: String(port),
        srcintf: action === "pass" ? "lan" : "wan1",
        dstintf: action === "pass" ? "wan1" : "dmz",
        proto: "6",
        policyid: action === "pass" ? "12" : "0",
        app,
        action,
      };
      const pairs = Object.entries(data)
        .map(([key, value]) => `${key}="${value}"`)
        .join(" ");
      return {
        full_log: `date=${time.toISOString().slice(0, 10)} time=${clock(time)} ${pairs}`,
        decoder: { name: "fortigate-firewall-v5" },
        data: { ...data, time: clock(time) },
        location: "10.20.0.1",
      };
    },
  };
}
export function cloudtrail(
  rule: string,
  source: string,
  event: string,
  user: string,
  ip: string,
  agent: string,
  more: object = {},
): Shape {
  const ending = rule === "80253" ? " - User Login Success." : ".";
  return {
    agent: "manager",
    rule,
    description: `AWS Cloudtrail: ${source} - ${event}${ending}`,
    body: (time, serial) => ({
      decoder: { name: "json" },
      data: {
        integration: "aws",
        aws: {
          log_info: {
            aws_account_alias: "",
            log_file: `AWSLogs/123456789012/CloudTrail/eu-north-1/2026/11/18/123456789012_CloudTrail_eu-north-1_${serial}.json.gz`,
            s3bucket: "tern-cloudtrail-demo",
          },
          eventVersion: "1.08",
          userIdentity: {
            type: "IAMUser",
            principalId: "AIDADEMODEMODEMODEMO",
            arn: `arn:aws:iam::123456789012:user/${user}`,
            accountId: "123456789012",
            userName: user,
          },
          eventTime: time.toISOString().replace(/\.\d{3}/, ""),
          eventSource: source,
          eventName: event,
          awsRegion: "eu-north-1",
          sourceIPAddress: ip,
          userAgent: agent,
          eventID: `${hex(String(serial), 8)}-1d2e-4f3a-9b4c-${hex(event, 12)}`,
          eventType: rule === "80253" ? "AwsConsoleSignIn" : "AwsApiCall",
          recipientAccountId: "123456789012",
          source: "cloudtrail",
          ...more,
        },
      },
      location: "Wazuh-AWS",
    }),
  };
}

/** A document under `data` that Wazuh's own modules (vulnerability detection, SCA) write. */
export function moduleEvent(agent: AgentKey, rule: string, location: string, description: string, data: object): Shape {
  return { agent, rule, description, body: () => ({ decoder: { name: "json" }, data, location }) };
}
/** A log line of an application that logs JSON. */
export function application(
  agent: AgentKey,
  rule: string,
  location: string,
  description: string,
  record: object,
): Shape {
  return jsonLine(agent, rule, location, description, (time) => ({ time: time.toISOString(), ...record }));
}
