import assert from "node:assert/strict";
import { test } from "node:test";
import { dangerous } from "../../../src/intel/quarantine.ts";
import type { IndicatorPattern, IndicatorType } from "../../../src/model/indicator.ts";
import type { CanonicalValue } from "../../../src/model/observable.ts";

const reason = (type: IndicatorType, value: string, pattern: IndicatorPattern = "exact") =>
  dangerous({ type, pattern, value: value as CanonicalValue });

test("what would drown the analysts is refused, each with its reason", () => {
  const cases: readonly (readonly [IndicatorType, string, RegExp, IndicatorPattern?])[] = [
    ["md5", "d41d8cd98f00b204e9800998ecf8427e", /empty file/],
    ["sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709", /empty file/],
    ["sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", /empty file/],
    ["md5", "0".repeat(32), /one repeated digit/],
    ["ip", "127.0.0.1", /loopback/],
    ["ip", "0.0.0.0", /unspecified/],
    ["ip", "10.1.2.3", /private/],
    ["ip", "172.31.0.1", /private/],
    ["ip", "169.254.169.254", /link-local/],
    ["ip", "224.0.0.251", /multicast/],
    ["ip", "::1", /loopback/],
    ["ip", "fe80::1", /link-local/],
    ["ip", "45.0.0.0/8", /wider than \/16/, "cidr"],
    ["ip", "192.168.1.0/24", /private/, "cidr"],
    ["ip", "2a00::/16", /wider than \/32/, "cidr"],
    ["domain", "co.uk", /public suffix/, "subdomains"],
    ["domain", "github.io", /public suffix/, "subdomains"],
    ["domain", "localhost", /single label/],
    ["domain", "1.0.0.10.in-addr.arpa", /reverse/],
    ["url", "http://127.0.0.1/x", /loopback/],
    ["url", "http://localhost/", /local computer/],
    ["filename", "a.b", /fewer than 4/],
    ["filename", "svchost.exe", /every system/],
    ["mutex", "abc", /fewer than 4/],
    ["user-agent", "-x", /fewer than 4/],
    ["user-agent", "Mozilla/5.0", /every browser/],
    ["regkey", "hklm\\software", /three parts/],
  ];
  for (const [type, value, expected, pattern] of cases)
    assert.match(reason(type, value, pattern) ?? "", expected, value);
});

test("what is merely unusual goes live", () => {
  const cases: readonly (readonly [IndicatorType, string, IndicatorPattern?])[] = [
    ["ip", "8.8.8.8"],
    ["ip", "192.0.2.1"],
    ["ip", "45.1.0.0/16", "cidr"],
    ["ip", "2a00:1450::/32", "cidr"],
    ["domain", "evil.github.io", "subdomains"],
    ["domain", "microsoft.com", "subdomains"],
    ["url", "http://10.1.2.3/x"],
    ["filename", "evil.exe"],
    ["mutex", "Evil"],
    ["sha256", "ab".repeat(32)],
    ["user-agent", "Mozilla/5.0 (Evil)"],
    ["regkey", "hklm\\software\\evil"],
    ["email", "a@evil.example"],
    ["asn", "64500"],
  ];
  for (const [type, value, pattern] of cases) assert.equal(reason(type, value, pattern), undefined, value);
});
