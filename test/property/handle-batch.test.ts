import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { findingId, isOurs } from "../../src/intel/finding-id.ts";
import { createExtraction } from "../../src/pipeline/extract.ts";
import { type HandleContext, handleBatch, handleRecord } from "../../src/pipeline/handle.ts";
import { EXTRACTORS } from "../../src/registry.gen.ts";
import { aGeneration } from "../support/generation.ts";
import { anIndicator } from "../support/make.ts";

const KEY = Buffer.alloc(32, 7);
const extract = createExtraction(EXTRACTORS);
const FAULT = "a fault of an extractor";

const context: HandleContext = {
  source: "wazuh",
  mode: "live",
  generation: aGeneration([anIndicator("domain", "bad.com"), anIndicator("ip", "45.1.2.3")]),
  extract: Object.assign(
    (event: Parameters<typeof extract>[0]) => {
      if (event["id"] === "broken") throw new Error(FAULT);
      return extract(event);
    },
    { finds: extract.finds },
  ),
  nameFinding: (parts) => findingId(KEY, parts),
  isOurs: (id) => isOurs(KEY, id),
  receivedAt: 0,
};

const alert = (id: string, data: object, location = "EventChannel") =>
  JSON.stringify({ rule: { level: 5, id: "1", description: "a rule" }, agent: { id: "001" }, id, location, data });
const [ours] = handleRecord(
  { bytes: Buffer.from(alert("0", { url: "http://bad.com/" })), origin: "" },
  context,
).findings;

/** Every way that a record can take. */
const line = fc.oneof(
  fc.integer().map((id) => alert(`${id}`, { url: `http://bad.com/${id}` })),
  fc.integer().map((id) => alert(`${id}`, { srcip: "45.1.2.3", url: "http://bad.com/" })),
  fc.integer().map((id) => alert(`${id}`, { url: "http://good.com/" })),
  fc.constant(alert("broken", { url: "http://bad.com/" })),
  fc.constant(alert("1", { integration: "misp", misp: ours?.misp }, "misp")),
  fc.constant(alert("2", { integration: "misp", misp: { ...ours?.misp, foreign: "true" } }, "/var/log/x")),
  fc.constantFrom("{broken", "[1,2]", "42", "", '{"a":1', `${"[".repeat(70)}${"]".repeat(70)}`),
);

test("records in a batch come to what each comes to by itself, whatever stands beside it", () => {
  fc.assert(
    fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
      const records = lines.map((text, at) => ({ bytes: Buffer.from(text), origin: `alerts.json:${at}` }));
      let turn = -1;
      const heard: (readonly [number, string])[] = [];
      const told = { ...context, onVerdict: ({ id }: { readonly id: string }) => void heard.push([turn, id]) };
      const handled = handleBatch(records, told, (at) => {
        turn = at;
      });
      assert.deepEqual(
        handled,
        records.map((record) => handleRecord(record, context)),
      );
      const matched = handled.flatMap(({ findings }, at) => findings.map((finding) => [at, finding.alert.id]));
      assert.deepEqual(heard, matched, "what is said on the way is about the record whose turn it is");
    }),
  );
});

test("a fault over one record is a dead letter of that record alone", () => {
  const records = ["1", "broken", "2"].map((id) => ({
    bytes: Buffer.from(alert(id, { url: "http://bad.com/" })),
    origin: id,
  }));
  const [one, broken, two] = handleBatch(records, context);
  assert.equal(one?.findings.length, 1);
  assert.equal(two?.findings.length, 1);
  assert.deepEqual(broken?.findings, []);
  assert.match(broken?.deadLetters[0]?.reason ?? "", new RegExp(FAULT));
  assert.equal(broken?.deadLetters[0]?.origin, "broken");
});
