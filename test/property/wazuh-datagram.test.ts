import assert from "node:assert/strict";
import { isIP } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { encodeDatagram, encodeLocation, trimToFit } from "../../src/clients/wazuh-queue.ts";
import type { Agent } from "../../src/model/alert.ts";
import type { MispBlock } from "../../src/model/finding.ts";
import { readDocument } from "../support/json-pairs.ts";
import { engineAlert } from "../support/wazuh-engine.ts";

const numRuns = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 150);

/** Text that has broken a queue, a decoder or an index before. */
const nasty = fc.constantFrom(
  "[1]",
  '["a","b"]',
  "[01, +2.]",
  "[]",
  "[x]",
  " [1] ",
  "a\0b",
  "\ud83d",
  "\udc00x",
  "\u{1f600}",
  "|:|",
  "a:b|c",
  "->misp",
  ") 1.2.3.4->x:{",
  'C:\\Windows\\System32\\cmd.exe /c "x"',
  "\r\n",
  "\u2028",
  "\ufeff",
  "$(misp.value)",
  "<&>",
  "2001:db8::1",
);
const long = fc
  .tuple(fc.constantFrom("x", "\u0001", "é", "\u{1f600}", '"', "\\", "[1],"), fc.integer({ min: 1, max: 80_000 }))
  .map(([char, count]) => char.repeat(count));
const text = fc.oneof(
  { arbitrary: fc.string({ unit: "binary", maxLength: 60 }), weight: 4 },
  { arbitrary: nasty, weight: 4 },
  { arbitrary: fc.tuple(nasty, fc.string(), nasty).map((parts) => parts.join("")), weight: 2 },
  { arbitrary: long, weight: 1 },
);
const list = fc.oneof(
  { arbitrary: fc.array(text, { maxLength: 8 }), weight: 4 },
  {
    arbitrary: fc
      .tuple(text, fc.integer({ min: 1, max: 3000 }))
      .map(([item, count]) => Array(count).fill(item.slice(0, 90))),
    weight: 1,
  },
);
const named = (...names: string[]) =>
  fc.record(Object.fromEntries(names.map((name) => [name, text])), { requiredKeys: [] });

const block = fc
  .record(
    {
      event_id: text,
      category: text,
      type: text,
      value: text,
      score: text,
      band: text,
      matches_count: text,
      mode: text,
      generation: text,
      finding_id: fc.stringMatching(/^[0-9a-f]{32}$/),
      source: named("description", "rule_id", "rule_level", "alert_id", "location", "timestamp"),
      context: named("host", "user", "image", "parent_image", "command_line", "src", "dst"),
      match: named("kind", "where", "observable", "role"),
      event_info: text,
      comment: text,
      link: text,
      warninglist: text,
      tags: list,
      mitre: list,
      reasons: list,
      others: list,
      cve: list,
      quiet: text,
      foreign: text,
    },
    {
      requiredKeys: [
        "event_id",
        "category",
        "type",
        "value",
        "score",
        "band",
        "matches_count",
        "mode",
        "generation",
        "finding_id",
      ],
    },
  )
  .map((value) => value as unknown as MispBlock);

const agent = fc.oneof(
  fc.constant(undefined),
  fc.record(
    {
      id: fc.oneof(
        fc.integer({ min: 0, max: 9999 }).map((id) => String(id).padStart(3, "0")),
        text,
      ),
      name: fc.oneof(fc.stringMatching(/^[A-Za-z0-9._-]{2,40}$/), fc.stringMatching(/^[a-z|: é]{1,20}$/), text),
      ip: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constant("any"), text),
    },
    { requiredKeys: ["id"] },
  ),
) as fc.Arbitrary<Agent | undefined>;

test("whatever the finding, the engine raises one alert with its identity", () => {
  fc.assert(
    fc.property(block, agent, (misp, from) => {
      const datagram = encodeDatagram(misp, from);
      assert.ok(datagram !== undefined && datagram.length <= 65_535);
      assertOneDocument(datagram, from);
      const alert = engineAlert(datagram);
      assert.ok(alert, "an alert is raised");
      assert.equal(alert.data.misp.finding_id, misp.finding_id);
      for (const name of ["event_id", "category", "type", "value"] as const) {
        assertMember(alert.data.misp[name], misp[name], `${alert.data.misp.truncated}`.split(",").includes(name));
      }
      assert.equal("warninglist" in alert.data.misp, (misp.warninglist ?? "") !== "");
      assertAgent(alert.agent, from);
    }),
    { numRuns },
  );
});

test("what the engine shows is what trimToFit promises", () => {
  fc.assert(
    fc.property(block, fc.integer({ min: 40_000, max: 65_000 }), (misp, room) => {
      const fitted = trimToFit(misp, room);
      assert.ok(fitted !== undefined);
      assert.ok(Buffer.byteLength(JSON.stringify(fitted)) <= room);
      const alert = engineAlert(Buffer.from(`1:misp:{"integration":"misp","misp":${JSON.stringify(fitted)}}`));
      assert.deepEqual(JSON.parse(JSON.stringify(alert?.data.misp)), fitted);
    }),
    { numRuns },
  );
});

function assertOneDocument(datagram: Buffer, from: Agent | undefined): void {
  const sent = datagram.toString("utf8");
  const header = `1:${encodeLocation(from)}:`;
  assert.ok(sent.startsWith(`${header}{"integration":"misp","misp":{"`));
  assert.equal(readDocument(sent.slice(header.length))?.end, sent.length - header.length);
  assert.doesNotMatch(sent, /[\0\r\n]|\\u0000|\\u[dD][89a-fA-F]/);
}

/** A non-empty string, and the sent one where that can be said in a string of Wazuh's. */
function assertMember(shown: unknown, value: string, cut: boolean): void {
  assert.ok(typeof shown === "string" && shown !== "");
  const clean = value.replace(/\0|\p{Surrogate}/gu, "\ufffd") || "unknown";
  if (cut) assert.ok(clean.startsWith(shown) || shown.startsWith("'"));
  else assert.ok(shown === clean || shown === `'${clean}'`, `${JSON.stringify(shown)} for ${JSON.stringify(value)}`);
}

function assertAgent(shown: { id: string; name: string; ip?: string }, from: Agent | undefined): void {
  if (from === undefined || !/^[A-Za-z0-9._-]{1,32}$/.test(from.id) || from.id === "000") return;
  assert.equal(shown.id, from.id);
  if (from.name !== undefined && /^[A-Za-z0-9._|: é-]{1,60}$/.test(from.name)) assert.equal(shown.name, from.name);
  assert.equal(shown.ip, from.ip !== undefined && isIP(from.ip) !== 0 ? from.ip : undefined);
}
