import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { addressRange, isInternal } from "../../../src/intel/address-ranges.ts";
import { createPolicy, NO_OWN_ASSETS } from "../../../src/intel/policy.ts";
import type { CanonicalValue } from "../../../src/model/observable.ts";

const c = (value: string) => value as CanonicalValue;

describe("addressRange", () => {
  it("knows the special ranges and their edges", () => {
    const table: readonly (readonly [string, string | undefined])[] = [
      ["10.0.0.0", "private"],
      ["10.255.255.255", "private"],
      ["11.0.0.0", undefined],
      ["172.15.255.255", undefined],
      ["172.16.0.0", "private"],
      ["172.31.255.255", "private"],
      ["172.32.0.0", undefined],
      ["192.168.1.1", "private"],
      ["100.64.0.1", "private"],
      ["100.128.0.1", undefined],
      ["127.0.0.1", "loopback"],
      ["169.254.1.1", "link-local"],
      ["224.0.0.1", "multicast"],
      ["239.255.255.255", "multicast"],
      ["240.0.0.1", undefined],
      ["255.255.255.255", "broadcast"],
      ["0.0.0.0", "unspecified"],
      ["192.0.2.1", "documentation"],
      ["198.18.0.1", undefined],
      ["8.8.8.8", undefined],
      ["::1", "loopback"],
      ["::", "unspecified"],
      ["fe80::1", "link-local"],
      ["fd00::1", "private"],
      ["ff02::1", "multicast"],
      ["2001:db8::1", "documentation"],
      ["2001:4860:4860::8888", undefined],
    ];
    for (const [address, range] of table) assert.equal(addressRange(address), range, address);
    assert.equal(isInternal("10.1.2.3"), true);
    assert.equal(isInternal("8.8.8.8"), false);
  });
});

describe("createPolicy", () => {
  const policy = createPolicy(
    {
      networks: ["198.18.5.0/24", "3ffe::/32"],
      domains: [c("corp.example")],
      hashes: [c(`${"a".repeat(63)}1`)],
      matchDocumentation: false,
    },
    [
      { type: "domain", value: c("cdn.example"), reason: "our CDN", createdAt: 0, by: "ana" },
      {
        type: "ip",
        value: c("198.18.9.9"),
        reason: "scanner",
        entity: "agent:001",
        expires: 1000,
        createdAt: 0,
        by: "ana",
      },
    ],
  );

  it("does not look up what is private, documentation or the user's own", () => {
    assert.match(policy.notLookedUp("ip", c("10.0.0.1")) ?? "", /private/);
    assert.match(policy.notLookedUp("ip", c("203.0.113.9")) ?? "", /documentation/);
    assert.match(policy.notLookedUp("domain", c("mail.corp.example")) ?? "", /own domain/);
    assert.equal(policy.notLookedUp("domain", c("notcorp.example")), undefined);
    assert.equal(policy.notLookedUp("sha256", c(`${"a".repeat(63)}1`)), "own hash");
    assert.equal(
      createPolicy({ ...NO_OWN_ASSETS, matchDocumentation: true }, []).notLookedUp("ip", c("203.0.113.9")),
      undefined,
    );
  });

  it("knows the user's own public addresses", () => {
    assert.ok(policy.own("ip", c("198.18.5.77")));
    assert.ok(policy.own("ip", c("3ffe::1")));
    assert.equal(policy.own("ip", c("198.18.6.1")), undefined);
  });

  it("applies allow entries to subdomains, per entity and until they expire", () => {
    assert.equal(policy.allowed("domain", c("a.b.cdn.example"), "agent:009", 0)?.reason, "our CDN");
    assert.equal(policy.allowed("domain", c("xcdn.example"), "agent:009", 0), undefined);
    assert.ok(policy.allowed("ip", c("198.18.9.9"), "agent:001", 999));
    assert.equal(policy.allowed("ip", c("198.18.9.9"), "agent:002", 999), undefined);
    assert.equal(policy.allowed("ip", c("198.18.9.9"), "agent:001", 1000), undefined);
  });
});
