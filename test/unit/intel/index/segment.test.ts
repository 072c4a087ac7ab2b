import assert from "node:assert/strict";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SegmentBuilder } from "../../../../src/intel/index/builder.ts";
import { Layer } from "../../../../src/intel/index/layer.ts";
import { openLayers } from "../../../../src/intel/index/layers.ts";
import { loadSegment } from "../../../../src/intel/index/segment.ts";
import type { CanonicalValue } from "../../../../src/model/observable.ts";
import { event, reported } from "../../../support/indicators.ts";
import { tempDir } from "../../../support/temp.ts";

async function build(path: string, count: number, overlay = false): Promise<void> {
  const builder = new SegmentBuilder(path, { seed: { a: 1, b: 2 }, overlay });
  for (let i = 0; i < count; i++) {
    const value = `h${i}.evil.example` as CanonicalValue;
    builder.add(reported({ type: "domain", pattern: "exact", value }, "f", event(i % 3), i));
  }
  await builder.finish();
}

const corrupt = { code: "TIP_SEGMENT_CORRUPT" };

test("every flipped byte of an index file is refused", async (t) => {
  const path = join(tempDir(t), "s");
  await build(path, 3, true);
  const good = readFileSync(`${path}.idx`);
  loadSegment(`${path}.idx`);
  // The large empty bitmap in the middle is sampled.
  for (let at = 0; at < good.length; at += at > 1_500 && at < good.length - 1_500 ? 97 : 1) {
    const bad = Buffer.from(good);
    bad[at]! ^= 1 << (at % 8);
    writeFileSync(`${path}.bad`, bad);
    assert.throws(() => loadSegment(`${path}.bad`), corrupt, `byte ${at} of ${good.length}`);
  }
});

test("an index file that is cut off or longer is refused, as is an empty or a foreign one", async (t) => {
  const path = join(tempDir(t), "s");
  await build(path, 3);
  const good = readFileSync(`${path}.idx`);
  for (const bad of [
    good.subarray(0, good.length - 1),
    good.subarray(0, 30),
    good.subarray(0, 0),
    Buffer.concat([good, Buffer.alloc(64)]),
    Buffer.from("PK"),
  ]) {
    writeFileSync(`${path}.bad`, bad);
    assert.throws(() => loadSegment(`${path}.bad`), corrupt);
  }
});

test("a flipped byte of a context is found when it is read", async (t) => {
  const path = join(tempDir(t), "s");
  await build(path, 2);
  const good = readFileSync(`${path}.ctx`);
  let found = 0;
  for (let at = 16; at < good.length; at++) {
    const bad = Buffer.from(good);
    bad[at]! ^= 0x10;
    writeFileSync(`${path}.ctx`, bad);
    const layer = new Layer(path);
    const index = openLayers([layer]);
    try {
      const all = [...index.all()];
      // Padding between records is the only place where a flip may go unseen.
      assert.equal(JSON.stringify(all.map(({ value }) => value).sort()), '["h0.evil.example","h1.evil.example"]');
    } catch (error) {
      assert.equal((error as { code: string }).code, "TIP_SEGMENT_CORRUPT", String(error));
      found++;
    }
    index.close();
  }
  assert.ok(found > (good.length - 16) * 0.9, `${found} of ${good.length - 16}`);
});

test("a contexts file of another length is refused at once", async (t) => {
  const path = join(tempDir(t), "s");
  await build(path, 2);
  truncateSync(`${path}.ctx`, readFileSync(`${path}.ctx`).length - 16);
  assert.throws(() => new Layer(path), corrupt);
});

test("twenty bytes of memory a key are enough", async (t) => {
  const path = join(tempDir(t), "s");
  await build(path, 20_000);
  const { bytes } = loadSegment(`${path}.idx`);
  assert.ok(bytes / 20_000 <= 20, `${bytes / 20_000} bytes a key`);
});

test("layers of different seeds are refused", async (t) => {
  const dir = tempDir(t);
  await build(join(dir, "s"), 1);
  const other = new SegmentBuilder(join(dir, "o"), { seed: { a: 9, b: 9 }, overlay: true });
  await other.finish();
  assert.throws(() => openLayers([new Layer(join(dir, "s")), new Layer(join(dir, "o"))]), corrupt);
});

test("what cannot be held is refused with a reason", (t) => {
  const builder = new SegmentBuilder(join(tempDir(t), "s"), { seed: { a: 1, b: 2 }, overlay: false });
  const add = (type: "mutex" | "regkey", value: string) =>
    builder.add(reported({ type, pattern: "exact", value: value as CanonicalValue }, "f", event(1), 1));
  assert.match(add("mutex", "???") ?? "", /too general/);
  assert.match(add("regkey", "hklm\\software") ?? "", /too general/);
  assert.match(add("mutex", "evil\ud800") ?? "", /Unicode/);
  assert.match(add("mutex", "x".repeat(40_000)) ?? "", /too long/);
  assert.equal(add("mutex", "evil"), undefined);
  builder.abort();
});
