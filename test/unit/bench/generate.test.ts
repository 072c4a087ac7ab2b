import assert from "node:assert/strict";
import { test } from "node:test";
import { alertLines, indicators, indicatorValue } from "../../../bench/generate.ts";
import type { JsonObject } from "../../../src/model/json.ts";
import { createExtraction } from "../../../src/pipeline/extract.ts";
import { EXTRACTORS } from "../../../src/registry.gen.ts";

const KNOWN = 2_000;
const parsed = (line: string) => JSON.parse(line) as JsonObject;

test("the same seed gives the same alerts and indicators, another seed others", () => {
  const lines = [...alertLines(200, { known: KNOWN })];
  assert.deepEqual([...alertLines(200, { known: KNOWN })], lines);
  assert.notDeepEqual([...alertLines(200, { known: KNOWN, seed: 8 })], lines);
  assert.deepEqual(indicatorValue(17), indicatorValue(17));
  assert.notDeepEqual(indicatorValue(17, 2), indicatorValue(17));
});

test("40% of the indicators are hashes, 25% domains, 15% addresses, 15% URLs, 5% file names", () => {
  const counts = new Map<string, number>();
  for (const { type } of indicators(KNOWN)) counts.set(type, (counts.get(type) ?? 0) + 1);
  const share = (...types: readonly string[]) => types.reduce((sum, type) => sum + (counts.get(type) ?? 0), 0) / KNOWN;
  assert.deepEqual(
    [share("md5", "sha1", "sha256"), share("domain"), share("ip"), share("url"), share("filename")],
    [0.4, 0.25, 0.15, 0.15, 0.05],
  );
  assert.equal(new Set([...indicators(KNOWN)].map(({ value }) => value)).size, KNOWN);
});

test("alerts are about as long as real ones: mean 2,010 bytes, p10 1,259, p50 1,901, p90 3,026", () => {
  const lengths = [...alertLines(4_000)].map((line) => Buffer.byteLength(line)).sort((a, b) => a - b);
  const at = (share: number) => lengths[Math.floor(lengths.length * share)] ?? 0;
  const near = (value: number, wanted: number) =>
    assert.ok(Math.abs(value / wanted - 1) < 0.1, `expected about ${wanted}, found ${value}`);
  near(lengths.reduce((sum, length) => sum + length, 0) / lengths.length, 2_010);
  near(at(0.1), 1_259);
  near(at(0.5), 1_901);
  near(at(0.9), 3_026);
});

test("alerts are of Sysmon 1, 3, 11 and 22, sshd, syscheck, Packetbeat dns and flow, Suricata and web", () => {
  const families = new Set<string>();
  for (const line of alertLines(600)) {
    const { data, location } = JSON.parse(line) as { data?: Record<string, unknown>; location: string };
    const { system } = (data?.["win"] ?? {}) as { system?: { eventID: string } };
    families.add(`${location} ${system?.eventID ?? (location.includes("packetbeat") ? data?.["type"] : "")}`.trim());
  }
  assert.deepEqual(
    [...families].sort(),
    [
      "EventChannel 1",
      "EventChannel 11",
      "EventChannel 22",
      "EventChannel 3",
      "/var/log/auth.log",
      "/var/log/nginx/access.log",
      "/var/log/packetbeat.json dns",
      "/var/log/packetbeat.json flow",
      "/var/log/suricata/eve.json",
      "syscheck",
    ].sort(),
  );
});

test("the share asked for really carries a listed value, in a field that is looked at", () => {
  const extract = createExtraction(EXTRACTORS);
  const listed = new Map([...indicators(KNOWN)].map(({ type, pattern, value }) => [`${type} ${value}`, pattern]));
  const isListed = (type: string, value: string): boolean => {
    if (listed.has(`${type} ${value}`)) return true;
    if (type === "path") return listed.has(`filename ${value.slice(value.lastIndexOf("/") + 1)}`);
    for (let dot = value.indexOf("."); type === "domain" && dot >= 0; dot = value.indexOf(".", dot + 1))
      if (listed.get(`domain ${value.slice(dot + 1)}`) === "subdomains") return true;
    return false;
  };
  const carrying = (lines: Iterable<string>) =>
    [...lines].filter((line) => extract(parsed(line)).observables.some(({ type, value }) => isListed(type, value)))
      .length;
  assert.equal(carrying(alertLines(400, { known: KNOWN, carrying: 1 })), 400);
  assert.equal(carrying(alertLines(400, { known: KNOWN, carrying: 0 })), 0);
  const some = carrying(alertLines(2_000, { known: KNOWN, carrying: 0.1 }));
  assert.ok(some > 140 && some < 260, String(some));
});
