import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { JsonObject } from "../../src/model/json.ts";
import { DISGUISES } from "../support/disguises.ts";
import { extractAll } from "../support/extractors.ts";
import { drawLine, flaggedLines, ringOf } from "../support/gate-law.ts";
import { fuzzRuns, generatedValue } from "../support/indicators.ts";
import { SPELLINGS } from "../support/json-spellings.ts";
import { seeded } from "../support/random.ts";

/** Cases are lines. They come in batches that share their indicators, because making tables costs more than judging a line. */
const CASES = fuzzRuns(200_000);
const LINES = 500;
/** Of each disguise and each spelling, in the usual number of cases. */
const LEAST_EACH = 1_000;
const LEAST_MATCHES = 0.3;
const NAMES = Object.keys(DISGUISES);
const SPELLED = Object.keys(SPELLINGS);

const indicators = fc.array(generatedValue, { minLength: 1, maxLength: 4 });
const decoys = fc.array(generatedValue, { minLength: 6, maxLength: 6 });

class Tally {
  readonly #counts = new Map<string, number>();

  count(name: string): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }
}

test("what the reference matcher finds in a line, the gate flags", async (t) => {
  const extract = await extractAll();
  const seen = new Tally();
  const all = { cases: 0, judged: 0, matched: 0, found: 0, nominated: 0, flagged: 0 };

  fc.assert(
    fc.property(indicators, decoys, fc.nat(), fc.integer({ min: 1, max: 4 }), (own, others, number, layers) => {
      const random = seeded(number);
      const seed = { a: Math.floor(random() * 2 ** 32), b: Math.floor(random() * 2 ** 32) };
      const ring = ringOf(own, seed, layers, extract);
      const lines = Array.from({ length: Math.min(LINES, CASES) }, () =>
        drawLine(random, own, others, (name) => seen.count(name)),
      );
      const flagged = flaggedLines(ring.gate, lines);
      lines.forEach((line, at) => {
        const event = JSON.parse(line) as JsonObject;
        // The reference matcher looks into a line only when it is nominated.
        const nominated = ring.index.nominates(event);
        all.cases++;
        if (nominated) all.nominated++;
        if (flagged.has(at)) all.flagged++;
        else assert.ok(!nominated, `nominated by one of ${own.map(({ value }) => value).join()}, not flagged: ${line}`);
        // Extraction costs most and can only find less, so the share of true matches is taken from every fifth line.
        if (at % 5 !== 0) return;
        all.judged++;
        const found = extract.finds(event, ring.index);
        if (found) all.found++;
        if (ring.matches(event).length === 0) return;
        all.matched++;
        assert.ok(nominated, `matched by one of ${own.map(({ value }) => value).join()}, not nominated: ${line}`);
        assert.ok(found, `matched by one of ${own.map(({ value }) => value).join()}, not found: ${line}`);
      });
      ring.gate.close();
    }),
    { numRuns: Math.ceil(CASES / LINES), endOnFailure: true },
  );

  t.diagnostic(JSON.stringify(all));
  assert.ok(all.matched / all.judged >= LEAST_MATCHES, `${all.matched} of ${all.judged} cases are true matches`);
  assert.ok((all.found - all.matched) / all.judged < 0.02, "the search finds hardly more than extraction");
  assert.ok((all.flagged - all.nominated) / all.cases < 0.1, "the gate flags little more than the reference matcher");
  if (CASES < 200_000) return;
  for (const name of [...NAMES, ...SPELLED]) assert.ok(seen.of(name) >= LEAST_EACH, `${name}: ${seen.of(name)} cases`);
});
