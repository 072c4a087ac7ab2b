import assert from "node:assert/strict";
import { it } from "node:test";
import { redact, withinTlp } from "../../../src/pipeline/redact.ts";
import { aFinding } from "../../support/make.ts";

it("counts untagged as amber", () => {
  assert.equal(withinTlp(undefined, "amber"), true);
  assert.equal(withinTlp(undefined, "green"), false);
  assert.equal(withinTlp("amber+strict", "amber"), false);
  assert.equal(withinTlp("red", "red"), true);
});

it("lets only id and link out above the ceiling", () => {
  const base = aFinding("f1", { tlp: "red" });
  const whole = {
    ...base,
    misp: { ...base.misp, link: "https://misp.example/events/view/241", comment: "secret comment" },
  };
  assert.equal(redact(whole, "red"), whole);
  const hidden = JSON.stringify(redact(whole, "green"));
  for (const secret of ["198.18.0.7", "secret comment", "web-01", "10.0.0.5"])
    assert.equal(hidden.includes(secret), false, secret);
  assert.ok(hidden.includes("https://misp.example/events/view/241"));
  assert.ok(hidden.includes("f1"));
});

it("keeps redacted findings of one group together without telling which it is", () => {
  const seal = (text: string) => `${text.length}`;
  const { key } = redact(aFinding("f1", { tlp: "red" }), "green", seal);
  assert.deepEqual(key, { indicator: "redacted:13", entity: "redacted:9" });
});
