import assert from "node:assert/strict";
import { test } from "node:test";
import { enrichedAlert } from "../../../src/clients/enriched-alert.ts";
import { enrichedLine } from "../../../src/clients/enriched-line.ts";
import { makeFinding } from "../../support/finding.ts";

test("a line that fits is the enriched alert, byte for byte", () => {
  assert.equal(enrichedLine(makeFinding(1), 65_536), enrichedAlert(makeFinding(1)));
});

test("what the misp object can spare gives way first", () => {
  const line = JSON.parse(enrichedLine(makeFinding(1, { misp: { comment: "c".repeat(100_000) } }), 65_536));
  assert.equal(line.data.srcip, "203.0.113.7");
  assert.match(line.data.misp.truncated, /comment/);
});

test("an alert that is too long alone is replaced with what is known of it, and that is said", () => {
  const raw = JSON.stringify({ full_log: "x".repeat(100_000) });
  const line = JSON.parse(enrichedLine(makeFinding(1, { alert: { ...makeFinding(1).alert, raw } }), 65_536));
  assert.equal(line.agent.name, "web-01");
  assert.match(line.data.misp.truncated, /alert/);
  assert.equal(line.data.misp.finding_id, "f00000001");
});
