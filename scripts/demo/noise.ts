import { fileAdded, fileModified } from "./file-shapes.ts";
import { cloudtrail, firewall, moduleEvent, packetbeat, suricata } from "./json-shapes.ts";
import { type Shape, sshd, syslog, web } from "./shape.ts";
import { connection, dnsQuery, eventLog, process, sysmon } from "./windows-shapes.ts";

const BROWSERS = [
  "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
  "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0",
  "Mozilla/5.0 (iPhone; CPU iPhone OS 19_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/19.1 Mobile/15E148 Safari/604.1",
];
const NAMES = [
  "www.example.com",
  "mail.example.org",
  "static.example.net",
  "updates.office-suite-demo.com",
  "ocsp.trustworthy-certs-demo.com",
  "telemetry.browser-maker-demo.com",
  "cdn.news-portal-demo.org",
  "api.weather-today-demo.net",
  "files.tern-office-demo.com",
  "dc01.tern.local",
  "files01.tern.local",
  "ntp.pool-demo.org",
  "pkg.distro-mirror-demo.org",
  "meet.video-calls-demo.com",
  "maps.city-demo.info",
];
const APPS: readonly (readonly [string, number])[] = [
  ["HTTPS.BROWSER", 443],
  ["Office.Suite", 443],
  ["Video.Calls", 443],
  ["NTP", 123],
  ["Distro.Update", 80],
];
const PROGRAMS: readonly (readonly [image: string, line: string, parent: string])[] = [
  [
    "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
    "chrome.exe --type=renderer --lang=en-GB",
    "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  ],
  [
    "C:\\Program Files\\Microsoft Office\\root\\Office16\\EXCEL.EXE",
    'EXCEL.EXE "\\\\files01\\share\\Budget 2027.xlsx"',
    "C:\\Windows\\explorer.exe",
  ],
  [
    "C:\\Windows\\System32\\svchost.exe",
    "C:\\Windows\\System32\\svchost.exe -k netsvcs -p -s Schedule",
    "C:\\Windows\\System32\\services.exe",
  ],
  ["C:\\Windows\\System32\\taskhostw.exe", "taskhostw.exe", "C:\\Windows\\System32\\svchost.exe"],
  [
    "C:\\Program Files\\7-Zip\\7zFM.exe",
    "7zFM.exe C:\\Users\\Public\\Documents\\report.zip",
    "C:\\Windows\\explorer.exe",
  ],
  ["C:\\Windows\\System32\\notepad.exe", "notepad.exe notes.txt", "C:\\Windows\\explorer.exe"],
];

/** One ordinary alert: what happens at this company all day. */
export type Noise = readonly [weight: number, make: () => Shape];

export function ordinary(random: () => number): readonly Noise[] {
  const below = (limit: number) => Math.floor(random() * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)] as T;
  /** Somebody outside: the half of the benchmark range that no indicator is of. */
  const outside = () => `198.19.${below(250)}.${1 + below(250)}`;
  const client = () => `10.20.3.${20 + below(40)}`;
  const port = () => 49_152 + below(16_000);
  const station = () => pick(["anna", "bjorn"] as const);
  const machine = () => pick(["anna", "bjorn", "dc"] as const);
  const linux = () => pick(["web", "mail", "files"] as const);
  const person = () => pick(["anna", "bjorn", "carla", "deniz", "eva"]);
  const logon = (type: string) => ({
    targetUserName: person(),
    targetDomainName: "TERN",
    logonType: type,
    ipAddress: client(),
    ipPort: String(port()),
    workstationName: "-",
    authenticationPackageName: "Kerberos",
    logonProcessName: "Kerberos",
  });
  const program = () => pick(PROGRAMS);
  return [
    [44, () => dnsQuery(station(), pick(PROGRAMS)[0], pick(NAMES), `::ffff:${outside()};`)],
    [42, () => packetbeat(client(), "10.20.2.5", pick(NAMES), [{ type: "A", data: outside() }])],
    [8, () => packetbeat(client(), "10.20.2.5", `wpad${below(9)}.tern.local`, [])],
    [
      30,
      () =>
        connection(
          machine(),
          program()[0],
          random() < 0.4 ? "10.20.1.15" : outside(),
          pick([443, 443, 80, 8080]),
          port(),
        ),
    ],
    [
      26,
      () => {
        const [image, line, parent] = program();
        return process(machine(), "100150", image, line, parent);
      },
    ],
    [
      5,
      () => process(station(), "92031", "C:\\Windows\\System32\\net.exe", "net use", "C:\\Windows\\System32\\cmd.exe"),
    ],
    [
      3,
      () =>
        process(
          station(),
          "92052",
          "C:\\Windows\\System32\\cmd.exe",
          "cmd.exe /c backup.cmd",
          "C:\\Program Files\\Backup Agent\\agent.exe",
        ),
    ],
    [
      4,
      () =>
        sysmon(station(), "92200", "11", {
          image: "C:\\Windows\\explorer.exe",
          targetFilename: `C:\\Users\\Public\\scripts\\cleanup${below(9)}.ps1`,
          creationUtcTime: "2026-11-18 09:00:00.000",
        }),
    ],
    [28, () => eventLog("dc", "60106", "4624", "Security", "An account was successfully logged on", logon("3"))],
    [
      16,
      () =>
        eventLog("dc", "60137", "4634", "Security", "An account was logged off", {
          targetUserName: person(),
          targetDomainName: "TERN",
          logonType: "3",
        }),
    ],
    [
      4,
      () =>
        eventLog("dc", "60122", "4625", "Security", "An account failed to log on", {
          ...logon("3"),
          status: "0xc000006d",
          subStatus: "0xc000006a",
        }),
    ],
    [
      4,
      () =>
        eventLog(station(), "60642", "16394", "Application", "Offline downlevel migration succeeded", {
          param1: "2026-11-19T09:40:12Z",
        }),
    ],
    [
      3,
      () =>
        eventLog(station(), "61104", "7040", "System", "The start type of a service was changed", {
          param1: "Background Intelligent Transfer Service",
          param2: "demand start",
          param3: "auto start",
          param4: "BITS",
        }),
    ],
    [
      12,
      () =>
        suricata(
          pick([
            "ET POLICY GNU/Linux APT User-Agent Outbound likely related to package management",
            "ET INFO Session Traversal Utilities for NAT (STUN Binding Request)",
            "SURICATA STREAM reassembly sequence GAP",
          ]),
          "Not Suspicious Traffic",
          [client(), port()],
          [outside(), 443],
          { app_proto: "tls", tls: { sni: pick(NAMES), version: "TLS 1.3" } },
        ),
    ],
    [
      36,
      () => {
        const [app, to] = pick(APPS);
        return firewall("pass", client(), outside(), to, app);
      },
    ],
    [14, () => firewall("deny", outside(), "10.20.1.11", pick([22, 23, 445, 3389, 8080]), "OTHER")],
    [
      18,
      () =>
        web(
          "31101",
          outside(),
          `GET ${pick(["/favicon.ico", "/apple-touch-icon.png", "/old/prices.html", "/robots.txt", "/img/missing.webp"])}`,
          404,
          pick(BROWSERS),
          "https://www.tern-office-demo.com/",
        ),
    ],
    [3, () => web("31122", outside(), "GET /search?q=rope", 500, pick(BROWSERS))],
    [3, () => web("31103", outside(), "GET /item?id=1%20union%20select%201", 403, pick(BROWSERS))],
    [
      12,
      () =>
        syslog(linux(), "5501", {
          program: "CRON",
          text: "pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)",
          decoder: { parent: "pam", name: "pam" },
          data: { dstuser: "root(uid=0)", uid: "0" },
        }),
    ],
    [
      12,
      () =>
        syslog(linux(), "5502", {
          program: "CRON",
          text: "pam_unix(cron:session): session closed for user root",
          decoder: { parent: "pam", name: "pam" },
          data: { dstuser: "root" },
        }),
    ],
    [
      2,
      () =>
        syslog("files", "5503", {
          program: "sshd",
          text: `pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=${client()}  user=carla`,
          decoder: { parent: "pam", name: "pam" },
          data: { uid: "0", euid: "0", tty: "ssh", dstuser: "carla" },
        }),
    ],
    [6, () => sshd(linux(), "5715", pick(["deploy", "backup"]), `10.20.1.${40 + below(5)}`, port())],
    [7, () => sshd(linux(), pick(["5710", "5760"] as const), pick(["root", "test", "pi"]), outside(), port())],
    [
      7,
      () =>
        syslog(linux(), "5402", {
          program: "sudo",
          tag: "sudo",
          text: "  backup : TTY=unknown ; PWD=/ ; USER=root ; COMMAND=/usr/bin/rsync -a /srv /mnt/backup",
          decoder: { parent: "sudo", name: "sudo", ftscomment: "First time user executed the sudo command" },
          data: { srcuser: "backup", dstuser: "root", pwd: "/", command: "/usr/bin/rsync -a /srv /mnt/backup" },
        }),
    ],
    [
      12,
      () =>
        syslog("mail", "100170", {
          program: "postfix/qmgr",
          text: `4dRk${below(90_000)}Lz9v: from=<${pick(["news@news-portal-demo.org", "orders@rope-and-sail-demo.com", "carla@tern-office-demo.com"])}>, size=${2000 + below(60_000)}, nrcpt=1 (queue active)`,
          decoder: { parent: "postfix", name: "postfix" },
          location: "/var/log/mail.log",
        }),
    ],
    [
      4,
      () => {
        const ip = outside();
        return syslog("mail", "3306", {
          program: "postfix/smtpd",
          text: `NOQUEUE: reject: RCPT from unknown[${ip}]: 554 5.7.1 Service unavailable; Client host [${ip}] blocked using bl.mail-lists-demo.org; from=<win@lottery-prize-demo.info> to=<info@tern-office-demo.com>`,
          decoder: { parent: "postfix", name: "postfix-reject" },
          data: { srcip: ip, id: "554" },
          location: "/var/log/mail.log",
        });
      },
    ],
    [
      3,
      () => {
        const ip = outside();
        return syslog("mail", "9705", {
          program: "dovecot",
          tag: "dovecot",
          text: `imap-login: Disconnected (auth failed, 3 attempts in 21 secs): user=<info>, method=PLAIN, rip=${ip}, lip=10.20.1.13`,
          decoder: { parent: "dovecot", name: "dovecot" },
          data: { srcip: ip, srcuser: "<info>", dstip: "10.20.1.13" },
          location: "/var/log/mail.log",
        });
      },
    ],
    [
      5,
      () =>
        fileModified(
          linux(),
          pick(["/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt", "/etc/cron.d/backup", "/etc/hosts"]),
        ),
    ],
    [4, () => fileAdded(linux(), `/etc/logrotate.d/service${below(30)}`, 380)],
    [
      4,
      () =>
        syslog(linux(), "2902", {
          program: "dpkg",
          tag: "dpkg",
          text: `status installed ${pick(["libssl3t64:amd64 3.0.17-1~deb13u2", "tzdata:all 2026c-0", "curl:amd64 8.14.1-2"])}`,
          decoder: { name: "dpkg-decoder" },
          data: { dpkg_status: "status installed", arch: "amd64" },
          location: "/var/log/dpkg.log",
        }),
    ],
    [
      2,
      () =>
        syslog(linux(), "40704", {
          program: "systemd",
          tag: "systemd[1]",
          text: "apt-news.service: Main process exited, code=exited, status=1/FAILURE",
          decoder: { name: "systemd" },
          location: "/var/log/syslog",
        }),
    ],
    [
      3,
      () =>
        moduleEvent(linux(), pick(["23503", "23504"]), "vulnerability-detector", "CVE-2026-99002 affects curl", {
          vulnerability: {
            cve: "CVE-2026-99002",
            severity: "Medium",
            status: "Active",
            type: "PACKAGE",
            published: "2026-10-02",
            package: {
              name: "curl",
              version: "8.14.1-2",
              architecture: "amd64",
              condition: "Package less than 8.14.1-2+deb13u1",
            },
          },
        }),
    ],
    [
      3,
      () =>
        moduleEvent(
          linux(),
          "19007",
          "sca",
          "CIS Debian Linux 13 Benchmark: Ensure permissions on /etc/crontab are configured.",
          {
            sca: {
              type: "check",
              scan_id: "771204",
              policy: "CIS Debian Linux 13 Benchmark",
              check: {
                id: "36500",
                title: "Ensure permissions on /etc/crontab are configured.",
                result: "failed",
                file: "/etc/crontab",
              },
            },
          },
        ),
    ],
    [
      6,
      () =>
        cloudtrail(
          "80202",
          pick(["s3.amazonaws.com", "ec2.amazonaws.com"]),
          pick(["PutBucketPolicy", "StartInstances", "CreateTags"]),
          pick(["deploy", "carla"]),
          pick(["198.19.200.10", "198.19.200.11"]),
          "aws-cli/2.31.4",
        ),
    ],
  ];
}
