import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { notificationAlerts } from "../../src/clients/graylog-notification.ts";
import { type BodyForm, bodyParts } from "../../src/clients/http-intake-parts.ts";
import { shippedLine } from "../../src/clients/shipped-line.ts";
import { cutValues } from "../../src/lib/json-values.ts";

const RUNS = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 300);

/** Objects with what confuses a cutter: brackets, quotes and backslashes in strings, nesting, emptiness. */
const text = fc.oneof(fc.string(), fc.stringMatching(/^[[\]{}",:\\ ]{0,12}$/), fc.string({ unit: "grapheme" }));
const value = fc.letrec((tie) => ({
  any: fc.oneof({ maxDepth: 3 }, text, fc.integer(), fc.constant(null), fc.boolean(), tie("list"), tie("object")),
  list: fc.array(tie("any"), { maxLength: 4 }),
  object: fc.dictionary(text, tie("any"), { maxKeys: 4 }),
})).object;
const blank = fc.stringMatching(/^[ \n\r\t]{0,3}$/);

const recordsOf = (body: Buffer, form: BodyForm) =>
  [...bodyParts(body, form, "n", "f")].flatMap(({ records }) => records.map(({ bytes }) => bytes.toString("utf8")));

test("a list, lines or values after each other come to the same values, byte for byte", () => {
  fc.assert(
    fc.property(fc.array(value, { maxLength: 6 }), blank, (objects, gap) => {
      const texts = objects.map((object) => JSON.stringify(object));
      const cut = (body: string) => [...cutValues(Buffer.from(body))].map(({ bytes }) => bytes.toString("utf8"));
      assert.deepEqual(cut(`${gap}[${texts.join(`${gap},${gap}`)}${gap}]${gap}`), texts);
      assert.deepEqual(cut(`${gap}${texts.join(gap)}${gap}`), texts);
      const lines = recordsOf(Buffer.from(texts.map((line) => `${line}\n`).join("")), "lines");
      assert.deepEqual(lines, recordsOf(Buffer.from(`[${texts.join()}]`), "json"));
    }),
    { numRuns: RUNS },
  );
});

test("a shipped line is what was shipped", () => {
  fc.assert(
    fc.property(value, fc.option(fc.double({ noNaN: true, noDefaultInfinity: true })), (object, date) => {
      const line = JSON.stringify(object);
      const record = JSON.stringify(date === null ? { log: line } : { date, log: line });
      assert.equal(shippedLine(Buffer.from(record)).toString(), line);
    }),
    { numRuns: RUNS },
  );
});

test("any bytes are cut without a throw, with the same names every time, and a record is one line", () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc
      .array(
        fc.oneof(
          text,
          value.map((object) => JSON.stringify(object)),
        ),
        { maxLength: 8 },
      )
      .map((all) => Buffer.from(all.join("\n"))),
  );
  fc.assert(
    fc.property(bytes, fc.constantFrom<BodyForm>("lines", "json"), (raw, form) => {
      const body = Buffer.from(raw);
      const parts = [...bodyParts(body, form, "n", "f")];
      assert.deepEqual([...bodyParts(body, form, "n", "f")], parts);
      assert.equal(new Set(parts.map(({ range }) => range)).size, parts.length);
      for (const { records } of parts) for (const record of records) assert.ok(!record.bytes.includes(0x0a));
      assert.doesNotThrow(() => [...notificationAlerts(body, "wazuh_", "f").parts()]);
    }),
    { numRuns: RUNS },
  );
});
