import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { allowEntry, typed } from "../../../src/app/allow.ts";

const entry = (expires: string) => allowEntry({ value: "bad.com", reason: "ours", by: "ana", expires }, 1_000);

describe("what an analyst allows", () => {
  it("is read as what it looks like", () => {
    for (const [given, type, value] of [
      ["198[.]18.7.7", "ip", "198.18.7.7"],
      ["198.18.7.7/32", "ip", "198.18.7.7"],
      ["Updates.Vendor.example.com.", "domain", "updates.vendor.example.com"],
      ["files.corp", "domain", "files.corp"],
      ["printer.local", "domain", "printer.local"],
      ["TotallyEvil.exe", "filename", "totallyevil.exe"],
      ["helper.dll", "filename", "helper.dll"],
      ["hxxp://bad[.]com/8", "url", "http://bad.com/8"],
    ] as const)
      assert.deepEqual(typed(given, undefined), { type, value });
  });

  it("is of the type that was named", () => {
    assert.equal(typed("script.sh", "filename").type, "filename");
    assert.equal(typed("a1".repeat(48), "sha384").type, "sha384");
    assert.throws(() => typed("CVE-2026-1234", "cve"), { code: "TIP_USAGE_INVALID" });
  });

  it("is never a whole network", () => {
    for (const network of ["198.18.0.0/24", "198[.]18.0.0/16", "2a01:4f8::/32"])
      assert.throws(() => typed(network, undefined), /expected one address, got the network/);
  });

  it("expires later than now, or is refused", () => {
    assert.equal(entry("7d").expires, 1_000 + 7 * 86_400_000);
    for (const given of ["0d", "yesterday", "1969-12-31", "2026-13-45"])
      assert.throws(() => entry(given), /--expires: expected/);
  });
});
