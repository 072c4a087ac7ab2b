import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Extractor } from "../../src/contract/extractor.ts";
import type { JsonObject, JsonValue } from "../../src/model/json.ts";
import { OBSERVABLE_TYPES, ROLES } from "../../src/model/observable.ts";

const RUNS = Number(process.env["TIPLINE_FUZZ_RUNS"] ?? 150);
const READINGS = ["value", "list", "text", "command", "hashes", "skip"];

const leaf = fc.oneof(
  fc.constantFrom<JsonValue>(
    ...[
      "",
      "-",
      "1.2.3.4",
      "evil.com",
      "http://evil.com/x",
      "/x?y=1",
      "a@b.c",
      "type:  5 a.b;::ffff:1.2.3.4;",
      '"',
      "\\",
      "{",
      '{"a":1}',
    ],
    ...[
      "GET /x HTTP/1.1",
      '" 200 1 "-" "x"',
      '"GET /x HTTP/1.1" "x/1"',
      "2026-01-01 00:00:00 GET /x - x/1+y",
      "NOQUEUE: reject: RCPT from x[1.2.3.4]: 5",
      "query: a.b IN A",
      "(3)www(4)evil(0)",
      "from x[1.2.3.4]",
      "rhost=a.b",
      "HKEY_X\\y",
      "%COMSPEC% /c",
    ],
    ...[null, true, 0, -1, 65_536],
  ),
  fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<JsonValue>,
);

/** Every path that extractors read by hand, so that fuzzed events reach them. */
const PATHS =
  "full_log decoder.name decoder.parent predecoder.program_name data.win.system.eventID data.win.system.providerName data.win.eventdata.path " +
  "data.win.eventdata.imagePath data.win.eventdata.utcTime data.win.eventdata.image data.eventdata.QueryName data.http.hostname data.http.url " +
  "data.http.http_port data.event_type data.src_ip data.dest_ip data.srcip data.dstip data.host data.uri data.id.orig_h data.id.resp_p data.url " +
  "data.hostname data.agent data.action data.ClientRequestHost data.ClientRequestURI data.aws.sourceIPAddress data.office365.Operation " +
  "data.gcp.jsonPayload.disposition data.github.actor data.azure.caller data.osquery.columns.path data.osquery.action data.audit.execve.a0 " +
  "data.audit.success syscheck.path syscheck.value_name syscheck.event data.dns.question.name data.destination.ip data.alert.action data.user_agent data.misc data.request.host " +
  "data.request.uri data.RequestHost data.RequestPath";

const event = fc.array(fc.tuple(fc.constantFrom(...PATHS.split(" ")), leaf), { maxLength: 14 }).map((members) => {
  const root: Record<string, JsonValue> = {};
  for (const [path, value] of members) put(root, path.split("."), value);
  return root as JsonObject;
});

function put(root: Record<string, JsonValue>, path: readonly string[], value: JsonValue): void {
  let at = root;
  for (const key of path.slice(0, -1)) {
    const inner = at[key];
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) at[key] = {};
    at = at[key] as Record<string, JsonValue>;
  }
  at[path.at(-1)!] = value;
}

/** What every extractor must keep; `file` is its file name without ending. */
export function testExtractor(file: string, extractor: Extractor): void {
  test(`${file}: named as its file`, () => assert.equal(extractor.name, file));

  test(`${file}: field names and rules are well-formed`, () => {
    for (const [name, rule] of Object.entries(extractor.fields)) {
      assert.match(name, /^[a-z0-9]+(?:_[a-z0-9]+)*$/, name);
      assert.ok(!name.startsWith("data_"), name);
      assert.ok(READINGS.includes(rule.reading) && ROLES.includes(rule.role), name);
      assert.ok(
        rule.types.every((type) => OBSERVABLE_TYPES.includes(type)),
        name,
      );
      assert.equal(rule.types.length > 0, rule.reading === "value" || rule.reading === "list", name);
    }
  });

  test(`${file}: total and pure on any event`, () => {
    fc.assert(
      fc.property(event, (alert) => {
        const before = structuredClone(alert);
        extractor.applies?.(alert);
        extractor.derive?.(alert, (type, value, role, where) => {
          assert.ok(OBSERVABLE_TYPES.includes(type) && ROLES.includes(role) && where !== "");
          assert.equal(typeof value, "string");
        });
        extractor.view?.(alert);
        assert.deepEqual(alert, before);
      }),
      { numRuns: RUNS },
    );
  });
}
