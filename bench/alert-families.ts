import { hex, octet, pick, word } from "./random.ts";

/** What an alert may be about; an indicator's value replaces one of these when the alert shall match. */
export interface Subject {
  readonly ip: string;
  readonly host: string;
  readonly md5: string;
  readonly sha1: string;
  readonly sha256: string;
  readonly file: string;
  readonly url: string;
}

export type Family = (random: () => number, subject: Subject) => object;

const guid = (random: () => number): string =>
  `{${hex(random, 8)}-${hex(random, 4)}-${hex(random, 4)}-${hex(random, 4)}-${hex(random, 12)}}`;

function sysmon(eventId: number, random: () => number, eventdata: Readonly<Record<string, string>>): object {
  const lines = Object.entries(eventdata).map(([name, value]) => `${name}: ${value}`);
  return {
    data: {
      win: {
        system: {
          providerName: "Microsoft-Windows-Sysmon",
          providerGuid: "{5770385f-c22a-43e0-bf4c-06f5698ffbd9}",
          eventID: String(eventId),
          version: "5",
          level: "4",
          opcode: "0",
          keywords: "0x8000000000000000",
          systemTime: "2026-11-21T10:11:12.1234567Z",
          eventRecordID: String(Math.floor(random() * 1e7)),
          processID: "2480",
          threadID: "3212",
          channel: "Microsoft-Windows-Sysmon/Operational",
          computer: `WS${Math.floor(random() * 900)}.corp.example`,
          severityValue: "INFORMATION",
          message: `"Sysmon event ${eventId}:\r\n${lines.join("\r\n")}"`,
        },
        eventdata,
      },
    },
    location: "EventChannel",
  };
}

/** No random letters behind a backslash: `\\xab` would be an escape, and looked at as one. */
const person = (random: () => number): string =>
  `${pick(random, ["anna", "bjorn", "carla", "jonas"])}${word(random, 2)}`;

const common = (random: () => number, subject: Subject) => ({
  utcTime: "2026-11-21 10:11:12.123",
  processGuid: guid(random),
  processId: String(Math.floor(random() * 9_000)),
  image: `C:\\\\Users\\\\${person(random)}\\\\AppData\\\\Local\\\\Temp\\\\${subject.file}`,
  user: `CORP\\\\${person(random)}`,
});

/** What every record of a Beat says of where it was made. */
const beat = (random: () => number) => ({
  ecs: { version: "8.0.0" },
  agent: {
    ephemeral_id: guid(random),
    id: guid(random),
    name: `ws-${word(random, 5)}`,
    type: "packetbeat",
    version: "8.15.3",
  },
  host: {
    name: `ws-${word(random, 5)}`,
    architecture: "x86_64",
    os: {
      name: "Debian GNU/Linux",
      family: "debian",
      version: "12 (bookworm)",
      codename: "bookworm",
      kernel: "6.12.9-amd64",
      platform: "debian",
    },
    id: hex(random, 32),
    mac: ["AA-BB-CC-DD-EE-FF", "AA-BB-CC-DD-EE-FE"],
    ip: [`10.2.${octet(random)}.${octet(random)}`, "fe80::a8bb:ccff:fedd:eeff"],
  },
  tags: ["dmz", "linux"],
});

const processCreation: Family = (random, subject) =>
  sysmon(1, random, {
    ...common(random, subject),
    commandLine: `\\"C:\\\\Windows\\\\System32\\\\cmd.exe\\" /c ${subject.file} --to ${word(random, 12)} ${subject.url}`,
    fileVersion: "10.0.19041.746 (WinBuild.160101.0800)",
    description: "Windows Command Processor",
    logonGuid: guid(random),
    logonId: `0x${hex(random, 6)}`,
    terminalSessionId: "1",
    integrityLevel: "Medium",
    hashes: `SHA1=${subject.sha1},MD5=${subject.md5},SHA256=${subject.sha256},IMPHASH=${hex(random, 32)}`,
    parentProcessGuid: guid(random),
    parentImage: "C:\\\\Windows\\\\explorer.exe",
    parentCommandLine: "C:\\\\Windows\\\\Explorer.EXE",
  });

/** Process creations are the most frequent of Sysmon's. */
export const FAMILIES: readonly Family[] = [
  processCreation,
  processCreation,
  (random, subject) =>
    sysmon(3, random, {
      ...common(random, subject),
      protocol: "tcp",
      sourceIp: `10.1.${octet(random)}.${octet(random)}`,
      sourcePort: "51234",
      destinationIp: subject.ip,
      sourceHostname: `ws-${word(random, 6)}.corp.example`,
      initiated: "true",
      sourceIsIpv6: "false",
      destinationIsIpv6: "false",
      destinationHostname: subject.host,
      destinationPort: "443",
      destinationPortName: "https",
    }),
  (random, subject) =>
    sysmon(11, random, {
      ...common(random, subject),
      targetFilename: `C:\\\\Users\\\\Public\\\\${subject.file}`,
      creationUtcTime: "2026-11-21 10:11:12.120",
    }),
  (random, subject) =>
    sysmon(22, random, {
      ...common(random, subject),
      queryName: `www.${subject.host}`,
      queryStatus: "0",
      queryResults: `::ffff:${subject.ip};`,
    }),
  (random, subject) => ({
    full_log: `Nov 21 10:11:12 web-1 sshd[${Math.floor(random() * 30_000)}]: Failed password for invalid user ${word(random, 6)} from ${subject.ip} port 51822 ssh2`,
    predecoder: { program_name: "sshd", timestamp: "Nov 21 10:11:12", hostname: "web-1" },
    data: { srcip: subject.ip, srcport: "51822", srcuser: word(random, 6) },
    location: "/var/log/auth.log",
  }),
  (random, subject) => {
    const path = `/usr/local/bin/${subject.file}`;
    return {
      full_log: `File '${path}' modified\nMode: realtime\nChanged attributes: size,mtime,md5,sha1,sha256\nOld sha256sum was: '${hex(random, 64)}'\nNew sha256sum is : '${subject.sha256}'\n`,
      syscheck: {
        path,
        mode: "realtime",
        size_after: "1822",
        perm_after: "rwxr-xr-x",
        uid_after: "0",
        md5_before: hex(random, 32),
        md5_after: subject.md5,
        sha1_before: hex(random, 40),
        sha1_after: subject.sha1,
        sha256_before: hex(random, 64),
        sha256_after: subject.sha256,
        uname_after: "root",
        gname_after: "root",
        inode_before: Math.floor(random() * 1e7),
        inode_after: Math.floor(random() * 1e7),
        mtime_before: "2026-10-02T04:05:06",
        mtime_after: "2026-11-21T10:11:12",
        changed_attributes: ["size", "mtime", "md5", "sha1", "sha256"],
        event: "modified",
      },
      location: "syscheck",
    };
  },
  (random, subject) => ({
    data: {
      type: "dns",
      network: {
        community_id: `1:${word(random, 27)}=`,
        direction: "egress",
        protocol: "dns",
        transport: "udp",
        bytes: "154",
      },
      source: { ip: `10.2.${octet(random)}.${octet(random)}`, port: "51811", bytes: "62" },
      destination: { ip: "10.0.0.53", port: "53", bytes: "92" },
      dns: {
        id: "51822",
        question: { name: `cdn.${subject.host}`, type: "A", class: "IN", registered_domain: subject.host },
        answers: [{ name: `cdn.${subject.host}`, type: "A", class: "IN", ttl: "60", data: subject.ip }],
        resolved_ip: [subject.ip],
        response_code: "NOERROR",
      },
      ...beat(random),
    },
    location: "/var/log/packetbeat.json",
  }),
  (random, subject) => ({
    data: {
      type: "flow",
      network: { community_id: `1:${word(random, 27)}=`, transport: "tcp", type: "ipv4", bytes: "9122", packets: "31" },
      flow: { id: word(random, 24), final: "true" },
      event: { kind: "event", category: ["network"], action: "network_flow", duration: "1204511", dataset: "flow" },
      source: {
        ip: `10.2.${octet(random)}.${octet(random)}`,
        port: "50994",
        bytes: "2210",
        packets: "14",
        mac: "AA-BB-CC-DD-EE-01",
      },
      destination: { ip: subject.ip, port: "443", bytes: "6912", packets: "17", mac: "AA-BB-CC-DD-EE-02" },
      ...beat(random),
    },
    location: "/var/log/packetbeat.json",
  }),
  (random, subject) => ({
    data: {
      timestamp: "2026-11-21T10:11:12.123456+0000",
      flow_id: String(Math.floor(random() * 1e15)),
      in_iface: "eth0",
      event_type: "alert",
      src_ip: `10.3.${octet(random)}.${octet(random)}`,
      src_port: "50122",
      dest_ip: subject.ip,
      dest_port: "443",
      proto: "TCP",
      tls: {
        subject: `CN=${subject.host}`,
        issuerdn: "C=US, O=Example, CN=R3",
        serial: hex(random, 36).replace(/(..)(?=.)/g, "$1:"),
        notbefore: "2026-10-01T00:00:00",
        notafter: "2026-12-30T23:59:59",
        ja3: {
          hash: hex(random, 32),
          string: "771,4865-4866-4867-49195-49199-49196-49200,0-23-65281-10-11,29-23-24,0",
        },
        sni: subject.host,
        version: "TLS 1.2",
        fingerprint: hex(random, 40).replace(/(..)(?=.)/g, "$1:"),
      },
      alert: {
        action: "allowed",
        gid: "1",
        signature_id: "2027865",
        rev: "4",
        signature: "ET INFO Observed DNS Query to .cloud TLD",
        category: "Potentially Bad Traffic",
        severity: "2",
        metadata: { created_at: ["2019_08_13"], signature_severity: ["Informational"], updated_at: ["2020_09_17"] },
      },
      app_proto: "tls",
      community_id: `1:${word(random, 27)}=`,
      flow: {
        pkts_toserver: "8",
        pkts_toclient: "7",
        bytes_toserver: "1133",
        bytes_toclient: "4722",
        start: "2026-11-21T10:11:11.123456+0000",
      },
    },
    location: "/var/log/suricata/eve.json",
  }),
  (random, subject) => ({
    full_log: `${subject.ip} - - [21/Nov/2026:10:11:12 +0000] "GET /${word(random, 6)}/${word(random, 9)}?next=${subject.url}&id=${Math.floor(random() * 1e6)} HTTP/1.1" 200 5124 "https://${subject.host}/" "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"`,
    data: { protocol: "GET", srcip: subject.ip, id: "200", url: `/${word(random, 6)}?next=${subject.url}` },
    location: "/var/log/nginx/access.log",
  }),
];

export const RULE = {
  level: 3,
  description: "A rule of the usual length that says what the alert is about in some words",
  id: "92052",
  mitre: { id: ["T1059.003"], tactic: ["Execution"], technique: ["Windows Command Shell"] },
  firedtimes: 4,
  mail: false,
  groups: ["sysmon", "sysmon_eid1_detections", "windows"],
  gdpr: ["IV_35.7.d"],
  pci_dss: ["10.6.1", "11.4"],
  gpg13: ["7.1", "7.8"],
  hipaa: ["164.312.b"],
  nist_800_53: ["AU.14", "AC.7", "SI.4"],
  tsc: ["CC6.1", "CC6.8", "CC7.2", "CC7.3"],
};
