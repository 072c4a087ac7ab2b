import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isPublicSuffix, isPublicTld, registrableDomain } from "../../../src/intel/hosts.ts";
import { percentDecode, refang, survey } from "../../../src/intel/refang.ts";
import { MAX_SCANNED, scanText } from "../../../src/intel/scan.ts";
import { decodeText, scanCommand } from "../../../src/intel/scan-command.ts";
import { isParameter, urlEnd } from "../../../src/intel/scan-url.ts";

const RUNS = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 400);

function found(text: string, field = ""): string[] {
  const all: string[] = [];
  scanText(
    text,
    (type, value, _seen, port) => all.push(`${type} ${value}${port === undefined ? "" : ` :${port}`}`),
    field,
  );
  return all;
}

test("what free text holds", () => {
  const table: ReadonlyArray<readonly [string, readonly string[]]> = [
    ["Failed password for root from 1.2.3.4 port 22", ["ip 1.2.3.4"]],
    ["TCP 1.2.3.4:443 -> [2001:db8::1]:80", ["ip 1.2.3.4 :443", "ip 2001:db8::1 :80"]],
    ["HIER_DIRECT/1.2.3.4 image/gif", ["ip 1.2.3.4"]],
    ["permitted tcp inside/10.0.0.1(4000) -> outside/1.2.3.4(443)", ["ip 10.0.0.1 :4000", "ip 1.2.3.4 :443"]],
    ["AS64500 and CVE-2021-44228.", ["asn 64500", "cve CVE-2021-44228"]],
    ["IMPHASH=F34D5F2D4577ED6D9CEEC516C1F5A744", ["imphash f34d5f2d4577ed6d9ceec516c1f5a744"]],
    ['"ja3": "f34d5f2d4577ed6d9ceec516c1f5a744"', ["ja3 f34d5f2d4577ed6d9ceec516c1f5a744"]],
    ['"JA3Hash": "f34d5f2d4577ed6d9ceec516c1f5a744"', ["ja3 f34d5f2d4577ed6d9ceec516c1f5a744"]],
    ["SHA1 Fingerprint=969d963ae3c7694a0a6c45d627a392ccd7c9430c", ["x509 969d963ae3c7694a0a6c45d627a392ccd7c9430c"]],
    ["pool 1.2.3.4-1.2.3.9", ["ip 1.2.3.4", "ip 1.2.3.9"]],
    ["mail to a.b@example.org, thanks", ["email a.b@example.org"]],
    ["from=<SRS0=x=y=a.example=joe@b.example.org>", ["email srs0=x=y=a.example=joe@b.example.org"]],
    ["user=joe@b.example.org", ["email joe@b.example.org"]],
    ["x@10.0.0.9", ["ip 10.0.0.9"]],
    [
      "http://a.example.org/x?u=https%3A%2F%2Fb.example.org%2Fy&z=1",
      [
        "url http://a.example.org/x?u=https%3A%2F%2Fb.example.org%2Fy&z=1",
        "domain a.example.org",
        "url https://b.example.org/y",
        "domain b.example.org",
      ],
    ],
  ];
  for (const [text, wanted] of table) assert.deepEqual(found(text), wanted, text);
});

test("what only looks like an observable", () => {
  const texts = [
    ...["report.zip script.sh cmd.exe kernel32.dll README.md java.lang.String System.IO Microsoft.PowerShell.Security"],
    ...[
      "app.INFO: started",
      "$user.name",
      "x.call(1)",
      "Foo.Bar at Foo.java:83",
      "Trojan.Agent.bd",
      "com.apple.photos",
    ],
    ...[
      "deviceFingerprint: 969d963ae3c7694a0a6c45d627a392ccd7c9430c",
      "message-id=<a=b.1@mail.example.org>",
      "10.0.0.0-10.255.255.255",
      "LEEF:2.0|v|p|5.1.2.3|x",
      "openssl 1.1.1.23",
      "OpenSSL 3.0.2.15",
      "Mozilla/5.0 Chrome/91.0.4.124 Safari/537.36",
      "pkg-1.2.3.4-5ubuntu",
      "linux-4.9.0.3",
    ],
    ...[
      "1.3.6.1.2.1",
      "time 12:34:56",
      "mac 00:11:22:33:44:55",
      "eui 00:11:22:33:44:55:66:77",
      "std::vector a::b",
      "10.0.0.0/8",
    ],
    ...[
      "session=44d88612fea8a8f36de82e1278abb02f",
      '"request_id": "44d88612fea8a8f36de82e1278abb02f"',
      "{7F3C6F10-2E11-4C6C-9F5B-5B0C7D7A0C11}",
    ],
    ...[
      "/quarantine/44d88612fea8a8f36de82e1278abb02f/x",
      "C:\\x\\evil.com\\y",
      "curve25519-sha256@libssh.org",
      "Failed password for anna.li from",
    ],
    ...[
      "registry.example/tools/miner:1.4.2.9",
      "10.0.0.0 <= version < 10.0.2.1",
      "filename=eicar.com",
      "perl script.pl",
      "ASP.NET Core",
      "libfoo.1.so",
      "Safari.app",
      "Makefile.am",
      "xyz.in-addr.arpa",
    ],
  ];
  for (const text of texts) {
    const wrong = found(text).filter((one) => !/^domain registry\.example$/.test(one));
    assert.deepEqual(wrong, [], text);
  }
});

test("the name of the field decides where the text is silent", () => {
  assert.deepEqual(found("1.2.3.4", "version"), []);
  assert.deepEqual(found("44d88612fea8a8f36de82e1278abb02f", "session_id"), []);
  assert.deepEqual(found("44d88612fea8a8f36de82e1278abb02f", "file_md5"), ["md5 44d88612fea8a8f36de82e1278abb02f"]);
});

test("survey, refang and percentDecode", () => {
  assert.equal(survey("no observable here"), 0);
  assert.equal(refang("plain text (and brackets) [x]"), "plain text (and brackets) [x]");
  assert.equal(refang("hxxp://a[.]b(dot)c"), "http://a.b.c");
  assert.equal(refang("C:\\Users\\x"), "C:\\Users\\x");
  assert.equal(percentDecode("%2565%zz"), "e%zz");
  assert.equal(percentDecode("%ff%00"), "\ufffd ");
});

test("public suffixes, private ones included", () => {
  assert.ok(isPublicTld("com") && isPublicTld("xn--p1ai") && !isPublicTld("local") && !isPublicTld("exe"));
  assert.ok(isPublicSuffix("co.uk") && isPublicSuffix("github.io") && !isPublicSuffix("example.com"));
  assert.equal(registrableDomain("a.b.example.co.uk"), "example.co.uk");
  assert.equal(registrableDomain("x.y.github.io"), "y.github.io");
});

test("ends of URLs", () => {
  const end = (text: string): string => text.slice(0, urlEnd(text, text.indexOf("://") + 3));
  assert.equal(end("http://a.b/x(y)z) and"), "http://a.b/x(y)z");
  assert.equal(end("http://a.b/x,http://c.d/"), "http://a.b/x");
  assert.equal(end("http://a.b/x;+sh"), "http://a.b/x");
  assert.equal(end("http://a.b/x;jsessionid=1."), "http://a.b/x;jsessionid=1");
  assert.ok(isParameter("/r?u=http://a.b", 5) && !isParameter("u=http://a.b", 2));
});

test("base64 is read as text only", () => {
  assert.equal(decodeText(Buffer.from("x http://a.b ", "utf16le").toString("base64")), "x http://a.b ");
  assert.equal(decodeText("AAECAwQFBgcICQoLDA0ODxAREhM="), undefined);
});

test("scanning is total; what it emits is canonical", () => {
  const piece = fc.constantFrom(
    ...[
      "http://",
      "hxxp[:]//",
      "evil",
      ".",
      "com",
      "[.]",
      "@",
      ":",
      "::",
      "1",
      ".2",
      "255",
      "/",
      "\\",
      "%2e",
      "%25",
      "?u=",
      "&",
      " ",
      '"',
    ],
    ...[
      "44d88612fea8a8f36de82e1278abb02f",
      "CVE-2021-44228",
      "AS123",
      "ü",
      "。",
      "\ud800",
      "-enc ",
      "base64 ",
      "aHR0cDovL2V2aWwuY29tLw==",
      "(",
      ")",
      ";",
    ],
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (parts) => {
      scanCommand(parts.join(""), (_type, value) => assert.ok(value.length > 0));
    }),
    { numRuns: RUNS * 5 },
  );
});

test("hostile texts end, and only the beginning of a long one is read", () => {
  for (const unit of [
    "http://",
    "http://(",
    "a@",
    "a.com@",
    "1.2.3.4-",
    "::1:",
    "[.]",
    "%25",
    "AS1 ",
    "a.com ",
    "x=http://a.b/?u=",
    "user ",
    "ü.",
    "-e A",
  ]) {
    scanCommand(unit.repeat(Math.ceil(MAX_SCANNED / unit.length)), () => undefined);
  }
  assert.deepEqual(found(`${" ".repeat(MAX_SCANNED)}1.2.3.4`), []);
});
