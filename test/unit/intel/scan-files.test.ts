import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fileNames, isResourceList, resources, severalNames } from "../../../src/intel/scan-files.ts";

test("lists of attachments", () => {
  const table: ReadonlyArray<readonly [string, readonly string[]]> = [
    ["Invoice.pdf.html (12043b); logo.png (912b)", ["Invoice.pdf.html", "logo.png"]],
    ["a b.pdf; c.doc (1.2 MB)", ["a b.pdf", "c.doc"]],
    ["a.pdf,b.pdf", ["a.pdf", "b.pdf"]],
    ["a.pdf b.pdf", ["a.pdf", "b.pdf"]],
    ["Smith, John.pdf", ["Smith, John.pdf"]],
    ["svc host.exe", ["svc host.exe"]],
    ["report (2024).pdf", ["report (2024).pdf"]],
    ['["a.pdf", "b c.doc"]', ["a.pdf", "b c.doc"]],
    ["2", []],
    ["none", []],
  ];
  for (const [raw, wanted] of table) assert.deepEqual(fileNames(raw), wanted, raw);
});

test("one name that may be several", () => {
  assert.deepEqual(severalNames("a.htm;b.wav"), ["a.htm", "b.wav"]);
  for (const raw of ["a.htm", "a;b.wav", "Smith, John.pdf", "x y.exe"]) assert.equal(severalNames(raw), undefined, raw);
});

test("Defender's resources", () => {
  assert.ok(isResourceList("file:_C:\\x.exe") && !isResourceList("C:\\x.exe") && !isResourceList("http://x.example/_"));
  assert.deepEqual(
    resources(
      "containerfile:_C:\\a.zip; file:_C:\\a.zip->in/b.exe->(part); webfile:_D:\\c.js|https://x.example/c.js|pid:7,ProcessStart:1; " +
        "regkey:_HKLM\\Software\\x; process:_pid:12,ProcessStart:3; CmdLine:_C:\\w.exe -x http://y.example",
    ),
    [
      { types: ["path"], value: "C:\\a.zip" },
      { types: ["path"], value: "C:\\a.zip" },
      { types: ["filename"], value: "b.exe" },
      { types: ["path"], value: "D:\\c.js" },
      { types: ["url"], value: "https://x.example/c.js" },
      { types: ["regkey"], value: "HKLM\\Software\\x" },
      { types: [], value: "C:\\w.exe -x http://y.example" },
    ],
  );
});

test("total on any text", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 300 }), (text) => {
      for (const name of fileNames(text)) assert.equal(name, name.trim());
      severalNames(text);
      resources(`file:_${text}`);
    }),
    { numRuns: 300 },
  );
});
