import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalCidr, canonicalIp, canonicalize } from "../../../src/intel/canonical.ts";
import { baseName } from "../../../src/intel/canonical-path.ts";
import { OBSERVABLE_TYPES, type ObservableType } from "../../../src/model/observable.ts";

const RUNS = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 400);

/** type, raw, canonical (undefined: refused). */
const TABLE: ReadonlyArray<readonly [ObservableType, string, string | undefined]> = [
  ["ip", "1.2.3[.]4", "1.2.3.4"],
  ["ip", " 1.2.3.4 ", "1.2.3.4"],
  ["ip", "1.2.3.4:443", "1.2.3.4"],
  ["ip", "[2001:DB8::1]:80", "2001:db8::1"],
  ["ip", "2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["ip", "fe80::1%eth0", "fe80::1"],
  ["ip", "::ffff:1.2.3.4", "1.2.3.4"],
  ["ip", "::ffff:102:304", "1.2.3.4"],
  ["ip", "01.2.3.4", undefined],
  ["ip", "1.2.3", undefined],
  ["ip", "1.2.3.4.5", undefined],
  ["ip", "1.2.3.256", undefined],
  ["ip", "3232235777", undefined],
  ["ip", "1-2-3-4", undefined],
  ["domain", "Evil[.]COM.", "evil.com"],
  ["domain", "evil．com", "evil.com"],
  ["domain", "bücher.example", "xn--bcher-kva.example"],
  ["domain", "_dmarc.example.com", "_dmarc.example.com"],
  ["domain", "1.2.3.4", undefined],
  ["domain", "localhost", undefined],
  ["domain", "a..b", undefined],
  ["domain", `${"a".repeat(64)}.com`, undefined],
  ["domain", `${"a.".repeat(130)}com`, undefined],
  ["domain", "*.evil.com", undefined],
  ["domain", "evil.com/x", undefined],
  ["url", "hxxps://Evil[.]com:443/a/../B?x=%41%2f#f", "https://evil.com/B?x=A%2F"],
  ["url", "HTTP://EVIL.COM", "http://evil.com/"],
  ["url", "http://user:secret@evil.com/x", "http://evil.com/x"],
  ["url", "http:\\/\\/evil.com\\/x", "http://evil.com/x"],
  ["url", "http://evil.com?x=1", "http://evil.com/?x=1"],
  ["url", "http://[2001:DB8::1]:8080/x", "http://[2001:db8::1]:8080/x"],
  ["url", "http://ex%61mple.com/x", "http://example.com/x"],
  ["url", "evil.com/x", "http://evil.com/x"],
  ["url", "http://evil.com/a b", "http://evil.com/a%20b"],
  ["url", "http://evil.com./x", "http://evil.com/x"],
  ["url", "http://server/x", "http://server/x"],
  ["url", "http://münchen/x", undefined],
  ["url", "http://münchen.example/x", "http://xn--mnchen-3ya.example/x"],
  ["url", "/index.php?a=b", undefined],
  ["url", "evil.com", undefined],
  ["url", "http://evil.com:99999/", undefined],
  ["url", "http://exa mple.com/", undefined],
  ["url", "http://", undefined],
  ["email", "<Bob@Evil.com>", "bob@evil.com"],
  ["email", "mailto:bob@evil.com", "bob@evil.com"],
  ["email", "bob[at]evil[dot]com", "bob@evil.com"],
  ["email", "bob@localhost", undefined],
  ["md5", "D41D8CD98F00B204E9800998ECF8427E", "d41d8cd98f00b204e9800998ecf8427e"],
  ["md5", "00000000000000000000000000000000", undefined],
  ["md5", "d41d8cd98f00b204e9800998ecf8427", undefined],
  ["sha1", "zz39a3ee5e6b4b0d3255bfef95601890afd80709", undefined],
  ["x509", "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD", "aabbccddeeff00112233445566778899aabbccdd"],
  ["x509", " aabb ccdd eeff0011\t2233 4455\r\n66778899 aabbccdd\u00a0", "aabbccddeeff00112233445566778899aabbccdd"],
  ["x509", "aabbccddeeff00112233\u00a0445566778899aabbccdd", undefined],
  ["filename", "Evil.EXE", "evil.exe"],
  ["filename", "C:\\evil.exe", undefined],
  ["path", "C:\\\\Users\\\\bob\\\\AppData\\\\Roaming\\\\x.exe", "%appdata%/x.exe"],
  ["path", "%APPDATA%\\x.exe", "%appdata%/x.exe"],
  ["path", "%USERPROFILE%\\AppData\\Local\\Temp\\x", "%temp%/x"],
  ["path", "C:\\Documents and Settings\\bob\\Application Data\\x", "%appdata%/x"],
  ["path", "C:\\Users\\Public\\x", "%public%/x"],
  ["path", "%SystemRoot%\\system32\\cmd.exe", "%windir%/system32/cmd.exe"],
  ["path", "\\??\\C:\\Windows\\x.sys", "%windir%/x.sys"],
  ["path", "\\Device\\HarddiskVolume3\\Windows\\x.exe", "%windir%/x.exe"],
  ["path", "C:\\PROGRA~1\\x.exe", "c:/progra~1/x.exe"],
  ["path", '"C:\\x\\y.exe"', "c:/x/y.exe"],
  ["path", "file:_C:\\Users\\bob\\x.exe", "%userprofile%/x.exe"],
  ["path", "\\\\server\\share\\x.exe", "/server/share/x.exe"],
  ["path", "/usr/bin/Curl", "/usr/bin/curl"],
  ["path", "curl", undefined],
  ["regkey", "HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet001\\Services\\x", "hklm\\system\\currentcontrolset\\services\\x"],
  ["regkey", "\\REGISTRY\\MACHINE\\SOFTWARE\\x", "hklm\\software\\x"],
  ["regkey", "HKU\\S-1-5-21-1-2-3-1001\\Software\\x", "hkcu\\software\\x"],
  ["regkey", "HKU\\S-1-5-21-1-2-3-1001_Classes\\CLSID", "hkcu\\software\\classes\\clsid"],
  ["regkey", "HKU\\S-1-5-18\\Software", "hku\\s-1-5-18\\software"],
  ["regkey", "[x64] HKEY_LOCAL_MACHINE\\\\Software\\\\x", "hklm\\software\\x"],
  ["regkey", "HKLM:\\Software\\x", "hklm\\software\\x"],
  ["regkey", "C:\\Windows", undefined],
  ["mutex", " Global\\Evil ", "Global\\Evil"],
  ["user-agent", " Mozilla/5.0 ", "Mozilla/5.0"],
  ["user-agent", "-", undefined],
  ["user-agent", " Mozilla/5.0+(Windows+NT+10.0;++http://x) ", "Mozilla/5.0 (Windows NT 10.0; +http://x)"],
  ["user-agent", "x/1 (+http://x)", "x/1 (+http://x)"],
  ["asn", "AS64500", "64500"],
  ["asn", "AS15169 Google LLC", "15169"],
  ["asn", "ASN-0064500", "64500"],
  ["asn", "AS--64500", undefined],
  ["asn", "0", undefined],
  ["cve", "cve-2021-44228", "CVE-2021-44228"],
  ["cve", "CVE-21-1", undefined],
];

test("canonical values", () => {
  for (const [type, raw, wanted] of TABLE) assert.equal(canonicalize(type, raw), wanted, `${type} ${raw}`);
});

test("networks: host bits zeroed, a full prefix is the address", () => {
  const table: ReadonlyArray<readonly [string, string | undefined]> = [
    ["10.1.2.3/8", "10.0.0.0/8"],
    ["1.2.3.4/32", "1.2.3.4"],
    ["1.2.3.4", "1.2.3.4"],
    ["2001:db8:1:2::1/33", "2001:db8::/33"],
    ["2001:db8::1/128", "2001:db8::1"],
    ["::ffff:1.2.3.4/120", "1.2.3.0/24"],
    ["1.2.3.4/0", "0.0.0.0/0"],
    ["1.2.3.4/33", undefined],
    ["1.2.3.4/08", undefined],
    ["x/8", undefined],
  ];
  for (const [raw, wanted] of table) assert.equal(canonicalCidr(raw), wanted, raw);
});

test("the last part of a path", () => {
  assert.equal(baseName("c:/x/y.exe"), "y.exe");
  assert.equal(baseName("C:\\x\\y.exe\\"), "y.exe");
  assert.equal(baseName("y.exe"), "y.exe");
  assert.equal(baseName("/"), "");
});

const piece = fc.constantFrom(
  ...[
    "evil",
    "EVIL",
    "com",
    "co.uk",
    ".",
    "..",
    "[.]",
    "(dot)",
    "://",
    "http",
    "hxxp",
    "/",
    "\\",
    "\\\\",
    "%41",
    "%2e",
    "%25",
    "%4",
  ],
  ...[
    "1",
    "255",
    "256",
    "0",
    "::",
    "ffff",
    "fe80",
    ":",
    "@",
    "[",
    "]",
    "%appdata%",
    "%temp%",
    "c:",
    "users",
    "bob",
    "appdata",
    "local",
  ],
  ...[
    "temp",
    "roaming",
    "windows",
    "program files",
    "hklm",
    "hku",
    "s-1-5-21-1",
    "_classes",
    "controlset001",
    "system",
    "software",
    "?",
    "&amp;",
  ],
  ...[
    "#",
    "=",
    "&",
    " ",
    '"',
    "'",
    "ü",
    "。",
    "．",
    "\u200b",
    "\ud800",
    "\\u002e",
    "\\/",
    "xn--",
    "a".repeat(60),
    "<",
    ">",
    "mailto:",
    "as",
    "file:",
  ],
);
const nearMiss = fc.array(piece, { minLength: 1, maxLength: 9 }).map((parts) => parts.join(""));

test("canonicalize is total and idempotent on near misses of its domain", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...OBSERVABLE_TYPES),
      fc.oneof(nearMiss, fc.string({ unit: "binary" })),
      (type, raw) => {
        const once = canonicalize(type, raw);
        if (once !== undefined) assert.equal(canonicalize(type, once), once, `${type} ${JSON.stringify(raw)}`);
      },
    ),
    { numRuns: RUNS * 20 },
  );
});

test("IPv6 is compressed as the URL standard does", () => {
  const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), fc.boolean(), (groups, padded) => {
      const text = groups.map((value) => (padded ? value.toString(16).padStart(4, "0") : value.toString(16))).join(":");
      const wanted = new URL(`http://[${text}]/`).hostname.slice(1, -1);
      const got = canonicalIp(text);
      if (got?.includes(":")) assert.equal(got, wanted);
      else assert.ok(wanted.startsWith("::ffff:"), `${text} ${got}`);
    }),
    { numRuns: RUNS },
  );
});

test("hostile lengths end", () => {
  const long = 65_536;
  for (const unit of [
    "[",
    "(dot",
    "%",
    "%4",
    "%25",
    "a.",
    "http://",
    "\\u",
    "\\",
    "'",
    "<",
    ":",
    "::",
    "1.",
    "&amp;",
    " ",
    "/../",
    "/.",
  ]) {
    const text = unit.repeat(Math.ceil(long / unit.length)).slice(0, long);
    for (const type of OBSERVABLE_TYPES) canonicalize(type, text);
    for (const type of OBSERVABLE_TYPES) canonicalize(type, `http://evil.com/${text.slice(0, 8_000)}`);
  }
});
