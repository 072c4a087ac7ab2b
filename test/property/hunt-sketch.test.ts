import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HuntedKeys, KeyCollector, keyOfIndicator, mayHoldKey } from "../../src/intel/sketch.ts";
import { smallIndex } from "../../src/intel/small-index.ts";
import type { Indicator } from "../../src/model/indicator.ts";
import type { Observable } from "../../src/model/observable.ts";
import { coveringIndicators } from "../../src/pipeline/covering.ts";
import { DISGUISES, PLACES } from "../support/disguises.ts";
import { extractAll } from "../support/extractors.ts";
import { aGeneration } from "../support/generation.ts";
import { fuzzRuns, type GeneratedValue, generatedValue, hostName, ipv4, ipv6 } from "../support/indicators.ts";

const SEED = { a: 0x0badcafe, b: 0x5eed5eed };

const asIndicator = (value: GeneratedValue): Indicator => ({ ...value, reports: [] });
const wide = fc.oneof(
  fc.tuple(ipv4, fc.integer({ min: 0, max: 31 })),
  fc.tuple(ipv6, fc.integer({ min: 0, max: 127 })),
);

function sketchOf(observables: readonly Observable[]) {
  const collector = new KeyCollector(SEED);
  for (const { type, value } of observables) collector.add(type, value);
  return collector.finish();
}

/** Whether the reference matcher covers an observable by the indicator. */
function isFound(indicator: GeneratedValue, observables: readonly Observable[]): boolean {
  const generation = { ...aGeneration([]), index: smallIndex([asIndicator(indicator)]) };
  return observables.some(({ type, value }) => coveringIndicators(type, value, generation).length > 0);
}

const keysOf = ({ type, pattern, value }: GeneratedValue) => HuntedKeys.of(SEED, [[type, pattern, value]]);

test("the law: what the reference matcher finds in a stretch, its sketch lets through", async () => {
  const extract = await extractAll();
  const found = new Map<string, number>();
  let matches = 0;
  let runs = 0;
  fc.assert(
    fc.property(
      generatedValue,
      fc.constantFrom(...Object.keys(DISGUISES)),
      fc.constantFrom(...PLACES),
      hostName,
      (indicator, disguise, place, noise) => {
        const plain = indicator.pattern === "cidr" ? (indicator.value.split("/")[0] as string) : indicator.value;
        const said = (DISGUISES[disguise] as (text: string) => string)(plain);
        const { observables } = extract({ ...place(said), note: `${noise} ${said}`, mail: `bob@${noise}` });
        runs++;
        if (!isFound(indicator, observables)) return;
        matches++;
        found.set(indicator.type, (found.get(indicator.type) ?? 0) + 1);
        assert.ok(keysOf(indicator).mayBeIn(sketchOf(observables)), `${indicator.type} ${indicator.value} as ${said}`);
      },
    ),
    { numRuns: fuzzRuns(2_500) },
  );
  assert.ok(matches / runs >= 0.3, `${matches} of ${runs} runs were true matches`);
  for (const type of ["ip", "domain", "url", "email", "sha256", "filename", "path", "regkey"])
    assert.ok((found.get(type) ?? 0) > 10, `${type}: ${found.get(type)}`);
});

test("the law holds for networks of every width, and for names above what was seen", async () => {
  const { canonicalCidr } = await import("../../src/intel/canonical.ts");
  fc.assert(
    fc.property(wide, hostName, ([address, prefix], name) => {
      const network = canonicalCidr(`${address}/${prefix}`);
      assert.ok(network !== undefined);
      const seen = { role: "text", where: "x" } as const;
      const observables: Observable[] = [
        { ...seen, type: "ip", value: address as Observable["value"] },
        { ...seen, type: "email", value: `eve@${name}` as Observable["value"] },
      ];
      const column = sketchOf(observables);
      assert.ok(HuntedKeys.of(SEED, [["ip", "cidr", network]]).mayBeIn(column), network);
      for (let from = 0; from >= 0; from = name.indexOf(".", from) + 1 || -1)
        assert.ok(HuntedKeys.of(SEED, [["domain", "subdomains", name.slice(from)]]).mayBeIn(column), name.slice(from));
    }),
    { numRuns: fuzzRuns(200) },
  );
});

test("what was not seen is ruled out, nearly always", () => {
  const collector = new KeyCollector(SEED);
  for (let n = 0; n < 20_000; n++) collector.add("domain", `host${n}.example.net`);
  const column = collector.finish();
  let through = 0;
  for (let n = 0; n < 100_000; n++) {
    const key = keyOfIndicator(SEED, "domain", "subdomains", `other${n}.example.org`);
    if (key === undefined || mayHoldKey(column, ...key)) through++;
  }
  assert.equal(through, 0);
  assert.ok((column.low.length + column.starts.length) * 4 < 20_003 * 5, "five bytes a key");
});
