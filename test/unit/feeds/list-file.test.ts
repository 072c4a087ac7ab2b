import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import type { FeedPage } from "../../../src/contract/feed.ts";
import listFile from "../../../src/feeds/list-file.ts";
import { cellsOf } from "../../../src/intel/list-cells.ts";
import { detectType, LIST_TYPES, listType, readListValue } from "../../../src/intel/list-lines.ts";
import { TiplineError } from "../../../src/lib/errors.ts";
import { silentLog } from "../../../src/lib/log.ts";
import { ManualClock } from "../../support/manual-clock.ts";
import { tempDir } from "../../support/temp.ts";

const NEVER = new AbortController().signal;

async function read(t: TestContext, content: string | Buffer, settings: object = {}) {
  const path = join(tempDir(t), "list");
  writeFileSync(path, content);
  const context = { name: "the-list", log: silentLog, clock: new ManualClock(), cacheDir: tempDir(t) };
  const feed = await listFile.create(listFile.config.parse({ path, ...settings }), context);
  const pull = await feed.pull(undefined, NEVER);
  if (pull.mode === "unchanged") throw new Error("a first pull");
  const pages: FeedPage[] = [];
  for await (const page of pull.pages) pages.push(page);
  return { indicators: pages.flatMap((page) => page.indicators), refused: pages.flatMap((page) => page.refused) };
}

const brief = ({ indicators }: Awaited<ReturnType<typeof read>>) =>
  indicators.map(({ type, pattern, value, report }) => `${type} ${pattern} ${value}${report.weak ? " weak" : ""}`);

test("plain text: comments, remarks, blank lines, defanged values, types by their looks", async (t) => {
  const text = [
    "# a list",
    "",
    "198.51.100.7   # seen in May",
    "198.51.100.0/24",
    "2001:DB8::0:1",
    "; another comment",
    "evil[.]example.net",
    "hxxp://example.net/A?b=c",
    "D41D8CD98F00B204E9800998ECF8427E",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "Bad.Guy@example.net",
    "no-such-thing",
    "\t ",
  ].join("\r\n");
  const result = await read(t, text);
  assert.deepEqual(brief(result), [
    "ip exact 198.51.100.7",
    "ip cidr 198.51.100.0/24",
    "ip exact 2001:db8::1",
    "domain subdomains evil.example.net",
    "url exact http://example.net/A?b=c",
    "md5 exact d41d8cd98f00b204e9800998ecf8427e",
    "sha1 exact da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "email exact bad.guy@example.net",
  ]);
  assert.equal(result.refused.length, 1);
  assert.match(`${result.refused[0]?.value} ${result.refused[0]?.reason}`, /no-such-thing line 12: neither/);
});

test("a URL with a fragment that looks like a remark keeps it out of the way", async (t) => {
  assert.deepEqual(brief(await read(t, "http://example.net/a#b\n")), ["url exact http://example.net/a"]);
});

test("CSV: named columns, quotes, types from a column, comments from a column", async (t) => {
  const text =
    'when;what;kind;why\n2026-11-20;"198.51.100.7";ip-dst;"said ""bad"", twice; really"\n2026-11-20;www.example.net;hostname;\nx;y\n2026-11-20;z;yara;r\n';
  const result = await read(t, text, {
    delimiter: ";",
    header: true,
    value_column: "What",
    type_column: "kind",
    comment_column: "why",
    comment: "from the list",
  });
  assert.deepEqual(brief(result), ["ip exact 198.51.100.7", "domain exact www.example.net"]);
  assert.deepEqual(
    result.indicators.map(({ report }) => report.comment),
    ['said "bad", twice; really', "from the list"],
  );
  assert.deepEqual(
    result.refused.map(({ reason }) => reason.slice(0, 30)),
    ["line 4: neither an address, a ", "line 5: a type that lists cann"],
  );
});

test("the synthetic event carries what the settings say; ids are stable", async (t) => {
  const settings = {
    value_type: "hostname",
    tlp: "amber",
    tags: ["mine"],
    org: "CERT",
    event_info: "Our list",
    threat_level: "high",
    comment: "c",
  };
  const [one] = (await read(t, "www.example.net", settings)).indicators;
  const [again] = (await read(t, "\nwww.example.net\n", settings)).indicators;
  assert.equal(one?.pattern, "exact");
  assert.deepEqual(
    { ...one?.report.event, uuid: "" },
    { uuid: "", info: "Our list", tags: ["tlp:amber", "mine"], threatLevel: 1, published: true, orgc: "CERT" },
  );
  assert.equal(one?.report.attributeType, "hostname");
  assert.equal(one?.report.toIds, true);
  assert.deepEqual(one?.report, again?.report);
});

test("gzip; a last line without its end; a byte order mark", async (t) => {
  assert.deepEqual(brief(await read(t, gzipSync("\uFEFFa.example.net\nb.example.net"))), [
    "domain subdomains a.example.net",
    "domain subdomains b.example.net",
  ]);
});

test("what is no list is said to be none", async (t) => {
  const failing: [string | Buffer, object][] = [
    ["<html>blocked</html>", {}],
    ["", {}],
    ["# only comments\n", {}],
    [Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 0, 0, 1]), {}],
    ["one two three\nfour five six\n", { value_type: "ip" }],
    ["a,b\n1,2\n", { delimiter: ",", header: true, value_column: "c" }],
    ["x".repeat(2 * 1024 * 1024), { max_document_mib: 1 }],
  ];
  for (const [content, settings] of failing)
    await assert.rejects(
      read(t, content, settings),
      (error) => error instanceof TiplineError && error.code === "TIP_FEED_INVALID",
      String(content).slice(0, 20),
    );
  assert.deepEqual(brief(await read(t, "# only comments\n", { allow_empty: true })), []);
});

test("types: every one of ours and MISP's names for them", () => {
  for (const type of LIST_TYPES) assert.equal(listType(type.toUpperCase()), type);
  assert.equal(listType(" ip-dst "), "ip");
  for (const wrong of ["", "yara", "__proto__", "constructor"]) assert.equal(listType(wrong), undefined);
  assert.equal(detectType("example.net/a/b"), "url");
  assert.equal(detectType("setup.exe"), undefined);
  const both = readListValue("auto", "example.net/a/b");
  assert.equal(typeof both === "string" ? both : both.indicators.length, 2);
  assert.equal(typeof readListValue("md5", "example.net"), "string");
});

test("cells: a line of any kind is cut without loss, and never more than the limit", () => {
  const numRuns = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 300);
  const cell = fc.stringMatching(/^[^\s\n][ -~]{0,10}[^\s\n]$|^$/);
  fc.assert(
    fc.property(
      fc.array(cell, { minLength: 1, maxLength: 10 }),
      fc.constantFrom(",", ";", "\t", "||"),
      (cells, delimiter) => {
        const line = cells.map((text) => `"${text.replaceAll('"', '""')}"`).join(delimiter);
        assert.deepEqual(
          cellsOf(line, delimiter),
          cells.map((text) => text.trim()),
        );
      },
    ),
    { numRuns },
  );
  fc.assert(
    fc.property(
      fc.string({ maxLength: 200 }),
      fc.constantFrom(",", '"', "||"),
      (line, delimiter) => cellsOf(line, delimiter, 8).length <= 8,
    ),
    { numRuns },
  );
});
