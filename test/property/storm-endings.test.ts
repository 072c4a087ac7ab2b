import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Ending, Endings } from "../../src/stages/windows.ts";

const SOURCES = ["a", "b"];

type Step =
  | { readonly kind: "set"; readonly key: number; readonly end: number }
  | { readonly kind: "delete"; readonly key: number }
  | { readonly kind: "due"; readonly source: number; readonly time: number }
  | { readonly kind: "any"; readonly time: number };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), key: fc.nat(40), end: fc.nat(20) }),
  fc.record({ kind: fc.constant("delete" as const), key: fc.nat(40) }),
  fc.record({ kind: fc.constant("due" as const), source: fc.nat(1), time: fc.nat(25) }),
  fc.record({ kind: fc.constant("any" as const), time: fc.nat(25) }),
);

const sourceOf = (key: number): string => SOURCES[key % 2] as string;
const earlier = (a: Ending, b: Ending) => a.end - b.end || (a.key < b.key ? -1 : 1);

test("endings come up as if the ones that hold were sorted each time", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.boolean(), (steps, churned) => {
      const endings = new Endings();
      const model = new Map<string, Ending>();
      // So many that hold no more that they are cleared out on the way.
      if (churned) for (let n = 0; n < 10_000; n++) endings.set({ key: "k0", source: "a", end: 1000 + n });
      endings.delete("k0");
      const taken = (among: (ending: Ending) => boolean) => {
        const first = [...model.values()].filter(among).sort(earlier)[0];
        if (first !== undefined) model.delete(first.key);
        return first;
      };
      for (const one of steps) {
        if (one.kind === "set") {
          const ending = { key: `k${one.key}`, source: sourceOf(one.key), end: one.end };
          endings.set(ending);
          model.set(ending.key, ending);
          assert.equal(endings.endOf(ending.key), one.end);
        } else if (one.kind === "delete") {
          endings.delete(`k${one.key}`);
          model.delete(`k${one.key}`);
          assert.equal(endings.endOf(`k${one.key}`), undefined);
        } else if (one.kind === "due") {
          const source = SOURCES[one.source] as string;
          const expected = taken((ending) => ending.source === source && ending.end <= one.time);
          assert.deepEqual(endings.takeDue(source, one.time), expected);
        } else {
          const expected = taken(({ end }) => end <= one.time);
          assert.deepEqual(endings.takeDueOfAny(one.time), expected);
        }
      }
      for (let left = model.size; left > 0; left--)
        assert.deepEqual(
          endings.takeEarliest(),
          taken(() => true),
        );
      assert.equal(endings.takeEarliest(), undefined);
    }),
    { numRuns: 200 },
  );
});
