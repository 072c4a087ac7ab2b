import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { enrichedLine } from "../../src/clients/enriched-line.ts";
import { gelfMessage } from "../../src/clients/gelf-message.ts";
import { fitDatagrams } from "../../src/clients/gelf-udp.ts";
import { MAX_KEYWORD_BYTES } from "../../src/clients/gelf-value.ts";
import type { Finding } from "../../src/model/finding.ts";
import { makeFinding } from "../support/finding.ts";
import { ChunkAssembler } from "../support/gelf-sim/chunks.ts";
import { decodeGelf } from "../support/gelf-sim/decoder.ts";
import { SimIndex } from "../support/gelf-sim/index.ts";

const numRuns = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 150);

/** Text that has broken a frame, a decoder or an index before. */
const nasty = fc.constantFrom(
  "",
  " ",
  "\u2003",
  "\0",
  "a\0b",
  "\ud83d",
  "\udc00x",
  "\u{1f600}",
  '"',
  "\\",
  '"}\0{"',
  "\r\n",
  "\u2028",
  "\ufeff",
  "true",
  "0042",
  "1e5",
  "12345678901234567890",
  "NaN",
  "2026-11-21",
  "2026-11",
  "2026/11/21",
  "2026-11-21T21:45:50.015+0000",
  "20261122T091548-c6dbfeca",
  "+2026-01",
  "null",
  "_id",
  "$(misp.value)",
  "\x1e\x0f",
  "\x1f\x8b",
  "8.8.8.8",
  "__proto__",
);
const long = fc
  .tuple(fc.constantFrom("x", "\u0001", "é", "\u{1f600}", '"', "\\"), fc.integer({ min: 1, max: 40_000 }))
  .map(([char, count]) => char.repeat(count));
const text = fc.oneof({ weight: 5, arbitrary: nasty }, fc.string({ unit: "binary", maxLength: 40 }), long);
const key = fc.oneof(
  fc.constantFrom(
    "a",
    "b",
    "a_b",
    "a.b",
    "a b",
    "ü",
    "id",
    "level",
    "misp",
    "data",
    "rule",
    "rule level",
    "gl2_x",
    "__proto__",
    "constructor",
    "",
  ),
  fc.string({ maxLength: 8 }),
);
const { value: json } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    text,
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(key, tie("value"), { maxKeys: 6 }),
  ),
}));
const alert = fc.record({
  data: fc.dictionary(key, json, { maxKeys: 12 }),
  rule: json,
  agent: json,
  id: text,
  extra: json,
});

const finding: fc.Arbitrary<Finding> = fc
  .record({
    raw: fc.oneof({ weight: 4, arbitrary: alert.map((value) => JSON.stringify(value)) }, text),
    agent: text,
    node: text,
    time: fc.oneof(fc.integer(), fc.double(), fc.constant(1_795_297_550_000)),
    misp: fc.record(
      {
        event_id: text,
        value: text,
        type: text,
        comment: text,
        event_date: text,
        first_seen: text,
        score: text,
        band: text,
        link: text,
        warninglist: text,
        repeat_count: text,
        tags: fc.array(text, { maxLength: 5 }),
        mitre: fc.array(text, { maxLength: 3 }),
      },
      { requiredKeys: [] },
    ),
    kind: fc.constantFrom("alert", "repeats", "spread"),
    suppressed: fc.boolean(),
  })
  .map(({ raw, agent, node, time, misp, kind, suppressed }) => {
    const base = makeFinding(1).alert;
    return makeFinding(1, {
      alert: { ...base, raw, node, time, agent: { id: "1", name: agent } },
      misp,
      kind,
      suppressed,
    } as never);
  });

const content = fc.record({
  full: fc.boolean(),
  extra: fc.constant([
    ["data", "a"],
    ["data", "a.b"],
  ]),
  fullMessage: fc.boolean(),
  timestamp: fc.constant("alert" as const),
  admits: fc.constantFrom(
    () => true,
    () => false,
  ),
});
const limit = fc.constantFrom(32_768, 65_536, 2_097_151);

test("whatever a finding holds, its message is taken whole by the decoder and by an index that others have shaped", () => {
  const index = new SimIndex();
  fc.assert(
    fc.property(finding, content, limit, (given, how, maxBytes) => {
      const message = gelfMessage(given, how, maxBytes, 1);
      const frame = Buffer.from(message.json);
      assert.ok(frame.length <= maxBytes && !frame.includes(0));
      const decoded = decodeGelf(frame, 1);
      assert.ok("fields" in decoded, JSON.stringify(decoded).slice(0, 300));
      assert.deepEqual(decoded.dropped, []);
      for (const [name, value] of decoded.fields)
        assert.ok(/message$/.test(name) || Buffer.byteLength(String(value)) <= MAX_KEYWORD_BYTES + 2, name);
      index.mapping.size < 900 && index.add(decoded);
      assert.deepEqual(index.failures, []);
    }),
    { numRuns },
  );
});

test("no part of a finding is missing without being named", () => {
  fc.assert(
    fc.property(finding, limit, (given, maxBytes) => {
      const how = { full: true, extra: [], fullMessage: false, timestamp: "alert", admits: () => true } as const;
      const { json: sent, shortened, omitted } = gelfMessage(given, how, maxBytes, 1);
      const message = JSON.parse(sent) as Record<string, unknown>;
      const touched = new Set([...shortened, ...omitted]);
      for (const [name, value] of Object.entries(given.misp)) {
        const field = message[`_tipline_${name}`];
        if (typeof value !== "string" || touched.has(`tipline_${name}`)) continue;
        const clean = value.toWellFormed().replaceAll("\0", "\u{fffd}");
        const trimmed = clean.replace(/^[\u0000-\u0020]+|[\u0000-\u0020]+$/g, "");
        if (trimmed === "" || /_date|_seen|score|count/.test(name)) continue;
        assert.ok(
          field === trimmed || field === `"${trimmed}"`,
          `${name}: ${JSON.stringify([field, trimmed]).slice(0, 200)}`,
        );
      }
      for (const name of touched)
        assert.ok(
          name === "full_message" ||
            message["_tipline_shortened"] !== undefined ||
            message["_tipline_omitted"] !== undefined,
          name,
        );
    }),
    { numRuns },
  );
});

test("a UDP message comes together and stays within 128 chunks", () => {
  fc.assert(
    fc.property(finding, fc.constantFrom(512, 1420, 8154), fc.boolean(), (given, chunkBytes, gzip) => {
      const how = { full: true, extra: [], fullMessage: true, timestamp: "alert", admits: () => true } as const;
      const datagrams = fitDatagrams((bytes) => gelfMessage(given, how, bytes, 1).json, {
        chunkBytes,
        gzip,
        maxBytes: 1_048_576,
      });
      assert.ok(datagrams.length >= 1 && datagrams.length <= 128);
      const assembler = new ChunkAssembler();
      let whole: Buffer | undefined;
      for (const datagram of datagrams) whole = assembler.take(datagram, 0) ?? whole;
      assert.ok(whole !== undefined && "fields" in decodeGelf(whole, 1));
    }),
    { numRuns: Math.ceil(numRuns / 3) },
  );
});

test("an enriched line is one line of JSON with the finding's id, whatever its limit", () => {
  fc.assert(
    fc.property(finding, fc.constantFrom(65_536, 100_000, 2_097_151), (given, maxBytes) => {
      const line = enrichedLine(given, maxBytes);
      assert.ok(Buffer.byteLength(line) <= maxBytes && !/[\n\r\0]/.test(line));
      assert.equal(JSON.parse(line).data.misp.finding_id, given.misp.finding_id);
    }),
    { numRuns },
  );
});
