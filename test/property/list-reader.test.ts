import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { freetextValues } from "../../src/intel/freetext.ts";
import { cellsOf } from "../../src/intel/list-cells.ts";
import { LIST_TYPES, readListValue } from "../../src/intel/list-lines.ts";
import { LIST_FORMATS, type ListLayout, ListReader } from "../../src/intel/list-reader.ts";
import { linesOf, notAList } from "../../src/intel/list-text.ts";
import { MAX_VALUE } from "../../src/intel/misp-attribute.ts";

const numRuns = (standard: number) => Number(process.env["TIPLINE_FUZZ_RUNS"] ?? standard);

const layout = (format: ListLayout["format"], more: Partial<ListLayout> = {}): ListLayout => ({
  format,
  valueType: "auto",
  commentPrefixes: ["#"],
  delimiter: ",",
  header: false,
  valueColumns: "*",
  ...more,
});

function entriesOf(bytes: Buffer, one: ListLayout) {
  const reader = new ListReader(one);
  return [...linesOf(bytes)].flatMap((line) => [...reader.read(line)]);
}

/** Pieces of which lists are made, whole and broken. */
const piece = fc.constantFrom(
  "198.51.100.7",
  "198.51.100.0/24",
  "2001:db8::1",
  "[2001:db8::1]:80",
  "evil.example.net",
  "evil[.]example[.]net",
  "hxxp://",
  "http://a.example/b?c=d",
  "://",
  "@",
  "a@b.example",
  "d41d8cd98f00b204e9800998ecf8427a",
  '"',
  '""',
  "'",
  ",",
  ";",
  "|",
  "\t",
  " ",
  "\n",
  "\r\n",
  "#",
  "//",
  "<",
  ">",
  "<br>",
  "(",
  ")",
  "[",
  "]",
  ".",
  ":",
  "8080",
  "%2e",
  "\\u002e",
  "\u0000",
  "\ufeff",
  "\u00e9",
  "\ud800",
  "a".repeat(300),
  "=",
  "*",
);
const text = fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(""));
const bytes = fc.oneof(
  text.map((some) => Buffer.from(some)),
  fc.uint8Array({ maxLength: 400 }).map((some) => Buffer.from(some)),
  text.map((some) => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(some, "utf16le")])),
);
const layouts = fc.record({
  format: fc.constantFrom(...LIST_FORMATS),
  valueType: fc.constantFrom(...LIST_TYPES),
  delimiter: fc.constantFrom(",", ";", "|", " ", "\t", "||", '"'),
  valueColumns: fc.constantFrom<ListLayout["valueColumns"]>("*", [1], [3, 4], [64]),
  typeColumn: fc.constantFrom(undefined, 2),
  commentColumn: fc.constantFrom(undefined, 3),
  lastSeenColumn: fc.constantFrom(undefined, 1),
});

test("whatever the bytes and the layout: no crash, bounded values, and each is an indicator or refused with a reason", () => {
  fc.assert(
    fc.property(bytes, layouts, (some, given) => {
      notAList(some);
      for (const entry of entriesOf(some, { ...layout("csv"), ...given })) {
        if (entry.refusal !== undefined || entry.value === "" || entry.value.length > MAX_VALUE) continue;
        const read = readListValue(entry.type, entry.value);
        if (typeof read === "string") continue;
        assert.ok(read.indicators.length > 0 && read.indicators.length <= 2);
        if (given.valueType !== "auto" && given.typeColumn === undefined && given.valueType !== "filename")
          for (const { type } of read.indicators)
            assert.ok(fits(type, given.valueType), `${type} for ${given.valueType}`);
      }
    }),
    { numRuns: numRuns(600) },
  );
});

/** A list of URLs may name a bare host; all else is what was asked for. */
function fits(type: string, wanted: string): boolean {
  if (wanted === "hostname" || wanted === "domain") return type === "domain";
  if (wanted === "url") return type === "url" || type === "domain" || type === "ip";
  return type === wanted;
}

test("lines come whole and in order, however the bytes are cut into windows", () => {
  const line = fc.string({ maxLength: 30 }).map((some) => some.replace(/[\r\n\ufeff]/g, "").trim());
  fc.assert(
    fc.property(
      fc.array(line, { maxLength: 20 }),
      fc.constantFrom("\n", "\r\n"),
      fc.constantFrom(0, 1024 * 1024 - 40),
      (lines, end, pad) => {
        const filler = "x".repeat(pad);
        const all = [...(pad > 0 ? [filler] : []), ...lines];
        const found = [...linesOf(Buffer.from(all.join(end)))];
        const expected = all.map((one) => Buffer.from(one).toString().trim());
        assert.deepEqual(
          found.map((one) => one.text),
          expected.filter((one) => one !== ""),
        );
        for (const one of found) assert.equal(one.text, expected[one.number - 1]);
      },
    ),
    { numRuns: numRuns(100) },
  );
});

test("cells: what was quoted comes back, whatever it holds", () => {
  const cell = fc.stringMatching(/^[^\s\n][ -~]{0,10}[^\s\n]$|^$/);
  fc.assert(
    fc.property(
      fc.array(cell, { minLength: 1, maxLength: 10 }),
      fc.constantFrom(",", ";", "\t", "|", ", "),
      (cells, delimiter) => {
        const line = cells.map((one) => `"${one.replaceAll('"', '""')}"`).join(delimiter);
        assert.deepEqual(
          cellsOf(line, delimiter.trim() || delimiter),
          cells.map((one) => one.trim()),
        );
      },
    ),
    { numRuns: numRuns(300) },
  );
});

test("a value alone on a line is found as it is, and among others wherever it stands", () => {
  const value = fc.constantFrom(
    "198.51.100.7",
    "198.51.100.0/24",
    "2001:db8::1",
    "evil.example.net",
    "http://a.example/b?c=d,e",
    "a@b.example.com",
    "9b2d1f6a0f0e4f2c8d7b6a5948372617",
  );
  const marks = fc.constantFrom(["", ""], ["(", ")"], ['"', '",'], ["<", ">"], ["", "."], ["[", "]"], ["", ";"]);
  fc.assert(
    fc.property(fc.array(fc.tuple(value, marks), { minLength: 1, maxLength: 6 }), (values) => {
      const line = values.map(([one, [before, behind]]) => `${before}${one}${behind}`).join(" ");
      assert.deepEqual(
        [...freetextValues(line)].map((found) => found.value),
        values.map(([one]) => one),
      );
    }),
    { numRuns: numRuns(300) },
  );
});

/** Quadratic work over 300,000 characters would go on for minutes: the limit is for hanging, not for speed. */
test("lines made to be slow are read", { timeout: 120_000 }, () => {
  const size = 300_000;
  const slow = [
    '"',
    '""',
    '",',
    "a,",
    ",",
    " ",
    "(",
    "[",
    "http://",
    "://",
    "a.",
    "1.",
    "::",
    "@a",
    "a@",
    "hxxp[:]//",
    "%2e",
  ];
  for (const unit of [...slow, "\\u002e", "\\\\", "<a>", "=", "1.2.3.4,", "'"])
    for (const given of [
      layout("csv"),
      layout("csv", { valueColumns: [3], delimiter: "|" }),
      layout("csv", { delimiter: " " }),
      layout("freetext"),
      layout("lines"),
    ])
      entriesOf(Buffer.from(unit.repeat(size / unit.length)), given);
});
