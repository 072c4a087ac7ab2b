import assert from "node:assert/strict";
import { test } from "node:test";
import { allExtractors, extractAll } from "../../support/extractors.ts";
import { HOST_CASES } from "./host-cases.ts";
import { NETWORK_CASES } from "./network-cases.ts";

const CASES = { ...HOST_CASES, ...NETWORK_CASES };

const extract = await extractAll();
const all = await allExtractors();

test("every extractor has cases, and no case is without an extractor", () => {
  assert.deepEqual(Object.keys(CASES).sort(), all.map(({ extractor }) => extractor.name).sort());
});

for (const [name, cases] of Object.entries(CASES)) {
  for (const [i, { event, wanted, view }] of cases.entries()) {
    test(`${name} ${i + 1}`, () => {
      const found = extract(event);
      const got = new Set<string>();
      for (const { type, value, role, port } of found.observables) {
        got.add(`${type} ${value} ${role}`);
        if (port !== undefined) got.add(`${type} ${value} ${role} :${port}`);
      }
      for (const one of wanted) assert.ok(got.has(one), `${one} among\n${[...got].join("\n")}`);
      if (view?.outcome !== undefined) assert.equal(found.outcome, view.outcome);
      if (view?.direction !== undefined) assert.equal(found.direction, view.direction);
      if (view?.entity !== undefined) assert.equal(found.entity.key, view.entity);
      for (const [fact, value] of Object.entries(view?.facts ?? {}))
        assert.equal(found.facts[fact as keyof typeof found.facts], value);
    });
  }
}

test("an agent is the entity unless it merely relays", () => {
  assert.equal(extract({ agent: { id: "007", name: "x" }, full_log: "1.2.3.4" }).entity.key, "agent:007");
});
