import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { lineRecord } from "../../../src/intel/scan-record.ts";

const members = (line: string) => Object.fromEntries(lineRecord(line)?.members ?? []);

test("CEF: values hold blanks, escapes are undone, labels name custom members", () => {
  assert.deepEqual(
    members(
      "Nov 21 host CEF:0|a|b\\|c|1.2.3.4|id|name|5|act=Prevent requestClientApplication=Mozilla/5.0 (Windows NT 10.0) " +
        "request=http://x.example/?a\\=1 fname=svc host.exe cs1Label=Referer cs1=http://r.example/ cs2=4.2",
    ),
    {
      act: "Prevent",
      requestClientApplication: "Mozilla/5.0 (Windows NT 10.0)",
      request: "http://x.example/?a=1",
      fname: "svc host.exe",
      cs1Label: "Referer",
      Referer: "http://r.example/",
      cs2: "4.2",
    },
  );
});

test("LEEF: 1.0 by tabs, 2.0 by the separator it names", () => {
  const wanted = { src: "1.2.3.4", usrName: "a b" };
  assert.deepEqual(members("LEEF:1.0|v|p|5.1.2.3|id|src=1.2.3.4\tusrName=a b"), wanted);
  assert.deepEqual(members("LEEF:1.0|v|p|5.1.2.3|id|src=1.2.3.4#011usrName=a b"), wanted);
  assert.deepEqual(members("LEEF:2.0|v|p|5.1.2.3|id|^|src=1.2.3.4^usrName=a b"), wanted);
  assert.deepEqual(members("LEEF:2.0|v|p|5.1.2.3|id|x5E|src=1.2.3.4^usrName=a b"), wanted);
});

test("Cisco, Fortinet, Sophos, Check Point", () => {
  assert.deepEqual(
    members("%FTD-1-430003: SrcIP: 10.0.0.1, URL: http://x.example/a, FileName: a b.exe, DstPort: 443"),
    {
      SrcIP: "10.0.0.1",
      URL: "http://x.example/a",
      FileName: "a b.exe",
      DstPort: "443",
    },
  );
  assert.deepEqual(members('date=1 devname="F" srcip=10.0.0.1 filename="a b.exe" url="http://x.example/?a=1"'), {
    date: "1",
    devname: "F",
    srcip: "10.0.0.1",
    filename: "a b.exe",
    url: "http://x.example/?a=1",
  });
  assert.equal(
    members('1 gw CheckPoint 12 - [action:"Drop"; src:"10.0.0.1"; file_name:"a b.exe"]')["file_name"],
    "a b.exe",
  );
});

test("other lines hold no record", () => {
  for (const line of [
    "",
    "CEF:",
    "CEF:0|a|b",
    "LEEF:2.0|a|b|c",
    "a=b c=d",
    'type=SYSCALL exe="/bin/x"',
    "%FTD-6-302013: Built x",
  ])
    assert.equal(lineRecord(line), undefined, line);
});

test("total, and linear on hostile lines", () => {
  const piece = fc.constantFrom(
    "CEF:0",
    "LEEF:2.0",
    "|",
    "\\",
    "=",
    " a=",
    "\t",
    "^",
    "%FTD-1-430003: ",
    ", B: ",
    "devname=",
    '"',
    "x",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      for (const [name, value] of lineRecord(pieces.join(""))?.members ?? [])
        assert.ok(name !== "" && typeof value === "string");
    }),
    { numRuns: 500 },
  );
  for (const part of ["CEF:0|", " a=", "|", ' devname="', "%FTD-1-430003: A: "])
    lineRecord(`CEF:0${part.repeat(20_000)}`);
});
