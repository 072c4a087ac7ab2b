import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { engine } from "../../src/app/engine.ts";
import { HuntedKeys, type HuntedValue, KeyCollector } from "../../src/intel/sketch.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { JsonObject } from "../../src/model/json.ts";
import { createHuntJudge } from "../../src/pipeline/hunt-judge.ts";
import { createLook } from "../../src/pipeline/hunt-look.ts";
import { FileScan } from "../../src/pipeline/hunt-scan.ts";
import { Sketches } from "../../src/store/sketch.ts";
import { extractAll } from "../support/extractors.ts";
import { drawLine, flaggedLines, ringOf } from "../support/gate-law.ts";
import { aGeneration } from "../support/generation.ts";
import { fuzzRuns, type GeneratedValue, generatedValue } from "../support/indicators.ts";
import { seeded } from "../support/random.ts";
import { tempDir } from "../support/temp.ts";

const SEED = { a: 0x0badcafe, b: 0x5eed5eed };
const CASES = fuzzRuns(3_000);
const LINES = 300;
const LEAST_MATCHES = 0.3;
const FILES = fuzzRuns(200);

const indicators = fc.array(generatedValue, { minLength: 1, maxLength: 4 });
const decoys = fc.array(generatedValue, { minLength: 6, maxLength: 6 });
const drawn = fc.tuple(indicators, decoys, fc.nat(), fc.integer({ min: 1, max: 4 }));
const huntedOf = (values: readonly GeneratedValue[]): readonly HuntedValue[] =>
  values.map(({ type, pattern, value }) => [type, pattern, value]);

test("a line that the gate flags and that comes to a finding is never ruled out by its sketch", async (t) => {
  const extract = await extractAll();
  const all = { cases: 0, matched: 0, flagged: 0, ruledOut: 0 };
  fc.assert(
    fc.property(drawn, ([own, others, number, layers]) => {
      const random = seeded(number);
      const ring = ringOf(own, SEED, layers, extract);
      const generation = { ...aGeneration([]), index: ring.index };
      const judge = createHuntJudge({ ...engine(Buffer.alloc(32, 1)), generation });
      const keys = HuntedKeys.of(SEED, huntedOf(own));
      const lines = Array.from({ length: LINES }, () => drawLine(random, own, others));
      const flagged = flaggedLines(ring.gate, lines);
      lines.forEach((line, at) => {
        const event = JSON.parse(line) as JsonObject;
        const collector = new KeyCollector(SEED);
        for (const { type, value } of extract(event).observables) collector.add(type, value);
        const letThrough = keys.mayBeIn(collector.finish());
        const found = judge(Buffer.from(line), `file:${at}`, 0);
        const matches = typeof found === "object" || ring.matches(event).length > 0;
        all.cases++;
        if (matches) all.matched++;
        if (flagged.has(at)) all.flagged++;
        if (flagged.has(at) && !letThrough) all.ruledOut++;
        const what = `one of ${own.map(({ value }) => value).join()} in ${line}`;
        if (!matches) return;
        assert.ok(flagged.has(at), `not flagged: ${what}`);
        assert.ok(letThrough, `ruled out: ${what}`);
      });
      ring.gate.close();
    }),
    { numRuns: Math.ceil(CASES / LINES), endOnFailure: true },
  );
  t.diagnostic(JSON.stringify(all));
  assert.ok(all.matched / all.cases >= LEAST_MATCHES, `${all.matched} of ${all.cases} cases are true matches`);
  // A flag alone keeps no file: the gate sees indicators in texts that no observable comes of.
  assert.ok(all.ruledOut > 0);
});

test("a repeat hunt over files finds with their sketches what it finds without", async (t) => {
  const extract = await extractAll();
  const dir = tempDir(t);
  const sketches = Sketches.open({ dir: join(dir, "sketches"), log: silentLog, maxBytes: 2 ** 30, version: "1" });
  assert.ok(sketches);
  const all = { files: 0, found: 0, skipped: 0 };
  const { signal } = new AbortController();
  await fc.assert(
    fc.asyncProperty(drawn, async ([own, others, number, layers]) => {
      const random = seeded(number);
      const nothing = ringOf([], SEED, 1, extract);
      const ring = ringOf(own, SEED, layers, extract);
      const judge = createHuntJudge({
        ...engine(Buffer.alloc(32, 1)),
        generation: { ...aGeneration([]), index: ring.index },
      });
      const hunt = async (path: string, { index, gate }: typeof ring, known?: Sketches, sketching = false) => {
        const scan = new FileScan(
          { path, packed: false },
          {
            look: createLook({ index, extract, gate }),
            wanted: known === undefined ? {} : { keys: HuntedKeys.of(known.seed, huntedOf(own)) },
            sketches: known,
            sketching,
            signal,
          },
        );
        let skipped = 0;
        const found: string[] = [];
        for await (const step of scan.run()) {
          skipped += step.skipped;
          for (const { bytes, origin } of step.candidates)
            if (typeof judge(bytes, origin, 0) === "object") found.push(origin);
        }
        return { found, skipped };
      };
      for (let n = 0; n < 10; n++) {
        const path = join(dir, `${all.files++}.json`);
        // One line in a file, so that nothing else lets it through.
        writeFileSync(path, `${drawLine(random, own, others)}\n`);
        await hunt(path, nothing, sketches, true);
        const without = await hunt(path, ring);
        const repeated = await hunt(path, ring, sketches);
        assert.deepEqual(repeated.found, without.found, path);
        all.found += without.found.length;
        if (repeated.skipped > 0) all.skipped++;
      }
      ring.gate.close();
      nothing.gate.close();
    }),
    { numRuns: Math.ceil(FILES / 10), endOnFailure: true },
  );
  t.diagnostic(JSON.stringify(all));
  assert.ok(all.found >= all.files / 4 && all.skipped >= all.files / 4, JSON.stringify(all));
});
