import assert from "node:assert/strict";
import { test } from "node:test";
import { freetextValues } from "../../../src/intel/freetext.ts";
import { listDate } from "../../../src/intel/list-dates.ts";

const found = (line: string) => [...freetextValues(line)].map(({ value, type }) => `${type} ${value}`);

test("values wherever they stand, disguises undone", () => {
  for (const [line, expected] of [
    ["198.51.100.7", ["ip 198.51.100.7"]],
    ["198.51.100.7\t12\tsome remark", ["ip 198.51.100.7"]],
    [
      "seen: 198[.]51[.]100[.]7:8080, evil[.]example[.]net; hxxps://x[.]example/a,b (and a[at]b.example.net).",
      ["ip 198.51.100.7:8080", "domain evil.example.net", "url https://x.example/a,b", "email a@b.example.net"],
    ],
    [
      "203.0.113.0/24 2001:db8::/48 [2001:db8::1]:443",
      ["ip 203.0.113.0/24", "ip 2001:db8::/48", "ip [2001:db8::1]:443"],
    ],
    [
      "<td>panel.example.net/gate.php</td><td>198.51.100.7:8080/x/</td>",
      ["url panel.example.net/gate.php", "url 198.51.100.7:8080/x/"],
    ],
    ['{"ip":"198.51.100.7","domain":"evil.example.net"}', ["ip 198.51.100.7", "domain evil.example.net"]],
    [
      "md5:9b2d1f6a0f0e4f2c8d7b6a5948372617|x.exe ip=198.51.100.7:80",
      ["md5 9b2d1f6a0f0e4f2c8d7b6a5948372617", "ip 198.51.100.7:80"],
    ],
    ["md5: 9b2d1f6a0f0e4f2c8d7b6a5948372617 | x.exe", ["md5 9b2d1f6a0f0e4f2c8d7b6a5948372617"]],
    ["http://a.example/x?u=http://b.example/y", ["url http://a.example/x?u=http://b.example/y"]],
    ["http://a.example/x,http://b.example/y", ["url http://a.example/x", "url http://b.example/y"]],
  ] as const)
    assert.deepEqual(found(line), expected, line);
});

test("the host of a URL is no value by itself: nobody said that all of it is bad", () => {
  assert.deepEqual(found("malware at https://raw.githubusercontent.com/x/y/evil.exe today"), [
    "url https://raw.githubusercontent.com/x/y/evil.exe",
  ]);
});

test("what only looks like a value among words is none", () => {
  for (const line of [
    "Chrome/91.0.4.124 and version 1.2.3.4 of pkg-2.3.4.5",
    "read and/or write, 2026/11/20, text/plain, n/a, 1.000.000",
    "open Makefile.am and setup.exe, then script.sh",
    "session 9b2d1f6a0f0e4f2c8d7b6a5948372617, number 12345678901234567890123456789012",
    "user.name=x, System.Net and Microsoft.PowerShell.Security",
    "127.0.0.1.in-addr.arpa. 10 PTR",
    "a b c 42 ... :: // ://",
  ])
    assert.deepEqual(found(line), [], line);
});

test("alone on its line a name needs no more than a public top-level domain", () => {
  for (const line of ["script.sh", "evil.zip", "x.name"]) assert.deepEqual(found(line), [`domain ${line}`]);
  assert.deepEqual(found("setup.exe"), []);
});

test("dates as lists write them; UTC where they name no zone", () => {
  const at = (cell: string) => {
    const seconds = listDate(cell);
    return seconds === undefined ? undefined : new Date(seconds * 1000).toISOString().slice(0, 19);
  };
  for (const [cell, expected] of [
    ["2026-11-20 07:44:46", "2026-11-20T07:44:46"],
    ["2026-11-20 07:44:46 UTC", "2026-11-20T07:44:46"],
    ["2026-11-20T07:44:46.123+02:00", "2026-11-20T05:44:46"],
    ["2026/11/2", "2026-11-02T00:00:00"],
    [" 2026-11-20  03:11 ", "2026-11-20T03:11:00"],
    ["Fri, 20 Nov 2026 10:00:00 GMT", "2026-11-20T10:00:00"],
    ["1795000000", "2026-11-18T11:06:40"],
    ["1795000000123", "2026-11-18T11:06:40"],
  ])
    assert.equal(at(cell ?? ""), expected, cell);
  for (const cell of [
    "",
    "None",
    "2026-13-01",
    "2026-11-20 25:00:00",
    "20 Nov 2026",
    "12345678",
    "0000-00-00 00:00:00",
    "9999999999999",
  ])
    assert.equal(listDate(cell), undefined, cell);
});
