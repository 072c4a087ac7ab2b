import assert from "node:assert/strict";
import { test } from "node:test";
import { attributeTypesOf, type Sort, spellingsOf } from "../../../src/pipeline/lookup-spellings.ts";

const of = (value: string, sort: Sort) => spellingsOf(value).get(sort) ?? [];

test("an address brings the networks that may hold it, an address of a network those around it", () => {
  const spellings = of("45.5.200.1", "network");
  assert.equal(spellings.length, 17);
  for (const network of ["45.5.200.1", "45.5.0.0/16", "45.5.192.0/18", "45.5.200.0/24", "45.5.200.0/31"])
    assert.ok(spellings.includes(network), network);
  assert.ok(!spellings.some((each) => each.endsWith("/15") || each.endsWith("/32")));
  const wider = of("45.5.0.0/17", "network").filter((each) => /^[\d./]+$/.test(each));
  assert.deepEqual(wider.sort(), ["45.5.0.0/16", "45.5.0.0/17"]);
  assert.ok(of("2001:0DB8:BEEF:1:0::1", "network").includes("2001:db8:beef::/48"));
});

test("a name brings the names above it, in both scripts, and never a single label", () => {
  assert.deepEqual(of("A.b.Bücher.example.", "network"), [
    "a.b.xn--bcher-kva.example",
    "b.xn--bcher-kva.example",
    "xn--bcher-kva.example",
    "a.b.bücher.example",
    "b.bücher.example",
    "bücher.example",
  ]);
  const deep = of(`${"a.".repeat(100)}example.net`, "network");
  assert.ok(deep.length < 30 && deep.includes("example.net"));
});

test("a URL brings its spellings and its host", () => {
  const spellings = of("hxxp://Evil[.]example/", "network");
  for (const spelling of ["http://evil.example/", "http://evil.example", "evil.example", "evil.example/"])
    assert.ok(spellings.includes(spelling), `${spelling} in ${spellings}`);
});

test("halves of a composite are asked for by themselves, ports and names of composites not with hashes", () => {
  const sha256 = "77812e70c9c6d7a0b7dbd8233f3cbe213f71ac0eecd1e6184ae5816095dab9a2";
  assert.deepEqual(of(`Dropper.exe|${sha256.toUpperCase()}`, "hash"), [sha256]);
  assert.deepEqual(of("8443", "network"), []);
  assert.ok(!attributeTypesOf("host").includes("filename|sha256"));
  assert.ok(!attributeTypesOf("host").includes("ip-dst|port"));
  assert.ok(attributeTypesOf("hash").includes("malware-sample"));
  assert.ok(attributeTypesOf("network").includes("domain|ip"));
});

test("hashes, keys, numbers", () => {
  assert.deepEqual(of("E274B0A65912E49A28A9AE5C1479BDCE", "hash"), ["e274b0a65912e49a28a9ae5c1479bdce"]);
  const keys = of("HKEY_LOCAL_MACHINE\\Software\\Evil", "host").map((each) => each.toLowerCase());
  for (const key of ["hkey_local_machine\\software\\evil", "hklm\\software\\evil"]) assert.ok(keys.includes(key));
  assert.ok(of("AS64500", "host").includes("64500"));
  assert.deepEqual([...spellingsOf("").keys()], []);
});
