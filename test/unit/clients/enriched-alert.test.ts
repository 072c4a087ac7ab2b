import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { enrichedAlert } from "../../../src/clients/enriched-alert.ts";
import type { MispBlock } from "../../../src/model/finding.ts";
import { makeFinding } from "../../support/finding.ts";
import { sharedOrSkip } from "../../support/shared.ts";

const { misp } = makeFinding(1);
const MISP = JSON.stringify(misp);

function enrich(raw: string, change: Partial<MispBlock> = {}): string {
  const finding = makeFinding(1, { misp: change });
  return enrichedAlert({ ...finding, alert: { ...finding.alert, raw } });
}

test("data.misp and data.integration join what is there, byte for byte", () => {
  const rows: [string, string][] = [
    [
      `{"id":"1.0","data":{"srcip":"1.2.3.4"}}`,
      `{"id":"1.0","data":{"srcip":"1.2.3.4","integration":"misp","misp":${MISP}}}`,
    ],
    [
      `{"data":{"a":1.0,"b":12345678901234567890},"z":1e2}`,
      `{"data":{"a":1.0,"b":12345678901234567890,"integration":"misp","misp":${MISP}},"z":1e2}`,
    ],
    [`{"id":"1"}`, `{"id":"1","data":{"integration":"misp","misp":${MISP}}}`],
    ["{}", `{"data":{"integration":"misp","misp":${MISP}}}`],
    [
      ` { "data" : { } , "x" : [ 1 , {"data":2} ] } `,
      `{"data":{"integration":"misp","misp":${MISP}},"x":[ 1 , {"data":2} ]}`,
    ],
    [`{"data":"text","x":1}`, `{"data":{"original":"text","integration":"misp","misp":${MISP}},"x":1}`],
    [`{"data":[1,"]}"],"x":1}`, `{"data":{"original":[1,"]}"],"integration":"misp","misp":${MISP}},"x":1}`],
    [`{"data":null}`, `{"data":{"original":null,"integration":"misp","misp":${MISP}}}`],
    [`{"d\\u0061ta":{"a":"1"}}`, `{"data":{"a":"1","integration":"misp","misp":${MISP}}}`],
    [
      `{"a":"}\\"data\\":{","__proto__":{"x":1},"data":{"__proto__":1}}`,
      `{"a":"}\\"data\\":{","__proto__":{"x":1},"data":{"__proto__":1,"integration":"misp","misp":${MISP}}}`,
    ],
    [`{"data":1,"data":{"k":1}}`, `{"data":{"k":1,"integration":"misp","misp":${MISP}}}`],
    [
      `{"data":{"integration":"docker","docker":{}}}`,
      `{"data":{"docker":{},"original_integration":"docker","integration":"misp","misp":${MISP}}}`,
    ],
  ];
  for (const [raw, expected] of rows) {
    assert.equal(enrich(raw), expected);
    JSON.parse(expected);
  }
});

test("a data.misp that was there is replaced and told", () => {
  const line = enrich(`{"data":{"misp":{"finding_id":"forged"},"integration":"misp"}}`);
  assert.deepEqual(JSON.parse(line), { data: { integration: "misp", misp: { ...misp, foreign: "true" } } });
  assert.equal(JSON.parse(enrich(`{"data":{"misp":1}}`, { foreign: "yes" })).data.misp.foreign, "yes");
});

test("it is always one line", () => {
  assert.equal(
    enrich('\ufeff{\n"data":\r\n{"a":"\\n"}\n}\n'),
    `{"data":{"a":"\\n","integration":"misp","misp":${MISP}}}`,
  );
});

test("an original that cannot be read becomes an alert of what is known", () => {
  for (const raw of ["", "no json", "[1]", '{"a":', "null", "\0"]) {
    const { data, ...alert } = JSON.parse(enrich(raw));
    assert.equal(data.misp.finding_id, misp.finding_id);
    assert.equal(alert.id, "1795297550.1");
    assert.equal(alert.agent.name, "web-01");
    assert.equal(alert.full_log, raw === "" ? undefined : raw);
    assert.equal(alert.timestamp, "2026-11-21T21:45:50.000+0000");
  }
});

test("lone surrogates and NUL never reach the line", () => {
  assert.doesNotMatch(enrich("{}", { comment: "a\ud83d\0b" }), /\\ud83d|\\u0000/);
});

test("every real alert: the same values, and the rest of the text untouched", (t) => {
  const shared = sharedOrSkip(t);
  if (shared === undefined) return;
  let count = 0;
  for (const raw of readFileSync(join(shared, "data/wazuh/alerts.ndjson"), "utf8").split("\n")) {
    if (raw === "") continue;
    count += 1;
    const line = enrich(raw);
    const before = JSON.parse(raw);
    const { integration, ...data } = before.data ?? {};
    const moved = integration === undefined ? {} : { original_integration: integration };
    assert.deepEqual(JSON.parse(line), { ...before, data: { ...data, ...moved, integration: "misp", misp } });
    if (integration !== undefined) continue;
    const inserted = /,?("data":\{)?"integration":"misp","misp":/.exec(line);
    assert.ok(inserted && raw.startsWith(line.slice(0, inserted.index)), raw.slice(0, 200));
  }
  assert.ok(count > 2000);
});
