import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { LINE_LIMIT } from "../../src/lib/lines.ts";
import type { CanonicalValue } from "../../src/model/observable.ts";
import { type EnrichRig, enrichRig } from "../support/enrich-rig.ts";
import { event, reported } from "../support/indicators.ts";
import { sharedOrSkip } from "../support/shared.ts";

const MIB = 1024 * 1024;

function rig(t: TestContext): Promise<EnrichRig> {
  return enrichRig(
    t,
    ["evil.example", "worse.example"].map((name, at) =>
      reported({ type: "domain", pattern: "subdomains", value: name as CanonicalValue }, "list", event(at), at),
    ),
  );
}

/** An alert about a host, of about so many bytes. */
const alert = (n: number, host: string, bytes = 0): string =>
  JSON.stringify({
    timestamp: "2026-11-21T11:59:00.000+0000",
    rule: { level: 5, id: "31100", description: "web", groups: ["web"] },
    agent: { id: "007", name: "web-07" },
    manager: { name: "m1" },
    id: `1795297550.${n}`,
    location: "/var/log/nginx.log",
    full_log: `GET http://${host}/${n} HTTP/1.1 ${"x".repeat(bytes)}`,
  });
const good = (n: number, bytes = 0) => alert(n, "www.evil.example", bytes);
const clean = (n: number, bytes = 0) => alert(n, "www.fine.example", bytes);

/** Of exactly so many bytes. */
const sized = (make: typeof good, bytes: number) => make(1, bytes - make(1).length);

/** Everything that a file of alerts has been seen to hold, and more. */
const LINES: readonly (string | Buffer)[] = [
  ...Array.from({ length: 40 }, (_, n) => (n % 7 === 0 ? good(n) : clean(n))),
  "",
  "\r",
  "   ",
  `${good(50)}\r`,
  `${clean(51)}\r`,
  "{broken",
  `${good(52).slice(0, -5)}`,
  "[1]",
  "null",
  `${good(53)} ${good(54)}`,
  Buffer.concat([Buffer.from('{"data":"'), Buffer.from([0xff, 0xfe]), Buffer.from('"}')]),
  '{"data":"a\u0000b"}',
  Buffer.alloc(3000),
  "\u0000",
  `\ufeff${good(55)}`,
  "",
  good(56),
  sized(good, LINE_LIMIT),
  `${sized(clean, LINE_LIMIT)}\r`,
  sized(good, LINE_LIMIT + 1),
  `${sized(good, LINE_LIMIT + 1)}\r`,
  `${sized(clean, LINE_LIMIT + 2)}\r`,
  sized(clean, 3 * MIB),
  `${"x".repeat(2.5 * MIB)}\r`,
  good(57, 900_000),
  clean(58),
  "}{",
  good(59),
];
const SHORT = LINES.filter(({ length }) => length < 10_000);
const bytesOf = (lines: readonly (string | Buffer)[], end = "\n") =>
  Buffer.concat(lines.flatMap((line) => [Buffer.from(line as string), Buffer.from(end)]));

async function same(rig: EnrichRig, files: readonly string[], partBytes: readonly number[], content?: number) {
  const { outcome: counted, ...expected } = await rig.reference(files);
  for (const threads of [0, 1, 2])
    for (const size of partBytes) {
      const { said, outcome, ...found } = await rig.enrich(files, { threads, tuning: { partBytes: size } });
      const what = `${threads} threads, parts of ${size}`;
      assert.equal(found.text, expected.text, what);
      assert.deepEqual(found.letters, expected.letters, what);
      const { bytes, ...counts } = outcome;
      const { bytes: _, ...wanted } = counted;
      assert.deepEqual(counts, wanted, what);
      if (content !== undefined) assert.equal(bytes, content, what);
      assert.equal(said.length, counted.troubles.length, `${what}: ${said.join()}`);
    }
  return { ...expected, outcome: counted };
}

test("threads give what reading line by line gives: findings, dead letters, counts, order", async (t) => {
  const line = await rig(t);
  for (const [name, content] of [
    ["whole", bytesOf(LINES)],
    ["no end", bytesOf(SHORT).subarray(0, -1)],
    ["torn", Buffer.concat([bytesOf(SHORT), Buffer.from('{"a":')])],
    ["carriage returns", bytesOf(LINES.slice(0, 45), "\r\n")],
    ["a mark first", Buffer.concat([Buffer.from("\ufeff"), bytesOf(LINES.slice(0, 20))])],
    ["only a mark", Buffer.from("\ufeff\n")],
    ["a long last line", Buffer.from(sized(good, 3 * MIB))],
    ["a last line of just too much", Buffer.from(`${sized(good, LINE_LIMIT)}\r`)],
    ["empty", Buffer.alloc(0)],
    ["one blank line", Buffer.from("\n")],
  ] as const) {
    const path = join(line.dir, `${name}.json`);
    writeFileSync(path, content);
    const { text } = await same(line, [path], [50_000], content.length);
    if (name === "whole") assert.equal(text.split("\n").length - 1, 11);
  }
});

test("parts of any size come to the same", async (t) => {
  const line = await rig(t);
  const path = join(line.dir, "alerts.json");
  const content = bytesOf(SHORT);
  writeFileSync(path, content);
  await same(line, [path], [7, 333, 1000, 4096], content.length);
});

test("packed files and several files come to the same", async (t) => {
  const line = await rig(t);
  const paths = ["a.json", "b.json.gz", "c.json", "d.json.gz"].map((name) => join(line.dir, name));
  const [a = "", b = "", c = "", d = ""] = paths;
  writeFileSync(a, bytesOf(LINES.slice(0, 30)));
  writeFileSync(b, gzipSync(bytesOf(LINES), { level: 1 }));
  writeFileSync(c, bytesOf([good(90), clean(91)]).subarray(0, -1));
  writeFileSync(d, gzipSync(bytesOf([...SHORT].reverse())));
  await same(line, paths, [50_000]);
  await same(line, [join(line.dir, "*.json")], [2 * MIB]);
});

test("a packed file that is cut off, and what follows it", async (t) => {
  const line = await rig(t);
  const paths = ["a.json.gz", "b.json"].map((name) => join(line.dir, name));
  const [a = "", b = ""] = paths;
  const packed = gzipSync(bytesOf(Array.from({ length: 5000 }, (_, n) => (n % 50 === 0 ? good(n, n) : clean(n, n)))));
  writeFileSync(a, packed.subarray(0, packed.length >> 1));
  writeFileSync(b, bytesOf([good(1)]));
  const { outcome } = await same(line, paths, [100_000, 2 * MIB]);
  assert.match(outcome.troubles.join(), /cannot be read after byte/);
});

test("the real alerts come to the same", async (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  const line = await enrichRig(
    t,
    ["amazonaws.com", "ubuntu.com", "github.com"].map((name, at) =>
      reported({ type: "domain", pattern: "subdomains", value: name as CanonicalValue }, "list", event(at), at),
    ),
  );
  const { outcome } = await same(line, [join(shared, "data/wazuh/alerts.ndjson")], [300_000, 2 * MIB]);
  assert.equal(outcome.alerts, 2451);
});

test("what a thread dies over is matched all the same, and said", async (t) => {
  const line = await rig(t);
  const path = join(line.dir, "alerts.json");
  writeFileSync(path, bytesOf(LINES.slice(0, 60)));
  const expected = await line.reference([path]);
  const built = import.meta.url.endsWith(".js") ? "js" : "ts";
  for (const entry of [`../support/dying-enrich-worker.${built}`, "./there-is-none.js"]) {
    const tuning = { partBytes: 2000, entry: new URL(entry, import.meta.url) };
    const { said, text, letters } = await line.enrich([path], { threads: 2, tuning });
    assert.equal(text, expected.text);
    assert.deepEqual(letters, expected.letters);
    assert.ok(said.includes("a matching thread died"), said.join());
  }
});

test("a line in braces that the gate clears counts as an alert, parsed or not", async (t) => {
  const line = await rig(t);
  const path = join(line.dir, "alerts.json");
  const broken = `${clean(1).slice(0, 60)}${clean(2)}`;
  writeFileSync(path, bytesOf([good(0), broken, clean(3), `${broken.slice(0, 60)}${good(4)}`]));
  const { outcome, letters, text } = await line.enrich([path]);
  assert.deepEqual([outcome.alerts, outcome.findings], [4, 1]);
  assert.equal(text.split("\n").length - 1, 1);
  assert.equal(letters.length, 1, "what may match is parsed, and told");
});

test("what comes to more than one result may hold is given in turns", async (t) => {
  const line = await rig(t);
  const paths = ["a.json", "b.json.gz"].map((name) => join(line.dir, name));
  const [a = "", b = ""] = paths;
  const content = bytesOf(Array.from({ length: 40_000 }, (_, n) => (n % 2000 === 0 ? good(n) : "x")));
  writeFileSync(a, content);
  writeFileSync(b, gzipSync(content));
  const { outcome, letters } = await same(line, paths, [2 * MIB]);
  assert.equal(outcome.findings, 40);
  assert.equal(letters.length, 2 * (40_000 - 20));
});

test("nothing is read on while nobody takes what was found, and nothing after an abort", async (t) => {
  const line = await rig(t);
  const path = join(line.dir, "alerts.json");
  writeFileSync(path, bytesOf(Array.from({ length: 2000 }, (_, n) => good(n, 500))));
  for (const threads of [0, 2]) {
    const stop = new AbortController();
    let emitted = 0;
    const { outcome, said } = await line.enrich([path], {
      threads,
      tuning: { partBytes: 20_000 },
      signal: stop.signal,
      async emit() {
        if (++emitted === 3) stop.abort();
        await new Promise((resolve) => setTimeout(resolve, 5));
      },
    });
    assert.equal(emitted, 3);
    assert.deepEqual(said, []);
    assert.ok(outcome.bytes <= 3 * 25_000);
  }
});
