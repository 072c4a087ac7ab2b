import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { canonicalize } from "../../src/intel/canonical.ts";
import { eventsIn, readEvent } from "../../src/intel/misp-event.ts";
import { MISP_TYPES } from "../../src/intel/misp-types.ts";
import { TiplineError } from "../../src/lib/errors.ts";
import type { JsonObject, JsonValue } from "../../src/model/json.ts";

const numRuns = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 400);
const UUID = "11111111-1111-4111-8111-111111111111";

const anything = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<JsonValue>;
const hostileKey = fc.constantFrom("__proto__", "constructor", "toString", "uuid", "Tag", "Event", "response");
const piece = fc.oneof(
  fc.constantFrom(
    "198.51.100.7",
    "2001:db8::1",
    "example.net",
    "evil[.]example.net",
    "a@example.net",
    "198.51.100.0/24",
    "/",
    "|",
    "||",
    "",
    " ",
  ),
  fc.constantFrom(
    "hxxp://example.net/a?b=c",
    "C:\\Windows\\x.exe",
    "HKLM\\Software\\x",
    "d41d8cd98f00b204e9800998ecf8427e",
    "0",
    "AS64500",
    "443",
  ),
  fc.string({ unit: "binary", maxLength: 30 }),
);
const value = fc.oneof(
  { weight: 5, arbitrary: fc.array(piece, { maxLength: 3 }).map((parts) => parts.join("|")) },
  { weight: 1, arbitrary: anything },
);
const type = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom(...Object.keys(MISP_TYPES)) },
  { weight: 1, arbitrary: anything },
  { weight: 1, arbitrary: hostileKey },
);
const attribute = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record(
      {
        type,
        value,
        to_ids: fc.constantFrom<JsonValue[]>(true, "1", 1, false, null),
        uuid: fc.oneof(fc.uuid(), anything),
        comment: anything,
        timestamp: anything,
        first_seen: anything,
        Tag: anything,
        deleted: fc.constantFrom<JsonValue[]>(false, "0", true),
        category: anything,
      },
      { requiredKeys: ["type", "value"] },
    ) as fc.Arbitrary<JsonValue>,
  },
  { weight: 1, arbitrary: anything },
);
const event = fc.record(
  {
    uuid: fc.constant(UUID),
    info: anything,
    Tag: anything,
    Galaxy: anything,
    Orgc: anything,
    date: anything,
    threat_level_id: anything,
    timestamp: anything,
    Attribute: fc.oneof(
      { weight: 4, arbitrary: fc.array(attribute, { maxLength: 8 }) },
      { weight: 1, arbitrary: anything },
    ),
    Object: fc.oneof(
      fc.array(fc.record({ Attribute: fc.array(attribute, { maxLength: 3 }), comment: anything, deleted: anything })),
      anything,
    ),
  },
  { requiredKeys: ["uuid"] },
) as fc.Arbitrary<JsonObject>;

test("a hostile event never crashes, every attribute is accounted for, and what comes out is canonical and bounded", () => {
  fc.assert(
    fc.property(event, fc.boolean(), (record, toIdsOnly) => {
      // As it would arrive: through JSON, so that `__proto__` is an own key.
      const parsed = JSON.parse(JSON.stringify(record)) as JsonObject;
      const { attributes, indicators, skipped, refused, event: context } = readEvent(parsed, { feed: "f", toIdsOnly });
      const accounted =
        new Set([...indicators.map(({ report }) => report), ...refused]).size +
        [...skipped.values()].reduce((sum, count) => sum + count, 0);
      assert.ok(accounted >= attributes, `${accounted} of ${attributes}`);
      assert.ok(context.info.length <= 512 && context.tags.length <= 200);
      for (const { type: kind, pattern, value: canonical, report } of indicators) {
        if (pattern !== "cidr") assert.equal(canonicalize(kind, canonical), canonical, "canonical forms are stable");
        assert.ok(
          report.attributeValue.length <= 8192 && report.tags.length <= 200 && (report.comment?.length ?? 0) <= 1024,
        );
        assert.match(report.attributeUuid, /^[0-9a-f-]{36}$/);
        assert.ok((report.companion?.value.length ?? 0) <= 1024);
      }
      for (const one of refused) assert.ok(one.value.length <= 256 && one.reason !== "");
    }),
    { numRuns },
  );
});

test("any document either gives events or says that it has none", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        anything,
        fc.record({ Event: event }),
        fc.record({ response: fc.array(fc.oneof(fc.record({ Event: anything }), anything)) }),
      ),
      (document) => {
        const parsed = JSON.parse(JSON.stringify(document)) as JsonValue;
        try {
          for (const one of eventsIn(parsed)) readEvent(one, { feed: "f" });
        } catch (error) {
          assert.ok(error instanceof TiplineError && error.code === "TIP_FEED_INVALID", String(error));
        }
      },
    ),
    { numRuns },
  );
});
