import type { EventContext, IndicatorPattern, IndicatorType, ReportedIndicator } from "../src/model/indicator.ts";
import type { CanonicalValue } from "../src/model/observable.ts";

/** Seeded random numbers (mulberry32): the same seed gives the same bench everywhere. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  };
}

const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const TLDS = ["com", "net", "org", "info", "ru", "top", "xyz", "de", "co.uk", "io"];

function word(random: () => number, length: number): string {
  let text = "";
  for (let i = 0; i < length; i++) text += LETTERS[Math.floor(random() * 26)];
  return text;
}

function hex(random: () => number, length: number): string {
  let text = "";
  while (text.length < length)
    text += Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, "0");
  return text.slice(0, length);
}

const pick = <T>(random: () => number, items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
const octet = (random: () => number): number => Math.floor(random() * 254) + 1;
const publicAddress = (random: () => number): string =>
  `${11 + Math.floor(random() * 80)}.${octet(random)}.${octet(random)}.${octet(random)}`;

interface Value {
  readonly type: IndicatorType;
  readonly pattern: IndicatorPattern;
  readonly value: string;
}

/** Indicator `number` of a seeded index: 40% hashes, 25% domains, 15% IPv4, 15% URLs, 5% file names. */
export function indicatorValue(number: number, seed = 1): Value {
  const random = randomNumbers(Math.imul(number + 1, 0x9e3779b1) ^ seed);
  const kind = number % 20;
  if (kind < 8) {
    const [type, length] = pick(random, [
      ["md5", 32],
      ["sha1", 40],
      ["sha256", 64],
    ] as const);
    return { type, pattern: "exact", value: hex(random, length) };
  }
  const host = () => `${word(random, 6 + Math.floor(random() * 9))}.${pick(random, TLDS)}`;
  if (kind < 13) return { type: "domain", pattern: kind < 11 ? "subdomains" : "exact", value: host() };
  if (kind < 16) return { type: "ip", pattern: "exact", value: publicAddress(random) };
  if (kind < 19)
    return { type: "url", pattern: "exact", value: `http://${host()}/${word(random, 5)}/${word(random, 8)}.php` };
  return { type: "filename", pattern: "exact", value: `${word(random, 9)}.exe` };
}

const PER_EVENT = 500;

/** `count` indicators as a feed would hand them over. */
export function* indicators(count: number, seed = 1, feed = "bench"): Generator<ReportedIndicator> {
  let event: EventContext | undefined;
  for (let number = 0; number < count; number++) {
    if (event === undefined || number % PER_EVENT === 0) event = eventOf(number / PER_EVENT);
    const { type, pattern, value } = indicatorValue(number, seed);
    yield {
      type,
      pattern,
      value: value as CanonicalValue,
      report: {
        feed,
        event,
        attributeUuid: `6f000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
        attributeType: type,
        category: "Network activity",
        attributeValue: value,
        toIds: true,
        weak: false,
        tags: [],
        timestamp: 1_700_000_000,
      },
    };
  }
}

function eventOf(number: number): EventContext {
  return {
    uuid: `5f000000-0000-4000-8000-${String(number).padStart(12, "0")}`,
    info: `Campaign ${number}`,
    orgc: "ORGNAME",
    date: "2026-11-01",
    threatLevel: 2,
    tags: ["tlp:green"],
  };
}

/** What an alert may be about; an indicator's value replaces one of these when the alert shall match. */
interface Subject {
  readonly ip: string;
  readonly host: string;
  readonly sha256: string;
  readonly file: string;
  readonly url: string;
}

type Family = (random: () => number, subject: Subject) => object;

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

const common = (random: () => number, subject: Subject) => ({
  utcTime: "2026-11-21 10:11:12.123",
  processGuid: guid(random),
  processId: String(Math.floor(random() * 9_000)),
  image: `C:\\\\Users\\\\${word(random, 6)}\\\\AppData\\\\Local\\\\Temp\\\\${subject.file}`,
  user: `CORP\\\\${word(random, 7)}`,
});

const FAMILIES: readonly Family[] = [
  (random, subject) =>
    sysmon(1, random, {
      ...common(random, subject),
      commandLine: `\\"C:\\\\Windows\\\\System32\\\\cmd.exe\\" /c ${subject.file} --to ${word(random, 12)} ${subject.url}`,
      hashes: `SHA1=${hex(random, 40)},MD5=${hex(random, 32)},SHA256=${subject.sha256},IMPHASH=${hex(random, 32)}`,
      parentImage: "C:\\\\Windows\\\\explorer.exe",
      parentCommandLine: "C:\\\\Windows\\\\Explorer.EXE",
    }),
  (random, subject) =>
    sysmon(3, random, {
      ...common(random, subject),
      protocol: "tcp",
      sourceIp: `10.1.${octet(random)}.${octet(random)}`,
      sourcePort: "51234",
      destinationIp: subject.ip,
      destinationHostname: subject.host,
      destinationPort: "443",
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
        md5_after: hex(random, 32),
        sha1_before: hex(random, 40),
        sha1_after: hex(random, 40),
        sha256_before: hex(random, 64),
        sha256_after: subject.sha256,
        uname_after: "root",
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
      host: {
        name: `ws-${word(random, 5)}`,
        os: { name: "Debian GNU/Linux", kernel: "6.12.9-amd64" },
        mac: ["aa:bb:cc:dd:ee:ff"],
      },
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
      },
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

const RULE = {
  level: 3,
  description: "A rule of the usual length that says what the alert is about in some words",
  id: "92052",
  mitre: { id: ["T1059.003"], tactic: ["Execution"], technique: ["Windows Command Shell"] },
  firedtimes: 4,
  mail: false,
  groups: ["sysmon", "sysmon_eid1_detections", "windows"],
  gdpr: ["IV_35.7.d"],
  pci_dss: ["10.6.1", "11.4"],
  tsc: ["CC6.1", "CC6.8", "CC7.2", "CC7.3"],
};

/** Alerts as lines, about 2 KB each; `share` of them carry a value of one of the first `known` indicators. */
export function* alertLines(
  count: number,
  options: { readonly seed?: number; readonly share?: number; readonly known?: number } = {},
): Generator<string> {
  const { seed = 7, share = 0.01, known = 0 } = options;
  const random = randomNumbers(seed);
  for (let number = 0; number < count; number++) {
    const family = pick(random, FAMILIES);
    let subject: Subject = {
      ip: publicAddress(random).replace(/^\d+/, String(100 + Math.floor(random() * 90))),
      host: `${word(random, 8)}-${word(random, 3)}.${pick(random, TLDS)}`,
      sha256: hex(random, 64),
      file: `${word(random, 5)}_${word(random, 4)}.exe`,
      url: `https://${word(random, 7)}-${word(random, 4)}.${pick(random, TLDS)}/${word(random, 7)}`,
    };
    if (known > 0 && random() < share) subject = withIndicator(subject, Math.floor(random() * known));
    yield JSON.stringify({
      timestamp: "2026-11-21T10:11:12.123+0000",
      rule: RULE,
      agent: { id: "007", name: `ws-${number % 500}`, ip: "10.9.8.7" },
      manager: { name: "wazuh-manager" },
      id: `1795255872.${number * 1_731}`,
      cluster: { name: "wazuh", node: "node01" },
      decoder: { name: "windows_eventchannel" },
      ...family(random, subject),
    });
  }
}

function withIndicator(subject: Subject, number: number): Subject {
  const { type, value } = indicatorValue(number);
  if (type === "ip") return { ...subject, ip: value };
  if (type === "domain") return { ...subject, host: value };
  if (type === "url") return { ...subject, url: value };
  if (type === "filename") return { ...subject, file: value };
  return type === "sha256" ? { ...subject, sha256: value } : subject;
}
