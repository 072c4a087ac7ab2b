import assert from "node:assert/strict";
import { isIPv6 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { parseIpv6 } from "../../../src/intel/canonical-ip.ts";
import { gateKeys, hostOfUrl, parseIp6, parseIpv4, trimToken } from "../../../src/intel/tokens.ts";
import type { IndicatorPattern, IndicatorType } from "../../../src/model/indicator.ts";
import { fuzzRuns } from "../../support/indicators.ts";

const keys = (type: IndicatorType, value: string, pattern: IndicatorPattern = "exact") =>
  gateKeys(type, pattern, value).map((key) =>
    key.kind === "token" ? key.text : `${key.kind === "ip6" ? key.groups.join(":") : key.address}/${key.prefix}`,
  );

test("indicators are gated by what must show in the alert", () => {
  assert.deepEqual(keys("domain", "evil.example"), ["evil.example"]);
  assert.deepEqual(keys("domain", "_x.evil.example"), ["x.evil.example"]);
  assert.deepEqual(keys("url", "http://evil.example:8080/a?b#c"), ["evil.example"]);
  assert.deepEqual(keys("url", "http://[2a00::1]:80/"), ["10752:0:0:0:0:0:0:1/128"]);
  assert.deepEqual(keys("email", "joe@evil.example"), ["evil.example"]);
  assert.deepEqual(keys("ip", "45.1.2.3"), ["45.1.2.3"]);
  assert.deepEqual(keys("ip", "45.1.0.0/16", "cidr"), [`${45 * 2 ** 24 + 2 ** 16}/16`]);
  assert.deepEqual(keys("ip", "2a00::/32", "cidr"), ["10752:0:0:0:0:0:0:0/32"]);
  assert.deepEqual(keys("path", "%windir%/system32/evil helper.dll"), ["helper.dll"]);
  assert.deepEqual(keys("path", "c:/x1/windows"), ["x1"]);
  // Alerts may say `%system%` for both folders.
  assert.deepEqual(keys("path", "%windir%/system32/1"), ["1"]);
  assert.deepEqual(keys("regkey", "hklm\\software\\microsoft\\windows\\currentversion\\run\\evil"), ["evil"]);
  assert.deepEqual(keys("mutex", "Global\\EvilMutex"), ["evilmutex"]);
  assert.deepEqual(keys("user-agent", "Mozilla/5.0 (compatible; EvilBot/1.0)"), ["evilbot"]);
  assert.deepEqual(keys("asn", "64500"), ["64500", "as64500", "asn64500", "as-64500", "asn-64500"]);
});

test("URLs on hosts that serve everybody are gated by the most telling part of their path", () => {
  assert.deepEqual(keys("url", "https://github.com/evil/loader-v2/raw/x.ps1"), ["loader-v2"]);
  assert.deepEqual(keys("url", "https://drive.google.com/uc?id=1AbC_dEf-123&export=download"), ["1abc_def-123"]);
  assert.deepEqual(keys("url", "https://t.me/x"), ["t.me"]);
  assert.deepEqual(keys("url", "https://github.com/"), ["github.com"]);
  assert.deepEqual(keys("url", "https://evil.github.com/evil/loader-v2"), ["evil.github.com"]);
  // Alerts may say `hxxp` there, too.
  assert.deepEqual(keys("url", "https://github.com/abcdefghttps://x"), ["github.com"]);
  // Beside what may be written in two ways, and numbers, nothing tells.
  assert.deepEqual(keys("url", "https://github.com/a%20loader%20b/1234567890"), ["github.com"]);
});

test("what tells nothing apart has no key", () => {
  assert.deepEqual(keys("mutex", "???"), []);
  assert.deepEqual(keys("regkey", "hkcu\\software\\classes"), []);
  assert.deepEqual(keys("domain", "evil.-"), []);
});

test("small readers", () => {
  assert.equal(trimToken("--a.b_."), "a.b");
  assert.equal(trimToken("..."), "");
  assert.equal(hostOfUrl("ftp://h.example"), "h.example");
  assert.equal(parseIpv4("x1.2.3.255y", 1, 10), 0x010203ff);
  for (const bad of ["1.2.3", "1.2.3.256", "01.2.3.4", "1.2.3.4.5", "1..2.3", "", "1.2.3."]) {
    assert.equal(parseIpv4(bad, 0, bad.length), -1, bad);
  }
});

test("IPv6 is read as Node reads it", () => {
  const groups = new Uint16Array(8);
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(..."0:1af.25::"), maxLength: 24 }),
      fc.constantFrom("", "1:2:3::", "::ffff:1.2.", "::"),
      (text, head) => {
        const written = head + text;
        const valid = parseIp6(written, 0, written.length, groups);
        assert.equal(valid, isIPv6(written), written);
        if (valid) assert.deepEqual([...groups], parseIpv6(written), written);
      },
    ),
    { numRuns: fuzzRuns(20_000) },
  );
});
