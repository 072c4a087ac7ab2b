import assert from "node:assert/strict";
import { test } from "node:test";
import { canonicalize } from "../../../src/intel/canonical.ts";
import type { IndicatorType } from "../../../src/model/indicator.ts";
import type { JsonObject } from "../../../src/model/json.ts";
import { extractAll } from "../../support/extractors.ts";
import { flaggedLines, ringOf } from "../../support/gate-law.ts";

const SEED = { a: 0x12345678, b: 0x9abcdef0 };
const HOST = "evil-site.com";
const FULL = "2a02:8108:8ac0:5b1c:9d2f:41aa:3c7e:1b02";
const SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
const MD5 = "d41d8cd98f00b204e9800998ecf8427e";
const log = (text: string): JsonObject => ({ full_log: text });
const printed = (gap: string): JsonObject => ({
  data: { tls: { fingerprint: SHA1.replace(/(..)(?=.)/g, `$1${gap}`) } },
});

/** An indicator, and alerts that extraction finds it in. */
const FOUND: ReadonlyArray<readonly [IndicatorType, string, readonly JsonObject[]]> = [
  [
    "domain",
    HOST,
    [
      ...["[%20.%20]", "[.%5d", "(dot%29", "(DOT%7F%7D", "[%00.]", "{.%7d", "[%1f.%5D"].map((dot) =>
        log(`x evil-site${dot}com y`),
      ),
      log("http://ok.example.org/r?u=evil-site[.%5dcom&x=1"),
      { data: { hostname: "evil-site[%20.%20]com" } },
    ],
  ],
  ["ip", "45.77.1.200", [log("GET /?h=45[%20.%20]77[.%5d1[.%5d200")]],
  ["ip", "2a00::1", [log("a 2a00[%3a][%3a]1 b"), log("a 2a00[:%5d{:%7D1 b"), log("a 2a\ufeff00::1 a[.]b z")]],
  ["ip", "2a:1:2:3:4:5:6:7", [log("0:1:2:3:4:5: 2a:1:2:3:4:5:6:7"), log("0:1:2:3:4:5:6:7 2a:1:2:3:4:5:6:7")]],
  ["md5", MD5, [log(`md5 ${MD5.slice(0, 16)}\ufeff${MD5.slice(16)}`), log(`path \\/x md5 \ufeff${MD5}`)]],
  ["x509", SHA1, [printed(":"), printed(" "), printed("\t"), printed("\t\t"), printed(" \t"), printed("\r\n")]],
  ["x509", SHA1, [{ data: { tls: { fingerprint: `\u00a0${SHA1.replace(/(..)(?=.)/g, "$1:")}\u3000` } } }]],
  [
    "asn",
    "64500",
    [{ data: { asn: "AS-64500" } }, { data: { asn: "ASN-0000064500 X" } }, { data: { asn: "AS -064500" } }],
  ],
  ["path", "C:\\Windows\\System32\\1", [{ data: { win: { eventdata: { targetFilename: "%system%\\1" } } } }]],
  [
    "url",
    "https://web.archive.org/web/20201231235959ftp://a",
    [{ data: { url: "https://web.archive.org/web/20201231235959fxp://a" } }],
  ],
  ["url", "https://github.com/abcdefghttps://x", [{ data: { url: "https://github.com/abcdefghxxps://x" } }]],
];

for (const [type, raw, events] of FOUND) {
  test(`${type} ${raw}: what extraction finds is nominated and flagged`, async () => {
    const extract = await extractAll();
    const value = canonicalize(type, raw);
    assert.ok(value !== undefined);
    const ring = ringOf([{ type, pattern: "exact", value }], SEED, 1, extract);
    const flagged = flaggedLines(
      ring.gate,
      events.map((event) => JSON.stringify(event)),
    );
    events.forEach((event, at) => {
      const line = JSON.stringify(event);
      assert.equal(ring.matches(event).length > 0, true, `extraction finds it: ${line}`);
      assert.equal(ring.index.nominates(event), true, `nominated: ${line}`);
      assert.equal(flagged.has(at), true, `flagged: ${line}`);
    });
    ring.gate.close();
  });
}

test("an address of eight groups is seen wherever in a block of 64 bytes it and its neighbours stand", async () => {
  const extract = await extractAll();
  const ring = ringOf([{ type: "ip", pattern: "exact", value: canonicalize("ip", FULL)! }], SEED, 1, extract);
  const shapes: readonly ((pad: string) => JsonObject)[] = [
    (pad) => ({ full_log: pad, data: { srcip: FULL, dstip: "::1" } }),
    (pad) => ({ full_log: pad, data: { src_ip: FULL, src_port: "443", dest_ip: "2001:db8::5" } }),
    (pad) => log(`${pad} Failed password for root from ${FULL} port 22 to fe80::1`),
    (pad) => log(`${pad} ${FULL} std::string`),
    (pad) => log(`${pad} std::string ${FULL}`),
    (pad) => log(`${pad} 2001:db8:1:2:3:4:5:6 ${FULL} 2001:db8:1:2:3:4:5:7`),
  ];
  for (const shape of shapes) {
    const lines = Array.from({ length: 128 }, (_, size) => JSON.stringify(shape("x".repeat(size))));
    assert.equal(flaggedLines(ring.gate, lines).size, lines.length, lines[0]);
  }
  ring.gate.close();
});

test("a torn line takes nothing of the next one with it", async () => {
  const extract = await extractAll();
  const ring = ringOf([{ type: "domain", pattern: "exact", value: canonicalize("domain", HOST)! }], SEED, 1, extract);
  const chunk = Buffer.from(`{"id":"abc\n{",foo":"${HOST}","id":"3"}\n{"data":"${HOST}"}\n`);
  const { lines, ranges } = ring.gate.flags(chunk, 0, chunk.length);
  const flagged = Array.from({ length: ranges.length / 2 }, (_, i) =>
    chunk.toString("utf8", ranges[i * 2], ranges[i * 2 + 1]),
  );
  assert.equal(lines, 3);
  assert.deepEqual(flagged, chunk.toString().trim().split("\n"));
  ring.gate.close();
});

/** Alerts that are nominated for one of the addresses, whether extraction finds it there or not. */
async function nominatedOf(addresses: readonly string[], texts: readonly string[]): Promise<readonly string[]> {
  const values = addresses.map((raw) => ({
    type: "ip" as const,
    pattern: "exact" as const,
    value: canonicalize("ip", raw)!,
  }));
  const ring = ringOf(values, SEED, 1, await extractAll());
  const nominated = texts.filter((text) => ring.index.nominates(log(text)));
  const lines = nominated.map((text) => JSON.stringify(log(text)));
  const flagged = flaggedLines(ring.gate, lines);
  ring.gate.close();
  assert.deepEqual(
    lines.filter((_, at) => !flagged.has(at)),
    [],
    "all are flagged",
  );
  return nominated;
}

test("both ends of a range are looked at, whatever is glued to it", async () => {
  const ranges = ["8.87.251.57_-10.0.0.9", "155857_10.0.0.1-185.81.59.79"];
  assert.deepEqual(await nominatedOf(["8.87.251.57", "185.81.59.79"], ranges), ranges);
});

test("runs of hex digits and colons about as long as is looked at are judged alike", async () => {
  const texts = Array.from({ length: 4_096 }, (_, i) => {
    const run = `${i & 1 ? "::ffff:" : ""}${"ab:".repeat(90)}`;
    return `${"x".repeat(i & 63)} ${run.slice(0, 170 + (i >> 6))} y`;
  });
  const far = Array.from({ length: 64 }, (_, size) => `${"x".repeat(size)} : : : : : 1:${"a".repeat(190 + size)}`);
  assert.ok((await nominatedOf([FULL], [...texts, ...far])).length > 1_000);
});

test("spellings that no scanner can see are none of the value", () => {
  const refused: ReadonlyArray<readonly [IndicatorType, string]> = [
    ...["\u00a0", "\u2003", "\u2009", "\u202f", "\u3000", "\ufeff"].map(
      (gap) => ["x509", SHA1.replace(/(..)(?=.)/g, `$1${gap}`)] as const,
    ),
    ["x509", `:\u00a0${SHA1}`],
    ["asn", "AS--64500"],
    ["asn", "asn--0064500"],
    ["url", "http://münchen/x"],
    ["url", "http://\u017ferver/x"],
    ["url", "http://\u24e2erver./x"],
  ];
  for (const [type, raw] of refused) assert.equal(canonicalize(type, raw), undefined, `${type} ${raw}`);
});
