import { createHash } from "node:crypto";

const digest = (algorithm: string, text: string) => createHash(algorithm).update(text).digest("hex");
/** The three hashes of an invented file; no such file exists. */
const file = (name: string) => {
  const text = `tipline demo file: ${name}`;
  return { md5: digest("md5", text), sha1: digest("sha1", text), sha256: digest("sha256", text) };
};

/** Values that the alerts repeat. Addresses are of the benchmark range 198.18.0.0/15, names end in an invented `…-demo` name. */
export const IOC = {
  phishDomain: "harbour-invoice-portal-demo.com",
  phishPage: "http://harbour-invoice-portal-demo.com/docs/INV-20261103.html",
  phishForm: "https://login.harbour-invoice-portal-demo.com/m365/signin.php",
  phishCertificate: digest("sha1", "tipline demo certificate: harbour portal"),
  phishSender: "billing@harbour-invoice-portal-demo.com",
  phishHost: "198.18.12.41",
  phishOperator: "198.18.12.77",
  phishAttachment: "Invoice_INV-20261103.pdf.html",
  loader: file("BrowserUpdate_demo.exe"),
  loaderName: "BrowserUpdate_demo.exe",
  loaderDll: file("driftwood.dll"),
  loaderDomain: "browser-refresh-demo.com",
  loaderStage: "http://cdn.browser-refresh-demo.com/stage/payload.bin",
  loaderC2: "198.18.33.10",
  loaderPath: "C:\\ProgramData\\driftwood\\dw.exe",
  loaderJa3: digest("md5", "tipline demo ja3: driftwood"),
  loaderImphash: digest("md5", "tipline demo imphash: driftwood"),
  loaderAgent: "Driftwood/2.1 (Win64; demo)",
  kelpHost: "198.18.66.21",
  kelpOperator: "198.18.66.34",
  kelpNetwork: "198.18.68.0/24",
  kelpUrl: "http://198.18.66.21/kelp.x86",
  kelpPool: "pool.kelp-miner-demo.net",
  kelpV6: "3ffe:1900:4545:66::21",
  kelp: file("kelp.x86"),
  fogDomain: "fogbank-telemetry-demo.net",
  fogServer: "198.18.90.5",
  fog: file("fogsvc.exe"),
  scanner: "198.18.120.8",
  scannerAgent: "Mozilla/5.0 (compatible; BarnacleScan/0.9; demo)",
  shell: file("barnacle.php"),
  shellUrl: "http://upload.barnacle-tools-demo.org/shells/barnacle.txt",
  emptySha256: digest("sha256", ""),
} as const;

interface Extra {
  readonly ids?: false;
  readonly tags?: readonly string[];
  readonly first?: string;
  readonly last?: string;
}
type Row = readonly [type: string, category: string, value: string, comment?: string, extra?: Extra];
interface FileObject {
  readonly comment: string;
  readonly rows: readonly (readonly [relation: string, type: string, value: string, ids: boolean])[];
}
export interface DemoEvent {
  readonly key: string;
  readonly info: string;
  readonly org: string;
  readonly date: string;
  readonly published: string;
  readonly threat: 1 | 2 | 3 | 4;
  readonly analysis: 0 | 1 | 2;
  readonly tags: readonly string[];
  readonly rows: readonly Row[];
  readonly objects?: readonly FileObject[];
}

const NET = "Network activity";
const PAYLOAD = "Payload delivery";
const INSTALL = "Payload installation";
const ARTIFACT = "Artifacts dropped";
const PERSIST = "Persistence mechanism";
const NOT_IDS = { ids: false } as const;
const technique = (name: string) => `misp-galaxy:mitre-attack-pattern="${name}"`;
const confidence = (level: string) => `misp:confidence-level="${level}"`;
const fileObject = (name: string, hashes: ReturnType<typeof file>, size: number, comment: string): FileObject => ({
  comment,
  rows: [
    ["filename", "filename", name, true],
    ["md5", "md5", hashes.md5, true],
    ["sha1", "sha1", hashes.sha1, true],
    ["sha256", "sha256", hashes.sha256, true],
    ["size-in-bytes", "size-in-bytes", String(size), false],
  ],
});

export const EVENTS: readonly DemoEvent[] = [
  {
    key: "phishing",
    info: "Phishing: fake Harbour invoice portal collects Microsoft 365 passwords",
    org: "Harbour CERT",
    date: "2026-11-03",
    published: "2026-11-16T08:12:00Z",
    threat: 2,
    analysis: 2,
    tags: ["tlp:green", technique("Spearphishing Link - T1566.002"), confidence("usually-confident")],
    rows: [
      ["domain", NET, IOC.phishDomain, "credential page and mail domain", { tags: [technique("Domains - T1583.001")] }],
      ["hostname", NET, "login.harbour-invoice-portal-demo.com", "host of the form"],
      ["url", NET, IOC.phishForm, "form that takes the password", { tags: [confidence("completely-confident")] }],
      ["url", NET, IOC.phishPage, "lure page linked in the mail"],
      ["domain|ip", NET, "m365-verify-demo.net|198.18.12.40", "older portal of the same kit"],
      ["ip-dst", NET, IOC.phishHost, "serves the portal since 2026-11-02"],
      [
        "ip-src",
        NET,
        IOC.phishOperator,
        "logs in with collected passwords within the hour",
        { tags: [technique("Cloud Accounts - T1078.004")] },
      ],
      ["x509-fingerprint-sha1", NET, IOC.phishCertificate, "certificate of the portal"],
      ["email-src", PAYLOAD, IOC.phishSender, "sender of all known mails"],
      ["email-dst", PAYLOAD, "collector@m365-verify-demo.net", "receives the passwords"],
      ["email-subject", PAYLOAD, "Overdue invoice INV-20261103", "", NOT_IDS],
      ["filename", PAYLOAD, IOC.phishAttachment, "attachment that forwards to the form"],
      ["text", "Other", "Seen at four shipping agents; passwords are used the same morning.", "", NOT_IDS],
    ],
  },
  {
    key: "loader",
    info: "Ransomware loader Driftwood, spread as a browser update",
    org: "Nordlys SOC",
    date: "2026-10-28",
    published: "2026-11-17T14:40:00Z",
    threat: 1,
    analysis: 2,
    tags: [
      "tlp:amber",
      technique("Malicious File - T1204.002"),
      technique("PowerShell - T1059.001"),
      confidence("completely-confident"),
    ],
    rows: [
      ["domain", NET, IOC.loaderDomain, "update pages and stages"],
      [
        "url",
        NET,
        IOC.loaderStage,
        "second stage, fetched by PowerShell",
        { tags: [technique("Ingress Tool Transfer - T1105")] },
      ],
      ["url", NET, "https://198.18.33.10:8443/gate/check.php", "check-in"],
      [
        "ip-dst|port",
        NET,
        `${IOC.loaderC2}|8443`,
        "C2",
        { tags: [technique("Web Protocols - T1071.001")], last: "2026-11-17T09:00:00Z" },
      ],
      ["ip-dst|port", NET, "198.18.33.11|8443", "C2, spare"],
      ["sha256", PAYLOAD, IOC.loader.sha256, "BrowserUpdate_demo.exe"],
      ["filename|sha256", INSTALL, `driftwood.dll|${IOC.loaderDll.sha256}`, "encryptor, copied to shares"],
      ["filename|md5", INSTALL, `dw_unpack.exe|${file("dw_unpack.exe").md5}`, "unpacker"],
      ["filename", INSTALL, IOC.loaderPath, "where the loader settles"],
      ["imphash", PAYLOAD, IOC.loaderImphash, "shared by all builds and by some honest tools"],
      [
        "regkey|value",
        PERSIST,
        `HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\DriftwoodUpdate|${IOC.loaderPath}`,
        "starts at logon",
        { tags: [technique("Registry Run Keys / Startup Folder - T1547.001")] },
      ],
      ["regkey", PERSIST, "HKLM\\SYSTEM\\CurrentControlSet\\Services\\DriftwoodSvc", "starts with the machine"],
      ["mutex", ARTIFACT, "Global\\driftwood-demo-7f3a", "one instance only"],
      ["user-agent", NET, IOC.loaderAgent, "check-in"],
      ["ja3-fingerprint-md5", NET, IOC.loaderJa3, "TLS client of the loader"],
      [
        "sha256",
        PAYLOAD,
        IOC.emptySha256,
        "sandbox report, dropped file #7 (a mistake: this is the hash of an empty file)",
      ],
      ["comment", "Other", "The loader waits 20 minutes before it talks to its C2.", "", NOT_IDS],
    ],
    objects: [fileObject(IOC.loaderName, IOC.loader, 483_328, "loader, signed with a stolen certificate")],
  },
  {
    key: "bruteforce",
    info: "SSH brute force by the Kelp botnet, drops a miner",
    org: "Harbour CERT",
    date: "2026-10-19",
    published: "2026-11-18T05:00:00Z",
    threat: 3,
    analysis: 1,
    tags: ["tlp:clear", technique("Password Guessing - T1110.001"), confidence("fairly-confident")],
    rows: [
      ["ip-src", NET, IOC.kelpHost, "busiest node, also serves the miner"],
      ["ip-src", NET, IOC.kelpOperator, "logs in by hand after a hit", { tags: [confidence("completely-confident")] }],
      ["ip-src", NET, "198.18.66.90", "node"],
      ["ip-src", NET, "198.18.67.3", "node"],
      ["ip-src", NET, "198.18.67.114", "node"],
      ["ip-src", NET, IOC.kelpV6, "node, IPv6"],
      ["ip-src", NET, IOC.kelpNetwork, "rented range, all of it scans"],
      ["ip-src|port", NET, "198.18.67.200|2222", "node, answers with a fixed source port"],
      ["AS", NET, "4200000066", "most nodes"],
      ["url", PAYLOAD, IOC.kelpUrl, "miner"],
      ["filename|sha256", PAYLOAD, `kelp.x86|${IOC.kelp.sha256}`, "miner"],
      ["hostname", NET, IOC.kelpPool, "mining pool"],
      ["hassh-md5", NET, digest("md5", "tipline demo hassh: kelp"), "SSH client of the nodes"],
      ["ip-src", NET, "10.0.0.0/8", "from a honeypot's log (a mistake: this is everybody's inside)"],
      ["text", "Other", "Tries root, admin, deploy and oracle, 40 guesses an hour.", "", NOT_IDS],
    ],
  },
  {
    key: "tunnel",
    info: "Fogbank: command and control through DNS tunnelling",
    org: "Nordlys SOC",
    date: "2026-11-09",
    published: "2026-11-17T16:05:00Z",
    threat: 1,
    analysis: 1,
    tags: ["tlp:amber+strict", technique("DNS - T1071.004"), confidence("completely-confident")],
    rows: [
      [
        "domain",
        NET,
        IOC.fogDomain,
        "every label below carries data",
        { first: "2026-11-02T00:00:00Z", last: "2026-11-17T12:00:00Z" },
      ],
      ["hostname", NET, "ns1.fogbank-telemetry-demo.net", "name server of the tunnel"],
      ["ip-dst", NET, IOC.fogServer, "name server of the tunnel", { tags: [technique("DNS - T1071.004")] }],
      ["ip-dst", NET, "198.18.90.6", "name server of the tunnel"],
      ["ip-dst", NET, "3ffe:1900:4545:90::53", "name server of the tunnel, IPv6"],
      ["domain|ip", NET, "fogbank-cdn-demo.org|198.18.90.7", "delivery"],
      ["md5", PAYLOAD, IOC.fog.md5, "fogsvc.exe"],
      ["sha1", PAYLOAD, IOC.fog.sha1, "fogsvc.exe"],
      ["sha256", PAYLOAD, IOC.fog.sha256, "fogsvc.exe"],
      ["mutex", ARTIFACT, "fogbank-demo-{5c1e}", "one instance only"],
      ["domain", NET, "co.uk", "from passive DNS (a mistake: this is a public suffix)"],
      ["link", "External analysis", "https://www.example.org/reports/fogbank", "", NOT_IDS],
    ],
  },
  {
    key: "webshell",
    info: "Scanner campaign installs the web shell Barnacle",
    org: "Harbour CERT",
    date: "2026-11-11",
    published: "2026-11-18T06:30:00Z",
    threat: 2,
    analysis: 1,
    tags: [
      "tlp:green",
      technique("Web Shell - T1505.003"),
      technique("Vulnerability Scanning - T1595.002"),
      confidence("usually-confident"),
    ],
    rows: [
      [
        "ip-src",
        NET,
        IOC.scanner,
        "scans, then uploads",
        { tags: [technique("Exploit Public-Facing Application - T1190")] },
      ],
      ["ip-src", NET, "198.18.120.9", "scans only"],
      ["ip-src", NET, "198.18.121.77", "operator of the shells"],
      ["user-agent", NET, IOC.scannerAgent, "scanner"],
      ["domain", NET, "barnacle-tools-demo.org", "tools"],
      ["url", NET, IOC.shellUrl, "source of the shell"],
      ["md5", INSTALL, IOC.shell.md5, "barnacle.php"],
      ["filename|sha1", INSTALL, `barnacle.php|${IOC.shell.sha1}`, "barnacle.php"],
      ["sha256", INSTALL, IOC.shell.sha256, "barnacle.php"],
      ["filename", INSTALL, "barnacle.php", "name kept in all cases"],
      ["vulnerability", "External analysis", "CVE-2026-99017", "way in (an invented number)", NOT_IDS],
    ],
  },
  {
    key: "resolvers",
    info: "Addresses seen in traffic of an infected machine (not reviewed)",
    org: "Skerry ISAC",
    date: "2026-11-14",
    published: "2026-11-15T22:15:00Z",
    threat: 4,
    analysis: 0,
    tags: ["tlp:clear", confidence("rarely-confident"), 'false-positive:risk="high"'],
    rows: [
      ["ip-dst", NET, "8.8.8.8", "contacted on port 53 (carelessly listed: a public resolver)"],
      ["ip-dst", NET, IOC.fogServer, "contacted on port 53"],
      ["ip-src", NET, IOC.kelpHost, "knocked on port 22"],
      ["ip-dst", NET, "10.14.2.9", "own machine of the reporter (a mistake)", NOT_IDS],
      ["comment", "Other", "Taken from a packet capture by script.", "", NOT_IDS],
    ],
  },
];

const COLOURS: Readonly<Record<string, string>> = {
  "tlp:clear": "#ffffff",
  "tlp:green": "#33FF00",
  "tlp:amber": "#FFC000",
  "tlp:amber+strict": "#FFC000",
};
const tagOf = (name: string) => ({ colour: COLOURS[name] ?? "#0088cc", local: false, name, relationship_type: "" });
/** A version 4 shaped UUID made of words, so that the data can be made again byte by byte. */
const uuidOf = (words: string) => {
  const hex = digest("sha256", `tipline demo: ${words}`);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
};
export const eventUuid = (key: string) => uuidOf(`event ${key}`);
const seconds = (iso: string) => Date.parse(iso) / 1000;

/** One event as MISP's feed export writes it. */
function exportEvent(event: DemoEvent): object {
  const published = seconds(event.published);
  const common = (path: string, index: number) => ({
    deleted: false,
    disable_correlation: false,
    timestamp: String(published - 3600 - index * 60),
    uuid: uuidOf(path),
  });
  const objects = (event.objects ?? []).map((object, at) => ({
    comment: object.comment,
    deleted: false,
    description: "File object describing a file with meta-information",
    "meta-category": "file",
    name: "file",
    template_uuid: "688c46fb-5edb-40a3-8273-1af7923e2215",
    template_version: "24",
    timestamp: String(published - 3000),
    uuid: uuidOf(`${event.key} object ${at}`),
    Attribute: object.rows.map(([relation, type, value, ids], index) => ({
      category: relation === "size-in-bytes" ? "Other" : PAYLOAD,
      comment: "",
      ...common(`${event.key} object ${at} ${index}`, index),
      object_relation: relation,
      to_ids: ids,
      type,
      value,
    })),
  }));
  return {
    Event: {
      analysis: String(event.analysis),
      date: event.date,
      extends_uuid: "",
      info: event.info,
      protected: false,
      publish_timestamp: String(published),
      published: true,
      threat_level_id: String(event.threat),
      timestamp: String(published - 600),
      uuid: eventUuid(event.key),
      Orgc: { name: event.org, uuid: uuidOf(`org ${event.org}`) },
      Tag: event.tags.map(tagOf),
      Attribute: event.rows.map(([type, category, value, comment = "", extra = {}], index) => ({
        category,
        comment,
        ...common(`${event.key} ${index}`, index),
        ...(extra.first === undefined ? {} : { first_seen: extra.first }),
        ...(extra.last === undefined ? {} : { last_seen: extra.last }),
        to_ids: extra.ids ?? true,
        type,
        value,
        ...(extra.tags === undefined ? {} : { Tag: extra.tags.map(tagOf) }),
      })),
      ...(objects.length > 0 ? { Object: objects } : {}),
    },
  };
}

/** The feed's files by name: manifest.json, hashes.csv and one file an event. */
export function feedFiles(): Map<string, string> {
  const files = new Map<string, string>();
  const hashes: string[] = [];
  const manifest: Record<string, object> = {};
  for (const event of EVENTS) {
    const uuid = eventUuid(event.key);
    manifest[uuid] = {
      Orgc: { name: event.org, uuid: uuidOf(`org ${event.org}`) },
      Tag: event.tags.map(tagOf),
      info: event.info,
      date: event.date,
      analysis: event.analysis,
      threat_level_id: event.threat,
      timestamp: seconds(event.published) - 600,
    };
    const values = [
      ...event.rows.map(([type, , value]) => [type, value] as const),
      ...(event.objects ?? []).flatMap(({ rows }) => rows.map(([, type, value]) => [type, value] as const)),
    ];
    // Composites are hashed by half, never whole.
    for (const [type, value] of values)
      for (const half of type.includes("|") ? value.split("|") : [value]) hashes.push(`${digest("md5", half)},${uuid}`);
    files.set(`feed/${uuid}.json`, `${JSON.stringify(exportEvent(event), undefined, 2)}\n`);
  }
  files.set("feed/manifest.json", `${JSON.stringify(manifest)}\n`);
  files.set("feed/hashes.csv", `${hashes.join("\n")}\n`);
  return files;
}
