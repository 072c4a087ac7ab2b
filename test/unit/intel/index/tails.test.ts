import assert from "node:assert/strict";
import { test } from "node:test";
import { createGate } from "../../../../src/intel/gate.ts";
import { GateKeys } from "../../../../src/intel/index/gate-keys.ts";
import { enterTails, Tails, tailHash } from "../../../../src/intel/index/tails.ts";
import type { IndicatorType } from "../../../../src/model/indicator.ts";
import type { CanonicalValue } from "../../../../src/model/observable.ts";

const SEED = { a: 3, b: 5 };

const has = (bits: Uint32Array, hash: number): boolean => {
  const bit = hash >>> (32 - Math.log2(bits.length * 32));
  return (((bits[bit >>> 5] as number) >>> bit) & 1) === 1;
};

test("the bitmaps grow with the keys, and words have one of their own", () => {
  const tails = new Tails(SEED);
  for (let i = 0; i < 20_000; i++) tails.add(`host${i}.example`);
  tails.add("evilmutex");
  const built = tails.build();
  assert.equal(built.tails.length * 32, 2 ** 17);
  assert.equal(built.words.length * 32, 2 ** 14);
  assert.ok(has(built.tails, tailHash(SEED, "another-host19999.example", 0)), "only the last eight characters count");
  assert.ok(has(built.words, tailHash(SEED, "evilmutex", 9)));
  assert.ok(!has(built.words, tailHash(SEED, "evilmutex", 10)));
  assert.equal(tails.short, false);
});

test("a small bitmap entered into a large one says the same of every hash", () => {
  const small = new Tails(SEED);
  for (let i = 0; i < 100; i++) small.add(`h${i}.example.org`);
  const { tails } = small.build();
  const large = new Uint32Array(tails.length * 64);
  enterTails(large, tails);
  for (let i = 0; i < 5_000; i++) {
    const hash = Math.imul(i, 0x9e3779b1) >>> 0;
    assert.equal(has(large, hash), has(tails, hash));
  }
});

test("layers of very different size in one gate; short names and names of three characters are found below others", () => {
  const layer = (...values: readonly (readonly [IndicatorType, string])[]) => {
    const keys = new GateKeys(SEED);
    for (const [type, value] of values)
      keys.add(type, type === "domain" ? "subdomains" : "exact", value as CanonicalValue);
    return keys.build();
  };
  const large = layer(
    ...Array.from({ length: 30_000 }, (_, i) => ["domain", `d${i}-x.example`] as const),
    ...Array.from({ length: 9_000 }, (_, i) => ["mutex", `mtx_${i}`] as const),
  );
  const flags = (gates: ReturnType<typeof layer>[], text: string) => {
    const gate = createGate({ gates, nominates: () => false });
    assert.equal(gate.kind, "kernel");
    const line = Buffer.from(JSON.stringify({ x: text }));
    const { ranges } = gate.flags(line, 0, line.length);
    gate.close();
    return ranges.length > 0;
  };
  const short = layer(["domain", "t.co"], ["ip", "1.1.1.1"], ["mutex", "q7"]);
  for (const text of ["www.d29999-x.example", "mtx_8999", "a.b.t.co", "t.co", "1.1.1.1", "Q7"]) {
    assert.ok(flags([large, short], text), text);
    assert.ok(flags([short, large], text), text);
  }
  for (const text of ["www.d30000-x.example", "mtx_9000", "at.co", "1.1.1.2", "q8"]) {
    assert.ok(!flags([large, short], text), text);
  }
  assert.ok(flags([layer(["domain", "x.y"])], "www.long-label.x.y"));
  assert.ok(
    flags([{ ...short, tails: new Uint32Array(), words: new Uint32Array() }], "www.t.co"),
    "a file without tails",
  );
});
